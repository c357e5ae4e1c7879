/** The faults of the simulated spawner, and what it holds. What it has in common with the real one: the contract. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, PlatformError, Scope, Stream } from "effect"
import { ChildProcess } from "effect/process"
import * as Machine from "../../../sim/process/Machine.ts"
import type { ProcessPoint } from "../../../sim/process/System.ts"
import { program } from "../../../sim/process/Behaviour.ts"
import * as SimProcesses from "../../../sim/process/SimProcesses.ts"
import { pass, type Verdict, withChance } from "../../../sim/Rules.ts"
import * as Sim from "../../../sim/Sim.ts"
import * as WallClock from "../../../sim/WallClock.ts"
import { command, errorOf, holds, isStuck, onMachine, table, textOf } from "./Worlds.ts"

/** Every point of this operation suffers the verdict while the scope is open. */
const suffer = (
  operation: ProcessPoint["operation"],
  verdict: Verdict,
  matches: (point: ProcessPoint) => boolean = () => true
) =>
  Machine.Machine.use((machine) =>
    machine.rule((point) => (point.operation === operation && matches(point) ? verdict : pass))
  )

describe("a start", () => {
  it.each<[Verdict, string]>([
    [{ _tag: "refuse" }, "Unknown EAGAIN"],
    [{ _tag: "fail", code: "EMFILE" }, "Unknown EMFILE"],
    [{ _tag: "fail", code: "EACCES" }, "PermissionDenied EACCES"]
  ])("that suffers %o fails with %s, and works again without the rule", (verdict, error) => {
    const { faults } = holds(
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* suffer("spawn", verdict)
            assert.strictEqual(yield* errorOf(command("web")), error)
          })
        )
        assert.deepStrictEqual(yield* table, [])
        assert.isTrue(yield* (yield* command("web")).isRunning)
      }),
      { web: {} }
    )
    assert.strictEqual([...faults.values()].join(), "100")
  })

  it("that fails for want of memory is a defect, as with the platform", () => {
    const failing = (code: string) => Effect.andThen(suffer("spawn", { _tag: "fail", code }), command("web"))
    for (const code of ["ENOMEM", "E2BIG"]) {
      const { outcome, message } = Sim.run(onMachine(Effect.asVoid(failing(code)), { web: {} }))
      assert.deepStrictEqual([outcome, message.startsWith(`died: spawn web ${code}`)], ["failed", true], message)
    }
  })

  it("is killed at once, comes later, or never, as the rules have it", () => {
    holds(
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* suffer("spawn", { _tag: "reset" })
            assert.include(yield* errorOf((yield* command("web")).exitCode), "SIGKILL")
          })
        )
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* suffer("spawn", { _tag: "delay", ms: 5_000 })
            const startMs = yield* Clock.currentTimeMillis
            yield* Effect.scoped(command("web"))
            assert.isAtLeast((yield* Clock.currentTimeMillis) - startMs, 5_000)
          })
        )
        yield* suffer("spawn", { _tag: "drop" })
        assert.isTrue(yield* isStuck(command("web"), 3_600_000))
        assert.deepStrictEqual(yield* table, [])
      }),
      { web: {} }
    )
  })

  it("fails while there are too many processes", () => {
    holds(
      Effect.gen(function* () {
        yield* command("web")
        yield* command("web")
        assert.strictEqual(yield* errorOf(command("web")), "Unknown EAGAIN")
      }),
      { web: {} },
      { processesMax: 2 }
    )
  })

  it("leaves nothing behind when it is interrupted, at any moment", () => {
    holds(
      Effect.gen(function* () {
        const starting = yield* Effect.forkChild(Effect.scoped(Effect.andThen(command("web"), Effect.never)))
        yield* Effect.sleep(yield* Sim.choose("workload", 5))
        yield* Fiber.interrupt(starting)
        assert.deepStrictEqual(yield* table, [])
      }),
      { web: {} }
    )
  })
})

