/**
 * What becomes known of a request while it is answered, for those around it: the activity log, the log and the metrics.
 * One for each request, made before anything else of it.
 */
import { Context } from "effect"
import type { Principal } from "../domain/Access.ts"
import type { ActivityOutcome } from "../domain/ActivityEntry.ts"
import type { Route } from "./Routes.ts"

export class RequestFacts {
  readonly startedMs: number
  /** Of the client, as far as proxies are believed. */
  readonly address: string | undefined
  /** Undefined when there is no such path, or not with this method. */
  readonly route: Route | undefined
  /** Names in the path, decoded; those that are no UTF-8 are left out. */
  readonly params: Readonly<Record<string, string>>
  /** Set once it is known. */
  principal: Principal | undefined
  /** Whom a login was for, known or not. */
  claimed: string | undefined
  /** For the activity log: what the path does not tell. */
  detail: string | undefined
  /** For the activity log: what came of it, where a success of the answer does not tell. */
  outcome: ActivityOutcome | undefined
  /** Code of the error that is answered. */
  code: string | undefined
  /** What made the console answer that error; for the log, never for an answer. */
  cause: unknown
  /** Why somebody was refused; for the log, never for an answer. */
  reason: string | undefined
  /** Whether cookies for this client may be sent over https only. */
  cookiesSecure = false

  constructor(request: Pick<RequestFacts, "startedMs" | "address" | "route" | "params">) {
    this.startedMs = request.startedMs
    this.address = request.address
    this.route = request.route
    this.params = request.params
  }
}

/** Those of the current request; outside of one, nobody's. */
export const CurrentRequest = Context.Reference<RequestFacts>("core/http/CurrentRequest", {
  defaultValue: () => new RequestFacts({ startedMs: 0, address: undefined, route: undefined, params: {} })
})
