/**
 * Polling: one fiber a node asks it for its processes at an interval and gives the answer to the registry.
 *
 * Connections under way are bounded (R2.4), in two lanes: nodes that answered promptly last time, and nodes that did
 * not answer or took long. So nodes that hang, each for a whole deadline, take places only from each other, and a node
 * that is well waits for nobody but others that are.
 *
 * While the circuit of a node is open it is not asked and takes no place; the poll after that is the probe. What the
 * fleet shows as its reason stays the failure behind it.
 *
 * A poll also asks who is there, after the first answer, after every time without one, and once in a while: after the
 * processes, so that processes of a new life never come with the name of the one before.
 */
import { Deferred, Effect, Queue, Random, Ref, type Scope } from "effect"
import { measuredSemaphore } from "../metrics/SyncMetrics.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import type { NodeIdentity } from "../domain/Node.ts"
import { describeReason } from "../domain/NodeError.ts"
import type { NodeError, NodeErrorReason } from "../domain/NodeError.ts"
import type { NodeEntry, PollResult } from "./FleetState.ts"
import type { GuardedNode, Refusal } from "./NodeGuard.ts"
import { verdictOf } from "./NodeTrouble.ts"
import { Registry } from "./Registry.ts"

export interface PollOptions {
  readonly intervalMs: number
  /** The interval varies by this share in both directions, so that nodes are not asked all at once. */
  readonly jitter: number
  /** Polls under way at once of nodes that are well or were not asked yet. */
  readonly concurrency: number
  /** Polls under way at once of nodes that are down or slow. */
  readonly concurrencyDown: number
}

/** The polling of one node. */
export interface NodePoller {
  /** Asks the node now rather than at its next turn; several requests before it is asked count as one. */
  readonly pollNow: Effect.Effect<void>
  /**
   * Asks the node now, and waits until a poll that began after that is recorded; while its circuit is open, until that
   * is known. As long as the node takes.
   */
  readonly refresh: Effect.Effect<void>
  /** Removes the node from the registry. What a poll under way still brings is not taken in. */
  readonly remove: Effect.Effect<void>
}

export interface Poller {
  /**
   * Adds a node to the registry and polls it until the scope closes. The end of the scope leaves it in the registry:
   * a console that ends does not tell that its nodes are gone.
   */
  readonly start: (entry: NodeEntry, node: GuardedNode) => Effect.Effect<NodePoller, never, Scope.Scope>
  /** The same for a node that somebody else adds to the registry. */
  readonly prepare: (entry: NodeEntry, node: GuardedNode) => Effect.Effect<PreparedPoller>
}

/** A poller that has not begun. */
export interface PreparedPoller {
  readonly poller: NodePoller
  /** Tells which addition of the node it is for. */
  readonly added: (addition: number) => void
  /** Polls it until the scope closes. */
  readonly begin: Effect.Effect<void, never, Scope.Scope>
}

/** A node that takes longer to answer is polled among those that are down. */
const promptMsMax = 500

/** A node that is up is asked so often who it is. */
const identifyEveryMs = 60_000

/** What is known of a node from poll to poll. */
interface Memory {
  readonly isPrompt: boolean
  /** When to ask who is there, monotonic; undefined for at once. */
  readonly identifyAtMs: number | undefined
  /** How long to the next poll, when it is not the interval. */
  readonly pauseMs: number | undefined
}

interface Round {
  /** Undefined when the console did not ask. */
  readonly result: PollResult | undefined
  readonly memory: Memory
}

const atFirst: Memory = { isPrompt: true, identifyAtMs: undefined, pauseMs: undefined }

