/**
 * The fleet as somebody sees it whose limits leave some of it out: what is left out is as if it were not there, also in
 * the counts of what is. For one without limits it is the fleet itself, at no cost.
 *
 * What is told of a name outside of the limits depends on the limits alone, never on whether there is such a thing.
 */
import { Effect } from "effect"
import { CurrentPrincipal, isUnlimited, NotPermitted, seesNode, seesProcess, seesWholeNode } from "../domain/Access.ts"
import type { Limited } from "../domain/Access.ts"
import type { NodeError } from "../domain/NodeError.ts"
import type { FleetSnapshot, NodeView } from "../domain/Node.ts"
import type { ProcessId, ProcessInfo } from "../domain/Process.ts"
import type { ConfigDiff, UpdateResult } from "../domain/Update.ts"
import { UnknownNode, UnknownProcess } from "./Fleet.ts"
import type { Fleet } from "./Fleet.ts"
import { countStates } from "./FleetState.ts"

type Whole = Fleet["Service"]

/** What can be asked of the fleet on somebody's behalf. */
export interface SeenFleet extends Pick<
  Whole,
  "nodes" | "node" | "processes" | "process" | "snapshot" | "operate" | "readLog" | "refresh"
> {
  readonly reread: (node: string) => Effect.Effect<ConfigDiff, UnknownNode | NotPermitted | NodeError>
  readonly update: (node: string) => Effect.Effect<UpdateResult, UnknownNode | NotPermitted | NodeError>
}

/** Of somebody, what hides anything: undefined for one without limits, and for the console itself. */
export const limitsOf = <P extends Limited>(principal: P | undefined): P | undefined =>
  principal === undefined || isUnlimited(principal) ? undefined : principal

/** The fleet as whoever makes the current request sees it. */
export const seen = (fleet: Whole): Effect.Effect<SeenFleet> =>
  Effect.map(CurrentPrincipal, (principal) => seenBy(fleet, principal))

export const seenBy = (fleet: Whole, principal: Limited | undefined): SeenFleet => {
  const limited = limitsOf(principal)
  return limited === undefined ? fleet : limitedFleet(fleet, limited)
}

/** Nodes and processes that are there for this one. */
export const seenSnapshot = (principal: Limited | undefined, snapshot: FleetSnapshot): FleetSnapshot => {
  const limited = limitsOf(principal)
  if (limited === undefined) return snapshot
  const nodes = snapshot.nodes
    .filter(({ node }) => seesNode(limited, node.name))
    .map(({ node, processes: all }) => {
      const processes = seenProcesses(limited, node.name, all)
      return { node: seenView(limited, node, processes), processes }
    })
  return { seq: snapshot.seq, nodes }
}

const seenProcesses = (limited: Limited, node: string, processes: ReadonlyArray<ProcessInfo>) =>
  seesWholeNode(limited, node) ? processes : processes.filter((process) => seesProcess(limited, node, process))

/** The same view when the whole node is seen: its text may be known. */
const seenView = (limited: Limited, node: NodeView, processes: ReadonlyArray<ProcessInfo>): NodeView =>
  seesWholeNode(limited, node.name) ? node : { ...node, processes: countStates(processes) }

const limitedFleet = (fleet: Whole, limited: Limited): SeenFleet => {
  const requireNode = (node: string): Effect.Effect<NodeView, UnknownNode> =>
    seesNode(limited, node) ? fleet.node(node) : Effect.fail(new UnknownNode({ node }))
  const requireProcess = (node: string, { group, name }: ProcessId) =>
    Effect.andThen(
      requireNode(node),
      seesProcess(limited, node, { group, name }) ? Effect.void : Effect.fail(new UnknownProcess({ node, group, name }))
    )
  const requireWhole = (node: string) =>
    Effect.andThen(
      requireNode(node),
      seesWholeNode(limited, node)
        ? Effect.void
        : Effect.fail(new NotPermitted({ message: "this takes rights on all processes of the node" }))
    )
  const processes = (node: string) =>
    Effect.map(Effect.andThen(requireNode(node), fleet.processes(node)), (all) => seenProcesses(limited, node, all))
  const show = (view: NodeView) =>
    seesWholeNode(limited, view.name)
      ? Effect.succeed(view)
      : Effect.map(processes(view.name), (some) => seenView(limited, view, some))
  return {
    nodes: Effect.flatMap(fleet.nodes, (nodes) =>
      Effect.map(
        Effect.forEach(nodes, (view) =>
          seesNode(limited, view.name) ? Effect.option(show(view)) : Effect.succeedNone
        ),
        (shown) => shown.flatMap((view) => (view._tag === "Some" ? [view.value] : []))
      )
    ),
    node: (node) => Effect.flatMap(requireNode(node), show),
    processes,
    process: (node, id) => Effect.andThen(requireProcess(node, id), fleet.process(node, id)),
    snapshot: Effect.map(fleet.snapshot, (snapshot) => seenSnapshot(limited, snapshot)),
    operate: (request, node, id, limits) =>
      Effect.andThen(requireProcess(node, id), fleet.operate(request, node, id, limits)),
    readLog: (log, range) => Effect.andThen(requireProcess(log.node, log), fleet.readLog(log, range)),
    refresh: (node) => Effect.flatMap(Effect.andThen(requireNode(node), fleet.refresh(node)), show),
    reread: (node) => Effect.andThen(requireWhole(node), fleet.reread(node)),
    update: (node) => Effect.andThen(requireWhole(node), fleet.update(node))
  }
}
