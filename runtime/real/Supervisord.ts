/**
 * A real supervisord: started in a folder of its own on a free port of 127.0.0.1 and on a unix socket, and killed with
 * everything it started when the scope ends. It may be killed and started again before.
 */
import { Data, Effect, Redacted, Schedule, type Scope } from "effect"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { freePort } from "./FreePort.ts"
import { killMarked, type Mark, marked, newMark, signal as sendSignal } from "./MarkedProcesses.ts"

/** supervisord could not be started, or one of its tools could not be run. */
export class RealSupervisordError extends Data.TaggedError("RealSupervisordError")<{ readonly message: string }> {}

export interface RealSupervisord {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** `unix:///...` */
  readonly socketUrl: string
  readonly port: number
  readonly username: string
  readonly password: Redacted.Redacted
  /** The process id of supervisord: of the newest, when it was started again. */
  readonly pid: number
  /** SIGKILL to supervisord alone: what it has started goes on. */
  readonly kill: Effect.Effect<void>
  /** Starts it once more after it was killed, and returns once it answers. */
  readonly startAgain: Effect.Effect<void, RealSupervisordError>
  /** Holds `supervisord.conf`, the main log, and whatever else is put there; removed at the end. */
  readonly folder: string
  /** Runs `supervisorctl` on this supervisord. A status other than 0 is no failure: it is in the answer. */
  readonly supervisorctl: (
    ...args: ReadonlyArray<string>
  ) => Effect.Effect<{ readonly status: number; readonly output: string }, RealSupervisordError>
  /** Process ids of everything that was started under this supervisord and still runs, without itself. */
  readonly descendants: Effect.Effect<ReadonlyArray<number>>
  /** Writes the configuration anew with these sections for programs; nothing reads it yet. */
  readonly configure: (programs: string) => Effect.Effect<void>
}

export interface RealSupervisordOptions {
  /** Sections of the configuration, such as `[program:web]` and its settings. */
  readonly programs: string
  /** Files for the folder by name, such as scripts; `%(here)s` in the sections is the folder. */
  readonly files?: Readonly<Record<string, string>>
  /** Default `user`. */
  readonly username?: string
  /** Default `a secret, with: ünïcode`. */
  readonly password?: string
}

const findOnPath = (command: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, command))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

const supervisordPath = findOnPath("supervisord")

/** Whether supervisord is installed here. */
export const available = supervisordPath !== undefined

const answersWithinMs = 10_000
const answersEveryMs = 50

/** Starts a supervisord and returns once it answers on its port. */
export const start = Effect.fnUntraced(function* (
  options: RealSupervisordOptions
): Effect.fn.Return<RealSupervisord, RealSupervisordError, Scope.Scope> {
  if (supervisordPath === undefined) {
    return yield* new RealSupervisordError({ message: "supervisord is not on PATH" })
  }
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-supervisord-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 3 }))
  )
  const port = yield* freePort
  const username = options.username ?? "user"
  const password = options.password ?? "a secret, with: ünïcode"
  const configure = (programs: string) =>
    Effect.sync(() =>
      writeFileSync(join(folder, "supervisord.conf"), configuration({ folder, port, username, password }) + programs)
    )
  yield* configure(options.programs)
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(folder, name), text)

  const mark = newMark()
  let child: ChildProcess | undefined
  yield* Effect.addFinalizer(() => killAll(child, mark))
  const run = Effect.suspend(() => {
    child = launch(supervisordPath, folder, mark)
    return answers({ port, username, password, pid: child.pid }).pipe(
      Effect.retry({ schedule: Schedule.spaced(answersEveryMs), times: answersWithinMs / answersEveryMs }),
      Effect.mapError(
        (cause) =>
          new RealSupervisordError({ message: `supervisord does not answer (${cause.message}): ${readLog(folder)}` })
      )
    )
  })
  yield* run
  return {
    url: `http://127.0.0.1:${port}`,
    socketUrl: `unix://${folder}/s.sock`,
    port,
    username,
    password: Redacted.make(password),
    get pid() {
      return child?.pid ?? 0
    },
    kill: Effect.suspend(() => (child === undefined ? Effect.void : killOne(child))),
    startAgain: run,
    folder,
    supervisorctl: (...args) => supervisorctl(folder, args),
    descendants: Effect.sync(() => marked(mark).filter((pid) => pid !== child?.pid)),
    configure
  }
})

const configuration = (node: {
  readonly folder: string
  readonly port: number
  readonly username: string
  readonly password: string
}): string => {
  const credentials = `username=${node.username}\npassword=${node.password}`
  return `[unix_http_server]
file=${node.folder}/s.sock
${credentials}
[inet_http_server]
port=127.0.0.1:${node.port}
${credentials}
[supervisord]
logfile=${node.folder}/supervisord.log
pidfile=${node.folder}/supervisord.pid
childlogdir=${node.folder}
identifier=real
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${node.folder}/s.sock
${credentials}
`
}

const launch = (path: string, folder: string, mark: Mark): ChildProcess =>
  spawn(path, ["-n", "-c", join(folder, "supervisord.conf")], {
    cwd: folder,
    env: { ...process.env, ...mark },
    stdio: "ignore"
  })

/**
 * Asks for the process id, so that no other supervisord on the port is taken for this one. Uses none of Muster's own
 * code: what is under test must not decide when a test starts.
 */
const answers = (node: {
  readonly port: number
  readonly username: string
  readonly password: string
  readonly pid: number | undefined
}) =>
  Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(`http://127.0.0.1:${node.port}/RPC2`, {
        method: "POST",
        headers: {
          "content-type": "text/xml",
          authorization: `Basic ${Buffer.from(`${node.username}:${node.password}`).toString("base64")}`
        },
        body: "<methodCall><methodName>supervisor.getPID</methodName></methodCall>",
        signal
      })
      const text = await response.text()
      if (!text.includes(`<int>${node.pid}</int>`)) throw new Error(`status ${response.status}: ${text}`)
    },
    catch: (cause) => new RealSupervisordError({ message: String(cause) })
  })

const readLog = (folder: string): string => {
  try {
    return readFileSync(join(folder, "supervisord.log"), "utf8").slice(-1_000)
  } catch {
    return "it wrote no log"
  }
}

const supervisorctl = (folder: string, args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly status: number; readonly output: string }, RealSupervisordError>((resume) => {
    const child = execFile(
      "supervisorctl",
      ["-c", join(folder, "supervisord.conf"), ...args],
      (error, stdout, stderr) => {
        const status = error === null ? 0 : error.code
        resume(
          typeof status === "number"
            ? Effect.succeed({ status, output: stdout + stderr })
            : Effect.fail(new RealSupervisordError({ message: `supervisorctl cannot be run: ${error?.message}` }))
        )
      }
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Kills it and waits until it is gone. */
const killOne = (supervisord: ChildProcess): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (supervisord.exitCode !== null || supervisord.signalCode !== null) return resume(Effect.void)
    supervisord.once("exit", () => resume(Effect.void))
    supervisord.kill("SIGKILL")
  })

/**
 * Kills supervisord and all that it started, and waits until they are gone. supervisord is stopped first, so that it
 * starts nothing while its children are looked for.
 */
const killAll = (supervisord: ChildProcess | undefined, mark: Mark): Effect.Effect<void> =>
  Effect.sync(() => {
    supervisord?.kill("SIGSTOP")
    for (const pid of marked(mark)) if (pid !== supervisord?.pid) sendSignal(pid, "SIGKILL")
  }).pipe(Effect.andThen(killMarked(mark)), Effect.andThen(Effect.sync(() => supervisord?.kill("SIGKILL"))))