describe("a signal", () => {
  it("is lost, and the one after it is not", () => {
    holds(
      Effect.gen(function* () {
        yield* suffer("signal", { _tag: "drop" }, ({ signal }) => signal === "SIGTERM")
        const handle = yield* command("web")
        assert.isTrue(yield* isStuck(handle.kill({ killSignal: "SIGTERM" }), 60_000))
        yield* handle.kill({ killSignal: "SIGTERM", forceKillAfter: 1_000 })
        assert.include(yield* errorOf(handle.exitCode), "SIGKILL")
      }),
      { web: {} }
    )
  })

  it("is late", () => {
    holds(
      Effect.gen(function* () {
        yield* suffer("signal", { _tag: "delay", ms: 700 })
        const handle = yield* command("web")
        const [took] = yield* Effect.timed(handle.kill())
        assert.strictEqual(Duration.toMillis(took), 700)
        assert.isFalse(yield* handle.isRunning)
      }),
      { web: {} }
    )
  })

  it("is not permitted", () => {
    holds(
      Effect.gen(function* () {
        const handle = yield* command("web")
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* suffer("signal", { _tag: "fail", code: "EPERM" })
            assert.strictEqual(yield* errorOf(handle.kill()), "Unknown Failed to kill child process")
          })
        )
        assert.isTrue(yield* handle.isRunning)
      }),
      { web: {} }
    )
  })

  it("that was never sent makes no difference: a rule may watch", () => {
    holds(
      Effect.gen(function* () {
        const seen: Array<string> = []
        yield* (yield* Machine.Machine).rule(({ command: name, operation, signal }) => {
          seen.push(`${operation} ${name}${signal === undefined ? "" : ` ${signal}`}`)
          return pass
        })
        yield* Effect.scoped(command("web", { killSignal: "SIGTERM", forceKillAfter: 10 }))
        assert.deepStrictEqual(seen, ["spawn web", "signal web SIGTERM", "signal web SIGKILL"])
      }),
      { web: { ignores: ["SIGTERM"] } }
    )
  })
})

describe("a pipe", () => {
  it.each<[Verdict, string]>([
    [{ _tag: "fail", code: "EIO" }, "Unknown EIO"],
    [{ _tag: "reset" }, "Unknown EIO"]
  ])("from a child fails with %o", (verdict, error) => {
    holds(
      Effect.gen(function* () {
        yield* suffer("read", verdict)
        const handle = yield* command("says")
        assert.strictEqual(yield* errorOf(textOf(handle.stdout)), error)
      }),
      { says: { stdout: ["hello"] } }
    )
  })

  it("to a child fails, is slow, or takes nothing any more", () => {
    const bytes = new TextEncoder().encode("hello")
    holds(
      Effect.gen(function* () {
        const feed = (verdict: Verdict) =>
          Effect.scoped(
            Effect.gen(function* () {
              yield* suffer("write", verdict)
              const handle = yield* command("echo")
              yield* Stream.run(Stream.make(bytes), handle.stdin)
              return yield* textOf(handle.stdout)
            })
          )
        assert.strictEqual(yield* errorOf(feed({ _tag: "refuse" })), "Unknown EPIPE")
        assert.strictEqual(yield* feed({ _tag: "delay", ms: 100 }), "hello")
        assert.isTrue(yield* isStuck(feed({ _tag: "drop" }), 60_000))
      }),
      { echo: { echoes: true } }
    )
  })

  it("whose input breaks off says so, whatever the child makes of it", () => {
    const torn = PlatformError.systemError({ _tag: "UnexpectedEof", module: "Test", method: "read" })
    const { failure } = Sim.check(
      onMachine(
        Effect.gen(function* () {
          const { exitCode } = yield* command("echo", { stdin: Stream.fail(torn) })
          assert.strictEqual(yield* Effect.flip(exitCode), torn)
        }),
        { echo: { echoes: true, exitCode: 7 } }
      ),
      { runs: 1_000 }
    )
    assert.isUndefined(failure?.message)
  })

  it("that is told to corrupt says that it cannot", () => {
    const test = Effect.gen(function* () {
      yield* suffer("read", { _tag: "corrupt" })
      yield* textOf((yield* command("says")).stdout)
    })
    assert.include(Sim.run(onMachine(test, { says: { stdout: ["hello"] } })).message, "does not corrupt")
  })
})

describe("the time before SIGKILL", () => {
  const killed = (jumpBy: "1 hour" | "-1 minute") =>
    Effect.gen(function* () {
      const handle = yield* command("deaf")
      const startNanos = yield* Clock.monotonicTimeNanos
      const killing = yield* Effect.forkChild(handle.kill({ killSignal: "SIGTERM", forceKillAfter: 10_000 }))
      yield* Effect.sleep(1_000)
      yield* WallClock.jump(jumpBy)
      yield* Fiber.join(killing)
      return Number(((yield* Clock.monotonicTimeNanos) - startNanos) / 1_000_000n)
    })

  it("goes by the wall clock, as with the platform", () => {
    const programs = { deaf: { ignores: ["SIGTERM"] } } as const
    holds(
      Effect.gen(function* () {
        const tookMs = yield* killed("1 hour")
        assert.isTrue(tookMs >= 1_000 && tookMs <= 1_250, `${tookMs} ms`)
      }),
      programs
    )
    holds(
      Effect.gen(function* () {
        assert.strictEqual(yield* killed("-1 minute"), 70_000)
      }),
      programs
    )
  })
})

