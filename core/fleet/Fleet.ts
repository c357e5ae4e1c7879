/**
 * The fleet service: the nodes of the configuration, kept up to date by polling, and operations on their processes.
 *
 * Reads answer from the registry at once, also while nodes are away. An operation on a process talks to its node
 * alone; operations on one process run one after another.
 */
import { Context, Effect, Layer, Schema, type Scope } from "effect"
import type { NodeError } from "../domain/NodeError.ts"
import type { FleetSnapshot, NodeView } from "../domain/Node.ts"
import { formatId } from "../domain/Process.ts"
import type { ProcessId, ProcessInfo } from "../domain/Process.ts"
import { viewFleet, viewNode } from "./FleetState.ts"
import type { NodeEntry, NodeState } from "./FleetState.ts"
import * as KeyedLocks from "./KeyedLocks.ts"
import type { NodeDriver } from "./NodeDriver.ts"
import * as Operation from "./Operation.ts"
import * as Poller from "./Poller.ts"
import type { NodePoller, PollOptions } from "./Poller.ts"
import { Registry } from "./Registry.ts"

export class UnknownNode extends Schema.TaggedError<UnknownNode>()("UnknownNode", { node: Schema.String }) {}

export class UnknownProcess extends Schema.TaggedError<UnknownProcess>()("UnknownProcess", {
  node: Schema.String,
  group: Schema.String,
  name: Schema.String
}) {}

export interface FleetOptions {
  readonly poll: PollOptions
  readonly operations: Operation.OperationOptions
}

/** The longest that the answer to an operation waits for the registry to know of its outcome. */
const refreshMsMax = 2_000

/** A node to manage: its entry in the registry and how to talk to it. */
export interface ManagedNode {
  readonly entry: NodeEntry
  readonly driver: NodeDriver
}

export class Fleet extends Context.Service<
  Fleet,
  {
    readonly nodes: Effect.Effect<ReadonlyArray<NodeView>>
    readonly node: (name: string) => Effect.Effect<NodeView, UnknownNode>
    /** The processes as last reported, in the node's order. */
    readonly processes: (name: string) => Effect.Effect<ReadonlyArray<ProcessInfo>, UnknownNode>
    /** Nodes and processes after one event, all of a piece. */
    readonly snapshot: Effect.Effect<FleetSnapshot>
    /** Runs an operation to its observed end; see Operation. */
    readonly operate: (
      kind: Operation.OperationKind,
      node: string,
      process: ProcessId
    ) => Effect.Effect<Operation.OperationResult, UnknownNode | UnknownProcess | NodeError>
  }
>()("core/fleet/Fleet") {}

export const layer = <R>(
  nodes: Effect.Effect<ReadonlyArray<ManagedNode>, never, R>,
  options: FleetOptions
): Layer.Layer<Fleet, never, Registry | Exclude<R, Scope.Scope>> =>
  Layer.effect(
    Fleet,
    Effect.gen(function* () {
      const registry = yield* Registry
      const poller = yield* Poller.make(options.poll)
      const managed = new Map<string, { readonly driver: NodeDriver; readonly poller: NodePoller }>()
      for (const { driver, entry } of yield* nodes) {
        yield* registry.add(entry)
        managed.set(entry.name, { driver, poller: yield* poller.start(entry.name, driver) })
      }
      const locks = yield* KeyedLocks.make

      const find = (name: string): Effect.Effect<NodeState, UnknownNode> =>
        Effect.flatMap(registry.state, (state) => {
          const node = state.nodes.get(name)
          return node === undefined ? Effect.fail(new UnknownNode({ node: name })) : Effect.succeed(node)
        })

      const operate = Effect.fn("Fleet.operate")(function* (
        kind: Operation.OperationKind,
        node: string,
        id: ProcessId
      ) {
        const target = managed.get(node)
        if (target === undefined) return yield* new UnknownNode({ node })
        const what = `${kind} of ${node} ${formatId(id)}`
        return yield* Operation.run(kind, target.driver, id, options.operations).pipe(
          locks.withLock(`${node}/${formatId(id)}`),
          Effect.onError(() => target.poller.pollNow),
          // Whoever asks for the processes next sees what this answer tells.
          Effect.tap(() => Effect.timeoutOption(target.poller.refresh, refreshMsMax)),
          Effect.tap(({ detail, outcome, took_ms }) =>
            Effect.annotateLogs(Effect.logInfo(`${what}: ${outcome}, ${detail}`), { took_ms })
          ),
          Effect.tapError((error) => Effect.logWarning(`${what}: ${error.message}`)),
          Effect.catchTag("NodeError", (error) => {
            const unknown = error.reason._tag === "Fault" && error.reason.name === "BAD_NAME"
            return Effect.fail(unknown ? new UnknownProcess({ node, ...id }) : error)
          })
        )
      })

      return Fleet.of({
        nodes: Effect.map(registry.state, (state) => Array.from(state.nodes.values(), viewNode)),
        node: (name) => Effect.map(find(name), viewNode),
        processes: (name) => Effect.map(find(name), (node) => Array.from(node.processes.values())),
        snapshot: Effect.map(registry.state, viewFleet),
        operate
      })
    })
  )
