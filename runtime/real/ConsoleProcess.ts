/** A console in a process of its own: `muster serve` as somebody else would run it, and all that it writes. */
import { spawn, type ChildProcess } from "node:child_process"
import { createWriteStream } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"
import { RealWorldError } from "./Episode.ts"
import { killMarked, type Mark, marked, newMark } from "./MarkedProcesses.ts"

export interface Ended {
  /** Exit status, or -1 when a signal ended it. */
  readonly code: number
  readonly tookMs: number
}

export interface ConsoleProcess {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** In the environment of all that it has started. */
  readonly mark: Mark
  /** Whole lines of stdout so far. */
  readonly lines: () => ReadonlyArray<string>
  /** What came after the last of them. */
  readonly rest: () => string
  readonly stderr: () => string
  /** Sends a signal; SIGKILL reaches it alone, and not what it has started. */
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  /** Sends a signal and waits for the end, for so long. */
  readonly end: (name: NodeJS.Signals, withinMs: number) => Effect.Effect<Ended, RealWorldError>
  /** Process ids of what was started under it and still runs. */
  readonly descendants: () => ReadonlyArray<number>
}

export interface ConsoleOptions {
  /** Where it runs, with its `muster.toml`. */
  readonly folder: string
  /** Where its output is kept. */
  readonly outputFolder: string
  readonly env: Readonly<Record<string, string>>
}

const startMsMax = 30_000

const launcher = join(dirname(fileURLToPath(import.meta.resolve("muster/package.json"))), "bin", "muster.js")

/** This process's environment without what would configure a console, or tell that npm has started it. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:MUSTER_|npm_)/.test(name)))

const ended = (child: ChildProcess): Effect.Effect<number> =>
  Effect.callback((resume) => {
    const tell = () => resume(Effect.succeed(child.exitCode ?? -1))
    if (child.exitCode !== null || child.signalCode !== null) return tell()
    child.once("exit", tell)
    return Effect.sync(() => child.off("exit", tell))
  })

/** What the child writes, kept in the folder too. */
const outputOf = (child: ChildProcess, folder: string) =>
  Effect.gen(function* () {
    const output = { lines: new Array<string>(), rest: "", stderr: "" }
    for (const name of ["stdout", "stderr"] as const) {
      const file = yield* Effect.acquireRelease(
        Effect.sync(() => createWriteStream(join(folder, `console.${name}`), { flags: "a" })),
        (stream) => Effect.callback<void>((resume) => void stream.end(() => resume(Effect.void)))
      )
      // A full disk must not end whoever has all of these processes to end.
      file.on("error", ({ message }) => (output.stderr += `the output cannot be kept: ${message}\n`))
      child[name]?.setEncoding("utf8").on("data", (text: string) => {
        if (file.writable) file.write(text)
        if (name === "stderr") {
          output.stderr += text
          return
        }
        const lines = (output.rest + text).split("\n")
        output.rest = lines.pop() ?? ""
        output.lines.push(...lines)
      })
    }
    return output
  })

/** Starts a console and returns once it says where it is; killed with all that it started when the scope ends. */
export const start = Effect.fnUntraced(function* ({
  env,
  folder,
  outputFolder
}: ConsoleOptions): Effect.fn.Return<ConsoleProcess, RealWorldError, Scope.Scope> {
  const mark = newMark()
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [launcher, "serve", "--config", "muster.toml"], {
        cwd: folder,
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...environment(), ...mark, ...env }
      })
    ),
    (started) =>
      Effect.andThen(
        Effect.sync(() => started.kill("SIGKILL")),
        killMarked(mark)
      )
  )
  const output = yield* outputOf(child, outputFolder)
  const url = yield* Effect.callback<string>((resume) => {
    const look = () => {
      const found = / at (http:\/\/[^\s"]+)"/.exec(output.lines.join("\n"))?.[1]
      if (found !== undefined) resume(Effect.succeed(found))
    }
    child.stdout.on("data", look)
    return Effect.sync(() => child.stdout.off("data", look))
  }).pipe(
    Effect.raceFirst(
      Effect.flatMap(ended(child), (code) =>
        Effect.fail(new RealWorldError({ message: `the console ended with ${code} at its start: ${output.stderr}` }))
      )
    ),
    Effect.timeoutOrElse({
      duration: startMsMax,
      orElse: () => Effect.fail(new RealWorldError({ message: `the console did not start within ${startMsMax} ms` }))
    })
  )
  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid ?? 0,
    mark,
    lines: () => output.lines,
    rest: () => output.rest,
    stderr: () => output.stderr,
    signal: (name) => Effect.sync(() => void child.kill(name)),
    end: (name, withinMs) =>
      Effect.suspend(() => {
        const askedMs = performance.now()
        child.kill(name)
        return Effect.map(ended(child), (code) => ({ code, tookMs: performance.now() - askedMs }))
      }).pipe(
        Effect.timeoutOrElse({
          duration: withinMs,
          orElse: () =>
            Effect.fail(new RealWorldError({ message: `the console did not end within ${withinMs} ms after ${name}` }))
        })
      ),
    descendants: () => marked(mark).filter((pid) => pid !== child.pid)
  }
})