describe("what a child holds", () => {
  /** What is still held when the program has ended, in each of some runs. */
  const held = (options: Parameters<typeof onMachine>[0], programs: Parameters<typeof onMachine>[1]) => {
    const open = new Set<string>()
    const watch = Effect.gen(function* () {
      const context = yield* Sim.RunContext
      const hold = (kind: string, what: string) => {
        const name = `${kind} ${what}`
        open.add(name)
        return () => void open.delete(name)
      }
      yield* onMachine(options, programs).pipe(Effect.provideService(Sim.RunContext, { ...context, hold }))
    })
    const { failure } = Sim.check(
      Effect.andThen(
        Effect.sync(() => open.clear()),
        watch
      ),
      { runs: 20 }
    )
    assert.isUndefined(failure?.message)
    return [...open]
  }

  it("is given back when nothing of its group is left", () => {
    const ended = Effect.asVoid(Effect.scoped(command("family")))
    assert.deepStrictEqual(held(ended, { family: { children: [{}, {}] } }), [])
  })

  it("is given back also when the spawner goes at the same moment, or before it", () => {
    const layer = SimProcesses.layer
    const { failure } = Sim.check(
      Effect.gen(function* () {
        yield* Effect.provide(Effect.scoped(command("family")), layer)
        yield* Effect.sleep(10)
      }).pipe(Effect.provide(Machine.layer({ programs: { family: program({}) } }))),
      { runs: 50, leaks: "fail" }
    )
    assert.isUndefined(failure?.message)
  })

  it("is a leak when the scope is never closed, or ends without the group", () => {
    const forgotten = Effect.gen(function* () {
      yield* Scope.provide(command("web"), yield* Scope.make())
    })
    assert.deepStrictEqual(held(forgotten, { web: {} }), ["child process web (pid 1001)"])
    const deaf = { children: [{ ignores: ["SIGTERM"] }] } as const
    const started = Effect.tap(command("deaf", { killSignal: "SIGTERM" }), () => Effect.sleep(10))
    const leaving = Effect.asVoid(Effect.scoped(started))
    assert.deepStrictEqual(held(leaving, { deaf }), ["child process deaf (pid 1001)"])
  })

  it("is none of the program's any more after unref, nor after a crash", () => {
    const released = Effect.asVoid(Effect.scoped(Effect.tap(command("web"), ({ unref }) => unref)))
    assert.deepStrictEqual(held(released, { web: {} }), [])
    const crashed = Effect.gen(function* () {
      yield* Scope.provide(command("web"), yield* Scope.make())
      yield* (yield* Machine.Machine).crash
    })
    assert.deepStrictEqual(held(crashed, { web: {} }), [])
  })
})

describe("a shell", () => {
  it("is a program like others, with the command as its script", () => {
    holds(
      Effect.gen(function* () {
        const handle = yield* ChildProcess.make("echo $HOME", { shell: true, env: { HOME: "/root" } })
        assert.strictEqual(yield* textOf(handle.stdout), '["-c","echo $HOME"]/root')
        assert.strictEqual(yield* errorOf(ChildProcess.make("x", { shell: "/bin/zsh" })), "NotFound ENOENT")
      }),
      {
        "/bin/sh": {
          main: (process) => Effect.as(process.print(JSON.stringify(process.args) + (process.env["HOME"] ?? "")), 0)
        }
      }
    )
  })
})

describe("rules by chance", () => {
  it("fail some starts and let others pass, and those that pass are complete", () => {
    const { faults } = holds(
      Effect.gen(function* () {
        const flaky = yield* withChance<ProcessPoint>(
          { num: 1, den: 2 },
          { _tag: "fail", code: "EAGAIN" },
          ({ operation }) => operation === "spawn"
        )
        yield* (yield* Machine.Machine).rule(flaky)
        for (let left = 4; left > 0; left--) {
          const spawned = yield* Effect.exit(Effect.flatMap(command("brief"), ({ exitCode }) => exitCode))
          if (Exit.isSuccess(spawned)) yield* Sim.sometimes("started")
        }
      }),
      { brief: { runMs: 5 } }
    )
    assert.isAtLeast(faults.get("process EAGAIN") ?? 0, 100)
  })
})
