/**
 * Logs that clients follow. Each client holds a lease for each of its logs, a scope in which LogFollow follows it; that
 * is closed when a later subscription does not name the log any more, or by the cleanup of the client.
 */
import { Effect, Exit, Scope } from "effect"
import { seesNode, seesProcess } from "../domain/Access.ts"
import type { LogId } from "../domain/Log.ts"
import type { LogFollow } from "../fleet/LogFollow.ts"
import * as Marks from "../Marks.ts"
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

/** Why a log is not followed. */
interface Unfollowed {
  readonly code: "unknown_node" | "unknown_process" | "log_unavailable"
  readonly message: string
}

const unknownNode: Unfollowed = { code: "unknown_node", message: "there is no such node" }
const unknownProcess: Unfollowed = { code: "unknown_process", message: "the node has no such process" }

const unfollowed = ({ code, message }: Unfollowed, log: LogId) => OutFrame.plain({ type: "error", code, message, log })

/** What one is told of a log outside of its limits, whether or not there is one; undefined within them. */
const hiddenFrom = ({ limited }: Member, log: LogId): Unfollowed | undefined => {
  if (limited === undefined || seesProcess(limited, log.node, log)) return undefined
  return seesNode(limited, log.node) ? unknownProcess : unknownNode
}

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
      Effect.catchTag("UnknownNode", () => giveUp(member, key, log, unknownNode)),
      Effect.timeoutOrElse({
        duration: followMsMax,
        orElse: () =>
          giveUp(member, key, log, { code: "log_unavailable", message: `it did not begin within ${followMsMax} ms` })
      })
    )

  const giveUp = (member: Member, key: string, log: LogId, why: Unfollowed) =>
    Effect.suspend(() => {
      const lease = members.unfollow(member, key)
      members.push(member, unfollowed(why, log))
      return lease === undefined ? Effect.void : Scope.close(lease, Exit.void)
    }).pipe(Effect.uninterruptible)

  return {
    subscribe: (member, subscription) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const asked = new Map((subscription.logs ?? []).map((log) => [logKey(log), log]))
          if (asked.size > logsMax) {
            Marks.reached("a subscription was refused")
            const message = `${asked.size} logs; expected at most ${logsMax}. The subscription is as it was`
            return members.push(member, OutFrame.plain({ type: "error", code: "too_many_logs", message }))
          }
          const hidden = new Map(Array.from(asked, ([key, log]) => [key, hiddenFrom(member, log)]))
          const logs = new Map(Array.from(asked).filter(([key]) => hidden.get(key) === undefined))
          const answer = OutFrame.plain({ type: "subscribed", ...subscription })
          const { begun, ended } = members.subscribe(member, subscription, logs, answer, () => Scope.forkUnsafe(scope))
          for (const [key, log] of asked) {
            const why = hidden.get(key)
            if (why === undefined) continue
            Marks.reached("a client asked for a log that it may not see")
            members.push(member, unfollowed(why, log))
          }
          yield* Effect.forEach(ended, (lease) => Scope.close(lease, Exit.void), { discard: true })
          yield* restore(Effect.forEach(begun, (each) => follow(member, each), { discard: true }))
        })
      )
  }
}
