/** The local process manager, unchanged, on a simulated machine, under every order of events that is drawn. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Schema, Scope } from "effect"
import * as LocalDriver from "../../../core/local/LocalDriver.ts"
import { ProgramConfigs } from "../../../core/local/ProgramConfig.ts"
import { type Behaviour, program } from "../../../sim/process/Behaviour.ts"
import * as Disk from "../../../sim/fs/Disk.ts"
import * as Machine from "../../../sim/process/Machine.ts"
import { pass, type Verdict } from "../../../sim/Rules.ts"
import * as Sim from "../../../sim/Sim.ts"
import { ports } from "./SimulatedPrograms.ts"

const deaf: Behaviour = { ignores: ["SIGTERM"] }

const behaviours: ReadonlyArray<Behaviour> = [
  {},
  { runMs: 300, exitCode: 1 },
  { runMs: 1_500, exitCode: 1, children: [deaf] },
  { ...deaf, children: [{}, deaf] },
  { stopMs: 700, floodBytes: 100_000 },
  { runMs: 900, stdout: ["hello"], stderr: ["world"] }
]

/** What may befall a start; most go well. */
const starts: ReadonlyArray<Verdict> = [
  pass,
  pass,
  pass,
  { _tag: "delay", ms: 400 },
  { _tag: "fail", code: "ENOENT" },
  { _tag: "fail", code: "ENOMEM" },
  { _tag: "refuse" },
  { _tag: "reset" }
]

const programs = Schema.decodeSync(ProgramConfigs)([
  { name: "a", command: "a", autorestart: true, stopwaitsecs: 2 },
  { name: "b", command: "b", stopwaitsecs: 1 }
])

const behave = (offset: number) => program((start) => behaviours[(start * offset) % behaviours.length] ?? {})
const machine = Machine.layer({ programs: { a: behave(1), b: behave(5) } })
const world = Layer.provideMerge(ports, Layer.merge(machine, Disk.layer()))

const commands = ["start", "stop"] as const

/** Groups of a program with a member that lives, zombies aside. */
const groupsOf = (name: string) =>
  Machine.Machine.use(({ processes }) =>
    Effect.map(
      processes,
      (all) =>
        new Set(all.flatMap(({ command, group, state }) => (command === name && state !== "zombie" ? [group] : [])))
    )
  )

/** In these states nothing is under way. */
const ended: ReadonlySet<string> = new Set(["STOPPED", "EXITED", "FATAL"])

/** Several callers ask at the same time, and the manager ends while they still do. */
const workload = Effect.gen(function* () {
  const { processes, rule } = yield* Machine.Machine
  const context = yield* Sim.RunContext
  yield* rule(({ operation }) =>
    operation === "spawn" ? (starts[context.choose("faults", starts.length)] ?? pass) : pass
  )
  const scope = yield* Scope.make()
  const driver = yield* Scope.provide(LocalDriver.make({ programs }), scope)
  const look = Effect.gen(function* () {
    for (const { name, pid, state } of yield* driver.processes) {
      if ((yield* groupsOf(name)).size > 1) return yield* Effect.die(`two live groups of ${name}`)
      if (state === "STOPPED" && pid !== 0) return yield* Effect.die(`${name} is STOPPED with pid ${pid}`)
      yield* Sim.sometimes(state)
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
  for (const { name, state } of yield* driver.processes) {
    if (!ended.has(state)) return yield* Effect.die(`${name} is ${state} after the end`)
  }
  const left = yield* processes
  if (left.length > 0) return yield* Effect.die(`left: ${JSON.stringify(left)}`)
  const joined = yield* Effect.timeoutOption(Fiber.join(callers), 60_000)
  if (Option.isNone(joined)) return yield* Effect.die("a caller waits for ever")
})

describe("LocalDriver in the simulator", () => {
  it("leaves nothing behind and nobody waiting, in any order of events", () => {
    const { failure, runs, sometimes } = Sim.check(Effect.provide(Effect.scoped(workload), world), {
      runs: 300,
      seed: 1
    })
    assert.isUndefined(failure, `${failure?.outcome} ${failure?.token} ${failure?.message}`)
    assert.strictEqual(runs, 300)
    assert.containsAllKeys(Object.fromEntries(sometimes), ["STARTING", "RUNNING", "BACKOFF", "STOPPING", "STOPPED"])
  })
})
