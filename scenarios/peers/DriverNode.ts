/**
 * A node at the boundary of drivers: what the fleet asks is answered from memory, without a wire. For scenarios that
 * are about what lies above it.
 *
 * Models: processes that start and stop when they are asked to, a node that is slow, hangs or cannot be reached. Does
 * not model: programs that fail, deadlines of calls, and anything lost or broken on the way.
 */
import { Effect, Stream } from "effect"
import { NodeError, Unreachable } from "../../core/domain/NodeError.ts"
import type { ProcessInfo } from "../../core/domain/Process.ts"
import type { ManagedNode } from "../../core/fleet/Fleet.ts"
import type { NodeDriver } from "../../core/fleet/NodeDriver.ts"
import { process } from "./Reports.ts"

export type Trouble = "none" | "slow" | "hang" | "away"

export interface DriverNode {
  readonly managed: ManagedNode
  /** Each call takes so long, unless the node is slow. */
  latencyMs: number
  trouble: Trouble
  /** As it has them, whatever is known of it. */
  readonly processes: () => ReadonlyArray<ProcessInfo>
  /** The process ends and is started again by the node. */
  readonly kill: (name: string) => void
}

const slowMs = 1_500

/** A node with one group, `app`, of running processes of these names. */
export const make = (node: string, names: ReadonlyArray<string>): DriverNode => {
  let pid = 100
  const processes = new Map(names.map((name) => [name, process(name, ++pid)]))
  const turn = (name: string, next: (now: ProcessInfo) => ProcessInfo): void => {
    const now = processes.get(name)
    if (now !== undefined) processes.set(name, next(now))
  }
  const run = (now: ProcessInfo): ProcessInfo => ({ ...process(now.name, ++pid), stop: now.stop })
  const halt = (now: ProcessInfo): ProcessInfo => ({ ...now, state: "STOPPED", statecode: 0, pid: 0, stop: ++pid })
  const failed = (operation: string) =>
    new NodeError({ operation, reason: new Unreachable({ detail: "nobody listens" }) })
  const call = <A>(operation: string, answer: () => A | undefined): Effect.Effect<A, NodeError> =>
    Effect.gen(function* () {
      const { latencyMs, trouble } = self
      if (trouble === "hang") return yield* Effect.never
      if (latencyMs > 0 || trouble === "slow") yield* Effect.sleep(trouble === "slow" ? slowMs : latencyMs)
      const value = self.trouble === "away" ? undefined : answer()
      return value === undefined ? yield* failed(operation) : value
    })
  const accepted = (operation: string, act: () => void) =>
    Effect.asVoid(
      call(operation, () => {
        act()
        return true
      })
    )
  const driver: NodeDriver = {
    kind: "supervisord",
    identify: call("identify", () => ({ identifier: node, version: "4.2.5", pid: 7 })),
    processes: call("processes", () => Array.from(processes.values())),
    process: ({ name }) => call("process", () => processes.get(name)),
    start: ({ name }) => accepted("start", () => turn(name, run)),
    stop: ({ name }) => accepted("stop", () => turn(name, halt)),
    signal: () => accepted("signal", () => {}),
    sendStdin: () => accepted("sendStdin", () => {}),
    clearLog: () => accepted("clearLog", () => {}),
    timing: () => call("timing", () => ({ startSecs: 1, startRetries: 3, stopWaitSecs: 10 })),
    readLog: () =>
      call("readLog", () => ({ text: "", offset: 0, next: 0, size: 0, gap: 0, rotated: false, lossy: false })),
    followLog: () => Stream.never,
    reread: call("reread", () => ({ added: [], changed: [], removed: [] })),
    addGroup: () => accepted("addGroup", () => {}),
    removeGroup: () => accepted("removeGroup", () => {})
  }
  const self: DriverNode = {
    managed: { entry: { name: node, environment: undefined, kind: "supervisord" }, driver },
    latencyMs: 0,
    trouble: "none",
    processes: () => Array.from(processes.values()),
    kill: (name) => turn(name, run)
  }
  return self
}
