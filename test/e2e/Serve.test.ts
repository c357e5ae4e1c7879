/** `muster serve` as a process: the demo fleet, the end by a signal, and starts that must fail. */
import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Fiber } from "effect"
import { eventually, isRunning } from "../core/local/RealProcesses.ts"
import { signal } from "../../runtime/real/MarkedProcesses.ts"
import { muster, reaches, type RealConsole, shellCommand, start } from "../support/RealConsole.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"

const demo = ["local", "demo"] as const

/** The shutdown deadline that is the default. The demo fleet has to end well within it. */
const deadlineMs = 10_000

const pidsOf = (console: RealConsole, names: ReadonlyArray<string>) =>
  Effect.forEach(names, (name) => Effect.map(reaches(console, "RUNNING", ...demo, name), ({ pid }) => pid))

const stillRunning = (pids: ReadonlyArray<number>) =>
  Effect.filter(pids, isRunning).pipe(Effect.provide(NodeServices.layer))

/** Killed processes take a moment to go. */
const nothingLeft = (console: RealConsole) => eventually(Effect.sync(console.descendants), (left) => left.length === 0)

/** Takes a port of 127.0.0.1 for the scope. */
const takenPort = Effect.acquireRelease(
  Effect.callback<ReturnType<typeof createServer>>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
).pipe(
  Effect.map((server) => {
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  })
)

describe("muster serve without a configuration", () => {
  it.live("shows the demo fleet, and controls it", () =>
    Effect.gen(function* () {
      const console = yield* start({ env: { MUSTER_ADMIN_PASSWORD: "" } })
      const lasting = yield* pidsOf(console, ["steady", "ticker", "web"])
      assert.deepStrictEqual(yield* stillRunning(lasting), lasting)
      assert.include(console.logs(), "this is the demo fleet: 4 programs")
      assert.strictEqual((yield* console.node("local")).status, "up")

      const [before = 0] = lasting
      const stopped = yield* console.operate("stop", ...demo, "steady")
      assert.deepInclude(stopped, { outcome: "done", state: "STOPPED" })
      assert.deepStrictEqual(yield* stillRunning([before]), [])
      const started = yield* console.operate("start", ...demo, "steady")
      assert.deepInclude(started, { outcome: "done", state: "RUNNING" })
      assert.deepStrictEqual(yield* stillRunning([started.process.pid]), [started.process.pid])
      const restarted = yield* console.operate("restart", ...demo, "steady")
      assert.deepInclude(restarted, { outcome: "done", state: "RUNNING" })
      assert.notStrictEqual(restarted.process.pid, started.process.pid)
      assert.deepStrictEqual(yield* stillRunning([started.process.pid]), [])
      // What the API shows follows without waiting for the next poll to come round.
      assert.strictEqual((yield* reaches(console, "RUNNING", ...demo, "steady")).pid, restarted.process.pid)

      const crashed = yield* reaches(console, "FATAL", ...demo, "crasher")
      assert.strictEqual(crashed.exitstatus, 7)
      const failed = yield* console.operate("start", ...demo, "crasher")
      assert.strictEqual(failed.outcome, "failed")
      const password = / log in as "admin" with the password (\S{24})\n/.exec(console.logs())?.[1] ?? ""
      assert.strictEqual(console.logs().split(password).length, 2, "the password of a first start is told once")
    })
  )

  it.live("goes on when nobody reads its log any more, and still ends in order", () =>
    Effect.gen(function* () {
      const console = yield* start()
      const pids = yield* pidsOf(console, ["steady"])
      yield* console.closeOutput
      // Each of these writes to the log.
      yield* console.operate("restart", ...demo, "ticker")
      yield* console.operate("stop", ...demo, "ticker")
      assert.strictEqual((yield* console.node("local")).status, "up")
      assert.strictEqual((yield* console.stop("SIGTERM")).code, 0)
      assert.deepStrictEqual(yield* stillRunning(pids), [])
    })
  )

  it.live("goes on when the disk of its log is full, and still ends in order", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(takenPort)
      const console = yield* start({
        // What it writes goes nowhere, so that its address has to be told for it.
        command: shellCommand(`echo ' at http://127.0.0.1:${port}"'; exec muster serve >/dev/full`),
        env: { MUSTER_SERVER_PORT: String(port) }
      })
      const pids = yield* pidsOf(console, ["steady"])
      yield* console.operate("restart", ...demo, "ticker")
      assert.strictEqual((yield* console.node("local")).status, "up")
      assert.strictEqual((yield* console.stop("SIGTERM")).code, 0)
      assert.deepStrictEqual(yield* stillRunning(pids), [])
    })
  )

  for (const name of ["SIGINT", "SIGTERM"] as const) {
    it.live(`ends in order at ${name}, and leaves no process behind`, () =>
      Effect.gen(function* () {
        const console = yield* start()
        const pids = yield* pidsOf(console, ["steady", "ticker", "web"])
        const { code, stderr, stdout, tookMs } = yield* console.stop(name)
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.isBelow(tookMs, deadlineMs / 2)
        assert.include(stdout, `${name}: shutting down, within 10s`)
        assert.match(stdout.trimEnd().split("\n").at(-1) ?? "", /"stopped"/)
        assert.deepStrictEqual(yield* stillRunning(pids), [])
        assert.deepStrictEqual(console.descendants(), [])
      })
    )
  }

  for (const name of ["SIGINT", "SIGTERM"] as const) {
    it.live(`ends in order when npm and all of its group get ${name}`, () =>
      Effect.gen(function* () {
        // As from a terminal: npm, its shell and the console each get the signal, and npm passes its own on.
        const console = yield* start({ command: ["npm", "start"] })
        const pids = yield* pidsOf(console, ["steady"])
        signal(-console.pid, name)
        // npm may be gone before the console is.
        const logs = yield* eventually(Effect.sync(console.logs), (text) => text.includes('"stopped"'))
        assert.include(logs, "shutting down")
        yield* nothingLeft(console)
        assert.deepStrictEqual(yield* stillRunning(pids), [])
      })
    )
  }
})

