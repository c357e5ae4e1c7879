/**
 * Polling: one fiber a node asks it for its processes at an interval and gives the answer to the registry.
 *
 * Connections under way are bounded (R2.4), in two lanes: nodes that answered last time, and nodes that did not. So
 * nodes that hang, each for a whole deadline, take places only from each other, and a node that is up waits for nobody
 * but other live nodes.
 */
import { Deferred, Effect, Queue, Random, Ref, type Scope, Semaphore } from "effect"
import { describeReason } from "../domain/NodeError.ts"
import type { NodeError } from "../domain/NodeError.ts"
import type { PollResult } from "./FleetState.ts"
import type { NodeDriver } from "./NodeDriver.ts"
import { Registry } from "./Registry.ts"

export interface PollOptions {
  readonly intervalMs: number
  /** The interval varies by this share in both directions, so that nodes are not asked all at once. */
  readonly jitter: number
  /** Polls under way at once of nodes that are up or were not asked yet. */
  readonly concurrency: number
  /** Polls under way at once of nodes that are down. */
  readonly concurrencyDown: number
}

/** The polling of one node. */
export interface NodePoller {
  /** Asks the node now rather than at its next turn; several requests before it is asked count as one. */
  readonly pollNow: Effect.Effect<void>
  /** Asks the node now, and waits until a poll that began after that is recorded. As long as the node takes. */
  readonly refresh: Effect.Effect<void>
}

export interface Poller {
  /** Starts polling a node until the scope closes. */
  readonly start: (name: string, driver: NodeDriver) => Effect.Effect<NodePoller, never, Scope.Scope>
}

export const make = Effect.fnUntraced(function* (options: PollOptions): Effect.fn.Return<Poller, never, Registry> {
  const registry = yield* Registry
  const laneUp = yield* Semaphore.make(options.concurrency)
  const laneDown = yield* Semaphore.make(options.concurrencyDown)

  const poll = Effect.fn("Poller.poll")(function* (name: string, driver: NodeDriver) {
    const result = yield* driver.processes.pipe(
      Effect.match({ onSuccess: answered, onFailure: failed }),
      // A bug of a driver must be seen, and must not leave the node at its last status for good.
      Effect.catchDefect((defect) =>
        Effect.as(Effect.annotateLogs(Effect.logError("poll died", defect), { node: name }), died)
      )
    )
    yield* registry.record(name, result)
    return result._tag === "Answered"
  })

  const start = Effect.fnUntraced(function* (name: string, driver: NodeDriver) {
    const asked = yield* Queue.sliding<void>(1)
    /** Done when the next poll to begin is recorded. */
    const upcoming = yield* Ref.make(yield* Deferred.make<void>())
    const round = Effect.gen(function* () {
      const recorded = yield* Ref.getAndSet(upcoming, yield* Deferred.make<void>())
      const isUp = yield* poll(name, driver)
      yield* Deferred.succeed(recorded, undefined)
      return isUp
    })
    yield* Effect.gen(function* () {
      let up = true
      for (;;) {
        up = yield* (up ? laneUp : laneDown).withPermit(round)
        const spread = options.jitter * (2 * (yield* Random.next) - 1)
        yield* Effect.timeoutOption(Queue.take(asked), options.intervalMs * (1 + spread))
      }
    }).pipe(Effect.withSpan("Poller.node", { attributes: { node: name } }), Effect.forkScoped)
    const pollNow = Effect.asVoid(Queue.offer(asked, undefined))
    const refresh = Effect.flatMap(Ref.get(upcoming), (recorded) => Effect.andThen(pollNow, Deferred.await(recorded)))
    return { pollNow, refresh }
  })
  return { start }
})

const answered = (processes: Extract<PollResult, { readonly _tag: "Answered" }>["processes"]): PollResult => ({
  _tag: "Answered",
  processes
})

const died: PollResult = {
  _tag: "Failed",
  reason: { code: "Internal", message: "the console failed to poll this node; its log tells more" }
}

const failed = (error: NodeError): PollResult => ({
  _tag: "Failed",
  reason: { code: error.reason._tag, message: describeReason(error.reason) }
})
