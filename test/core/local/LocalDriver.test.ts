/** The local process manager on a simulated machine: what it does when, under many schedules each. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import * as fc from "fast-check"
import type { NodeError } from "../../../core/domain/NodeError.ts"
import type { Program } from "../../../sim/process/Process.ts"
import type { Signal } from "../../../sim/process/Signal.ts"
import * as Sim from "../../../sim/Sim.ts"
import { elapse, type Fate, holds, setUp, settle } from "./SimulatedPrograms.ts"

const web = { group: "web", name: "web" }

/** It has no end of its own, and its stop signal does nothing. */
const deaf: Fate = { ignores: ["SIGTERM"] }

/** Only for some of the starts, counted from 1. */
const first = (fate: Fate) => (_: string, spawn: number) => (spawn === 1 ? fate : {})

const reasonOf = <A>(effect: Effect.Effect<A, NodeError>) =>
  Effect.map(Effect.flip(effect), ({ reason }) =>
    reason._tag === "Fault" ? `${reason.code} ${reason.text}` : reason._tag
  )

const children: fc.Arbitrary<ReadonlyArray<Fate>> = fc.array(fc.constantFrom({}, deaf), { maxLength: 2 })
const fates: fc.Arbitrary<Fate> = fc.record({
  spawn: fc.constantFrom(
    undefined,
    undefined,
    undefined,
    { _tag: "delay" as const, ms: 300 },
    { _tag: "fail" as const, code: "ENOENT" },
    { _tag: "fail" as const, code: "ENOMEM" }
  ),
  runMs: fc.constantFrom(undefined, 0, 200, 1_500, 4_000),
  exitCode: fc.constantFrom(0, 1),
  ignores: fc.subarray<Signal>(["SIGTERM"]),
  children
})
const histories = fc.record({
  given: fc.array(fates, { minLength: 1, maxLength: 6 }),
  asked: fc.array(
    fc.record({
      command: fc.constantFrom("start" as const, "stop" as const),
      afterMs: fc.constantFrom(0, 0, 1, 100, 1_000, 2_500)
    }),
    { maxLength: 20 }
  ),
  autorestart: fc.constantFrom(true, false, "unexpected" as const)
})

/** Asks for starts and stops of a program with these fates, one for each of its starts, and then closes. */
const history = Effect.gen(function* () {
  const { asked, autorestart, given } = yield* Sim.draw(histories)
  const fateOf = (_: string, spawn: number) => given[(spawn - 1) % given.length] ?? {}
  const { alive, driver, scope, state: stateNow } = yield* setUp(fateOf, { autorestart, stopwaitsecs: 2 })
  const look = Effect.gen(function* () {
    const { pid, state } = yield* driver.process(web)
    const running = yield* alive
    const right = running.length <= (state === "STOPPED" ? 0 : 1) && (pid === 0 || running.every((it) => it === pid))
    if (!right) assert.fail(JSON.stringify({ state, pid, running, given, asked }))
    yield* Sim.sometimes(state)
  })
  for (const { afterMs, command } of asked) {
    yield* elapse(afterMs)
    yield* Effect.ignore(command === "start" ? driver.start(web) : driver.stop(web))
    yield* look
  }
  const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 500) {
    yield* elapse(500)
    yield* look
  }
  yield* Fiber.join(closing)
  assert.deepStrictEqual(yield* alive, [])
  assert.include(["STOPPED", "EXITED", "FATAL"], yield* stateNow)
})

