/** The local process manager with real processes of this machine. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Clock, Effect, Exit, Layer, Logger, Schema, Scope } from "effect"
import * as LocalDriver from "../../../core/local/LocalDriver.ts"
import { ProgramConfigs, type ProgramConfigInput } from "../../../core/local/ProgramConfig.ts"
import * as NodeHostProcesses from "../../../runtime/NodeHostProcesses.ts"
import { eventually, isRunning } from "./RealProcesses.ts"

/** Log lines of real programs are noise in the output of the tests. */
const Services = Layer.mergeAll(NodeServices.layer, NodeHostProcesses.layer, Logger.layer([]))

const idOf = (name: string) => ({ group: name, name })

/** A program of JavaScript. */
const script = (name: string, text: string, fields: Partial<ProgramConfigInput> = {}): ProgramConfigInput => ({
  name,
  command: [process.execPath, "-e", text],
  startsecs: 0.1,
  stopwaitsecs: 0.3,
  startretries: 0,
  ...fields
})

const stay = "setInterval(() => {}, 1000);"
const deaf = "process.on('SIGTERM', () => {});"
/** Says its pid, after what makes it deaf where it is. */
const say = (who: string) => `console.log('${who} ' + process.pid);`
const child = (text: string) =>
  `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(text)}], { stdio: 'inherit' });`

const make = (...programs: ReadonlyArray<ProgramConfigInput>) =>
  LocalDriver.make({ programs: Schema.decodeSync(ProgramConfigs)(programs), withhold: ["HOME"] })

const outputOf = (driver: LocalDriver.LocalDriver, name: string, channel: "stdout" | "stderr" = "stdout") =>
  Effect.map(driver.readLog(idOf(name), channel, { from: 0, lengthBytesMax: 65_536 }), ({ text }) => text)

/** The pids that the program's processes have said, when there are so many of them. */
const pidsOf = (driver: LocalDriver.LocalDriver, name: string, count: number) =>
  eventually(
    Effect.map(outputOf(driver, name), (text) => [...text.matchAll(/ (\d+)\n/g)].map((match) => Number(match[1]))),
    (pids) => pids.length >= count
  )

const inState = (driver: LocalDriver.LocalDriver, name: string, state: string) =>
  eventually(driver.process(idOf(name)), (process) => process.state === state)

const noneRuns = (pids: ReadonlyArray<number>) =>
  eventually(Effect.forEach(pids, isRunning), (running) => !running.includes(true))

