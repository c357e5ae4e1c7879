/** What the endpoints about users do. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Accounts } from "../auth/Accounts.ts"
import type { UserChange } from "../auth/Accounts.ts"
import {
  accountsErrors,
  changeUserErrors,
  createUserErrors,
  endErrors,
  removeUserErrors,
  userErrors
} from "./AccountErrors.ts"
import { unlimited } from "./AccountRights.ts"
import { Api } from "./Api.ts"
import { CurrentRequest } from "./RequestFacts.ts"

/** For the activity log: what was asked for, never a password. */
const told = (detail: string) =>
  Effect.map(CurrentRequest, (facts) => {
    facts.detail = detail
  })

const changeInWords = ({ disabled, limits, password, role }: UserChange): string =>
  [
    ...(role === undefined ? [] : [`role: ${role}`]),
    ...(disabled === undefined ? [] : [disabled ? "disabled" : "enabled"]),
    ...(limits === undefined ? [] : ["limits"]),
    ...(password === undefined ? [] : ["password"])
  ].join(", ")

export const layer = HttpApiBuilder.group(
  Api,
  "users",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    return handlers.handleAll({
      list: () => accountsErrors(Effect.map(accounts.users, (users) => ({ users }))),
      create: ({ payload: { limits = {}, ...user } }) =>
        unlimited(() =>
          told(`user ${user.username}, role: ${user.role}`).pipe(
            Effect.andThen(accounts.createUser({ ...user, limits })),
            Effect.map((created) =>
              HttpServerResponse.jsonUnsafe(created, {
                status: 201,
                headers: { location: `/api/users/${encodeURIComponent(created.username)}` }
              })
            ),
            createUserErrors
          )
        ),
      get: ({ params }) => userErrors(accounts.user(params.username)),
      change: ({ params, payload }) =>
        unlimited(({ credential }) =>
          told(changeInWords(payload)).pipe(
            Effect.andThen(accounts.changeUser(params.username, payload, credential)),
            changeUserErrors
          )
        ),
      remove: ({ params }) => unlimited(() => removeUserErrors(accounts.removeUser(params.username))),
      sessions: ({ params }) =>
        userErrors(Effect.map(accounts.sessions(params.username), (sessions) => ({ sessions }))),
      endSessions: ({ params }) => unlimited(() => endErrors(accounts.endSessions(params.username)))
    })
  })
)
