/** The order that shows it: both requests have read the session when the first exchange replaces it. */
import { Effect, Ref, Semaphore } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

/** `renew` is called with the expired session; `exchange` may be used once for each. */
const twoRequests = (
  renew: (
    expired: number,
    current: Ref.Ref<number>,
    exchange: (session: number) => Effect.Effect<void>
  ) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const lock = yield* Semaphore.make(1)
    const current = yield* Ref.make(1)
    const used = new Set<number>()
    const exchange = Effect.fnUntraced(function* (session: number) {
      yield* must(!used.has(session), () => `refresh token ${session} was used twice: the user is logged out`)
      used.add(session)
      yield* Ref.set(current, session + 1)
    })
    const request = (path: string) =>
      Effect.gen(function* () {
        const session = yield* Ref.get(current)
        if (session === 1) yield* lock.withPermit(renew(session, current, exchange))
      }).pipe(Effect.withSpan(`request of ${path}`))
    yield* Effect.all([request("/inbox"), request("/profile")], { concurrency: "unbounded" })
  })

export const tokenRefresh: Bug = {
  name: "token refresh",
  what: "A request that waited for the lock does not look again whether the token is still the expired one.",
  buggy: twoRequests((expired, _, exchange) => exchange(expired)),
  fixed: twoRequests((expired, current, exchange) =>
    Effect.flatMap(Ref.get(current), (now) => (now === expired ? exchange(expired) : Effect.void))
  ),
  shows: { outcome: "failed", message: "refresh token 1 was used twice" }
}
