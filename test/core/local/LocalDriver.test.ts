import { assert, describe, it } from "@effect/vitest"
import { Clock, type Duration, Effect, Exit, Fiber, Schema, Scope } from "effect"
import type { ChildProcess } from "effect/process"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import type { NodeError } from "../../../core/domain/NodeError.ts"
import * as LocalDriver from "../../../core/local/LocalDriver.ts"
import { ProgramConfig, type ProgramConfigInput } from "../../../core/local/ProgramConfig.ts"
import * as FakeSpawner from "./FakeSpawner.ts"

const web = { group: "web", name: "web" }

const programOf = (fields: Partial<ProgramConfigInput> = {}): ProgramConfig =>
  Schema.decodeSync(ProgramConfig)({ name: "web", command: "serve", ...fields })

/** Lets all fibers do what they can do without time going by. The test clock waits only for those that it wakes. */
const settle = Effect.repeat(Effect.yieldNow, { times: 40 })

/** Time goes by, and all is done that follows from it. */
const pass = (duration: Duration.Input) => Effect.andThen(settle, Effect.andThen(TestClock.adjust(duration), settle))

/** A scope that is closed at the end of the test while time goes by. */
const timedScope = Effect.acquireRelease(Scope.make(), (scope) =>
  Effect.gen(function* () {
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    yield* pass("1 minute")
    yield* Fiber.join(closing)
  })
)

/** A driver over a fake spawner, which ends with the test. */
const setUp = (
  behave: (command: string, attempt: number) => FakeSpawner.Behaviour,
  ...programs: ReadonlyArray<Partial<ProgramConfigInput>>
) =>
  Effect.gen(function* () {
    const { groups, layer } = FakeSpawner.make(behave)
    const scope = yield* timedScope
    const driver = yield* LocalDriver.make({ programs: programs.map(programOf), withhold: ["ADMIN_PASSWORD"] }).pipe(
      Effect.provide(layer),
      Scope.provide(scope)
    )
    yield* settle
    return { driver, groups, state: Effect.map(driver.process(web), (process) => process.state) }
  })

const reasonOf = <A>(effect: Effect.Effect<A, NodeError>) =>
  Effect.map(Effect.flip(effect), ({ reason }) =>
    reason._tag === "Fault" ? `${reason.code} ${reason.text}` : reason._tag
  )

const ignored = fc.subarray<ChildProcess.Signal>(["SIGTERM"])
const behaviours: fc.Arbitrary<FakeSpawner.Behaviour> = fc.record({
  spawnMs: fc.constantFrom(undefined, undefined, 300),
  runMs: fc.constantFrom(undefined, 0, 200, 1_500, 4_000),
  exitCode: fc.constantFrom(0, 1),
  ignores: ignored,
  children: fc.array(ignored, { maxLength: 2 }),
  fails: fc.constantFrom(undefined, undefined, undefined, "NotFound" as const)
})
interface History {
  readonly given: ReadonlyArray<FakeSpawner.Behaviour>
  readonly asked: ReadonlyArray<{ readonly command: "start" | "stop"; readonly afterMs: number }>
  readonly autorestart: boolean | "unexpected"
}
const histories: fc.Arbitrary<History> = fc.record({
  given: fc.array(behaviours, { minLength: 1, maxLength: 6 }),
  asked: fc.array(
    fc.record({
      command: fc.constantFrom("start" as const, "stop" as const),
      afterMs: fc.constantFrom(0, 0, 1, 100, 1_000, 2_500)
    }),
    { maxLength: 20 }
  ),
  autorestart: fc.constantFrom(true, false, "unexpected" as const)
})