describe("LocalDriver", () => {
  it("starts what has autostart and reports RUNNING after startsecs", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUp(() => ({}), { startsecs: 2 }, { name: "spare", autostart: false })
        const states = Effect.map(driver.processes, (all) => all.map(({ pid, state }) => `${state} ${pid}`))
        assert.deepStrictEqual(yield* states, ["STARTING 1002", "STOPPED 0"])
        yield* elapse(1_999)
        assert.deepStrictEqual(yield* states, ["STARTING 1002", "STOPPED 0"])
        yield* elapse(1)
        assert.deepStrictEqual(yield* states, ["RUNNING 1002", "STOPPED 0"])
        yield* elapse(68_000)
        const process = yield* driver.process(web)
        assert.strictEqual(process.description, "pid 1002, uptime 0:01:10")
        assert.deepStrictEqual([process.now - process.start, process.statecode], [70, 20])
        assert.strictEqual((yield* driver.process({ group: "spare", name: "spare" })).description, "Not started")
      })
    )
  })

  it("spawns the words of the command with the environment and the directory given", () => {
    holds(
      Effect.gen(function* () {
        const { started } = yield* setUp(
          () => ({}),
          { command: "serve --on 'a b'", directory: "/srv", environment: { A: "1" } },
          { name: "quick", command: "quick" }
        )
        const [served, quick] = ["serve", "quick"].map(
          (name) => started.find(({ process }) => process.command === name)?.process
        )
        assert.deepStrictEqual([served?.args, quick?.args], [["--on", "a b"], []])
        assert.deepStrictEqual([served?.cwd, quick?.cwd], ["/srv", "/"])
        assert.deepStrictEqual([served?.env, quick?.env], [{ PATH: "/bin", A: "1" }, { PATH: "/bin" }])
      })
    )
  })

  it("refuses with supervisord's faults", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUp(() => deaf, { group: "front" }, { name: "spare", autostart: false })
        const id = { group: "front", name: "web" }
        const nobody = { group: "web", name: "web" }
        assert.strictEqual(yield* reasonOf(driver.start(id)), "60 ALREADY_STARTED: front:web")
        assert.strictEqual(
          yield* reasonOf(driver.stop({ group: "spare", name: "spare" })),
          "70 NOT_RUNNING: spare:spare"
        )
        yield* driver.stop(id)
        assert.strictEqual(yield* reasonOf(driver.start(id)), "91 STILL_RUNNING: front:web")
        assert.strictEqual(yield* reasonOf(driver.stop(id)), "70 NOT_RUNNING: front:web")
        const range = { from: 0, lengthBytesMax: 1 } as const
        const calls = [driver.process(nobody), driver.start(nobody), driver.stop(nobody), driver.timing(nobody)]
        for (const call of [...calls, driver.readLog(nobody, "stdout", range)]) {
          assert.strictEqual(yield* reasonOf(Effect.asVoid(call)), "10 BAD_NAME: web:web")
        }
      })
    )
  })

  it("tells the timing of a program", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUp(() => ({}), { startsecs: 0.5, startretries: 7, stopwaitsecs: 3 })
        assert.deepStrictEqual(yield* driver.timing(web), { startSecs: 0.5, startRetries: 7, stopWaitSecs: 3 })
      })
    )
  })

  it("refuses two programs of one name", () => {
    holds(
      Effect.gen(function* () {
        const error = yield* Effect.flip(setUp(() => ({}), {}, { command: "other" }))
        assert.deepStrictEqual([error.group, error.name], ["web", "web"])
        assert.include(error.message, "web:web")
      })
    )
  })

  it("backs off by 1, 2 and 3 s, then gives up and keeps the exit status", () => {
    holds(
      Effect.gen(function* () {
        const { driver, starts, state } = yield* setUp(() => ({ runMs: 100, exitCode: 7 }), {})
        yield* elapse(100)
        assert.strictEqual(yield* state, "BACKOFF")
        yield* elapse(6_299)
        assert.strictEqual(yield* state, "STARTING")
        yield* elapse(1)
        assert.deepStrictEqual(starts(), [0, 1_100, 3_200, 6_300])
        const process = yield* driver.process(web)
        assert.strictEqual(process.state, "FATAL")
        assert.deepStrictEqual([process.pid, process.exitstatus, process.now - process.stop], [0, 7, 0])
        assert.strictEqual(process.description, "Exited too quickly (process log may have details)")
        yield* elapse("1 hour")
        assert.strictEqual(starts().length, 4)
        yield* driver.start(web)
        yield* settle
        assert.strictEqual(starts().length, 5)
      })
    )
  })

  it("says why nothing could be spawned, and tries again", () => {
    holds(
      Effect.gen(function* () {
        const { driver, state } = yield* setUp(first({ spawn: { _tag: "fail", code: "ENOENT" } }), {})
        const process = yield* driver.process(web)
        assert.deepStrictEqual([process.state, process.spawnerr], ["BACKOFF", "can't find command 'serve'"])
        yield* elapse(2_000)
        assert.strictEqual(yield* state, "RUNNING")
        assert.strictEqual((yield* driver.process(web)).spawnerr, "")
      })
    )
  })

  it("counts a spawn that is never answered as failed", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUp(() => ({ spawn: { _tag: "drop" } }), { startretries: 0 })
        yield* elapse(10_000)
        const process = yield* driver.process(web)
        assert.deepStrictEqual([process.state, process.spawnerr], ["FATAL", "no process within 10 s"])
      })
    )
  })

  it("restarts after an unexpected exit", () => {
    holds(
      Effect.gen(function* () {
        const { driver, starts } = yield* setUp(first({ runMs: 5_000, exitCode: 3 }), {})
        yield* elapse(7_000)
        assert.deepStrictEqual(starts(), [0, 5_000])
        const process = yield* driver.process(web)
        assert.deepStrictEqual([process.state, process.pid, process.now - process.start], ["RUNNING", 1_003, 2])
      })
    )
  })

  it("stops by the stop signal and reports -1", () => {
    holds(
      Effect.gen(function* () {
        const { driver, sent } = yield* setUp(() => ({}), { stopsignal: "SIGINT" })
        yield* elapse(2_000)
        yield* driver.stop(web)
        yield* settle
        const process = yield* driver.process(web)
        assert.deepStrictEqual([process.state, process.pid, process.exitstatus], ["STOPPED", 0, -1])
        assert.strictEqual(process.stop, process.start + 2)
        assert.strictEqual(process.description, "Jan 01 12:00 AM UTC")
        assert.deepStrictEqual(sent, ["SIGINT 1002"])
      })
    )
  })

  it("kills a stubborn group after stopwaitsecs and not before", () => {
    holds(
      Effect.gen(function* () {
        const { driver, sent, state } = yield* setUp(() => ({ ...deaf, children: [deaf, deaf] }), { stopwaitsecs: 4 })
        yield* driver.stop(web)
        yield* elapse(3_999)
        assert.strictEqual(yield* state, "STOPPING")
        assert.deepStrictEqual(sent, ["SIGTERM 1002"])
        yield* elapse(1)
        assert.strictEqual(yield* state, "STOPPED")
        assert.deepStrictEqual(sent, ["SIGTERM 1002", "SIGKILL 1002"])
      })
    )
  })

  it("is STOPPED when what the leader left is gone too, within stopwaitsecs", () => {
    holds(
      Effect.gen(function* () {
        const { driver, sent, state } = yield* setUp(() => ({ children: [deaf] }), { stopwaitsecs: 4 })
        yield* driver.stop(web)
        yield* elapse(3_900)
        const process = yield* driver.process(web)
        assert.deepStrictEqual([process.state, process.pid], ["STOPPING", 0])
        yield* elapse(200)
        assert.strictEqual(yield* state, "STOPPED")
        assert.deepStrictEqual(sent, ["SIGTERM 1002", "SIGKILL 1002"])
      })
    )
  })

  it("ends what a crashed leader left before it starts again", () => {
    holds(
      Effect.gen(function* () {
        const crash: Fate = { runMs: 5_000, exitCode: 1, children: [deaf, {}] }
        const { sent, starts, state } = yield* setUp(first(crash), { stopwaitsecs: 2 })
        yield* elapse(5_500)
        assert.strictEqual(yield* state, "STARTING")
        assert.deepStrictEqual(starts(), [0])
        yield* elapse(4_000)
        assert.strictEqual(yield* state, "RUNNING")
        assert.deepStrictEqual(sent, ["SIGTERM 1002", "SIGKILL 1002"])
        assert.deepStrictEqual(starts(), [0, 7_000])
      })
    )
  })

  it("stops a program whose process is still being made", () => {
    holds(
      Effect.gen(function* () {
        const { driver, sent, state } = yield* setUp(() => ({ spawn: { _tag: "delay", ms: 500 } }), {})
        yield* driver.stop(web)
        assert.strictEqual(yield* state, "STOPPING")
        yield* elapse(500)
        assert.strictEqual(yield* state, "STOPPED")
        assert.deepStrictEqual(sent, ["SIGTERM 1002"])
      })
    )
  })

  it("says that a signal could not be sent, and no secret", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUp(() => ({ signal: { _tag: "fail", code: "EPERM" }, runMs: 3_000 }), {
          command: "serve --password=s3cret",
          stopwaitsecs: 1
        })
        yield* driver.stop(web)
        yield* settle
        const process = yield* driver.process(web)
        assert.deepStrictEqual([process.state, process.spawnerr], ["STOPPING", "cannot send SIGTERM: Unknown"])
        yield* elapse(3_000)
        assert.strictEqual((yield* driver.process(web)).state, "STOPPED")
      })
    )
  })

  it("keeps the newest output, also of a program that has ended", () => {
    holds(
      Effect.gen(function* () {
        const lines = Array.from({ length: 200 }, (_, index) => `line ${String(index).padStart(4, "0")}\n`)
        const { driver } = yield* setUp(() => ({ runMs: 0, stdout: lines }), { startretries: 0, outputBytesMax: 1_024 })
        yield* settle
        const tail = yield* driver.readLog(web, "stdout", { from: "end", lengthBytesMax: 20 })
        assert.strictEqual(tail.text, "line 0198\nline 0199\n")
        assert.deepStrictEqual([tail.offset, tail.next, tail.size, tail.gap], [1_980, 2_000, 2_000, 0])
        const all = yield* driver.readLog(web, "stdout", { from: 0, lengthBytesMax: 10_000 })
        assert.deepStrictEqual([all.text.length, all.offset, all.gap], [1_024, 976, 976])
        assert.strictEqual((yield* driver.readLog(web, "stderr", { from: 0, lengthBytesMax: 9 })).size, 0)
      })
    )
  })

  it("takes output that comes out of the pipe after the exit", () => {
    holds(
      Effect.gen(function* () {
        const daemon: Program = {
          main: (process) => Effect.as(Effect.andThen(Effect.sleep(900), process.print("last words")), 0)
        }
        const leader: Program = { main: (process) => Effect.as(process.fork(daemon, { session: true }), 0) }
        const { driver } = yield* setUp(() => ({ program: leader }), { startretries: 0 })
        yield* elapse(900)
        const tail = yield* driver.readLog(web, "stdout", { from: "end", lengthBytesMax: 20 })
        assert.strictEqual(tail.text, "last words")
      })
    )
  })

  it("does not wait for output that never ends", () => {
    holds(
      Effect.gen(function* () {
        const { driver, state } = yield* setUp(() => ({ children: [{ session: true }] }), {})
        yield* driver.stop(web)
        yield* elapse(999)
        assert.strictEqual(yield* state, "STOPPING")
        yield* elapse(1)
        assert.strictEqual(yield* state, "STOPPED")
      })
    )
  })

  it("stops all programs at once when its scope closes, in the time of the slowest", () => {
    holds(
      Effect.gen(function* () {
        const programs = ["a", "b", "c", "d"].map((name) => ({ name, stopwaitsecs: name === "d" ? 6 : 5 }))
        const { alive, driver, now, scope } = yield* setUp(
          (command) => (command === "serve" ? { ...deaf, children: [deaf] } : {}),
          ...programs,
          { name: "quick", command: "quick" }
        )
        const quick = { group: "quick", name: "quick" }
        yield* elapse(2_000)
        const closing = yield* Effect.forkChild(Effect.andThen(Scope.close(scope, Exit.void), now))
        yield* elapse(1_000)
        assert.strictEqual((yield* driver.process(quick)).state, "STOPPED")
        assert.strictEqual(yield* reasonOf(driver.start(quick)), "ShuttingDown")
        assert.strictEqual(yield* Fiber.join(closing), 8_000)
        assert.deepStrictEqual(yield* alive, [])
        assert.strictEqual(yield* reasonOf(driver.start({ group: "a", name: "a" })), "ShuttingDown")
      })
    )
  })

  it("closes within a bound also when nothing can be killed", () => {
    holds(
      Effect.gen(function* () {
        const stuck: Fate = { signal: { _tag: "drop" }, children: [{}] }
        const { alive, kill, now, scope } = yield* setUp(() => stuck, { stopwaitsecs: 2 })
        yield* elapse(2_000)
        yield* Scope.close(scope, Exit.void)
        // 2 s of stopwaitsecs and 5 s on top of it, then 2 s for the spawner, which would wait for ever.
        assert.strictEqual(yield* now, 2_000 + 7_000 + 2_000)
        assert.deepStrictEqual(yield* alive, [1002])
        yield* kill(1002)
        yield* settle
      })
    )
  })

  it("never has two live groups of a program and leaves none, whatever is asked for", () => {
    const { sometimes } = holds(history, { runs: 100 })
    const states = ["STARTING", "RUNNING", "BACKOFF", "STOPPING", "STOPPED", "EXITED"]
    assert.containsAllKeys(Object.fromEntries(sometimes), states)
  })
})
