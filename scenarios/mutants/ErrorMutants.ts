/** Wrong versions of how errors are answered and told. */
import { Cause, Effect, Logger } from "effect"
import { Headers, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { ConsoleParts } from "../../core/Console.ts"
import { statusByCode } from "../../core/http/ErrorBody.ts"
import type { Mutant } from "../Property.ts"

type Response = HttpServerResponse.HttpServerResponse

/** Another answer than the one that the middleware gives. */
const withAnswer =
  (change: (response: Response) => Response) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    middleware: (app, options) => Effect.map(parts.middleware(app, options), change)
  })

export const plainUnknownRoutes: Mutant = {
  id: "error-plain-unknown-routes",
  what: "a path that does not exist is answered with a page of text, as servers do it by themselves",
  mutate: withAnswer((response) =>
    response.status === 404
      ? HttpServerResponse.text("Not Found", { status: 404, headers: response.headers })
      : response
  )
}

export const gatewayTimeoutIsBadGateway: Mutant = {
  id: "error-one-status-for-nodes",
  what: "whatever is wrong with a node is answered with 502",
  mutate: withAnswer((response) =>
    response.status === statusByCode.node_timeout || response.status === statusByCode.node_refused
      ? HttpServerResponse.setStatus(response, statusByCode.node_unreachable)
      : response
  )
}

export const ownRequestIds: Mutant = {
  id: "error-own-request-ids",
  what: "a request gets an id of the console's own, whatever it was sent with",
  mutate: (parts) => ({
    ...parts,
    middleware: (app, options) =>
      Effect.updateService(parts.middleware(app, options), HttpServerRequest.HttpServerRequest, (request) =>
        request.modify({ headers: Headers.remove(request.headers, "x-request-id") })
      )
  })
}

export const tooManyRequests: Mutant = {
  id: "error-too-many-requests",
  what: "who comes when the console has too much to do is told so with 429, which nothing declares",
  mutate: withAnswer((response) =>
    response.status === statusByCode.overloaded && response.headers["retry-after"] !== undefined
      ? HttpServerResponse.setStatus(response, 429)
      : response
  )
}

/** Another body of an error than the one that the middleware gives. */
const withBody =
  (change: (body: string, request: HttpServerRequest.HttpServerRequest) => Effect.Effect<string>) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    middleware: (app, options) =>
      Effect.gen(function* () {
        const response = yield* parts.middleware(app, options)
        const { body, headers, status } = response
        if (status !== statusByCode.invalid_request || body._tag !== "Uint8Array") return response
        const request = yield* HttpServerRequest.HttpServerRequest
        const text = yield* change(new TextDecoder().decode(body.body), request)
        return HttpServerResponse.text(text, { status, headers, contentType: "application/json" })
      })
  })

export const firstFieldOnly: Mutant = {
  id: "error-first-field-only",
  what: "the first field that is wrong is named, and the others when that one is right",
  mutate: withBody((body) => Effect.succeed(body.replace(/("fields":\[\{[^}]*\})[^\]]*\]/, "$1]")))
}

export const namesNoReason: Mutant = {
  id: "error-no-reason",
  what: "the fields that are wrong are named without saying what is wrong with them",
  mutate: withBody((body) => Effect.succeed(body.replaceAll(/"field":"([^"]*)","message":"[^"]*"/g, '"field":"$1"')))
}

export const echoesBodies: Mutant = {
  id: "error-echoes-input",
  what: "an input that is refused comes back with the answer, for whoever looks for the mistake",
  mutate: withBody((body, request) =>
    Effect.map(
      Effect.orElseSucceed(request.text, () => ""),
      (sent) => (sent === "" ? body : body.replace(/\}$/, `,"received":${JSON.stringify(sent)}}`))
    )
  )
}

type Logged = Logger.Options<unknown>

/** Another log of what happens while a request is answered; what is undefined is not logged. */
const withLog =
  (change: (logged: Logged) => Logged | undefined) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    middleware: (app, options) =>
      Effect.updateService(parts.middleware(app, options), Logger.CurrentLoggers, (loggers) => {
        const changed = Array.from(loggers, (logger) =>
          Logger.make((logged: Logged) => {
            const told = change(logged)
            if (told !== undefined) logger.log(told)
          })
        )
        return new Set(changed)
      })
  })

export const logsNoCause: Mutant = {
  id: "error-log-without-cause",
  what: "the log says that a request failed, and not why",
  mutate: withLog((logged) => ({ ...logged, cause: Cause.empty }))
}

export const logsBugsOnly: Mutant = {
  id: "error-log-of-bugs-only",
  what: "what nodes and the database do to a request is answered, and logged as looks are",
  mutate: withLog((logged) => (logged.logLevel === "Warn" ? undefined : logged))
}

export const logsNoId: Mutant = {
  id: "error-log-of-other-ids",
  what: "an answer gets its id when it goes out, and the log knows another",
  mutate: withAnswer((response) =>
    HttpServerResponse.setHeader(response, "x-request-id", `${response.headers["x-request-id"] ?? ""}-out`)
  )
}
