/**
 * The fleet service: the nodes of the configuration, kept up to date by polling, and operations on their processes.
 *
 * Reads answer from the registry at once, also while nodes are away. An operation on a process talks to its node
 * alone; operations on one process run one after another, and so do updates of one node. Every conversation with a
 * node, polls included, goes through its guard.
 *
 * A node can come and go at any time. With it end its poller, its logs that are followed and whatever is under way on
 * it, which fails with `UnknownNode`.
 */
import { Clock, Context, Deferred, Effect, Exit, Layer, Schema, Scope, Semaphore, Stream } from "effect"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import { logBytesMax } from "../domain/Log.ts"
import type { LogChunk, LogId } from "../domain/Log.ts"
import { NodeError, TimedOut } from "../domain/NodeError.ts"
import type { BreakerView, FleetSnapshot, NodeView } from "../domain/Node.ts"
import type { OperationRequest, OperationResult } from "../domain/Operation.ts"
import { formatId } from "../domain/Process.ts"
import type { ProcessId, ProcessInfo } from "../domain/Process.ts"
import type { ConfigDiff, UpdateResult } from "../domain/Update.ts"
import { announced } from "./Activity.ts"
import { isStale, viewFleet, viewNode } from "./FleetState.ts"
import type { NodeEntry, NodeState, ViewOptions } from "./FleetState.ts"
import * as Measurements from "../metrics/Measurements.ts"
import * as FiberBudget from "../resources/FiberBudget.ts"
import type { BudgetExceeded } from "../resources/FiberBudget.ts"
import * as KeyedLocks from "./KeyedLocks.ts"
import type { LogPiece, LogRange, NodeDriver } from "./NodeDriver.ts"
import * as NodeGuard from "./NodeGuard.ts"
import type { GuardOptions } from "./NodeGuard.ts"
import type { NodeMap } from "./NodeMap.ts"
import * as Operation from "./Operation.ts"
import type { OperationLimits, OperationOptions } from "./Operation.ts"
import * as Poller from "./Poller.ts"
import type { NodePoller, PollOptions } from "./Poller.ts"
import { Registry } from "./Registry.ts"
import * as Update from "./Update.ts"

export class UnknownNode extends Schema.TaggedError<UnknownNode>()("UnknownNode", { node: Schema.String }) {
  override get message(): string {
    return `there is no node ${this.node}`
  }
}

export class UnknownProcess extends Schema.TaggedError<UnknownProcess>()("UnknownProcess", {
  node: Schema.String,
  group: Schema.String,
  name: Schema.String
}) {
  override get message(): string {
    return `there is no process ${this.group}:${this.name} on ${this.node}`
  }
}

export interface FleetOptions {
  readonly poll: PollOptions
  readonly guard: GuardOptions
  /** A node that was not heard of for so long is shown as stale. */
  readonly staleAfterMs: number
  readonly operations: OperationOptions & {
    /** For a stretch of a log, and for reading the configuration of a node again. */
    readonly readLogMs: number
    /** For a whole update, the wait for its turn included. */
    readonly updateMs: number
  }
}

/** A node to manage: its entry in the registry and how to talk to it. */
export interface ManagedNode {
  readonly entry: NodeEntry
  readonly driver: NodeDriver
}

/** Nodes that go, and then nodes that come; see `replaceNodes`. */
export interface NodesChange {
  readonly removed: ReadonlyArray<string>
  readonly added: ReadonlyArray<ManagedNode>
  readonly order?: ReadonlyArray<string>
}

