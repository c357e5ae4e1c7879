/** The fiber that removes clients from the hub: the only one that does (R1.5). It never waits for a client. */
import { Cause, Deferred, Effect, Exit, Scope } from "effect"
import type { Member, Members } from "./Members.ts"

/** Removes those that leave until the scope closes; `failed` hears of a defect, after which nobody is removed. */
export const start = (
  members: Members,
  scope: Scope.Scope,
  failed: (message: string) => Effect.Effect<void>
): Effect.Effect<void> => {
  const removeLeaving = (release: (member: Member, leases: ReadonlyArray<Scope.Closeable>) => Effect.Effect<void>) =>
    Effect.suspend(() =>
      Effect.forEach(members.takeLeaving(), (member) => Effect.suspend(() => release(member, members.remove(member))), {
        discard: true
      })
    )
  const releaseApart = (member: Member, leases: ReadonlyArray<Scope.Closeable>) =>
    leases.length === 0
      ? releaseHere(member, leases)
      : // A node may take its time to let go of a log: the others do not wait for it.
        Effect.asVoid(
          releaseHere(member, leases).pipe(
            Effect.withSpan("Hub.releaseLogs", { attributes: { client: member.id } }),
            Effect.forkIn(scope, { startImmediately: true, uninterruptible: true })
          )
        )
  return members.somebodyLeaves.await.pipe(
    // Who was taken from the list is removed, whatever comes between.
    Effect.andThen(Effect.uninterruptible(removeLeaving(releaseApart))),
    Effect.forever,
    Effect.ensuring(removeLeaving(releaseHere)),
    Effect.tapCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : failed("clients are not removed"))),
    Effect.withSpan("Hub.cleanup"),
    Effect.forkIn(scope, { startImmediately: true }),
    Effect.asVoid
  )
}

/** Closes what held the logs of a client that was removed, and lets its session know. */
const releaseHere = (member: Member, leases: ReadonlyArray<Scope.Closeable>): Effect.Effect<void> =>
  Effect.forEach(leases, (lease) => Scope.close(lease, Exit.void), { discard: true }).pipe(
    Effect.ensuring(Deferred.succeed(member.gone, undefined))
  )
