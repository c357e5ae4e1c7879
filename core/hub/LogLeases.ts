/**
 * Logs that clients follow. Each client holds a lease for each of its logs, a scope in which LogFollow follows it; that
 * is closed when a later subscription does not name the log any more, or by the cleanup of the client.
 */
import { Effect, Exit, Scope } from "effect"
import type { LogId } from "../domain/Log.ts"
import type { LogFollow } from "../fleet/LogFollow.ts"
import type { Begun, Member, Members } from "./Members.ts"
import * as OutFrame from "./OutFrame.ts"
import { logKey } from "./Protocol.ts"
import type { Subscription } from "./Protocol.ts"

export interface LogLeases {
  /** See `Client.subscribe`. An interruption leaves no lease that nobody closes. */
  readonly subscribe: (member: Member, subscription: Subscription) => Effect.Effect<void>
}

/** The longest wait until the following of a log has begun; what it brings comes later anyway. */
const followMsMax = 10_000

/** `scope` is that of the hub: no lease outlives it. */
export const make = (
  members: Members,
  scope: Scope.Scope,
  logFollow: LogFollow["Service"],
  logsMax: number
): LogLeases => {
  const follow = (member: Member, { key, lease, log }: Begun) =>
    logFollow.follow(log).pipe(
      Scope.provide(lease),
      Effect.catchTag("UnknownNode", () => giveUp(member, key, log, "unknown_node", "there is no such node")),
      Effect.timeoutOrElse({
        duration: followMsMax,
        orElse: () => giveUp(member, key, log, "log_unavailable", `it did not begin within ${followMsMax} ms`)
      })
    )

  const giveUp = (member: Member, key: string, log: LogId, code: string, message: string) =>
    Effect.suspend(() => {
      const lease = members.unfollow(member, key)
      members.push(member, OutFrame.plain({ type: "error", code, message, log }))
      return lease === undefined ? Effect.void : Scope.close(lease, Exit.void)
    }).pipe(Effect.uninterruptible)

  return {
    subscribe: (member, subscription) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const logs = new Map((subscription.logs ?? []).map((log) => [logKey(log), log]))
          if (logs.size > logsMax) {
            const message = `${logs.size} logs; expected at most ${logsMax}. The subscription is as it was`
            return members.push(member, OutFrame.plain({ type: "error", code: "too_many_logs", message }))
          }
          const answer = OutFrame.plain({ type: "subscribed", ...subscription })
          const { begun, ended } = members.subscribe(member, subscription, logs, answer, () => Scope.forkUnsafe(scope))
          yield* Effect.forEach(ended, (lease) => Scope.close(lease, Exit.void), { discard: true })
          yield* restore(Effect.forEach(begun, (each) => follow(member, each), { discard: true }))
        })
      )
  }
}
