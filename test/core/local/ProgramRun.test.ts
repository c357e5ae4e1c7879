/** Starts that the platform's spawner dies of, as it does where Node throws. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Scope, Sink, Stream } from "effect"
import { ChildProcessSpawner } from "effect/process"
import * as LocalDriver from "../../../core/local/LocalDriver.ts"
import * as SimHostProcesses from "../../../scenarios/ports/SimHostProcesses.ts"
import * as Disk from "../../../sim/fs/Disk.ts"
import * as SimFileSystem from "../../../sim/fs/SimFileSystem.ts"
import * as Machine from "../../../sim/process/Machine.ts"
import type { Verdict } from "../../../sim/Rules.ts"
import * as Sim from "../../../sim/Sim.ts"
import { elapse, type Fate, holds, programOf, settle, setUp } from "./SimulatedPrograms.ts"

const web = { group: "web", name: "web" }

const noMemory: Verdict = { _tag: "fail", code: "ENOMEM" }

/** A machine that nothing is asked of. */
const nowhere = Layer.merge(SimHostProcesses.layer, SimFileSystem.layer()).pipe(
  Layer.provide(Layer.merge(Machine.layer({ programs: {} }), Disk.layer()))
)

/** A driver with one program over a spawner of its own, which ends with the test. */
const driverOver = (spawner: ChildProcessSpawner.ChildProcessSpawner["Service"]) =>
  LocalDriver.make({ programs: [programOf({ startretries: 0, stopwaitsecs: 1 })] }).pipe(
    Effect.provideService(ChildProcessSpawner.ChildProcessSpawner, spawner),
    // Within the scope of the test, as the driver lives on.
    (driver) => Effect.flatMap(Layer.build(nowhere), (services) => Effect.provide(driver, services))
  )

/** A process that runs, and of which something cannot be asked. */
const handleOf = (exitCode: ChildProcessSpawner.ChildProcessHandle["exitCode"]) =>
  ChildProcessSpawner.makeHandle({
    pid: ChildProcessSpawner.ProcessId(7),
    exitCode,
    isRunning: Effect.succeed(true),
    kill: () => Effect.void,
    stdin: Sink.drain,
    stdout: Stream.empty,
    stderr: Stream.empty,
    all: Stream.empty,
    getInputFd: () => Sink.drain,
    getOutputFd: () => Stream.empty,
    unref: Effect.succeed(Effect.void)
  })

/** The start fails so often for want of memory, and goes well from then on. */
const starved =
  (times: number) =>
  (_: string, spawn: number): Fate =>
    spawn <= times ? { spawn: noMemory } : {}

describe("a start that the spawner dies of", () => {
  it("is a failed start: it is tried again, and given up at last", () => {
    const failures = Effect.gen(function* () {
      const times = yield* Sim.choose("workload", 4)
      const startretries = yield* Sim.choose("workload", 3)
      const { alive, driver, now, scope } = yield* setUp(starved(times), { startretries, stopwaitsecs: 1 })
      for (let failed = 1; failed <= Math.min(times, startretries); failed++) {
        const { spawnerr, state } = yield* driver.process(web)
        assert.deepStrictEqual([state, spawnerr], ["BACKOFF", "unknown error during fork for 'web': ENOMEM"])
        yield* elapse(failed * 1_000)
      }
      yield* elapse(1_000)
      const { spawnerr, state } = yield* driver.process(web)
      const given = times > startretries ? ["FATAL", "unknown error during fork for 'web': ENOMEM"] : ["RUNNING", ""]
      assert.deepStrictEqual([state, spawnerr], given)
      yield* Sim.sometimes(state)
      const beforeMs = yield* now
      yield* Scope.close(scope, Exit.void)
      assert.isAtMost((yield* now) - beforeMs, 1_000)
      assert.deepStrictEqual(yield* alive, [])
      assert.deepStrictEqual((yield* Sim.RunContext).defects(), [])
    })
    const { sometimes } = holds(failures, { runs: 200 })
    assert.containsAllKeys(Object.fromEntries(sometimes), ["FATAL", "RUNNING"])
  })

  it("ends a stop and the end of the driver that came in between", () => {
    const stopped = Effect.gen(function* () {
      const { driver, now, scope, state } = yield* setUp(() => ({ spawn: noMemory }), { startretries: 9 })
      yield* elapse((yield* Sim.choose("workload", 3)) * 500)
      yield* driver.stop(web)
      yield* settle
      assert.strictEqual(yield* state, "STOPPED")
      yield* driver.start(web)
      const beforeMs = yield* now
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* now, beforeMs)
      assert.strictEqual(yield* state, "STOPPED")
    })
    holds(stopped, { runs: 200 })
  })

  it("is logged when it names no error of the system", () => {
    const buggy = Effect.gen(function* () {
      const lines: Array<string> = []
      const log = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
      const driver = yield* Effect.provide(
        driverOver(ChildProcessSpawner.make(() => Effect.die(new Error("a bug")))),
        Logger.layer([log])
      )
      yield* settle
      const { spawnerr, state } = yield* driver.process(web)
      assert.deepStrictEqual([state, spawnerr], ["FATAL", "unknown error during fork for 'web': Unknown"])
      assert.deepStrictEqual(lines, ["Error the spawner died,Error: a bug"])
    })
    holds(buggy)
  })
})

describe("a defect after the start", () => {
  it("does not pass for a failed start", () => {
    const test = Effect.gen(function* () {
      const spawner = ChildProcessSpawner.make(() => Effect.succeed(handleOf(Effect.die(new Error("a bug")))))
      const driver = yield* driverOver(spawner)
      yield* settle
      const { pid, spawnerr, state } = yield* driver.process(web)
      assert.deepStrictEqual([pid, spawnerr, state], [7, "", "STARTING"])
      assert.strictEqual((yield* Sim.RunContext).defects().join().includes("a bug"), true)
    })
    holds(test)
  })
})