export class Fleet extends Context.Service<
  Fleet,
  {
    readonly nodes: Effect.Effect<ReadonlyArray<NodeView>>
    readonly node: (name: string) => Effect.Effect<NodeView, UnknownNode>
    /** The processes as last reported, in the node's order. */
    readonly processes: (name: string) => Effect.Effect<ReadonlyArray<ProcessInfo>, UnknownNode>
    /** One process as last reported. */
    readonly process: (node: string, id: ProcessId) => Effect.Effect<ProcessInfo, UnknownNode | UnknownProcess>
    /** Nodes and processes after one event, all of a piece. */
    readonly snapshot: Effect.Effect<FleetSnapshot>
    /** Runs an operation to its observed end, and no longer than its time; see Operation. */
    readonly operate: (
      request: OperationRequest,
      node: string,
      process: ProcessId,
      limits?: OperationLimits
    ) => Effect.Effect<OperationResult, UnknownNode | UnknownProcess | NodeError | BudgetExceeded>
    readonly readLog: (log: LogId, range: LogRange) => Effect.Effect<LogChunk, UnknownNode | UnknownProcess | NodeError>
    /** The newest part of a log and then what is written. Each reader asks the node; LogFollow shares one. */
    readonly followLog: (log: LogId) => Stream.Stream<LogPiece, UnknownNode | NodeError>
    /** Says what an update would do; changes nothing that runs. */
    readonly reread: (node: string) => Effect.Effect<ConfigDiff, UnknownNode | NodeError>
    /** Takes over the node's configuration files; see Update. */
    readonly update: (node: string) => Effect.Effect<UpdateResult, UnknownNode | NodeError>
    /** Asks the node now, and shows it when the answer is recorded; as it is when that takes too long. */
    readonly refresh: (node: string) => Effect.Effect<NodeView, UnknownNode>
    /** Takes a node in and polls it from now on; false when there is one of that name, which stays. */
    readonly add: (node: ManagedNode) => Effect.Effect<boolean>
    /** Lets a node go with all that runs for it; false when there is none of that name. */
    readonly remove: (name: string) => Effect.Effect<boolean>
    /**
     * Lets nodes go and takes nodes in, in one step; all others stay as they are. `applied` is called in that step; see
     * Registry. Once begun it is done to its end.
     */
    readonly change: (nodes: NodesChange, applied?: () => void) => Effect.Effect<void>
  }
>()("core/fleet/Fleet") {}

/** The longest waits for a poll to be recorded: after an operation, and when that is all that was asked. */
const refreshMsMax = { operation: 2_000, asked: 10_000 } as const

/** A node that the fleet talks to. */
interface Member {
  /** Behind its guard. */
  readonly driver: NodeDriver
  readonly breakerUnsafe: (clock: Clock.Clock) => BreakerView
  readonly poller: NodePoller
  /** Its poller and what else runs for it. */
  readonly scope: Scope.Closeable
  /** Fails when the node is let go. */
  readonly gone: Deferred.Deferred<never, UnknownNode>
}

interface ChangeParts {
  readonly registry: Registry["Service"]
  readonly poller: Poller.Poller
  readonly members: Map<string, Member>
  readonly around: Scope.Scope
  readonly guard: GuardOptions
}

/** Many nodes in one step. Must not be interrupted, nor run beside another change. */
const makeChange = ({ around, guard: guardOptions, members, poller, registry }: ChangeParts) => {
  const prepare = Effect.fnUntraced(function* ({ driver, entry }: ManagedNode) {
    const scope = yield* Scope.fork(around)
    const guard = yield* NodeGuard.make(driver, { ...guardOptions, identifier: entry.identifier })
    const { added, begin, poller: polling } = yield* poller.prepare(entry, guard)
    const gone = yield* Deferred.make<never, UnknownNode>()
    const { breakerUnsafe } = guard
    const member: Member = { driver: guard.driver, breakerUnsafe, poller: polling, scope, gone }
    return { name: entry.name, member, added, begin: Scope.provide(begin, scope) }
  })

  const change = Effect.fn("Fleet.change")(function* (
    { added, order = [], removed }: NodesChange,
    applied: () => void
  ) {
    const isRoom = ({ entry: { name } }: ManagedNode) => removed.includes(name) || !members.has(name)
    const fitting = added.filter(isRoom)
    const leaving = removed.flatMap((name) => {
      const member = members.get(name)
      return member === undefined ? [] : [{ name, member }]
    })
    const joining = yield* Effect.forEach(fitting, prepare)
    yield* registry.replace({ removed, added: fitting.map(({ entry }) => entry), order }, (state) => {
      for (const { name } of leaving) members.delete(name)
      for (const { added: tell, member, name } of joining) {
        members.set(name, member)
        tell(state.nodes.get(name)?.addition ?? 0)
      }
      applied()
    })
    yield* Effect.forEach(leaving, ({ member, name }) => Deferred.fail(member.gone, new UnknownNode({ node: name })))
    yield* Effect.forEach(joining, ({ begin }) => begin, { discard: true })
    yield* Effect.forEach(leaving, ({ member }) => Scope.close(member.scope, Exit.void), {
      concurrency: "unbounded",
      discard: true
    })
  })
  return change
}