/** Asks for starts and stops of a program with these behaviours, one for each of its runs, and then closes. */
const playHistory = ({ asked, autorestart, given }: History) =>
  Effect.gen(function* () {
    const { groups, layer } = FakeSpawner.make((_, attempt) => given[(attempt - 1) % given.length] ?? {})
    const scope = yield* Scope.make()
    const program = programOf({ autorestart, stopwaitsecs: 2 })
    const driver = yield* LocalDriver.make({ programs: [program] }).pipe(Effect.provide(layer), Scope.provide(scope))
    const look = Effect.gen(function* () {
      const { pid, state } = yield* driver.process(web)
      const alive = groups.filter(FakeSpawner.isAlive)
      const right = alive.length <= (state === "STOPPED" ? 0 : 1) && (pid === 0 || groups.at(-1)?.pid === pid)
      if (!right) assert.fail(JSON.stringify({ state, pid, groups, given, asked }))
    })
    for (const { afterMs, command } of asked) {
      yield* pass(afterMs)
      yield* Effect.ignore(command === "start" ? driver.start(web) : driver.stop(web))
      yield* look
    }
    const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 500) {
      yield* pass(500)
      yield* look
    }
    yield* Fiber.join(closing)
    assert.isFalse(groups.some(FakeSpawner.isAlive), JSON.stringify({ groups, given, asked }))
  })

