/** Signals, input and changes of the configuration of local programs, on a simulated machine. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Ref, Scope } from "effect"
import type { NodeError } from "../../../core/domain/NodeError.ts"
import type { DuplicateProgram } from "../../../core/local/LocalDriver.ts"
import type { ProgramConfig } from "../../../core/local/ProgramConfig.ts"
import * as Sim from "../../../sim/Sim.ts"
import { elapse, type Fate, holds, programOf, setUp, setUpWith, settle } from "./SimulatedPrograms.ts"

const web = { group: "web", name: "web" }

const deaf: Fate = { ignores: ["SIGTERM"] }

const reasonOf = <A>(effect: Effect.Effect<A, NodeError | DuplicateProgram>) =>
  Effect.map(Effect.flip(effect), (error) => {
    if (error._tag === "DuplicateProgram") return error.message
    return error.reason._tag === "Fault" ? error.reason.text : error.reason._tag
  })

describe("a signal", () => {
  it("goes to the program and not to its group, by name or number", () => {
    holds(
      Effect.gen(function* () {
        const { alive, driver } = yield* setUp(() => ({ children: [{}], exitCode: 1 }), { autorestart: false })
        yield* elapse(1_000)
        yield* driver.signal(web, "USR1")
        yield* settle
        // The leader is gone by it; its child is ended as what it has left behind.
        assert.strictEqual((yield* driver.process(web)).state, "EXITED")
        yield* elapse(1_000)
        assert.deepStrictEqual(yield* alive, [])
      })
    )
  })

  it("is refused when it is none, or when nothing runs", () => {
    holds(
      Effect.gen(function* () {
        const { driver, state } = yield* setUp(() => ({}), { stopwaitsecs: 1 })
        yield* elapse(1_000)
        assert.strictEqual(yield* reasonOf(driver.signal(web, "SIGNOTHING")), "BAD_SIGNAL: SIGNOTHING")
        assert.strictEqual(yield* reasonOf(driver.signal(web, "0")), "BAD_SIGNAL: 0")
        yield* driver.signal(web, "sigcont")
        yield* driver.signal(web, "18")
        assert.strictEqual(yield* state, "RUNNING")
        yield* driver.stop(web)
        yield* elapse(1_000)
        assert.strictEqual(yield* reasonOf(driver.signal(web, "HUP")), "NOT_RUNNING: web:web")
        assert.strictEqual(yield* reasonOf(driver.signal({ group: "x", name: "y" }, "HUP")), "BAD_NAME: x:y")
      })
    )
  })
})

describe("standard input", () => {
  it("takes text again and again", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUp(() => ({ echoes: true }), {})
        yield* settle
        yield* driver.sendStdin(web, "hello ")
        yield* driver.sendStdin(web, "wörld")
        yield* settle
        const { text } = yield* driver.readLog(web, "stdout", { from: 0, lengthBytesMax: 100 })
        assert.strictEqual(text, "hello wörld")
      })
    )
  })

  it("gives up on a program that does not read, and refuses one that does not run", () => {
    holds(
      Effect.gen(function* () {
        const { driver, now } = yield* setUp(() => ({}), { stopwaitsecs: 1 })
        yield* elapse(1_000)
        const flood = "x".repeat(100_000)
        assert.strictEqual(yield* reasonOf(driver.sendStdin(web, flood)), "TimedOut")
        assert.strictEqual(yield* reasonOf(driver.sendStdin(web, flood)), "TimedOut")
        assert.strictEqual(yield* now, 11_000)
        yield* driver.stop(web)
        yield* elapse(1_000)
        assert.strictEqual(yield* reasonOf(driver.sendStdin(web, "x")), "NOT_RUNNING: web:web")
      })
    )
  })

  it("says that it is closed", () => {
    holds(
      Effect.gen(function* () {
        const closing: Fate = {
          program: { main: (process) => Effect.andThen(process.close(0), Effect.never) }
        }
        const { driver } = yield* setUp(() => closing, {})
        yield* elapse(1_000)
        assert.strictEqual(
          yield* reasonOf(driver.sendStdin(web, "x")),
          "NO_FILE: web:web has closed its standard input"
        )
      })
    )
  })
})

describe("who it is", () => {
  it("is the node's name and what the console says of itself", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUpWith({ nodeName: "here", version: "1.2.3", pid: 7 }, () => ({}), {})
        assert.deepStrictEqual(yield* driver.identify, { identifier: "here", version: "1.2.3", pid: 7 })
      })
    )
  })

  it("runs a program as its user, and says why it cannot", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUp(() => ({}), { user: "ghost", startretries: 0 }, { name: "own", user: "root" })
        yield* elapse(1_000)
        const { spawnerr, state } = yield* driver.process(web)
        assert.deepStrictEqual([state, spawnerr], ["FATAL", `couldn't setuid to ghost: no user "ghost" is known`])
        assert.strictEqual((yield* driver.process({ group: "own", name: "own" })).state, "RUNNING")
      })
    )
  })
})

describe("reread, add and remove", () => {
  it("compare the configuration with what runs, and act by groups as supervisord does", () => {
    holds(
      Effect.gen(function* () {
        const file = yield* Ref.make<ReadonlyArray<ProgramConfig>>([])
        const { driver } = yield* setUpWith(
          { reread: Ref.get(file) },
          () => ({}),
          { name: "kept", stopwaitsecs: 1 },
          { name: "gone", stopwaitsecs: 1 },
          { name: "other", stopwaitsecs: 1 }
        )
        const added = programOf({ name: "fresh" })
        const changed = programOf({ name: "other", stopwaitsecs: 2 })
        yield* Ref.set(file, [changed, added, programOf({ name: "kept", stopwaitsecs: 1 })])
        assert.strictEqual(yield* reasonOf(driver.addGroup("fresh")), "BAD_NAME: fresh")
        assert.deepStrictEqual(yield* driver.reread, { added: ["fresh"], changed: ["other"], removed: ["gone"] })
        assert.strictEqual(yield* reasonOf(driver.addGroup("kept")), "ALREADY_ADDED: kept")
        assert.strictEqual(yield* reasonOf(driver.removeGroup("gone")), "STILL_RUNNING: gone")
        assert.strictEqual(yield* reasonOf(driver.removeGroup("fresh")), "BAD_NAME: fresh")
        yield* driver.addGroup("fresh")
        for (const name of ["gone", "other"]) {
          yield* driver.stop({ group: name, name })
          yield* settle
          yield* elapse(1_000)
          yield* driver.removeGroup(name)
        }
        yield* driver.addGroup("other")
        yield* elapse(2_000)
        const now = (yield* driver.processes).map(({ name, state }) => `${name} ${state}`)
        assert.deepStrictEqual(now, ["kept RUNNING", "fresh RUNNING", "other RUNNING"])
        assert.strictEqual((yield* driver.timing({ group: "other", name: "other" })).stopWaitSecs, 2)
        assert.deepStrictEqual(yield* driver.reread, { added: [], changed: [], removed: [] })
      })
    )
  })

  it("say why the configuration cannot be read", () => {
    holds(
      Effect.gen(function* () {
        const file = yield* Ref.make<Effect.Effect<ReadonlyArray<ProgramConfig>, { message: string }>>(
          Effect.fail({ message: "line 3" })
        )
        const { driver } = yield* setUpWith({ reread: Effect.flatten(Ref.get(file)) }, () => ({}), {})
        assert.strictEqual(yield* reasonOf(driver.reread), "CANT_REREAD: line 3")
        yield* Ref.set(file, Effect.succeed([programOf(), programOf()]))
        assert.include(yield* reasonOf(driver.reread), 'program "web:web" is there twice')
        yield* Ref.set(file, Effect.never)
        assert.strictEqual(yield* reasonOf(driver.reread), "TimedOut")
      })
    )
  })
})

describe("a reload", () => {
  const stubborn = { name: "web", stopwaitsecs: 2 } as const

  it("leaves what is the same alone, replaces what has changed, and drops what is gone", () => {
    holds(
      Effect.gen(function* () {
        const { alive, driver } = yield* setUp(
          () => deaf,
          { name: "same", stopwaitsecs: 2 },
          stubborn,
          { name: "gone", stopwaitsecs: 2 },
          { name: "idle", autostart: false, stopwaitsecs: 2 }
        )
        yield* elapse(1_000)
        const before = yield* driver.processes
        const wanted = [
          programOf({ name: "new" }),
          programOf({ ...stubborn, stopwaitsecs: 3 }),
          programOf({ name: "idle", autostart: false, stopwaitsecs: 3 }),
          programOf({ name: "same", stopwaitsecs: 2 })
        ]
        const done = yield* driver.reload(wanted)
        assert.deepStrictEqual(done, {
          kept: ["same:same"],
          added: ["new:new"],
          changed: ["web:web", "idle:idle"],
          removed: ["gone:gone"]
        })
        yield* elapse(1_000)
        const after = yield* driver.processes
        assert.deepStrictEqual(
          after.map(({ name, state }) => `${name} ${state}`),
          ["new RUNNING", "web RUNNING", "idle STOPPED", "same RUNNING"]
        )
        assert.strictEqual(after[3]?.pid, before[0]?.pid)
        assert.notStrictEqual(after[1]?.pid, before[1]?.pid)
        assert.lengthOf(yield* alive, 3)
        assert.strictEqual(
          yield* reasonOf(driver.reload([programOf(), programOf()])),
          'program "web:web" is there twice; expected group and name to differ'
        )
      })
    )
  })

  it("goes on when nobody waits for it any more, and one comes after another", () => {
    holds(
      Effect.gen(function* () {
        const { alive, driver } = yield* setUp(() => deaf, stubborn)
        yield* elapse(1_000)
        const first = yield* Effect.forkChild(driver.reload([programOf({ ...stubborn, startsecs: 2 })]))
        yield* elapse(yield* Sim.choose("workload", 3_000))
        yield* Fiber.interrupt(first)
        const done = yield* driver.reload([programOf({ ...stubborn, startsecs: 3 })])
        assert.deepStrictEqual(done.changed, ["web:web"])
        yield* elapse(2_999)
        assert.strictEqual((yield* driver.process(web)).state, "STARTING")
        yield* elapse(2)
        assert.strictEqual((yield* driver.process(web)).state, "RUNNING")
        assert.lengthOf(yield* alive, 1)
      }),
      { runs: 60 }
    )
  })

  it("is cut short by the end of the driver, which ends everything", () => {
    holds(
      Effect.gen(function* () {
        const { alive, driver, scope } = yield* setUp(() => deaf, stubborn, { name: "b", stopwaitsecs: 2 })
        yield* elapse(1_000)
        const reload = yield* Effect.forkChild(
          Effect.result(driver.reload([programOf({ ...stubborn, startsecs: 2 }), programOf({ name: "c" })]))
        )
        yield* elapse(yield* Sim.choose("workload", 4_000))
        yield* Scope.close(scope, Exit.void)
        const result = yield* Fiber.join(reload)
        yield* Sim.sometimes(result._tag)
        assert.deepStrictEqual(yield* alive, [])
        assert.strictEqual(yield* reasonOf(driver.reload([])), "ShuttingDown")
      }),
      { runs: 100 }
    )
  })
})

describe("priorities", () => {
  it("start from the lowest number and stop from the highest, one after another", () => {
    holds(
      Effect.gen(function* () {
        const { now, scope, sent, started } = yield* setUp(
          (command) => (command === "quick" ? { stopMs: 500 } : { stopMs: 300 }),
          { name: "last", command: "serve", priority: 20 },
          { name: "first", command: "quick", priority: 10 }
        )
        yield* elapse(1_000)
        assert.deepStrictEqual(
          started.map(({ process }) => process.command),
          ["quick", "serve"]
        )
        yield* Scope.close(scope, Exit.void)
        const pids = started.map(({ process }) => process.pid)
        assert.deepStrictEqual(sent, [`SIGTERM ${pids[1]}`, `SIGTERM ${pids[0]}`])
        assert.strictEqual(yield* now, 1_800)
      })
    )
  })
})