describe("LocalDriver with real processes", () => {
  it.live(
    "runs a program and stops it by its signal",
    () =>
      Effect.gen(function* () {
        const driver = yield* make(script("web", `${say("leader")} ${stay}`))
        const running = yield* inState(driver, "web", "RUNNING")
        assert.deepStrictEqual(yield* pidsOf(driver, "web", 1), [running.pid])
        assert.isTrue(yield* isRunning(running.pid))
        assert.match(running.description, /^pid \d+, uptime 0:00:0\d$/)
        yield* driver.stop(idOf("web"))
        const stopped = yield* inState(driver, "web", "STOPPED")
        assert.deepStrictEqual([stopped.pid, stopped.exitstatus], [0, -1])
        assert.isFalse(yield* isRunning(running.pid))
      }).pipe(Effect.provide(Services)),
    30_000
  )

  it.live(
    "kills a stubborn program and its stubborn grandchildren",
    () =>
      Effect.gen(function* () {
        const grandchild = `${deaf} ${say("grandchild")} ${stay}`
        const middle = `${deaf} ${child(grandchild)} ${say("child")} ${stay}`
        const driver = yield* make(script("family", `${deaf} ${child(middle)} ${say("leader")} ${stay}`))
        const pids = yield* pidsOf(driver, "family", 3)
        assert.deepStrictEqual(yield* Effect.forEach(pids, isRunning), [true, true, true])
        yield* driver.stop(idOf("family"))
        const stopped = yield* inState(driver, "family", "STOPPED")
        assert.deepStrictEqual(yield* Effect.forEach(pids, isRunning), [false, false, false])
        assert.strictEqual(stopped.exitstatus, -1)
      }).pipe(Effect.provide(Services)),
    30_000
  )

  it.live(
    "ends what a killed leader left, and starts again",
    () =>
      Effect.gen(function* () {
        const leader = `${child(`${deaf} ${say("child")} ${stay}`)} ${say("leader")} ${stay}`
        const driver = yield* make(script("pair", leader, { autorestart: true }))
        const before = yield* inState(driver, "pair", "RUNNING")
        const pids = yield* pidsOf(driver, "pair", 2)
        yield* Effect.sync(() => process.kill(before.pid, "SIGKILL"))
        const after = yield* eventually(
          driver.process(idOf("pair")),
          ({ pid, state }) => state === "RUNNING" && pid !== before.pid
        )
        assert.notStrictEqual(after.pid, 0)
        assert.deepStrictEqual(yield* Effect.forEach(pids, isRunning), [false, false])
      }).pipe(Effect.provide(Services)),
    30_000
  )

  it.live(
    "reads a flood of output and keeps its newest bytes only",
    () =>
      Effect.gen(function* () {
        const flood =
          "const line = 'x'.repeat(65535) + '\\n'; const go = () => { while (process.stdout.write(line)); };"
        const driver = yield* make(
          script("flood", `${flood} process.stdout.on('drain', go); go();`, { outputBytesMax: 4_096 })
        )
        const look = driver.readLog(idOf("flood"), "stdout", { from: 0, lengthBytesMax: 1_000_000 })
        const tail = yield* eventually(look, ({ size }) => size > 64 * 1_048_576)
        assert.strictEqual(tail.text.length, 4_096)
        assert.isAbove(tail.gap, 63 * 1_048_576)
        assert.strictEqual((yield* driver.process(idOf("flood"))).state, "RUNNING")
        yield* driver.stop(idOf("flood"))
        yield* inState(driver, "flood", "STOPPED")
      }).pipe(Effect.provide(Services)),
    30_000
  )

  it.live(
    "gives up on a program that crashes, and keeps its last words",
    () =>
      Effect.gen(function* () {
        const driver = yield* make(
          script("crash", "console.error('out of luck'); process.exit(7)", { startsecs: 5, startretries: 1 })
        )
        const process = yield* inState(driver, "crash", "FATAL")
        assert.deepStrictEqual([process.pid, process.exitstatus], [0, 7])
        assert.strictEqual(process.spawnerr, "Exited too quickly (process log may have details)")
        const words = yield* eventually(outputOf(driver, "crash", "stderr"), (text) => text.split("\n").length > 2)
        assert.strictEqual(words, "out of luck\nout of luck\n")
      }).pipe(Effect.provide(Services)),
    30_000
  )

  it.live(
    "says why a program cannot be spawned",
    () =>
      Effect.gen(function* () {
        const driver = yield* make(
          { name: "missing", command: "no-such-program-anywhere", startretries: 0 },
          { name: "plain", command: [import.meta.filename], startretries: 0 },
          { name: "nowhere", command: "ls", directory: "/no/such/directory", startretries: 0 }
        )
        const errors = yield* Effect.forEach(["missing", "plain", "nowhere"], (name) =>
          Effect.map(inState(driver, name, "FATAL"), (process) => process.spawnerr)
        )
        assert.deepStrictEqual(errors, [
          "can't find command 'no-such-program-anywhere'",
          `command at '${import.meta.filename}' is not executable`,
          "couldn't chdir to /no/such/directory: NotFound"
        ])
      }).pipe(Effect.provide(Services)),
    30_000
  )

  it.live(
    "counts a start as failed that Node throws for, ends a stop in between, and closes at once",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        // One argument or variable of more than 128 KiB is too much for Linux, and this one for others as well.
        const huge = "x".repeat(3_000_000)
        const driver = yield* make(
          { name: "words", command: ["true", huge], startretries: 0 },
          { name: "variable", command: "true", environment: { HUGE: huge }, startretries: 0 },
          { name: "file", command: [`${import.meta.filename}/true`], startretries: 0 },
          { name: "again", command: ["true", huge], startretries: 100 }
        ).pipe(Scope.provide(scope))
        const errors = yield* Effect.forEach(["words", "variable", "file"], (name) =>
          Effect.map(inState(driver, name, "FATAL"), (process) => process.spawnerr)
        )
        assert.deepStrictEqual(errors, [
          "unknown error during fork for 'words': E2BIG",
          "unknown error during fork for 'variable': E2BIG",
          "unknown error during fork for 'file': ENOTDIR"
        ])
        const { pid, spawnerr } = yield* inState(driver, "again", "BACKOFF")
        assert.deepStrictEqual([pid, spawnerr], [0, "unknown error during fork for 'again': E2BIG"])
        yield* driver.stop(idOf("again"))
        yield* inState(driver, "again", "STOPPED")
        yield* driver.start(idOf("again"))
        const beforeMs = yield* Clock.currentTimeMillis
        yield* Scope.close(scope, Exit.void)
        assert.isBelow((yield* Clock.currentTimeMillis) - beforeMs, 2_000)
      }).pipe(Effect.provide(Services)),
    30_000
  )

  it.live(
    "gives a program its environment and withholds what it must not have",
    () =>
      Effect.gen(function* () {
        const text = "const { GREETING, HOME, PATH } = process.env; console.log(GREETING, HOME, PATH !== undefined);"
        const driver = yield* make(script("env", `${text} ${stay}`, { environment: { GREETING: "hello" } }))
        const words = yield* eventually(outputOf(driver, "env"), (printed) => printed.includes("\n"))
        assert.strictEqual(words, "hello undefined true\n")
      }).pipe(Effect.provide(Services)),
    30_000
  )

  it.live(
    "leaves no process behind when its scope closes, within a bound",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const driver = yield* make(
          script("steady", `${say("leader")} ${stay}`),
          script("deaf", `${deaf} ${child(`${deaf} ${say("child")} ${stay}`)} ${say("leader")} ${stay}`),
          script(
            "gone",
            `${child(`${deaf} ${say("child")} ${stay}`)} ${say("leader")} setTimeout(() => process.exit(1), 300)`
          ),
          script("crash", "process.exit(7)", { startsecs: 5, startretries: 100 })
        ).pipe(Scope.provide(scope))
        const pids = [
          ...(yield* pidsOf(driver, "steady", 1)),
          ...(yield* pidsOf(driver, "deaf", 2)),
          ...(yield* pidsOf(driver, "gone", 2))
        ]
        yield* inState(driver, "crash", "BACKOFF")
        const beforeMs = yield* Clock.currentTimeMillis
        yield* Scope.close(scope, Exit.void)
        assert.isBelow((yield* Clock.currentTimeMillis) - beforeMs, 6_000)
        yield* noneRuns(pids)
        assert.deepStrictEqual(
          (yield* driver.processes).map((process) => process.pid),
          [0, 0, 0, 0]
        )
      }).pipe(Effect.provide(Services)),
    30_000
  )
})