describe("LocalDriver", () => {
  it.effect("starts what has autostart and reports RUNNING after startsecs", () =>
    Effect.gen(function* () {
      const { driver } = yield* setUp(() => ({}), { startsecs: 2 }, { name: "spare", autostart: false })
      const states = Effect.map(driver.processes, (all) => all.map(({ pid, state }) => `${state} ${pid}`))
      assert.deepStrictEqual(yield* states, ["STARTING 1000", "STOPPED 0"])
      yield* pass(1_999)
      assert.deepStrictEqual(yield* states, ["STARTING 1000", "STOPPED 0"])
      yield* pass(1)
      assert.deepStrictEqual(yield* states, ["RUNNING 1000", "STOPPED 0"])
      yield* pass(68_000)
      const process = yield* driver.process(web)
      assert.strictEqual(process.description, "pid 1000, uptime 0:01:10")
      assert.deepStrictEqual([process.start, process.now, process.statecode], [0, 70, 20])
      assert.strictEqual((yield* driver.process({ group: "spare", name: "spare" })).description, "Not started")
    })
  )

  it.effect("spawns the words of the command with the environment and the directory given", () =>
    Effect.gen(function* () {
      const { groups } = yield* setUp(() => ({}), {
        command: "serve --on 'a b'",
        directory: "/srv",
        environment: { A: "1" }
      })
      const [group] = groups
      assert.deepStrictEqual([group?.command, group?.args], ["serve", ["--on", "a b"]])
      assert.strictEqual(group?.options.cwd, "/srv")
      assert.deepStrictEqual(group?.options.env, { ADMIN_PASSWORD: undefined, A: "1" })
      assert.isTrue(group?.options.extendEnv)
      assert.notStrictEqual(group?.options.detached, false)
    })
  )

  it.effect("refuses with supervisord's faults", () =>
    Effect.gen(function* () {
      const stubborn: FakeSpawner.Behaviour = { ignores: ["SIGTERM"] }
      const { driver } = yield* setUp(() => stubborn, { group: "front" }, { name: "spare", autostart: false })
      const id = { group: "front", name: "web" }
      const nobody = { group: "web", name: "web" }
      assert.strictEqual(yield* reasonOf(driver.start(id)), "60 ALREADY_STARTED: front:web")
      assert.strictEqual(yield* reasonOf(driver.stop({ group: "spare", name: "spare" })), "70 NOT_RUNNING: spare:spare")
      yield* driver.stop(id)
      assert.strictEqual(yield* reasonOf(driver.start(id)), "91 STILL_RUNNING: front:web")
      assert.strictEqual(yield* reasonOf(driver.stop(id)), "70 NOT_RUNNING: front:web")
      const range = { channel: "stdout", offset: 0, lengthBytesMax: 1 } as const
      const calls = [driver.process(nobody), driver.start(nobody), driver.stop(nobody), driver.timing(nobody)]
      for (const call of [...calls, driver.output(nobody, range)]) {
        assert.strictEqual(yield* reasonOf(Effect.asVoid(call)), "10 BAD_NAME: web:web")
      }
    })
  )

  it.effect("tells the timing of a program", () =>
    Effect.gen(function* () {
      const { driver } = yield* setUp(() => ({}), { startsecs: 0.5, startretries: 7, stopwaitsecs: 3 })
      assert.deepStrictEqual(yield* driver.timing(web), { startSecs: 0.5, startRetries: 7, stopWaitSecs: 3 })
    })
  )

  it.effect("refuses two programs of one name", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(setUp(() => ({}), {}, { command: "other" }))
      assert.deepStrictEqual([error.group, error.name], ["web", "web"])
      assert.include(error.message, "web:web")
    })
  )

  it.effect("backs off by 1, 2 and 3 s, then gives up and keeps the exit status", () =>
    Effect.gen(function* () {
      const { driver, groups, state } = yield* setUp(() => ({ runMs: 100, exitCode: 7 }), {})
      yield* pass(100)
      assert.strictEqual(yield* state, "BACKOFF")
      yield* pass(6_299)
      assert.strictEqual(yield* state, "STARTING")
      yield* pass(1)
      assert.deepStrictEqual(
        groups.map((group) => group.spawnedMs),
        [0, 1_100, 3_200, 6_300]
      )
      const process = yield* driver.process(web)
      assert.strictEqual(process.state, "FATAL")
      assert.deepStrictEqual([process.pid, process.exitstatus, process.stop], [0, 7, 6])
      assert.strictEqual(process.description, "Exited too quickly (process log may have details)")
      yield* pass("1 hour")
      assert.strictEqual(groups.length, 4)
      yield* driver.start(web)
      yield* pass(0)
      assert.strictEqual(groups.length, 5)
    })
  )

  it.effect("says why nothing could be spawned, and tries again", () =>
    Effect.gen(function* () {
      const { driver, state } = yield* setUp((_, attempt) => (attempt === 1 ? { fails: "NotFound" } : {}), {})
      const process = yield* driver.process(web)
      assert.deepStrictEqual([process.state, process.spawnerr], ["BACKOFF", "can't find command 'serve'"])
      yield* pass(2_000)
      assert.strictEqual(yield* state, "RUNNING")
      assert.strictEqual((yield* driver.process(web)).spawnerr, "")
    })
  )

  it.effect("counts a spawn that is never answered as failed", () =>
    Effect.gen(function* () {
      const { driver } = yield* setUp(() => ({ spawnMs: 3_600_000 }), { startretries: 0 })
      yield* pass(10_000)
      const process = yield* driver.process(web)
      assert.deepStrictEqual([process.state, process.spawnerr], ["FATAL", "no process within 10 s"])
    })
  )

  it.effect("restarts after an unexpected exit", () =>
    Effect.gen(function* () {
      const { driver, groups } = yield* setUp((_, attempt) => (attempt === 1 ? { runMs: 5_000, exitCode: 3 } : {}), {})
      yield* pass(7_000)
      assert.deepStrictEqual(
        groups.map((group) => group.spawnedMs),
        [0, 5_000]
      )
      const process = yield* driver.process(web)
      assert.deepStrictEqual([process.state, process.pid, process.start], ["RUNNING", 1_001, 5])
    })
  )

  it.effect("stops by the stop signal and reports -1", () =>
    Effect.gen(function* () {
      const { driver, groups } = yield* setUp(() => ({}), { stopsignal: "SIGINT" })
      yield* pass(2_000)
      yield* driver.stop(web)
      yield* pass(0)
      const process = yield* driver.process(web)
      assert.deepStrictEqual([process.state, process.pid, process.exitstatus, process.stop], ["STOPPED", 0, -1, 2])
      assert.strictEqual(process.description, "Jan 01 12:00 AM UTC")
      assert.deepStrictEqual(groups[0]?.signals, ["SIGINT"])
    })
  )

  it.effect("kills a stubborn group after stopwaitsecs and not before", () =>
    Effect.gen(function* () {
      const behaviour: FakeSpawner.Behaviour = { ignores: ["SIGTERM"], children: [["SIGTERM"], ["SIGTERM"]] }
      const { driver, groups, state } = yield* setUp(() => behaviour, { stopwaitsecs: 4 })
      yield* driver.stop(web)
      yield* pass(3_999)
      assert.strictEqual(yield* state, "STOPPING")
      assert.deepStrictEqual(groups[0]?.signals, ["SIGTERM"])
      yield* pass(1)
      assert.strictEqual(yield* state, "STOPPED")
      assert.deepStrictEqual(groups[0]?.signals, ["SIGTERM", "SIGKILL"])
    })
  )

  it.effect("is STOPPED when what the leader left is gone too, within stopwaitsecs", () =>
    Effect.gen(function* () {
      const { driver, groups, state } = yield* setUp(() => ({ children: [["SIGTERM"]] }), { stopwaitsecs: 4 })
      yield* driver.stop(web)
      yield* pass(3_900)
      const process = yield* driver.process(web)
      assert.deepStrictEqual([process.state, process.pid], ["STOPPING", 0])
      yield* pass(200)
      assert.strictEqual(yield* state, "STOPPED")
      assert.deepStrictEqual(groups[0]?.signals, ["SIGTERM", "SIGCONT", "SIGKILL"])
    })
  )

  it.effect("ends what a crashed leader left before it starts again", () =>
    Effect.gen(function* () {
      const crash: FakeSpawner.Behaviour = { runMs: 5_000, exitCode: 1, children: [["SIGTERM"], []] }
      const { groups, state } = yield* setUp((_, attempt) => (attempt === 1 ? crash : {}), { stopwaitsecs: 2 })
      yield* pass(5_500)
      assert.strictEqual(yield* state, "STARTING")
      assert.strictEqual(groups.length, 1)
      yield* pass(4_000)
      assert.strictEqual(yield* state, "RUNNING")
      assert.deepStrictEqual(groups[0]?.signals, ["SIGTERM", "SIGKILL"])
      assert.isAtLeast(groups[1]?.spawnedMs ?? 0, 7_000)
    })
  )

  it.effect("stops a program whose process is still being made", () =>
    Effect.gen(function* () {
      const { driver, groups, state } = yield* setUp(() => ({ spawnMs: 500 }), {})
      yield* driver.stop(web)
      assert.strictEqual(yield* state, "STOPPING")
      yield* pass(500)
      assert.strictEqual(yield* state, "STOPPED")
      assert.deepStrictEqual(
        groups.map((group) => group.signals),
        [["SIGTERM"]]
      )
    })
  )

  it.effect("says that a signal could not be sent", () =>
    Effect.gen(function* () {
      const { driver } = yield* setUp(() => ({ forbidden: true, runMs: 3_000 }), { stopwaitsecs: 1 })
      yield* driver.stop(web)
      yield* pass(0)
      const process = yield* driver.process(web)
      assert.strictEqual(process.state, "STOPPING")
      assert.include(process.spawnerr, "cannot send SIGTERM: PermissionDenied")
      yield* pass(3_000)
      assert.strictEqual((yield* driver.process(web)).state, "STOPPED")
    })
  )

  it.effect("keeps the newest output, also of a program that has ended", () =>
    Effect.gen(function* () {
      const lines = Array.from({ length: 200 }, (_, index) => `line ${String(index).padStart(4, "0")}\n`)
      const { driver } = yield* setUp(() => ({ runMs: 0, stdout: lines }), { startretries: 0, outputBytesMax: 1_024 })
      yield* pass(0)
      const tail = yield* driver.output(web, { channel: "stdout", offset: 0, lengthBytesMax: 20 })
      assert.strictEqual(new TextDecoder().decode(tail.bytes), "line 0198\nline 0199\n")
      assert.deepStrictEqual([tail.offset, tail.overflow], [2_000, true])
      const all = yield* driver.output(web, { channel: "stdout", offset: 0, lengthBytesMax: 10_000 })
      assert.strictEqual(all.bytes.length, 1_024)
      assert.strictEqual((yield* driver.output(web, { channel: "stderr", offset: 0, lengthBytesMax: 9 })).offset, 0)
    })
  )

  it.effect("takes output that comes out of the pipe after the exit", () =>
    Effect.gen(function* () {
      const late: FakeSpawner.Behaviour = { runMs: 0, stdout: ["last words"], stdoutMs: 900 }
      const { driver } = yield* setUp(() => late, { startretries: 0 })
      yield* pass(900)
      const tail = yield* driver.output(web, { channel: "stdout", offset: 0, lengthBytesMax: 20 })
      assert.strictEqual(new TextDecoder().decode(tail.bytes), "last words")
    })
  )

  it.effect("does not wait for output that never ends", () =>
    Effect.gen(function* () {
      const { driver, state } = yield* setUp(() => ({ stdout: ["never"], stdoutMs: 3_600_000 }), {})
      yield* driver.stop(web)
      yield* pass(999)
      assert.strictEqual(yield* state, "STOPPING")
      yield* pass(1)
      assert.strictEqual(yield* state, "STOPPED")
    })
  )

  it.effect("stops all programs at once when its scope closes, in the time of the slowest", () =>
    Effect.gen(function* () {
      const slow: FakeSpawner.Behaviour = { ignores: ["SIGTERM"], children: [["SIGTERM"]] }
      const { groups, layer } = FakeSpawner.make((command) => (command === "serve" ? slow : {}))
      const scope = yield* Scope.make()
      const names = ["a", "b", "c", "d"]
      const programs = names.map((name) => programOf({ name, stopwaitsecs: name === "d" ? 6 : 5 }))
      const quick = programOf({ name: "quick", command: "quick" })
      const driver = yield* LocalDriver.make({ programs: [...programs, quick] }).pipe(
        Effect.provide(layer),
        Scope.provide(scope)
      )
      yield* pass(2_000)
      const closing = yield* Effect.forkChild(Effect.andThen(Scope.close(scope, Exit.void), Clock.currentTimeMillis))
      yield* pass(1_000)
      assert.strictEqual((yield* driver.process({ group: "quick", name: "quick" })).state, "STOPPED")
      assert.strictEqual(yield* reasonOf(driver.start({ group: "quick", name: "quick" })), "ShuttingDown")
      yield* pass(9_000)
      assert.strictEqual(yield* Fiber.join(closing), 8_000)
      assert.isFalse(groups.some(FakeSpawner.isAlive))
      assert.strictEqual(yield* reasonOf(driver.start({ group: "a", name: "a" })), "ShuttingDown")
    })
  )

  it.effect("closes within a bound also when nothing can be killed", () =>
    Effect.gen(function* () {
      const stuck: FakeSpawner.Behaviour = { ignores: ["SIGTERM", "SIGKILL"], children: [["SIGTERM", "SIGKILL"]] }
      const { layer } = FakeSpawner.make(() => stuck)
      const scope = yield* Scope.make()
      yield* LocalDriver.make({ programs: [programOf({ stopwaitsecs: 2 })] }).pipe(
        Effect.provide(layer),
        Scope.provide(scope)
      )
      yield* pass(2_000)
      const closing = yield* Effect.forkChild(Effect.andThen(Scope.close(scope, Exit.void), Clock.currentTimeMillis))
      yield* pass("1 minute")
      // 2 s of stopwaitsecs and 5 s on top of it, then a second for the spawner's own last try.
      assert.isAtMost(yield* Fiber.join(closing), 2_000 + 7_000 + 1_000)
    })
  )

  it.effect("never has two live groups of a program and leaves none, whatever is asked for", () =>
    Effect.forEach(fc.sample(histories, { numRuns: 100, seed: 20_261_121 }), playHistory, { discard: true })
  )
})
