/** The order that shows it: the router is stored, a request uses it, and only then are its routes filled in. */
import { Effect, Ref, Semaphore } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

interface Router {
  readonly routes: Ref.Ref<ReadonlyArray<string>>
}

/** `build` makes the router and stores it, for all to see. */
const twoRequests = (build: (router: Router, store: Effect.Effect<void>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const current = yield* Ref.make<Router | undefined>(undefined)
    const lock = yield* Semaphore.make(1)
    const getRouter = Effect.gen(function* () {
      const known = yield* Ref.get(current)
      if (known !== undefined) return known
      return yield* lock.withPermit(
        Effect.gen(function* () {
          const again = yield* Ref.get(current)
          if (again !== undefined) return again
          const made = { routes: yield* Ref.make<ReadonlyArray<string>>([]) }
          yield* build(made, Ref.set(current, made))
          return made
        })
      )
    })
    const request = (path: string) =>
      Effect.gen(function* () {
        const { routes } = yield* getRouter
        const known = yield* Ref.get(routes)
        yield* must(known.includes(path), () => `${path} was not found by a router with ${known.length} routes`)
      }).pipe(Effect.withSpan(`request of ${path}`))
    yield* Effect.all([request("/nodes"), request("/health")], { concurrency: "unbounded" })
  })

export const halfBuilt: Bug = {
  name: "half-built value",
  what: "Lazy initialisation stores the value before it is complete, and the quick look without the lock sees it.",
  buggy: twoRequests(({ routes }, store) => Effect.andThen(store, Ref.set(routes, ["/nodes", "/health"]))),
  fixed: twoRequests(({ routes }, store) => Effect.andThen(Ref.set(routes, ["/nodes", "/health"]), store)),
  shows: { outcome: "failed", message: "by a router with 0 routes" }
}
