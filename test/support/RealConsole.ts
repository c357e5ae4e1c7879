/**
 * A real console for a test: `muster serve` as a child process in a group of its own, on a free port, with no setting
 * of the machine it runs on; killed with all it started when the scope ends. Uses the real clock.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Data, Effect, Schema, type Scope } from "effect"
import { NodeView } from "../../core/domain/Node.ts"
import { ProcessInfo } from "../../core/domain/Process.ts"
import { OperationResult } from "../../core/domain/Operation.ts"
import { eventually } from "../core/local/RealProcesses.ts"
import { killMarked, marked, newMark } from "../../runtime/real/MarkedProcesses.ts"

/** The console did not start, did not end, or answered something else than it should. */
export class RealConsoleError extends Data.TaggedError("RealConsoleError")<{ readonly message: string }> {}

/** How a command ended. */
export interface Ended {
  /** Exit status, or -1 when a signal ended it. */
  readonly code: number
  readonly tookMs: number
  readonly stdout: string
  readonly stderr: string
}

export interface Answer {
  readonly status: number
  readonly body: unknown
}

export interface RealConsole {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly pid: number
  /** Stops reading what it writes and closes the pipes, as a reader of logs that dies. */
  readonly closeOutput: Effect.Effect<void>
  /** What it has written so far, stdout and stderr. */
  readonly logs: () => string
  /** Sends the signal and waits for the end. */
  readonly stop: (signal: NodeJS.Signals) => Effect.Effect<Ended, RealConsoleError>
  /** Process ids of what was started under the console and still runs, without itself. */
  readonly descendants: () => ReadonlyArray<number>
  /** A request and its answer, whatever its status, as JSON. */
  readonly request: (method: "GET" | "POST", path: string) => Effect.Effect<Answer, RealConsoleError>
  readonly node: (name: string) => Effect.Effect<NodeView, RealConsoleError>
  readonly process: (node: string, group: string, name: string) => Effect.Effect<ProcessInfo, RealConsoleError>
  /** Starts, stops or restarts a process and waits for the outcome. */
  readonly operate: (
    kind: "start" | "stop" | "restart",
    node: string,
    group: string,
    name: string
  ) => Effect.Effect<OperationResult, RealConsoleError>
}

const launcher = fileURLToPath(new URL("../../bin/muster.js", import.meta.url))

const limits = { startMs: 25_000, commandMs: 60_000, answerMs: 15_000 } as const

/** This process's environment without what would configure a console, or tell that npm has started it. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:MUSTER_|npm_)/.test(name)))

interface Child {
  readonly process: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  readonly descendants: () => ReadonlyArray<number>
  readonly ended: Effect.Effect<Ended, RealConsoleError>
}

const launch = Effect.fnUntraced(function* (
  command: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>
): Effect.fn.Return<Child, never, Scope.Scope> {
  const mark = newMark()
  const output = { stdout: "", stderr: "" }
  const startedMs = performance.now()
  const [file = "", ...args] = command
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(file, args, { detached: true, stdio: "pipe", env: { ...environment(), ...mark, ...env } })),
    (started) =>
      Effect.andThen(
        Effect.sync(() => started.kill("SIGKILL")),
        killMarked(mark)
      )
  )
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text))
  let ending: Ended | undefined
  child.on("close", (code) => {
    ending = { ...output, code: code ?? -1, tookMs: performance.now() - startedMs }
  })
  const ended = Effect.callback<Ended>((resume) => {
    if (ending !== undefined) return resume(Effect.succeed(ending))
    const done = () => ending !== undefined && resume(Effect.succeed(ending))
    child.on("close", done)
    return Effect.sync(() => child.off("close", done))
  }).pipe(
    Effect.timeoutOrElse({
      duration: limits.commandMs,
      orElse: () => Effect.fail(new RealConsoleError({ message: `no end within ${limits.commandMs} ms` }))
    })
  )
  return {
    process: child,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    descendants: () => marked(mark).filter((pid) => pid !== child.pid),
    ended
  }
})

/** Runs `muster` with these arguments to its end. */
export const muster = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Ended, RealConsoleError> =>
  Effect.scoped(Effect.flatMap(launch([process.execPath, launcher, ...args], env), (child) => child.ended))

