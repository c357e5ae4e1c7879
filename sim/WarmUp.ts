/**
 * What Effect makes once in a process, to be made before the first run. A fiber set or map that is closed, and a handle
 * that is taken, give out a fiber that each of these modules makes when it is first asked for, on Effect's own runtime;
 * made during a run, it would shift the numbers of that run's fibers, and no later run would be the same.
 */
import { Effect, Exit, FiberHandle, FiberMap, FiberSet, Scope } from "effect"

export const warmUp = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const set = yield* Scope.provide(FiberSet.make(), scope)
  const map = yield* Scope.provide(FiberMap.make<string>(), scope)
  const handle = yield* Scope.provide(FiberHandle.make(), scope)
  yield* FiberHandle.run(handle, Effect.never)
  yield* FiberHandle.run(handle, Effect.never, { onlyIfMissing: true })
  yield* Scope.close(scope, Exit.void)
  yield* FiberSet.run(set, Effect.void)
  yield* FiberMap.run(map, "", Effect.void)
})
