/** The simulated machine does with processes, signals and pipes what a kernel does, under every schedule drawn. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import * as Machine from "../../../sim/process/Machine.ts"
import type { Ending, Program } from "../../../sim/process/Process.ts"
import * as SimProcesses from "../../../sim/process/SimProcesses.ts"
import * as Sim from "../../../sim/Sim.ts"
import { command, holds, isStuck, onMachine, table, textOf } from "./Worlds.ts"

const kill = (target: number, signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGUSR1") =>
  Machine.Machine.use((machine) => machine.kill(target, signal))

describe("signals", () => {
  it("end a process, unless it ignores or handles them", () => {
    const handler: Program = {
      main: (process) => Effect.andThen(process.on("SIGTERM", process.exit(7)), Effect.never)
    }
    holds(
      Effect.gen(function* () {
        const [plain, deaf, polite] = yield* Effect.forEach(["plain", "deaf", "polite"], (name) => command(name))
        // A signal that comes before the handler is there ends the process.
        yield* Effect.sleep(10)
        for (const pid of [plain?.pid, deaf?.pid, polite?.pid]) yield* kill(pid ?? 0, "SIGTERM")
        yield* Effect.sleep(10)
        assert.deepStrictEqual(yield* table, [`deaf ${deaf?.pid}<1000 running`])
        assert.strictEqual(Number(yield* polite?.exitCode ?? Effect.succeed(0)), 7)
      }),
      { plain: {}, deaf: { ignores: ["SIGTERM"] }, polite: handler }
    )
  })

  it("that come before the handler end the process", () => {
    const late: Program = {
      main: (process) =>
        Effect.andThen(Effect.sleep(5), Effect.andThen(process.on("SIGTERM", process.exit(0)), Effect.never))
    }
    holds(
      Effect.gen(function* () {
        const { exitCode, pid } = yield* command("late")
        yield* kill(pid, "SIGTERM")
        assert.include((yield* Effect.flip(exitCode)).message, "late")
      }),
      { late }
    )
  })

  it("wait while the process is stopped, except for SIGKILL", () => {
    holds(
      Effect.gen(function* () {
        const { pid } = yield* command("ticker")
        yield* kill(pid, "SIGSTOP")
        yield* kill(pid, "SIGTERM")
        assert.deepStrictEqual(yield* table, [`ticker ${pid}<1000 stopped`])
        yield* kill(pid, "SIGCONT")
        yield* Effect.sleep(1)
        assert.deepStrictEqual(yield* table, [])
        const second = yield* command("ticker")
        yield* kill(second.pid, "SIGSTOP")
        yield* kill(second.pid, "SIGKILL")
        yield* Effect.sleep(1)
        assert.deepStrictEqual(yield* table, [])
      }),
      { ticker: {} }
    )
  })

  it("reach a group in one step", () => {
    holds(
      Effect.gen(function* () {
        const leader = yield* command("family")
        yield* Effect.sleep(10)
        const watching = yield* Effect.forkChild(Effect.andThen(Effect.exit(leader.exitCode), table))
        yield* Effect.sleep(1)
        yield* kill(-Number(leader.pid), "SIGKILL")
        assert.notInclude((yield* Fiber.join(watching)).join(), "running")
      }),
      { family: { children: [{}, {}] } }
    )
  })

  it("stop what a process prints until SIGCONT", () => {
    const ticker: Program = {
      main: (process) => Effect.forever(Effect.andThen(process.print("x"), Effect.sleep(10)))
    }
    holds(
      Effect.gen(function* () {
        const handle = yield* command("ticker")
        const reading = yield* Effect.forkChild(textOf(handle.stdout))
        yield* Effect.sleep(35)
        yield* kill(handle.pid, "SIGSTOP")
        yield* Effect.sleep(1_000)
        yield* kill(handle.pid, "SIGKILL")
        assert.isAtMost((yield* Fiber.join(reading)).length, 4)
      }),
      { ticker }
    )
  })

  it("that are handled several times run the handler once while it is due, and again afterwards", () => {
    let handled = 0
    const counter: Program = {
      main: (process) =>
        Effect.andThen(
          process.on(
            "SIGUSR1",
            Effect.sync(() => void handled++)
          ),
          Effect.never
        )
    }
    holds(
      Effect.gen(function* () {
        handled = 0
        const { pid } = yield* command("counter")
        yield* Effect.sleep(1)
        for (let sent = 0; sent < 2; sent++) {
          yield* kill(pid, "SIGUSR1")
          yield* Effect.sleep(1)
        }
        assert.strictEqual(handled, 2)
        assert.isFalse(yield* kill(4_711, "SIGUSR1"))
      }),
      { counter }
    )
  })
})

describe("pipes", () => {
  it("make a flood wait for its reader, and end it by SIGPIPE when nobody reads", () => {
    const { sometimes } = holds(
      Effect.gen(function* () {
        const handle = yield* command("flood")
        assert.isTrue(yield* isStuck(handle.exitCode, 60_000))
        yield* (yield* Machine.Machine).crash
        yield* Effect.sleep(1)
        assert.deepStrictEqual(yield* table, [])
        yield* Sim.sometimes("the flood has ended")
      }),
      { flood: { floodBytes: Infinity } }
    )
    assert.strictEqual(sometimes.get("the flood has ended"), 100)
  })

  it("lose, repeat and reorder nothing, whatever is read at once", () => {
    const text = Array.from({ length: 2_000 }, (_, line) => `${line}\n`).join("")
    holds(
      Effect.gen(function* () {
        const handle = yield* command("counts")
        assert.strictEqual(yield* textOf(handle.stdout), text)
      }),
      { counts: { runMs: 0, stdout: text.match(/[^]{1,97}/g) ?? [] } },
      { pipeBytesMax: 100 }
    )
  })

  it("keep short writes of two writers whole", () => {
    holds(
      Effect.gen(function* () {
        const handle = yield* command("pair")
        const lines = (yield* textOf(handle.stdout)).trimEnd().split("\n")
        assert.strictEqual(lines.length, 40)
        for (const line of lines) assert.match(line, /^(a{20}|b{20})$/)
      }),
      {
        pair: {
          runMs: 0,
          stdout: Array.from({ length: 20 }, () => `${"a".repeat(20)}\n`),
          children: [{ runMs: 0, stdout: Array.from({ length: 20 }, () => `${"b".repeat(20)}\n`) }]
        }
      },
      { pipeBytesMax: 64 }
    )
  })

  it("give a program that ignores SIGPIPE a chance to notice", () => {
    const stubborn: Program = {
      ignores: ["SIGPIPE"],
      main: (process) =>
        Effect.gen(function* () {
          while (yield* process.write(1, "x")) yield* Effect.sleep(1)
          return 9
        })
    }
    const endings: Array<Ending | undefined> = []
    const parent: Program = {
      main: (process) =>
        Effect.gen(function* () {
          const pid = yield* process.fork(stubborn, { waitedFor: true })
          yield* process.close(1)
          endings.push(yield* process.wait(pid))
          return 0
        })
    }
    holds(
      Effect.gen(function* () {
        endings.length = 0
        yield* command("parent")
        yield* Effect.sleep(10)
        yield* (yield* Machine.Machine).crash
        yield* Effect.sleep(10)
        assert.deepStrictEqual(endings, [{ _tag: "exited", code: 9 }])
      }),
      { parent }
    )
  })
})

describe("parents and children", () => {
  const child = (does: Program, waitedFor: boolean): Program => ({
    main: (process) => Effect.andThen(process.fork(does, { command: "child", waitedFor }), Effect.never)
  })
  const brief: Program = { main: () => Effect.succeed(0) }

  it("make a zombie of a child that nobody waits for, until its parent is gone", () => {
    holds(
      Effect.gen(function* () {
        const { pid } = yield* command("parent")
        yield* Effect.sleep(10)
        assert.deepStrictEqual(yield* table, [`parent ${pid}<1000 running`, `child ${pid + 1}<${pid} zombie`])
        yield* kill(pid, "SIGKILL")
        yield* Effect.sleep(10)
        assert.deepStrictEqual(yield* table, [])
      }),
      { parent: child(brief, true) }
    )
  })

  it("leave orphans to init, which reaps them or does not", () => {
    const orphan: Program = { main: () => Effect.as(Effect.sleep(100), 0) }
    for (const initReaps of [true, false]) {
      holds(
        Effect.gen(function* () {
          const { pid } = yield* command("parent")
          yield* Effect.sleep(10)
          yield* kill(pid, "SIGKILL")
          yield* Effect.sleep(10)
          assert.deepStrictEqual(yield* table, [`child ${pid + 1}<1 running`])
          yield* Effect.sleep(200)
          assert.deepStrictEqual(yield* table, initReaps ? [] : [`child ${pid + 1}<1 zombie`])
        }),
        { parent: child(orphan, false) },
        { initReaps }
      )
    }
  })

  it("give no pid twice", () => {
    holds(
      Effect.gen(function* () {
        const pids = yield* Effect.forEach(Array.from({ length: 10 }), () =>
          Effect.map(Effect.scoped(Effect.tap(command("brief"), ({ exitCode }) => exitCode)), ({ pid }) => pid)
        )
        assert.strictEqual(new Set(pids).size, 10)
      }),
      { brief: { runMs: 0 } }
    )
  })
})

describe("a crash of the program under test", () => {
  it("leaves its children as orphans that go on, see the end of their input, and are there for the next one", () => {
    holds(
      Effect.gen(function* () {
        const machine = yield* Machine.Machine
        const daemon = yield* command("daemon")
        const reader = yield* command("reader")
        yield* Effect.sleep(10)
        yield* machine.crash
        yield* Effect.sleep(10)
        assert.deepStrictEqual(yield* table, [`daemon ${daemon.pid}<1 running`])
        assert.isFalse(yield* reader.isRunning)
        const next = yield* Effect.provide(command("daemon"), SimProcesses.layer, { local: true })
        assert.strictEqual((yield* table).length, 2)
        assert.isAbove(next.pid, daemon.pid)
      }),
      { daemon: {}, reader: { echoes: true } }
    )
  })

  it("runs none of its finalizers, whenever it comes", () => {
    const program = Effect.gen(function* () {
      const context = yield* Sim.RunContext
      const machine = yield* Machine.Machine
      const host = Effect.gen(function* () {
        yield* Effect.sync(() => context.enterHost(1))
        return yield* Effect.provide(
          Effect.scoped(Effect.andThen(command("deaf", { forceKillAfter: 5 }), Effect.sleep(20))),
          SimProcesses.layer,
          { local: true }
        )
      })
      yield* Effect.forkDetach(host)
      yield* Effect.sleep(yield* Sim.choose("workload", 30))
      yield* Effect.sync(() => context.killHost(1))
      yield* machine.crash
      const left = (yield* table).filter((line) => !line.endsWith("zombie"))
      yield* Effect.sleep(60_000)
      assert.deepStrictEqual(yield* table, left)
      yield* Sim.sometimes(left.length === 0 ? "nothing was left" : "an orphan was left")
      // The machine goes on for others.
      const next = Effect.flatMap(command("brief"), ({ exitCode }) => exitCode)
      assert.strictEqual(Number(yield* Effect.provide(next, SimProcesses.layer, { local: true })), 3)
    })
    const { sometimes } = holds(program, { deaf: { ignores: ["SIGTERM"] }, brief: { runMs: 1, exitCode: 3 } })
    assert.hasAllKeys(Object.fromEntries(sometimes), ["nothing was left", "an orphan was left"])
  })
})

describe("a program of the machine", () => {
  it("that dies of a defect is ended by SIGABRT, and the defect is seen", () => {
    const broken: Program = { main: () => Effect.die("a broken program") }
    const test = Effect.gen(function* () {
      const { exitCode } = yield* command("broken")
      yield* Effect.flip(exitCode)
    })
    const { defects, outcome } = Sim.run(onMachine(test, { broken }))
    assert.strictEqual(outcome, "done")
    assert.include(defects.join(), "a broken program")
  })

  it("runs its finalizers when it is killed, and can do nothing in them", () => {
    let cleaned = 0
    const careful: Program = {
      main: (process) =>
        Effect.ensuring(
          Effect.never,
          Effect.map(process.write(1, "last words"), (written) => void (cleaned += written ? 100 : 1))
        )
    }
    holds(
      Effect.gen(function* () {
        cleaned = 0
        const handle = yield* command("careful")
        yield* Effect.sleep(1)
        yield* handle.kill()
        assert.strictEqual(yield* textOf(handle.stdout), "")
        yield* Effect.sleep(1)
        assert.strictEqual(cleaned, 1)
        const stopped = yield* command("careful")
        yield* Effect.sleep(1)
        yield* kill(stopped.pid, "SIGSTOP")
        yield* kill(stopped.pid, "SIGKILL")
        yield* Effect.sleep(1)
        assert.strictEqual(cleaned, 2)
      }),
      { careful }
    )
  })

  it("takes no longer than it says", () => {
    holds(
      Effect.gen(function* () {
        const startMs = yield* Clock.currentTimeMillis
        const { exitCode } = yield* command("hour")
        assert.strictEqual(Number(yield* exitCode), 4)
        assert.strictEqual((yield* Clock.currentTimeMillis) - startMs, 3_600_000)
      }),
      { hour: { runMs: 3_600_000, exitCode: 4 } },
      { spawnMsMax: 0 }
    )
  })
})
