/** Those who want to know whose rights have changed, such as the hub with its open sockets. */
import { Effect, type Scope } from "effect"

export type Act = (userIds: ReadonlySet<string>) => Effect.Effect<void>

export interface RightsWatch {
  /** Tells all of them, and waits until they have acted; each has a moment. Never fails. */
  readonly tell: Act
  /** From now on, until the scope closes. */
  readonly watch: (act: Act) => Effect.Effect<void, never, Scope.Scope>
}

/** A change is not answered before all have acted; one that gets stuck must not keep all changes from being made. */
const actMsMax = 5_000

export const make: Effect.Effect<RightsWatch> = Effect.sync(() => {
  const acts = new Set<{ readonly act: Act }>()
  const told = (act: Act, userIds: ReadonlySet<string>) =>
    Effect.timeoutOrElse(act(userIds), {
      duration: actMsMax,
      orElse: () => Effect.logError(`who watches the rights of users did not act within ${actMsMax} ms`)
    }).pipe(
      // A bug of one must not keep the others from acting, nor undo what is committed.
      Effect.catchDefect((defect) => Effect.logError("who watches the rights of users died", defect))
    )
  return {
    tell: (userIds) =>
      Effect.suspend(() =>
        Effect.forEach([...acts], ({ act }) => told(act, userIds), { concurrency: "unbounded", discard: true })
      ).pipe(Effect.withSpan("Accounts.tell")),
    watch: (act) =>
      Effect.suspend(() => {
        const entry = { act }
        return Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => acts.add(entry)),
            () => Effect.sync(() => acts.delete(entry))
          )
        )
      })
  }
})