const markGone = (error: unknown): Effect.Effect<void> =>
  Effect.sync(() => {
    if (error instanceof UnknownNode) Marks.reached("a node went while it was talked to")
  })

/** Keeps the nodes and takes them in and lets them go, one after another. */
const makeMembers = Effect.fnUntraced(function* (options: FleetOptions) {
  const registry = yield* Registry
  const poller = yield* Poller.make(options.poll)
  const around = yield* Effect.scope
  const members = new Map<string, Member>()
  const turn = yield* Semaphore.make(1)

  const add = Effect.fn("Fleet.add")(function* ({ driver, entry }: ManagedNode) {
    if (members.has(entry.name)) return false
    const scope = yield* Scope.fork(around)
    const guard = yield* NodeGuard.make(driver, { ...options.guard, identifier: entry.identifier })
    const polling = yield* Scope.provide(poller.start(entry, guard), scope)
    const gone = yield* Deferred.make<never, UnknownNode>()
    members.set(entry.name, { driver: guard.driver, breakerUnsafe: guard.breakerUnsafe, poller: polling, scope, gone })
    return true
  })

  const remove = Effect.fn("Fleet.remove")(function* (name: string) {
    const member = members.get(name)
    if (member === undefined) return false
    members.delete(name)
    yield* Deferred.fail(member.gone, new UnknownNode({ node: name }))
    yield* member.poller.remove
    yield* Scope.close(member.scope, Exit.void)
    return true
  })

  const change = makeChange({ registry, poller, members, around, guard: options.guard })

  return {
    change: (nodes: NodesChange, applied: () => void = () => {}) =>
      Effect.uninterruptible(turn.withPermit(change(nodes, applied))),
    /** The node, for as long as it belongs to the fleet: then what is done with it fails. */
    within: <A, E>(node: string, use: (member: Member) => Effect.Effect<A, E>): Effect.Effect<A, E | UnknownNode> =>
      Effect.suspend(() => {
        const member = members.get(node)
        if (member === undefined) return Effect.fail(new UnknownNode({ node }))
        return Effect.tapError(Effect.raceFirst(use(member), Deferred.await(member.gone)), markGone)
      }),
    get: (node: string): Effect.Effect<Member, UnknownNode> =>
      Effect.suspend(() => {
        const member = members.get(node)
        return member === undefined ? Effect.fail(new UnknownNode({ node })) : Effect.succeed(member)
      }),
    breakerUnsafe: (node: string, clock: Clock.Clock): BreakerView | undefined =>
      members.get(node)?.breakerUnsafe(clock),
    add: (node: ManagedNode) => Effect.uninterruptible(turn.withPermit(add(node))),
    remove: (name: string) => Effect.uninterruptible(turn.withPermit(remove(name)))
  }
})

type Members = Effect.Success<ReturnType<typeof makeMembers>>

