/** Consoles that are killed, on one simulated machine: their next lives end what they have left, and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Schema } from "effect"
import * as LocalDriver from "../../../core/local/LocalDriver.ts"
import { ProgramConfigs } from "../../../core/local/ProgramConfig.ts"
import * as Disk from "../../../sim/fs/Disk.ts"
import * as Host from "../../../sim/Host.ts"
import { type Behaviour, program } from "../../../sim/process/Behaviour.ts"
import * as Machine from "../../../sim/process/Machine.ts"
import * as Sim from "../../../sim/Sim.ts"
import { ports } from "./SimulatedPrograms.ts"

const deaf: Behaviour = { ignores: ["SIGTERM"] }

const machine = Machine.layer({
  programs: {
    plain: program({ children: [{}] }),
    deaf: program({ ...deaf, children: [deaf] }),
    // Its child leaves the group, as a daemon does.
    daemon: program({ children: [{ ...deaf, session: true }] })
  }
})

const names = ["plain", "deaf", "daemon"] as const

const programs = Schema.decodeSync(ProgramConfigs)(
  names.map((name) => ({ name, command: name, stopwaitsecs: 1, startsecs: 0 }))
)

/** A life of a console: until it is interrupted or crashes. */
const life = (instance: string) =>
  LocalDriver.make({ programs, instance }).pipe(
    Effect.andThen(Effect.never),
    Effect.scoped,
    Effect.provide(Layer.merge(ports, Logger.layer([])))
  )

/** Processes that run, by their commands, those of a group as one. */
const groups = Effect.map(
  Machine.Machine.use(({ processes }) => processes),
  (all) => [...new Set(all.flatMap(({ command, group, state }) => (state === "zombie" ? [] : [`${command} ${group}`])))]
)

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const commandsOf = (running: ReadonlyArray<string>) =>
  running.map((group) => group.split(" ")[0] ?? "").toSorted(byText)

/** Each once, and the daemon with the child that has left its group. */
const complete = ["daemon", "daemon", "deaf", "plain"]

const crashes = (instanceOf: (life: number) => string) =>
  Effect.gen(function* () {
    const host = yield* Host.make("console")
    const { crash } = yield* Machine.Machine
    yield* host.onCrash(crash)
    const lives = 2 + (yield* Sim.choose("workload", 3))
    for (let number = 1; number < lives; number++) {
      yield* Effect.forkChild(Effect.ignore(host.run(life(instanceOf(number)))))
      yield* Effect.sleep(yield* Sim.choose("workload", 3_000))
      // Somewhere within what the console does in this millisecond.
      yield* Effect.repeat(Effect.yieldNow, { times: yield* Sim.choose("faults", 60) })
      yield* host.crash
      if ((yield* groups).length > 0) yield* Sim.sometimes("orphans")
    }
    const last = yield* Effect.forkChild(host.run(life(instanceOf(lives))), { startImmediately: true })
    yield* Effect.sleep(8_000)
    const running = yield* groups
    yield* host.crash
    yield* Fiber.await(last)
    for (const group of running) yield* Machine.Machine.use(({ kill }) => kill(-Number(group.split(" ")[1]), "SIGKILL"))
    yield* Effect.sleep(10)
    return running
  }).pipe(Effect.scoped)

const check = (test: Effect.Effect<void, never, Machine.Machine | Disk.Disk | Sim.RunContext>) =>
  Sim.check(Effect.provide(test, Layer.merge(machine, Disk.layer())), { runs: 150 })

describe("a console that is killed at any moment", () => {
  it("has each of its programs running once after its next start", () => {
    const { failure, sometimes } = check(
      Effect.gen(function* () {
        const running = yield* crashes(() => "here")
        assert.deepStrictEqual(commandsOf(running), complete)
      })
    )
    assert.isUndefined(failure, `${failure?.outcome} ${failure?.token} ${failure?.message}`)
    assert.isAbove(sometimes.get("orphans") ?? 0, 50)
  })

  it("leaves alone what another console has started", () => {
    const { failure } = check(
      Effect.gen(function* () {
        const other = yield* Effect.forkChild(life("there"), { startImmediately: true })
        yield* Effect.sleep(100)
        const before = yield* groups
        const again = yield* Effect.forkChild(life("there"), { startImmediately: true })
        yield* Effect.sleep(3_000)
        const both = yield* groups
        // The other one lives: not even the same name gives a right to its programs.
        assert.deepStrictEqual(
          before.filter((group) => !both.includes(group)),
          []
        )
        yield* Effect.forEach([other, again], (fiber) => Effect.sync(() => fiber.interruptUnsafe()), { discard: true })
        yield* Effect.sleep(20_000)
      })
    )
    assert.isUndefined(failure, `${failure?.outcome} ${failure?.token} ${failure?.message}`)
  })
})
