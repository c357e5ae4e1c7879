/** What the endpoints about API tokens do. */
import { Clock, DateTime, Effect, Option, Redacted } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Accounts } from "../auth/Accounts.ts"
import { accountsErrors, createTokenErrors, removeTokenErrors } from "./AccountErrors.ts"
import { unlimited } from "./AccountRights.ts"
import { Api } from "./Api.ts"
import { fail } from "./ErrorMapping.ts"
import { forbidden } from "./Refusal.ts"
import { CurrentRequest } from "./RequestFacts.ts"

/** A time that is one, and to come. */
const readExpiry = Effect.fnUntraced(function* (text: string | undefined) {
  if (text === undefined) return undefined
  const expires = Option.map(DateTime.make(text), DateTime.toEpochMillis)
  if (Option.isSome(expires) && expires.value > (yield* Clock.currentTimeMillis)) return expires.value
  return yield* fail({
    code: "invalid_request",
    message: "invalid body: body.expires",
    details: { fields: [{ field: "body.expires", message: "expected a time to come" }] }
  })
})

/** One that ends could otherwise make one that does not. */
const noTokens = forbidden("an API token makes no API tokens", "token by token")

export const layer = HttpApiBuilder.group(
  Api,
  "tokens",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    return handlers.handleAll({
      list: () => accountsErrors(Effect.map(accounts.tokens, (tokens) => ({ tokens }))),
      create: ({ payload: { expires, limits = {}, name, role } }) =>
        unlimited((principal) =>
          Effect.gen(function* () {
            if (principal.credential._tag === "ApiToken") return yield* noTokens
            const facts = yield* CurrentRequest
            facts.detail = `token ${name}, role: ${role}`
            const expiresMs = yield* readExpiry(expires)
            const made = yield* createTokenErrors(accounts.createToken(principal, { name, role, limits, expiresMs }))
            if (HttpServerResponse.isHttpServerResponse(made)) return made
            return HttpServerResponse.jsonUnsafe(
              { ...made.token, secret: Redacted.value(made.secret) },
              { status: 201 }
            )
          })
        ),
      remove: ({ params }) => unlimited(() => Effect.map(removeTokenErrors(accounts.removeToken(params.id)), noView))
    })
  })
)

/** The removal answers with nothing, unless it was refused. */
const noView = (removed: unknown): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.isHttpServerResponse(removed) ? removed : HttpServerResponse.empty({ status: 204 })
