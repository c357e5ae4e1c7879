/**
 * The registry: the one owner of the state of the fleet. Every change is one atomic step of a pure transition
 * (FleetState), and its events are published before the next change begins, so that they reach the bus in the order
 * of their numbers. Reads never wait, and whoever has seen an event reads a state that contains it.
 *
 * A fiber of the registry's own publishes; whoever made the change waits for it and may be interrupted meanwhile. So no
 * event that has a number is lost with the one who caused it, and a bus that is full keeps nobody from ending.
 *
 * Linearizable: checked by P4.
 */
import { Context, Deferred, Effect, Layer, Queue, Semaphore } from "effect"
import { EventBus } from "../bus/EventBus.ts"
import type { FleetChange, FleetEvent } from "../domain/FleetEvent.ts"
import * as Marks from "../Marks.ts"
import { addNode, empty, recall, recordPoll, removeNode, replaceNodes, tell } from "./FleetState.ts"
import type { FleetState, Memories, NodeEntry, PollResult, Replacement, Transition } from "./FleetState.ts"

export class Registry extends Context.Service<
  Registry,
  {
    /** Adds a node that has not answered yet; one of that name stays as it is. Gives the number of its addition. */
    readonly add: (entry: NodeEntry) => Effect.Effect<number>
    /** Removes a node with all that is known of it. With a number, only if it is that addition of it. */
    readonly remove: (name: string, addition?: number) => Effect.Effect<void>
    /**
     * Nodes go and come in one step. `applied` is called in it, with the state after it, and must do no more than what
     * has to change together with the nodes: nothing runs in between.
     */
    readonly replace: (nodes: Replacement, applied: (state: FleetState) => void) => Effect.Effect<void>
    /** Takes in what a poll of the node brought. With a number, only if it is that addition of it. */
    readonly record: (name: string, result: PollResult, addition?: number) => Effect.Effect<void>
    /** Takes in what an earlier run of the console knew of nodes, for those that do not answer yet; see FleetState. */
    readonly recall: (memories: Memories) => Effect.Effect<void>
    /** Numbers and publishes something that changes no node: an operation or a batch. */
    readonly tell: (change: FleetChange) => Effect.Effect<void>
    /** The fleet as it is now. */
    readonly state: Effect.Effect<FleetState>
  }
>()("core/fleet/Registry") {}

/** One change, at a moment in milliseconds of the wall clock. */
type Apply = (state: FleetState, nowMs: number) => Transition

/** Events of one change on their way to the bus. */
interface Batch {
  readonly events: ReadonlyArray<FleetEvent>
  readonly published: Deferred.Deferred<void>
}

/** Publishes batches one after another until its scope closes; then whoever waits for one is let go. */
const makePublisher = Effect.fnUntraced(function* (bus: EventBus["Service"]) {
  // One at most: the next change waits for it.
  const batches = yield* Queue.bounded<Batch>(1)
  let underWay: Batch | undefined
  let hasEnded = false
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      hasEnded = true
      return underWay === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(underWay.published, undefined))
    })
  )
  yield* Queue.take(batches).pipe(
    // A bug of the bus is for whoever made the change, and must not leave all others waiting.
    Effect.flatMap(({ events, published }) =>
      Effect.flatMap(Effect.exit(bus.publish(events)), (exit) =>
        Effect.sync(() => {
          underWay = undefined
          Deferred.doneUnsafe(published, exit)
        })
      )
    ),
    Effect.forever,
    Effect.withSpan("Registry.publisher"),
    Effect.forkScoped
  )
  return {
    /** Nothing is on its way. Synchronous. */
    isIdleUnsafe: () => underWay === undefined,
    /** Waits until nothing is on its way. */
    idle: Effect.suspend(() =>
      underWay === undefined || hasEnded ? Effect.void : Effect.exit(Deferred.await(underWay.published))
    ),
    /** Hands events over while nothing is on its way; gives what waits until they are published. Synchronous. */
    handOverUnsafe: (events: ReadonlyArray<FleetEvent>): Effect.Effect<void> | undefined => {
      if (hasEnded || events.length === 0) return undefined
      const batch: Batch = { events, published: Deferred.makeUnsafe() }
      underWay = batch
      Queue.offerUnsafe(batches, batch)
      return Deferred.await(batch.published)
    }
  }
})

export const layer: Layer.Layer<Registry, never, EventBus> = Layer.effect(
  Registry,
  Effect.gen(function* () {
    const publisher = yield* makePublisher(yield* EventBus)
    let current = empty
    const turn = yield* Semaphore.make(1)
    /** Changes that have a turn or wait for one. */
    let waiting = 0
    const applyUnsafe = <A>(transition: Apply, look: (state: FleetState) => A, nowMs: number): Effect.Effect<A> => {
      const next = transition(current, nowMs)
      // The state goes first. The other way round, a client that joined the hub between the two would miss the event
      // and get a snapshot without it. Nothing comes between the two: events that have their numbers are not lost.
      current = next.state
      const published = publisher.handOverUnsafe(next.events)
      const seen = look(next.state)
      return published === undefined ? Effect.succeed(seen) : Effect.as(published, seen)
    }
    const inTurn = <A>(transition: Apply, look: (state: FleetState) => A) =>
      Effect.acquireUseRelease(
        Effect.sync(() => waiting++),
        () =>
          turn.withPermit(
            Effect.andThen(
              publisher.idle,
              Effect.clockWith((clock) => applyUnsafe(transition, look, clock.currentTimeMillisUnsafe()))
            )
          ),
        () => Effect.sync(() => waiting--)
      )
    // Most polls bring nothing to tell and meet no other change: they need no turn.
    const change = <A>(transition: Apply, look: (state: FleetState) => A): Effect.Effect<A> =>
      Effect.clockWith((clock) =>
        waiting === 0 && publisher.isIdleUnsafe()
          ? applyUnsafe(transition, look, clock.currentTimeMillisUnsafe())
          : inTurn(transition, look)
      )
    const nothing = () => undefined
    return Registry.of({
      add: (entry) =>
        change(
          (state, nowMs) => addNode(state, entry, nowMs),
          ({ nodes }) => nodes.get(entry.name)?.addition ?? 0
        ),
      remove: (name, addition) => change((state, nowMs) => removeNode(state, name, nowMs, addition), nothing),
      replace: (nodes, applied) =>
        Effect.suspend(() => {
          if (!publisher.isIdleUnsafe()) Marks.reached("nodes changed while events went out")
          return change((state, nowMs) => replaceNodes(state, nodes, nowMs), applied)
        }),
      record: (name, result, addition) =>
        change((state, nowMs) => recordPoll(state, name, result, nowMs, addition), nothing),
      recall: (memories) => change((state, nowMs) => recall(state, memories, nowMs), nothing),
      tell: (what) => change((state, nowMs) => tell(state, what, nowMs), nothing),
      state: Effect.sync(() => current)
    })
  })
)