/** Runs a line of `sh` to its end, in which `muster` is the command: as in `shell("muster ps | head -1")`. */
export const shell = (
  line: string,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Ended, RealConsoleError> =>
  Effect.scoped(Effect.flatMap(launch(shellCommand(line), env), (child) => child.ended))

/** The command for `start` that runs such a line. */
export const shellCommand = (line: string): ReadonlyArray<string> => [
  "sh",
  "-c",
  line.replaceAll("muster ", '"$0" "$1" '),
  process.execPath,
  launcher
]

export interface RealConsoleOptions {
  /** The file for `--config`. */
  readonly config?: string
  readonly env?: Readonly<Record<string, string>>
  /** What to run instead of the launcher. */
  readonly command?: ReadonlyArray<string>
}

/** For tests that are about something else: nobody has to log in or is told a password, and nothing is kept. */
const openConsole = {
  MUSTER_SERVER_PORT: "0",
  MUSTER_AUTH_ANONYMOUS_ROLE: "admin",
  MUSTER_ADMIN_PASSWORD: "nobody logs in with this",
  MUSTER_DATABASE_URL: "sqlite::memory:"
} as const

/** Starts a console and returns once it has logged its URL. Without settings of its own, one that lets everybody in. */
export const start = Effect.fnUntraced(function* (
  options: RealConsoleOptions = {}
): Effect.fn.Return<RealConsole, RealConsoleError, Scope.Scope> {
  const own = [process.execPath, launcher, "serve"]
  const command = options.command ?? (options.config === undefined ? own : [...own, "--config", options.config])
  const child = yield* launch(command, { ...openConsole, ...options.env })
  const logs = () => child.stdout() + child.stderr()
  const url = yield* Effect.callback<string>((resume) => {
    const look = () => {
      const found = / at (http:\/\/[^\s"]+)"/.exec(child.stdout())?.[1]
      if (found !== undefined) resume(Effect.succeed(found))
    }
    child.process.stdout?.on("data", look)
    look()
    return Effect.sync(() => child.process.stdout?.off("data", look))
  }).pipe(
    Effect.raceFirst(Effect.andThen(child.ended, Effect.fail(new RealConsoleError({ message: "it has ended" })))),
    Effect.timeout(limits.startMs),
    Effect.mapError(
      (error) => new RealConsoleError({ message: `the console did not start: ${error.message}\n${logs()}` })
    )
  )
  const request = requestTo(url)
  return {
    url,
    pid: child.process.pid ?? 0,
    logs,
    closeOutput: Effect.sync(() => {
      child.process.stdout?.destroy()
      child.process.stderr?.destroy()
    }),
    descendants: child.descendants,
    stop: (signal) =>
      Effect.suspend(() => {
        const askedMs = performance.now()
        child.process.kill(signal)
        return Effect.map(child.ended, (ended) => ({ ...ended, tookMs: performance.now() - askedMs }))
      }),
    request,
    node: (name) => Effect.flatMap(request("GET", `/api/nodes/${name}`), decoded(NodeView)),
    process: (node, group, name) =>
      request("GET", `/api/nodes/${node}/processes`).pipe(
        Effect.flatMap(decoded(Schema.Struct({ processes: Schema.Array(ProcessInfo) }))),
        Effect.flatMap(({ processes }) => {
          const found = processes.find((each) => each.group === group && each.name === name)
          return found === undefined
            ? Effect.fail(new RealConsoleError({ message: `${node} shows no ${group}:${name}` }))
            : Effect.succeed(found)
        })
      ),
    operate: (kind, node, group, name) =>
      Effect.flatMap(request("POST", `/api/nodes/${node}/processes/${group}/${name}/${kind}`), decoded(OperationResult))
  }
})

const requestTo =
  (url: string) =>
  (method: "GET" | "POST", path: string): Effect.Effect<Answer, RealConsoleError> =>
    Effect.tryPromise({
      try: async (signal) => {
        const response = await fetch(`${url}${path}`, { method, signal })
        const body: unknown = await response.json()
        return { status: response.status, body }
      },
      catch: (cause) => new RealConsoleError({ message: `${method} ${path}: ${String(cause)}` })
    }).pipe(
      Effect.timeoutOrElse({
        duration: limits.answerMs,
        orElse: () => Effect.fail(new RealConsoleError({ message: `${method} ${path}: no answer` }))
      })
    )

const decoded =
  <A>(schema: Schema.Codec<A, unknown>) =>
  (answer: Answer): Effect.Effect<A, RealConsoleError> =>
    Schema.decodeUnknownEffect(schema)(answer.body).pipe(
      Effect.mapError(
        (error) =>
          new RealConsoleError({ message: `status ${answer.status}: ${JSON.stringify(answer.body)}: ${error.message}` })
      )
    )

/** Waits until a process is in a state, and gives it. */
export const reaches = (console: RealConsole, state: ProcessInfo["state"], node: string, group: string, name: string) =>
  eventually(console.process(node, group, name), (process) => process.state === state)
