/** The local process manager under every order of its fibers that the simulator can draw, unchanged. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Schema, Scope } from "effect"
import * as LocalDriver from "../../../core/local/LocalDriver.ts"
import { ProgramConfigs } from "../../../core/local/ProgramConfig.ts"
import * as Sim from "../../../sim/Sim.ts"
import * as FakeSpawner from "./FakeSpawner.ts"

const behaviours: ReadonlyArray<FakeSpawner.Behaviour> = [
  {},
  { runMs: 300, exitCode: 1 },
  { runMs: 1_500, exitCode: 1, children: [["SIGTERM"]] },
  { ignores: ["SIGTERM"], children: [[], ["SIGTERM"]] },
  { spawnMs: 400 },
  { fails: "NotFound" }
]

const programs = Schema.decodeSync(ProgramConfigs)([
  { name: "a", command: "a", autorestart: true, stopwaitsecs: 2 },
  { name: "b", command: "b", stopwaitsecs: 1 }
])

const commands = ["start", "stop"] as const

/** Several callers ask at the same time, and the manager ends while they still do. */
const workload = Effect.gen(function* () {
  const { groups, layer } = FakeSpawner.make((command, attempt) => {
    const index = (attempt * (command === "a" ? 1 : 5)) % behaviours.length
    return behaviours[index] ?? {}
  })
  const scope = yield* Scope.make()
  const driver = yield* LocalDriver.make({ programs }).pipe(Effect.provide(layer), Scope.provide(scope))
  const look = Effect.gen(function* () {
    for (const { name, pid, state } of yield* driver.processes) {
      const alive = groups.filter((group) => group.command === name && FakeSpawner.isAlive(group))
      if (alive.length > 1) return yield* Effect.die(`two live groups of ${name}`)
      if (state === "STOPPED" && pid !== 0) return yield* Effect.die(`${name} is STOPPED with pid ${pid}`)
    }
  })
  const caller = Effect.gen(function* () {
    for (let asked = 0; asked < 6; asked++) {
      const name = (yield* Sim.choose("workload", 2)) === 0 ? "a" : "b"
      const command = commands[yield* Sim.choose("workload", commands.length)] ?? "start"
      yield* Effect.sleep((yield* Sim.choose("workload", 4)) * 500)
      yield* Effect.option(driver[command]({ group: name, name }))
      yield* look
    }
  })
  const callers = yield* Effect.forkChild(Effect.all([caller, caller, caller], { concurrency: "unbounded" }))
  yield* Effect.sleep(4_000)
  const closed = yield* Effect.timeoutOption(Effect.interruptible(Scope.close(scope, Exit.void)), 12_000)
  if (Option.isNone(closed)) return yield* Effect.die("not closed within 12 s")
  if (groups.some(FakeSpawner.isAlive)) return yield* Effect.die("a group is left")
  const joined = yield* Effect.timeoutOption(Fiber.join(callers), 60_000)
  if (Option.isNone(joined)) return yield* Effect.die("a caller waits for ever")
})

describe("LocalDriver in the simulator", () => {
  it("leaves nothing behind and nobody waiting, in any order of events", () => {
    const { failure, runs } = Sim.check(workload, { runs: 300, seed: 1 })
    assert.isUndefined(failure, `${failure?.outcome} ${failure?.token} ${JSON.stringify(failure?.exit)}`)
    assert.strictEqual(runs, 300)
  })
})