/** Operations, and all else that is asked of processes. */
const makeCommands = Effect.fnUntraced(function* (members: Members, options: FleetOptions["operations"]) {
  const registry = yield* Registry
  const locks = yield* KeyedLocks.make
  const { operation: measured } = yield* Measurements.optional
  const { within: withinBudget } = yield* FiberBudget.optional
  let operations = 0

  const operate: Fleet["Service"]["operate"] = Effect.fn("Fleet.operate")(function* (request, node, id, limits = {}) {
    const { kind } = request
    return yield* members
      .within(
        node,
        Effect.fnUntraced(function* ({ driver, poller }) {
          const askedMs = yield* monotonicMs
          const endsMs = Math.min(askedMs + options.deadlineMs[kind], limits.batchEndsMs ?? Infinity)
          const known = (yield* registry.state).nodes.get(node)?.processes.get(formatId(id))
          const inTurn = locks.withLock(`${node}/${formatId(id)}`)
          return yield* Operation.run(request, { driver, id, askedMs, inTurn, lastKnown: known }, options, limits).pipe(
            announced(registry, { operation: ++operations, kind, node, ...id }),
            Effect.onError(() => poller.pollNow),
            // Whoever asks for the processes next sees what this answer tells, if there is time for it.
            Effect.tap(() => refreshed(poller, endsMs))
          )
        })
      )
      .pipe(Effect.catchTag("NodeError", unknownProcess(node, id)), withinBudget("operations"), measured(kind))
  })

  const update = Effect.fn("Fleet.update")(function* (node: string) {
    return yield* members.within(
      node,
      Effect.fnUntraced(function* ({ driver, poller }) {
        const startedMs = yield* monotonicMs
        const endsMs = startedMs + options.updateMs
        const stop = (id: ProcessId) => operate({ kind: "stop" }, node, id, { batchEndsMs: endsMs })
        // No process has this key: one update of a node at a time, beside the operations on its processes.
        const inTurn = locks.withLock(`${node}/`)
        const { observeIntervalMs } = options
        return yield* Update.run({ driver, stop, inTurn, observeIntervalMs, startedMs, endsMs }).pipe(
          Effect.onError(() => poller.pollNow),
          Effect.tap(() => refreshed(poller, endsMs)),
          Effect.tap((result) => Effect.logInfo(`update of ${node}: ${describeUpdate(result)}`))
        )
      })
    )
  })

  return { operate, update }
})

const describeUpdate = ({ groups }: UpdateResult): string =>
  groups.length === 0
    ? "nothing to do"
    : groups.map(({ change, detail, group, outcome }) => `${change} ${group} ${outcome}, ${detail}`).join("; ")

const refreshed = (poller: NodePoller, endsMs: number): Effect.Effect<void> =>
  Effect.flatMap(monotonicMs, (nowMs) => {
    const leftMs = Math.min(refreshMsMax.operation, endsMs - nowMs)
    return leftMs > 0 ? Effect.asVoid(Effect.timeoutOption(poller.refresh, leftMs)) : poller.pollNow
  })

/** Gives a conversation with a node an end of its own, beside those of its calls. */
const within =
  (operation: string, timeoutMs: number) =>
  <A, E>(talk: Effect.Effect<A, E>): Effect.Effect<A, E | NodeError> =>
    Effect.timeoutOrElse(talk, {
      duration: timeoutMs,
      orElse: () => Effect.fail(new NodeError({ operation, reason: new TimedOut({ afterMs: timeoutMs }) }))
    })

/** A node says by a fault that it has no such process. */
const unknownProcess =
  (node: string, { group, name }: ProcessId) =>
  (error: NodeError): Effect.Effect<never, UnknownProcess | NodeError> =>
    Effect.fail(
      error.reason._tag === "Fault" && error.reason.name === "BAD_NAME"
        ? new UnknownProcess({ node, group, name })
        : error
    )