export const make = Effect.fnUntraced(function* (options: PollOptions): Effect.fn.Return<Poller, never, Registry> {
  const registry = yield* Registry
  const lanePrompt = yield* measuredSemaphore("polls of prompt nodes", options.concurrency)
  const laneSlow = yield* measuredSemaphore("polls of slow nodes", options.concurrencyDown)

  const prepare = Effect.fnUntraced(function* (entry: NodeEntry, node: GuardedNode) {
    let addition = 0
    const record = (result: PollResult) => registry.record(entry.name, result, addition)
    const asked = yield* Queue.sliding<void>(1)
    /** Done when the next poll to begin is recorded. */
    const upcoming = yield* Ref.make(yield* Deferred.make<void>())
    const round = Effect.fn("Poller.poll")(function* (before: Memory) {
      const recorded = yield* Ref.getAndSet(upcoming, yield* Deferred.make<void>())
      const { memory, result } = yield* ask(entry.name, node, before, options.intervalMs)
      if (result !== undefined) yield* record(result)
      yield* Deferred.succeed(recorded, undefined)
      return memory
    })
    const refused = Effect.fnUntraced(function* ({ because, circuit, retryAfterMs }: Refusal) {
      const recorded = yield* Ref.getAndSet(upcoming, yield* Deferred.make<void>())
      // Commands may have opened the circuit of a node that no poll found down.
      if (because !== undefined) yield* record(failed(because))
      yield* Deferred.succeed(recorded, undefined)
      return { ...notPrompt, pauseMs: circuit === "open" ? retryAfterMs : Math.min(retryAfterMs, options.intervalMs) }
    })
    const begin = Effect.gen(function* () {
      let memory = atFirst
      for (;;) {
        const refusal = yield* node.refusal
        memory =
          refusal === undefined
            ? yield* (memory.isPrompt ? lanePrompt : laneSlow).withPermit(round(memory))
            : yield* refused(refusal)
        const spread = options.jitter * (2 * (yield* Random.next) - 1)
        yield* Effect.raceFirst(Queue.take(asked), Effect.sleep(memory.pauseMs ?? options.intervalMs * (1 + spread)))
      }
    }).pipe(Effect.withSpan("Poller.node", { attributes: { node: entry.name } }), Effect.forkScoped, Effect.asVoid)
    const pollNow = Effect.asVoid(Queue.offer(asked, undefined))
    const prepared: PreparedPoller = {
      poller: {
        pollNow,
        refresh: Effect.flatMap(Ref.get(upcoming), (recorded) => Effect.andThen(pollNow, Deferred.await(recorded))),
        remove: Effect.suspend(() => registry.remove(entry.name, addition))
      },
      added: (number) => {
        addition = number
      },
      begin
    }
    return prepared
  })

  const start = Effect.fnUntraced(function* (entry: NodeEntry, node: GuardedNode) {
    const { added, begin, poller } = yield* prepare(entry, node)
    added(yield* registry.add(entry))
    yield* begin
    return poller
  })

  return { start, prepare }
})

/** Asks the node for all that this poll is about. */
const ask = Effect.fnUntraced(
  function* (name: string, { driver }: GuardedNode, before: Memory, _intervalMs: number) {
    const startMs = yield* monotonicMs
    const identifies = before.identifyAtMs === undefined || startMs >= before.identifyAtMs
    const processes = yield* driver.processes
    const identity = identifies ? yield* identityOf(name, driver.identify) : undefined
    const endMs = yield* monotonicMs
    const memory: Memory = {
      isPrompt: endMs - startMs <= promptMsMax,
      identifyAtMs: identifies ? endMs + identifyEveryMs : before.identifyAtMs,
      pauseMs: undefined
    }
    return {
      result: { _tag: "Answered", processes, ...(identity === undefined ? {} : { identity }) },
      memory
    } as const
  },
  (asked, name, _node, _before, intervalMs) =>
    asked.pipe(
      Effect.catch(({ reason }): Effect.Effect<Round> => Effect.succeed(notAnswered(reason, intervalMs))),
      // A bug of a driver must be seen, and must not leave the node at its last status for good.
      Effect.catchDefect((defect) =>
        Effect.as(Effect.annotateLogs(Effect.logError("poll died", defect), { node: name }), died)
      )
    )
)

/** Who is there; undefined when the node answers but cannot tell. A node that fails now has not answered this poll. */
const identityOf = (name: string, identify: Effect.Effect<NodeIdentity, NodeError>) =>
  Effect.catch(identify, (error): Effect.Effect<undefined, NodeError> => {
    const canNotTell = verdictOf(error.reason, "programs") !== "bad" && isAnswer(error.reason)
    return canNotTell
      ? Effect.as(
          Effect.annotateLogs(Effect.logDebug(`it cannot tell who it is: ${error.message}`), { node: name }),
          undefined
        )
      : Effect.fail(error)
  })

const isAnswer = ({ _tag }: NodeErrorReason): boolean =>
  _tag !== "ShuttingDown" && _tag !== "CircuitOpen" && _tag !== "Busy"

const notPrompt: Memory = { isPrompt: false, identifyAtMs: undefined, pauseMs: undefined }

/** That the console did not ask is nothing to record: another call is the probe, or too many others are under way. */
const notAnswered = (reason: NodeErrorReason, intervalMs: number): Round => {
  switch (reason._tag) {
    case "CircuitOpen":
      return { result: undefined, memory: { ...notPrompt, pauseMs: Math.min(reason.retryAfterMs, intervalMs) } }
    case "Busy":
      return { result: undefined, memory: notPrompt }
    default:
      return { result: failed(reason), memory: notPrompt }
  }
}

const failed = (reason: NodeErrorReason): PollResult => ({
  _tag: "Failed",
  reason: { code: reason._tag, message: describeReason(reason) }
})

const died: Round = {
  result: {
    _tag: "Failed",
    reason: { code: "Internal", message: "the console failed to poll this node; its log tells more" }
  },
  memory: notPrompt
}
