/**
 * Writes the activity log of what comes over HTTP (S10): one entry for every request of a method that changes
 * something, to whatever path, and for every one that was refused, the upgrade to a WebSocket included. Looks that were
 * allowed are not among them. The answer goes out when its entry has been taken in.
 *
 * A request that is cut off by its client, a timeout or the end of the console is recorded as `timeout` if it had got
 * as far as doing something. Refusals of those who are nobody are told one by one up to a bound, and counted beyond it
 * (see RefusalCount).
 */
import { Cause, Effect, Exit, Latch, type Scope } from "effect"
import { HttpServerRequest, type HttpServerResponse } from "effect/http"
import { ActivityLog } from "../activity/ActivityLog.ts"
import type { ActivityOutcome, Attempt } from "../domain/ActivityEntry.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import { outcomeOf } from "./AttemptOutcome.ts"
import { RequestId } from "./ErrorBody.ts"
import { RefusalCount } from "./RefusalCount.ts"
import { CurrentRequest } from "./RequestFacts.ts"
import type { RequestFacts } from "./RequestFacts.ts"
import { hubPath } from "./Routes.ts"

type Response = HttpServerResponse.HttpServerResponse

/** Goes around an app that answers its errors by itself. */
export type Audited = <E, R>(
  app: Effect.Effect<Response, E, R>
) => Effect.Effect<Response, E, R | HttpServerRequest.HttpServerRequest>

const unsafeMethods: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"])

/** Nobody who is known; no user can be called so. */
const nobody = "?"

/** Made once; what it has counted is told by a fiber that ends with the scope. */
export const make: Effect.Effect<Audited, never, ActivityLog | Scope.Scope> = Effect.gen(function* () {
  const log = yield* ActivityLog
  const refusals = new RefusalCount()
  const hasRefusals = Latch.makeUnsafe(false)
  const tell = Effect.suspend(() => {
    hasRefusals.closeUnsafe()
    return Effect.forEach(
      refusals.end(),
      ({ address, refusals: count }) =>
        log.record({
          actor: nobody,
          address,
          action: "http.refused",
          outcome: "denied",
          detail: `${count} more requests without valid credentials within a minute`
        }),
      { discard: true }
    )
  })
  yield* Effect.addFinalizer(() => tell)
  yield* Effect.gen(function* () {
    yield* hasRefusals.await
    const leftMs = refusals.leftMs(yield* monotonicMs)
    if (leftMs !== undefined) yield* Effect.sleep(leftMs)
    yield* tell
  }).pipe(Effect.forever, Effect.withSpan("AuditTrail.refusals"), Effect.forkScoped)

  /** Whether this one is told by itself. */
  const isTold = (facts: RequestFacts, outcome: ActivityOutcome, isUnsafe: boolean) =>
    Effect.map(monotonicMs, (nowMs) => {
      if (facts.principal !== undefined || outcome === "done") return true
      hasRefusals.openUnsafe()
      return refusals.tells({ address: facts.address ?? nobody, isUnsafe }, nowMs)
    })

  const note = Effect.fnUntraced(function* (exit: Exit.Exit<Response, unknown>) {
    const facts = yield* CurrentRequest
    const request = yield* HttpServerRequest.HttpServerRequest
    const end = endOf(exit, facts)
    const isUnsafe = unsafeMethods.has(request.method)
    if (end === undefined || !isRecorded(end, request, isUnsafe)) return
    if (!(yield* isTold(facts, end.outcome, isUnsafe))) return
    yield* log.record(attemptOf(facts, request, end, yield* RequestId))
  })

  return (app) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.exit(restore(app)), (exit) => Effect.andThen(note(exit), exit))
    )
})

interface End {
  readonly outcome: ActivityOutcome
  readonly status: number
  readonly code: string | undefined
}

/** How it ended; undefined for a request that was cut off before it could do anything. */
const endOf = (exit: Exit.Exit<Response, unknown>, facts: RequestFacts): End | undefined => {
  if (Exit.isSuccess(exit)) {
    const { status } = exit.value
    const outcome = status < 400 ? facts.outcome : undefined
    return { outcome: outcome ?? outcomeOf(status, facts.code), status, code: facts.code }
  }
  if (!Cause.hasInterruptsOnly(exit.cause)) return { outcome: "failed", status: 500, code: "internal" }
  const hasBegun = facts.principal !== undefined || facts.claimed !== undefined
  return hasBegun ? { outcome: "timeout", status: 0, code: undefined } : undefined
}

const isRecorded = (
  { outcome, status }: End,
  { url }: HttpServerRequest.HttpServerRequest,
  isUnsafe: boolean
): boolean => isUnsafe || outcome === "denied" || (pathOf(url) === hubPath && status >= 400)

const pathOf = (url: string): string => url.split("?", 1)[0] ?? url

const attemptOf = (
  facts: RequestFacts,
  { method, url }: HttpServerRequest.HttpServerRequest,
  { code, outcome }: End,
  requestId: string
): Attempt => {
  const { address, claimed, params, principal, route } = facts
  const { group, name, node, ...others } = params
  const detail = facts.detail ?? (route === undefined ? pathOf(url) : describe(others))
  return {
    actor: principal?.actor ?? claimed ?? nobody,
    ...(address === undefined ? {} : { address }),
    action: route?.name ?? `http.${method.toLowerCase()}`,
    ...(node === undefined ? {} : { node }),
    ...(group === undefined || name === undefined ? {} : { process: `${group}:${name}` }),
    outcome,
    ...(code === undefined ? {} : { code }),
    ...(detail === "" ? {} : { detail }),
    ...(requestId === "" ? {} : { request_id: requestId })
  }
}

/** What else the path names: `start`, `id 3`, `username bob`. */
const describe = (params: Readonly<Record<string, string>>): string =>
  Object.entries(params)
    .map(([name, value]) => (name === "operation" ? value : `${name} ${value}`))
    .join(", ")