/** Nodes with the states of their breakers, while they are there. */
const makeShowUnsafe = (
  breakerUnsafe: (node: string, clock: Clock.Clock) => BreakerView | undefined,
  staleAfterMs: number
) => {
  /** By their places in the list of all. */
  let last: ReadonlyArray<{ readonly state: NodeState; readonly view: NodeView }> = []
  let views: ReadonlyArray<NodeView> = []
  const show = (state: NodeState, clock: Clock.Clock, options: ViewOptions, known?: (typeof last)[number]) => {
    const breaker = breakerUnsafe(state.entry.name, clock)
    if (known?.state === state && known.view.breaker === breaker && known.view.stale === isStale(state, options)) {
      return known
    }
    const view = viewNode(state, options)
    return { state, view: breaker === undefined ? view : { ...view, breaker } }
  }
  const optionsNow = (clock: Clock.Clock): ViewOptions => ({ nowMs: clock.currentTimeMillisUnsafe(), staleAfterMs })
  return {
    one: (state: NodeState, clock: Clock.Clock): NodeView => show(state, clock, optionsNow(clock)).view,
    /** The same list again, and in it the same views, while nothing changes: everybody asks for it all the time. */
    all: (states: NodeMap<NodeState>, clock: Clock.Clock): ReadonlyArray<NodeView> => {
      const options = optionsNow(clock)
      const present = states.toArray()
      const isSame = (state: NodeState, place: number) => {
        const known = last[place]
        return known !== undefined && show(state, clock, options, known) === known
      }
      if (present.length === last.length && present.every(isSame)) return views
      last = present.map((state, place) => show(state, clock, options, last[place]))
      views = last.map(({ view }) => view)
      return views
    }
  }
}

export const layer = <R>(
  nodes: Effect.Effect<ReadonlyArray<ManagedNode>, never, R>,
  options: FleetOptions
): Layer.Layer<Fleet, never, Registry | Exclude<R, Scope.Scope>> =>
  Layer.effect(
    Fleet,
    Effect.gen(function* () {
      const registry = yield* Registry
      const members = yield* makeMembers(options)
      const { operate, update } = yield* makeCommands(members, options.operations)
      const { readLogMs } = options.operations
      yield* Effect.forEach(yield* nodes, members.add, { discard: true })

      const find = (name: string): Effect.Effect<NodeState, UnknownNode> =>
        Effect.flatMap(registry.state, (state) => {
          const node = state.nodes.get(name)
          return node === undefined ? Effect.fail(new UnknownNode({ node: name })) : Effect.succeed(node)
        })
      const looking = Effect.map(Clock.currentTimeMillis, (nowMs) => ({ nowMs, staleAfterMs: options.staleAfterMs }))
      const showsUnsafe = makeShowUnsafe(members.breakerUnsafe, options.staleAfterMs)
      const node = (name: string) =>
        Effect.flatMap(find(name), (state) =>
          Effect.clockWith((clock) => Effect.sync(() => showsUnsafe.one(state, clock)))
        )

      return Fleet.of({
        nodes: Effect.flatMap(registry.state, (state) =>
          Effect.clockWith((clock) => Effect.sync(() => showsUnsafe.all(state.nodes, clock)))
        ),
        node,
        processes: (name) => Effect.map(find(name), ({ processes }) => Array.from(processes.values())),
        process: (name, id) =>
          Effect.flatMap(find(name), ({ processes }) => {
            const process = processes.get(formatId(id))
            return process === undefined
              ? Effect.fail(new UnknownProcess({ node: name, group: id.group, name: id.name }))
              : Effect.succeed(process)
          }),
        snapshot: Effect.zipWith(registry.state, looking, viewFleet),
        operate,
        update,
        readLog: Effect.fn("Fleet.readLog")(function* (log, { from, lengthBytesMax }) {
          const range = { from, lengthBytesMax: Math.min(lengthBytesMax, logBytesMax) }
          return yield* members
            .within(log.node, ({ driver }) => driver.readLog(log, log.channel, range))
            .pipe(within("readLog", readLogMs), Effect.catchTag("NodeError", unknownProcess(log.node, log)))
        }),
        followLog: (log) =>
          Stream.unwrap(
            Effect.map(members.get(log.node), ({ driver, gone }) =>
              Stream.interruptWhen(driver.followLog(log, log.channel), Deferred.await(gone))
            )
          ),
        reread: Effect.fn("Fleet.reread")(function* (name) {
          return yield* members.within(name, ({ driver }) => driver.reread).pipe(within("reread", readLogMs))
        }),
        refresh: Effect.fn("Fleet.refresh")(function* (name) {
          yield* members.within(name, ({ poller }) => Effect.timeoutOption(poller.refresh, refreshMsMax.asked))
          return yield* node(name)
        }),
        add: members.add,
        remove: members.remove,
        change: members.change
      })
    })
  )
