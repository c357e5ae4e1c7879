/** What follows from events: the fleet as it is for somebody who began with nothing and took in all of them. Pure. */
import type { FleetEvent } from "../../core/domain/FleetEvent.ts"
import type { NodeWithProcesses } from "../../core/domain/Node.ts"
import { formatId } from "../../core/domain/Process.ts"

interface Known {
  readonly status: string
  readonly incarnation: number
  /** State and process id by `group:name`. */
  readonly processes: ReadonlyMap<string, string>
}

const unknown: Known = { status: "unknown", incarnation: 0, processes: new Map() }

const step = (before: Known, event: FleetEvent): Known => {
  switch (event.type) {
    case "node.added":
      return { status: event.view.status, incarnation: event.view.incarnation, processes: new Map() }
    case "node.status":
      return { ...before, status: event.to }
    case "node.restarted":
      return { ...before, incarnation: event.incarnation }
    case "process.added":
    case "process.state":
    case "process.restarted": {
      const { pid, state } = event.process
      return { ...before, processes: new Map(before.processes).set(formatId(event.process), `${state} ${pid}`) }
    }
    case "process.removed": {
      const processes = new Map(before.processes)
      processes.delete(formatId(event))
      return { ...before, processes }
    }
    case "node.removed":
    case "operation.started":
    case "operation.finished":
    case "batch.changed":
      return before
  }
}

const replay = (events: ReadonlyArray<FleetEvent>): ReadonlyMap<string, Known> => {
  const nodes = new Map<string, Known>()
  for (const event of events) {
    if (!("node" in event) || event.type.startsWith("operation.")) continue
    if (event.type === "node.removed") nodes.delete(event.node)
    // An event of a node that was not added shows as a node too many.
    else nodes.set(event.node, step(nodes.get(event.node) ?? unknown, event))
  }
  return nodes
}

const describe = (name: string, { incarnation, processes, status }: Known): string =>
  `${name} ${status} life ${incarnation}: ${
    Array.from(processes, ([id, what]) => `${id} ${what}`)
      .toSorted()
      .join(", ") || "nothing"
  }`

/** In what a snapshot differs from all events up to it, in words; undefined when it does not. */
export const differenceOf = (
  events: ReadonlyArray<FleetEvent>,
  snapshot: ReadonlyArray<NodeWithProcesses>
): string | undefined => {
  const told = Array.from(replay(events), ([name, known]) => describe(name, known)).toSorted()
  const shown = snapshot
    .map(({ node, processes }) =>
      describe(node.name, {
        status: node.status,
        incarnation: node.incarnation,
        processes: new Map(processes.map((process) => [formatId(process), `${process.state} ${process.pid}`]))
      })
    )
    .toSorted()
  return told.join("; ") === shown.join("; ")
    ? undefined
    : `it holds ${shown.join("; ")}, the events ${told.join("; ")}`
}
