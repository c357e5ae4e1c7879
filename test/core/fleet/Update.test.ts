import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import type { ProcessInfo } from "../../../core/domain/Process.ts"
import type { ConfigDiff } from "../../../core/domain/Update.ts"
import * as Fleet from "../../../core/fleet/Fleet.ts"
import type { NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import { fault, make } from "./FakeDriver.ts"
import { fleetOf, fleetOptions, pass, settle } from "./Fleets.ts"
import { processIn } from "./Processes.ts"

interface Node {
  readonly driver: NodeDriver
  readonly calls: ReadonlyArray<string>
}

/** A node with groups of one process each; a stop takes `stopMs`, a start a second. */
const nodeWith = (
  running: ReadonlyArray<string>,
  diff: ConfigDiff,
  { changes = {}, fatal, stopMs = 500 }: { stopMs?: number; fatal?: string; changes?: Partial<NodeDriver> } = {}
): Node => {
  const calls: Array<string> = []
  const processOf = (group: string, atMs: number): ((nowMs: number) => ProcessInfo) => {
    const id = { group, name: group }
    return (nowMs) =>
      group === fatal
        ? processIn("FATAL", { ...id, spawnerr: "no such file" })
        : nowMs < atMs + 1_000
          ? processIn("STOPPED", { ...id, start: 0 })
          : processIn(nowMs < atMs + 2_000 ? "STARTING" : "RUNNING", id)
  }
  const groups = new Map<string, (nowMs: number) => ProcessInfo>(
    running.map((group) => [group, () => processIn("RUNNING", { group, name: group })])
  )
  const note = (what: string) =>
    Effect.tap(Clock.currentTimeMillis, (nowMs) => Effect.sync(() => calls.push(`${nowMs} ${what}`)))
  const { driver } = make({ process: processIn("RUNNING") })
  const processes = Effect.map(Clock.currentTimeMillis, (nowMs) => Array.from(groups.values(), (one) => one(nowMs)))
  return {
    calls,
    driver: {
      ...driver,
      reread: Effect.succeed(diff),
      processes,
      process: ({ group }) =>
        Effect.flatMap(processes, (all) => {
          const found = all.find((process) => process.group === group)
          return found === undefined ? Effect.fail(fault("BAD_NAME")) : Effect.succeed(found)
        }),
      stop: ({ group }) =>
        Effect.map(note(`stop ${group}`), (atMs) => {
          groups.set(group, (nowMs) =>
            processIn(nowMs < atMs + stopMs ? "STOPPING" : "STOPPED", { group, name: group })
          )
        }),
      addGroup: (group) => Effect.map(note(`add ${group}`), (atMs) => void groups.set(group, processOf(group, atMs))),
      removeGroup: (group) => Effect.map(note(`remove ${group}`), () => void groups.delete(group)),
      ...changes
    }
  }
}

const diff: ConfigDiff = { added: ["new"], changed: ["web"], removed: ["old", "older"] }

const update = ({ driver }: Node, { updateMs = 60_000, forMs = 70_000 } = {}) =>
  Effect.gen(function* () {
    const fleet = yield* Fleet.Fleet
    yield* settle
    const updating = yield* Effect.forkChild(Effect.result(fleet.update("node")))
    yield* pass(forMs)
    return yield* Fiber.join(updating)
  }).pipe(
    Effect.provide(
      fleetOf({ node: driver }, { options: { ...fleetOptions, operations: { ...fleetOptions.operations, updateMs } } })
    )
  )

const linesOf = (result: Effect.Success<ReturnType<typeof update>>) =>
  result._tag === "Success"
    ? result.success.groups.map(({ change, detail, group, outcome }) => `${change} ${group} ${outcome}: ${detail}`)
    : [result.failure.message]

describe("an update", () => {
  it.effect("removes, changes and adds groups in this order, each seen to its end", () =>
    Effect.gen(function* () {
      const node = nodeWith(["old", "older", "web", "kept"], diff)
      const result = yield* update(node)
      assert.deepStrictEqual(linesOf(result), [
        "removed old done: stopped and removed",
        "removed older done: stopped and removed",
        "changed web done: added; web:web is RUNNING",
        "added new done: added; new:new is RUNNING"
      ])
      assert.deepStrictEqual(node.calls, [
        "0 stop old",
        "500 remove old",
        "500 stop older",
        "1000 remove older",
        "1000 stop web",
        "1500 remove web",
        "1500 add web",
        "3500 add new"
      ])
    })
  )

  it.effect("goes on after a group that fails", () =>
    Effect.gen(function* () {
      const refusing = nodeWith(["old", "older", "web"], diff, { fatal: "new" })
      const removeGroup: NodeDriver["removeGroup"] = (group) =>
        group === "old" ? Effect.fail(fault("STILL_RUNNING")) : refusing.driver.removeGroup(group)
      const result = yield* update({ ...refusing, driver: { ...refusing.driver, removeGroup } })
      assert.deepStrictEqual(
        linesOf(result).map((line) => line.split(":")[0]),
        ["removed old failed", "removed older done", "changed web done", "added new failed"]
      )
      assert.include(linesOf(result)[3], "no such file")
    })
  )

  it.effect("adds no changed group that could not be stopped, and ends with its time", () =>
    Effect.gen(function* () {
      const node = nodeWith(["old", "older", "web"], diff, { stopMs: 100_000 })
      const result = yield* update(node, { updateMs: 20_000 })
      const lines = linesOf(result)
      // The program's own time to stop is 10 s, and 3 s of slack.
      assert.include(lines[0], "removed old failed: not stopped: old:old is still STOPPING")
      assert.include(lines[1], "removed older timeout")
      assert.include(lines[2], "changed web skipped")
      assert.include(lines[3], "added new skipped")
      assert.strictEqual(result._tag === "Success" ? result.success.took_ms : 0, 20_000)
    })
  )

  it.effect("adds no changed group that could not be stopped, when there is time left", () =>
    Effect.gen(function* () {
      const node = nodeWith(["web"], { added: [], changed: ["web"], removed: [] }, { stopMs: 100_000 })
      assert.include(linesOf(yield* update(node))[0], "changed web failed: not stopped")
      assert.deepStrictEqual(node.calls, ["0 stop web"])
    })
  )

  it.effect("begins when the one before on the same node has ended", () =>
    Effect.gen(function* () {
      const node = nodeWith([], { added: ["new"], changed: [], removed: [] })
      yield* Effect.gen(function* () {
        const fleet = yield* Fleet.Fleet
        const both = yield* Effect.forkChild(
          Effect.all([fleet.update("node"), fleet.update("node")], { concurrency: "unbounded" })
        )
        yield* pass(10_000)
        yield* Fiber.join(both)
        assert.deepStrictEqual(node.calls, ["0 add new", "2000 add new"])
      }).pipe(Effect.provide(fleetOf({ node: node.driver })))
    })
  )

  it.effect("is an error when the configuration is not read in time", () =>
    Effect.gen(function* () {
      const node = nodeWith([], diff, { changes: { reread: Effect.never } })
      const result = yield* update(node, { updateMs: 5_000 })
      assert.deepStrictEqual(linesOf(result), ["update: no reply within 5000 ms"])
    })
  )

  it.effect("waits for one of the same node, and both end", () =>
    Effect.gen(function* () {
      const node = nodeWith(["old"], { added: [], changed: [], removed: ["old"] }, { stopMs: 5_000 })
      yield* Effect.gen(function* () {
        const fleet = yield* Fleet.Fleet
        const both = yield* Effect.forkChild(
          Effect.all([fleet.update("node"), fleet.update("node")], { concurrency: "unbounded" })
        )
        yield* pass(20_000)
        const [first, second] = yield* Fiber.join(both)
        assert.deepStrictEqual([first.took_ms, second.took_ms], [5_000, 5_000])
        assert.deepStrictEqual(
          [first, second].map(({ groups }) => groups[0]?.outcome),
          ["done", "done"]
        )
        assert.deepStrictEqual(node.calls.filter((call) => call.endsWith("stop old")).length, 1)
      }).pipe(Effect.provide(fleetOf({ node: node.driver })))
    })
  )
})
