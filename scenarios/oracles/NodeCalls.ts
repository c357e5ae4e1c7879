/**
 * What the console really asks of its nodes: every call of a driver beneath all that guards it, with its time and end.
 * Put in by wrapping the drivers, so that the console around them is the real one.
 */
import { Clock, Effect, Exit } from "effect"
import type { ConsoleParts } from "../../core/Console.ts"
import type { ManagedNode } from "../../core/fleet/Fleet.ts"
import type { NodeDriver } from "../../core/fleet/NodeDriver.ts"
import type { NodeError } from "../../core/domain/NodeError.ts"

export interface NodeCall {
  readonly node: string
  readonly method: string
  readonly startedMs: number
  /** Undefined while it is under way. */
  readonly endedMs: number | undefined
  /** `done`, `interrupted`, or the reason of the error. */
  readonly outcome: string | undefined
}

export interface NodeCalls {
  /** The parts with all drivers watched. */
  readonly parts: ConsoleParts
  /** All calls so far, in the order in which they began. */
  readonly all: () => ReadonlyArray<NodeCall>
  /** The newest call of a node that was answered, as its place in `all`; -1 for none. */
  readonly newestAnswered: (node: string) => number
  /** Those under way, by their places in `all`. */
  readonly open: () => ReadonlyMap<number, NodeCall>
  /** Calls under way now: all, or those of a node or of methods. Cheap: it is asked at every switch of fibers. */
  readonly underWay: (which?: { readonly node?: string; readonly methods?: ReadonlyArray<string> }) => number
}

/** Changes the drivers of all nodes. */
export const withDrivers =
  (change: (node: string, driver: NodeDriver) => NodeDriver) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    fleet: (nodes, options) =>
      parts.fleet(
        Effect.map(nodes, (all) =>
          all.map((managed): ManagedNode => ({ ...managed, driver: change(managed.entry.name, managed.driver) }))
        ),
        options
      )
  })

/** Changes every call of a driver but the following of logs; `method` is its name. */
export const mapCalls = (
  driver: NodeDriver,
  change: (method: string) => <A>(call: Effect.Effect<A, NodeError>) => Effect.Effect<A, NodeError>
): NodeDriver => ({
  ...driver,
  identify: change("identify")(driver.identify),
  processes: change("processes")(driver.processes),
  process: (id) => change("process")(driver.process(id)),
  start: (id) => change("start")(driver.start(id)),
  stop: (id) => change("stop")(driver.stop(id)),
  signal: (id, signal) => change("signal")(driver.signal(id, signal)),
  sendStdin: (id, chars) => change("sendStdin")(driver.sendStdin(id, chars)),
  clearLog: (id) => change("clearLog")(driver.clearLog(id)),
  timing: (id) => change("timing")(driver.timing(id)),
  readLog: (id, channel, range) => change("readLog")(driver.readLog(id, channel, range)),
  reread: change("reread")(driver.reread),
  addGroup: (group) => change("addGroup")(driver.addGroup(group)),
  removeGroup: (group) => change("removeGroup")(driver.removeGroup(group))
})

const outcomeOf = (exit: Exit.Exit<unknown, NodeError>): string => {
  if (Exit.isSuccess(exit)) return "done"
  const [reason] = exit.cause.reasons
  if (reason?._tag === "Fail") return reason.error.reason._tag
  return reason?._tag === "Die" ? "died" : "interrupted"
}

/** Watches the drivers of the parts. */
export const watch = (parts: ConsoleParts): NodeCalls => {
  const calls: Array<NodeCall> = []
  const open = new Map<number, NodeCall>()
  const answered = new Map<string, number>()
  const begin = (node: string, method: string) =>
    Effect.map(Clock.currentTimeMillis, (startedMs) => {
      const call = { node, method, startedMs, endedMs: undefined, outcome: undefined }
      open.set(calls.length, call)
      return calls.push(call) - 1
    })
  const watched = (node: string, driver: NodeDriver): NodeDriver =>
    mapCalls(
      driver,
      (method) => (call) =>
        Effect.acquireUseRelease(
          begin(node, method),
          () => call,
          (index, exit) =>
            Effect.map(Clock.currentTimeMillis, (endedMs) => {
              const started = open.get(index)
              open.delete(index)
              if (started !== undefined) calls[index] = { ...started, endedMs, outcome: outcomeOf(exit) }
              if (Exit.isSuccess(exit)) answered.set(node, Math.max(index, answered.get(node) ?? -1))
            })
        )
    )
  return {
    parts: withDrivers(watched)(parts),
    all: () => calls,
    newestAnswered: (node) => answered.get(node) ?? -1,
    open: () => open,
    underWay: ({ methods, node } = {}) => {
      let count = 0
      for (const call of open.values()) {
        if ((node ?? call.node) === call.node && (methods?.includes(call.method) ?? true)) count++
      }
      return count
    }
  }
}
