/**
 * A PostgreSQL server of a test's own, which may be stopped, killed and started again: in a temporary folder, on a free
 * port of 127.0.0.1, for the user postgres without a password. It goes with the scope. Uses the real clock.
 *
 * Where its programs are not installed the tests are skipped, and say so in their name; with MUSTER_REQUIRE_ALL=1 they
 * fail instead.
 */
import { execFileSync, spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { it } from "@effect/vitest"
import { Data, Effect, type Scope } from "effect"
import { freePort } from "../../runtime/real/FreePort.ts"
import { signal } from "../../runtime/real/MarkedProcesses.ts"

export class OwnPostgresError extends Data.TaggedError("OwnPostgresError")<{ readonly message: string }> {}

export interface OwnPostgres {
  /** The URL of a database of that name. */
  readonly url: (database: string) => string
  readonly createDatabase: (name: string) => Effect.Effect<void, OwnPostgresError>
  readonly start: Effect.Effect<void, OwnPostgresError>
  /** `pg_ctl stop -m immediate`: no session gets a word of it, and what was committed has to be found in the log. */
  readonly stop: Effect.Effect<void, OwnPostgresError>
  /** SIGKILL to the server and all of its sessions. */
  readonly kill: Effect.Effect<void, OwnPostgresError>
}

const waitMs = { command: 30_000, end: 10_000, look: 10 } as const

/** Of its log, when it does not start. */
const logCharacters = 2_000

const isRoot = process.getuid?.() === 0

const folders = (): ReadonlyArray<string> => {
  const debian = "/usr/lib/postgresql"
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((one, other) => Number(other) - Number(one)) : []
  return [...(process.env["PATH"] ?? "").split(delimiter), ...versions.map((version) => join(debian, version, "bin"))]
}

const programs = ["initdb", "pg_ctl", "psql"] as const

/** The folder that has all of its programs. */
const home = folders().find((folder) => programs.every((name) => existsSync(join(folder, name))))

/** Why no server can be started; undefined when one can. */
export const missing: string | undefined = home === undefined ? `no ${programs.join(", ")} in the PATH` : undefined

/** A command of PostgreSQL, which refuses to run as root. */
const commandOf = (program: string, args: ReadonlyArray<string>): readonly [string, ReadonlyArray<string>] => {
  const file = join(home ?? "", program)
  return isRoot ? ["runuser", ["-u", "postgres", "--", file, ...args]] : [file, args]
}

/** Runs it to its end. What it starts keeps its output open, so nothing is read from it. */
const run = (program: string, args: ReadonlyArray<string>, cwd: string) =>
  Effect.callback<void, OwnPostgresError>((resume) => {
    const [file, all] = commandOf(program, args)
    const child = spawn(file, all, { cwd, stdio: "ignore" })
    const failed = (message: string) => resume(Effect.fail(new OwnPostgresError({ message: `${program}: ${message}` })))
    child.on("error", ({ message }) => failed(message))
    child.on("exit", (code) => (code === 0 ? resume(Effect.void) : failed(`exit status ${code}`)))
    return Effect.sync(() => child.kill("SIGKILL"))
  }).pipe(
    Effect.timeoutOrElse({
      duration: waitMs.command,
      orElse: () => Effect.fail(new OwnPostgresError({ message: `${program}: no end within ${waitMs.command} ms` }))
    })
  )

const statOf = (pid: number): ReadonlyArray<string> => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  } catch {
    return []
  }
}

const isGone = (pid: number): boolean => {
  const [state = "X"] = statOf(pid)
  return state === "Z" || state === "X"
}

/** The server, which is stopped by that, and its sessions. */
const pidsOf = (data: string): ReadonlyArray<number> => {
  const file = join(data, "postmaster.pid")
  if (!existsSync(file)) return []
  const server = Number(readFileSync(file, "utf8").split("\n")[0])
  // From here on it begins no session that would be missed, and live on for a moment.
  signal(server, "SIGSTOP")
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && statOf(Number(name))[1] === String(server))
    .map(Number)
  return [server, ...children]
}

const killAll = (data: string): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const pids = yield* Effect.sync(() => pidsOf(data))
    for (const pid of pids) signal(pid, "SIGKILL")
    for (let waitedMs = 0; waitedMs < waitMs.end; waitedMs += waitMs.look) {
      if (pids.every(isGone)) return true
      yield* Effect.sleep(waitMs.look)
    }
    return false
  })

/** Makes the server and starts it. */
export const make: Effect.Effect<OwnPostgres, OwnPostgresError, Scope.Scope> = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-postgres-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 3 }))
  )
  chmodSync(folder, 0o755)
  if (isRoot) execFileSync("chown", ["postgres", folder])
  const data = join(folder, "data")
  yield* run("initdb", ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D", data], folder)
  const port = yield* freePort
  // A process that dies loses nothing of what the system has taken: there is no need to wait for the disk.
  const log = join(folder, "log")
  const settings = `-h 127.0.0.1 -p ${port} -k ${folder} -c fsync=off`
  const start = Effect.mapError(
    run("pg_ctl", ["start", "-w", "-s", "-D", data, "-l", log, "-o", settings], folder),
    ({ message }) => new OwnPostgresError({ message: `${message}\n${readFileSync(log, "utf8").slice(-logCharacters)}` })
  )
  const kill = Effect.gen(function* () {
    if (!(yield* killAll(data))) return yield* new OwnPostgresError({ message: "it does not die" })
    // Else the next one takes a dead process that nobody has reaped yet for a live one.
    const locks = [join(data, "postmaster.pid"), join(folder, `.s.PGSQL.${port}.lock`)]
    yield* Effect.sync(() => locks.forEach((path) => rmSync(path, { force: true })))
  })
  yield* Effect.addFinalizer(() => killAll(data))
  yield* start
  const url = (name: string) => `postgres://postgres@127.0.0.1:${port}/${name}`
  return {
    url,
    start,
    kill,
    stop: run("pg_ctl", ["stop", "-w", "-s", "-m", "immediate", "-D", data], folder),
    createDatabase: (name) => run("psql", ["-q", "-d", url("postgres"), "-c", `CREATE DATABASE ${name}`], folder)
  }
})

/** A test with a server of its own, on the real clock. */
export const itOwnPostgres = <E>(
  name: string,
  body: (server: OwnPostgres) => Effect.Effect<void, E, Scope.Scope>,
  timeoutMs: number
): void => {
  const isSkipped = missing !== undefined && process.env["MUSTER_REQUIRE_ALL"] !== "1"
  const test = () =>
    missing === undefined
      ? Effect.scoped(Effect.flatMap(make, body))
      : Effect.die(`MUSTER_REQUIRE_ALL=1, but ${missing}`)
  return isSkipped ? it.skip(`${name} [skipped: ${missing}]`) : it.live(name, test, timeoutMs)
}