const stubborn = `
[[programs]]
name = "stubborn"
command = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]
stopwaitsecs = 2
`

describe("muster serve, asked twice to end", () => {
  it.live("takes signals that come together for one", () =>
    Effect.gen(function* () {
      const config = yield* temporaryFile("muster.toml", stubborn)
      const console = yield* start({ config })
      yield* reaches(console, "RUNNING", "local", "stubborn", "stubborn")
      const ending = yield* Effect.forkChild(console.stop("SIGINT"), { startImmediately: true })
      signal(console.pid, "SIGTERM")
      yield* eventually(Effect.sync(console.logs), (text) => text.includes("shutting down"))
      signal(console.pid, "SIGINT")
      const { code, stdout, tookMs } = yield* Fiber.join(ending)
      assert.strictEqual(code, 0)
      assert.isAtLeast(tookMs, 2_000)
      assert.include(stdout, '"stopped"')
    })
  )

  it.live("ends at once when the second signal comes later", () =>
    Effect.gen(function* () {
      const config = yield* temporaryFile("muster.toml", stubborn.replace("= 2", "= 60"))
      const console = yield* start({ config, env: { MUSTER_SERVER_SHUTDOWN_DEADLINE: "60s" } })
      yield* reaches(console, "RUNNING", "local", "stubborn", "stubborn")
      const ending = yield* Effect.forkChild(console.stop("SIGINT"), { startImmediately: true })
      yield* Effect.sleep("1200 millis")
      signal(console.pid, "SIGINT")
      assert.strictEqual((yield* Fiber.join(ending)).code, 130)
      yield* nothingLeft(console)
    })
  )

  it.live("gives up at the deadline and says so", () =>
    Effect.gen(function* () {
      const config = yield* temporaryFile("muster.toml", stubborn.replace("= 2", "= 60"))
      const console = yield* start({ config, env: { MUSTER_SERVER_SHUTDOWN_DEADLINE: "1s" } })
      yield* reaches(console, "RUNNING", "local", "stubborn", "stubborn")
      const { code, stderr, tookMs } = yield* console.stop("SIGTERM")
      assert.deepStrictEqual({ code, stderr }, { code: 1, stderr: "muster: not everything stopped within 1s\n" })
      assert.isBelow(tookMs, 3_000)
      yield* nothingLeft(console)
    })
  )
})

