/** Locks by key: what holds the lock of a key runs alone among those of that key. */
import { Effect, Semaphore } from "effect"
import * as Marks from "../Marks.ts"

export interface KeyedLocks {
  /** Runs the effect once the key is free; in the order of asking. */
  readonly withLock: (key: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Keys that somebody holds or waits for. All others are forgotten. */
  readonly size: Effect.Effect<number>
}

export const make: Effect.Effect<KeyedLocks> = Effect.sync(() => {
  const locks = new Map<string, { readonly semaphore: Semaphore.Semaphore; users: number }>()
  return {
    withLock: (key) => (effect) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const lock = locks.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
          if (lock.users > 0) Marks.reached("an operation waited for its turn")
          lock.users++
          locks.set(key, lock)
          return lock
        }),
        (lock) => lock.semaphore.withPermit(effect),
        (lock) =>
          Effect.sync(() => {
            if (--lock.users === 0) locks.delete(key)
          })
      ),
    size: Effect.sync(() => locks.size)
  }
})
