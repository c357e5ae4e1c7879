/** Wrong versions of what writes the log. */
import { Effect, Layer, Redacted, References } from "effect"
import { Accounts } from "../../core/auth/Accounts.ts"
import { HttpServerRequest } from "effect/http"
import { withDrivers } from "../oracles/NodeCalls.ts"
import type { Mutant } from "../Property.ts"

export const passwordsTold: Mutant = {
  id: "log-tells-passwords",
  what: "a login that fails is logged with what was tried",
  mutate: (parts) => ({
    ...parts,
    accounts: (options) =>
      Layer.effect(
        Accounts,
        Effect.map(Accounts, (accounts) => ({
          ...accounts,
          login: (username, password, origin) =>
            Effect.tapError(accounts.login(username, password, origin), () =>
              Effect.logDebug(`nobody is ${username} with ${Redacted.value(password)}`)
            )
        }))
      ).pipe(Layer.provide(parts.accounts(options)))
  })
}

export const requestIdLost: Mutant = {
  id: "log-loses-request-id",
  what: "what routes log does not know of the request",
  mutate: (parts) => ({
    ...parts,
    middleware: (app, options) =>
      parts.middleware(
        Effect.updateService(app, References.CurrentLogAnnotations, (known) =>
          Object.fromEntries(Object.entries(known).filter(([name]) => name !== "request_id"))
        ),
        options
      )
  })
}

export const idAsSent: Mutant = {
  id: "log-takes-ids-as-sent",
  what: "what routes log has the request id as the client sent it, whatever that is",
  mutate: (parts) => ({
    ...parts,
    middleware: (app, options) =>
      parts.middleware(
        Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
          Effect.annotateLogs(app, { request_id: headers["x-request-id"] ?? "" })
        ),
        options
      )
  })
}

export const toldTwice: Mutant = {
  id: "log-tells-requests-twice",
  what: "a request that failed is told once more by the one around it",
  mutate: (parts) => ({
    ...parts,
    middleware: (app, options) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method }) =>
        Effect.tap(parts.middleware(app, options), ({ headers, status }) =>
          status < 400
            ? Effect.void
            : Effect.annotateLogs(Effect.logInfo("it failed"), { method, status, request_id: headers["x-request-id"] })
        )
      )
  })
}

export const credentialsOfNodes: Mutant = {
  id: "log-tells-credentials-of-nodes",
  what: "a poll that fails is logged with the header that was sent",
  mutate: withDrivers((_, driver) => ({
    ...driver,
    processes: Effect.tapError(driver.processes, ({ message }) =>
      Effect.logDebug(`${message}, asked with "bXVzdGVyOnNlY3JldA=="`)
    )
  }))
}