const lasting = `
[[programs]]
name = "lasting"
command = ["sh", "-c", "trap '' TERM PIPE; while :; do echo tick; sleep 0.1; done"]
startsecs = 0.2
stopwaitsecs = 1
stdout_logfile = "LOG"
stdout_logfile_maxbytes = "1KiB"
stdout_logfile_backups = 1
`

describe("muster serve that is killed", () => {
  it.live("ends at its next start what it had left running, and runs each program once", () =>
    Effect.gen(function* () {
      const config = yield* temporaryFile("muster.toml", "")
      writeFileSync(config, lasting.replace("LOG", `${config}.log`))
      const first = yield* start({ config })
      const before = yield* reaches(first, "RUNNING", "local", "lasting", "lasting")
      yield* first.stop("SIGKILL")
      assert.deepStrictEqual(yield* stillRunning([before.pid]), [before.pid])
      const second = yield* start({ config })
      assert.deepStrictEqual(yield* stillRunning([before.pid]), [])
      assert.include(second.logs(), `lasting:lasting (pid ${before.pid})`)
      const after = yield* reaches(second, "RUNNING", "local", "lasting", "lasting")
      assert.deepStrictEqual(yield* stillRunning([after.pid]), [after.pid])
      assert.strictEqual(after.stdout_logfile, `${config}.log`)
      assert.match(readFileSync(`${config}.log`, "utf8"), /^(tick\n)*$/)
      assert.strictEqual((yield* second.stop("SIGTERM")).code, 0)
      assert.deepStrictEqual(yield* stillRunning([after.pid]), [])
    })
  )
})

describe("muster serve that cannot start", () => {
  it.live("says which port is in use, and starts no program", () =>
    Effect.gen(function* () {
      const port = yield* takenPort
      const env = { MUSTER_SERVER_PORT: String(port), MUSTER_DATABASE_URL: "sqlite::memory:" }
      const { code, stderr, stdout } = yield* muster(["serve"], env)
      assert.strictEqual(code, 1)
      assert.match(stderr, new RegExp(`^muster: cannot listen on 127\\.0\\.0\\.1:${port}: the port is in use[^\n]*\n$`))
      // Each program logs its first step.
      assert.strictEqual(stdout, "")
    })
  )

  it.live("tells each problem of a configuration with file, line, column and field", () =>
    Effect.gen(function* () {
      const config = yield* temporaryFile(
        "muster.toml",
        '[server]\nport = "many"\n[[nodes]]\nname = "a"\nurl = "ftp://x"\n' +
          '[[programs]]\nname = "p"\ncommand = ["true"]\nstopwait = 1\n'
      )
      const { code, stderr, stdout } = yield* muster(["serve", "--config", config])
      assert.strictEqual(code, 2)
      assert.strictEqual(stdout, "")
      const lines = stderr.trimEnd().split("\n")
      assert.deepStrictEqual(
        lines.map((line) => /^muster: (.*):(\d+):(\d+) ([^:]+): ./.exec(line)?.slice(1)),
        [
          [config, "2", "8", "server.port"],
          [config, "5", "7", "nodes[0].url"],
          [config, "9", "1", "programs[0].stopwait"]
        ],
        stderr
      )
    })
  )

  it.live("says that a configuration cannot be read", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* muster(["serve", "--config", "/nonexistent/muster.toml"])
      assert.deepStrictEqual(
        { code, stderr, stdout },
        { code: 2, stderr: "muster: /nonexistent/muster.toml: cannot be read: no such file\n", stdout: "" }
      )
    })
  )

  it.live("says which flag it does not know, and where to read on", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* muster(["serve", "--bogus"])
      assert.deepStrictEqual({ code, stdout }, { code: 2, stdout: "" })
      assert.match(stderr, /^muster: .*--bogus.*\ntry: muster serve --help\n$/)
    })
  )

  it.live("prints help on stdout when it was asked for, and on stderr when a command is missing", () =>
    Effect.gen(function* () {
      const asked = yield* muster(["--help"])
      const missing = yield* muster([])
      assert.deepStrictEqual([asked.code, asked.stderr, missing.code, missing.stdout], [0, "", 2, ""])
      assert.strictEqual(missing.stderr, asked.stdout)
      assert.strictEqual(asked.stdout.match(/USAGE/g)?.length, 1)
    })
  )
})
