/**
 * A console over fake nodes, for a benchmark on real sockets: `muster serve` in a process of its own, so that its CPU
 * time is its own, and the nodes in another. Both end with the scope. A benchmark that cannot be set up is a defect.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface, type Interface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Effect, Schema, type Scope } from "effect"
import { type RealConsole, start as startConsole } from "../test/support/RealConsole.ts"
import { temporaryFolder } from "../test/support/TemporaryFolder.ts"
import type { BadMode } from "./FakeNodeMode.ts"

const Ms = Schema.NullOr(Schema.Number)
const Polls = Schema.Struct({
  nodes: Schema.Int,
  polls: Schema.Int,
  /** Nodes that were not polled at all. */
  silent: Schema.Int,
  /** Of the times between two polls of one node; null when none was polled twice. */
  p50Ms: Ms,
  p99Ms: Ms,
  maxMs: Ms
})
const Report = Schema.Struct({ seconds: Schema.Number, cpuSeconds: Schema.Number, good: Polls, bad: Polls })

/** What the nodes saw of the console since the report before. */
export type Report = typeof Report.Type

export interface FakeFleetOptions {
  /** Settings of the console that are variables. */
  readonly env?: Readonly<Record<string, string>>
  readonly nodes: number
  readonly processes: number
  /** The port of the first node; the others follow. */
  readonly port: number
  readonly bad?: Partial<Record<BadMode, number>>
  /** TOML of the console's configuration above its nodes. */
  readonly settings: string
}

export interface FakeFleet {
  readonly console: RealConsole
  readonly report: Effect.Effect<Report>
}

/** Starts both; the console has just logged that it listens. */
export const start = Effect.fnUntraced(function* (
  options: FakeFleetOptions
): Effect.fn.Return<FakeFleet, never, Scope.Scope> {
  const config = join(yield* temporaryFolder, "muster.toml")
  const nodes = yield* Effect.acquireRelease(
    Effect.sync(() => launch(options, config)),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )
  yield* nextLine(nodes.lines)
  const profile = process.env["MUSTER_BENCH_PROFILE"]
  const console = yield* startConsole({
    config,
    // Set by whoever wants to know where the time goes: a folder for the profile, written when the console ends.
    env: {
      ...options.env,
      ...(profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` })
    }
  }).pipe(Effect.orDie)
  if (profile !== undefined) yield* Effect.addFinalizer(() => Effect.ignore(console.stop("SIGTERM")))
  const report = Effect.suspend(() => {
    nodes.child.stdin?.write("report\n")
    return nextLine(nodes.lines)
  }).pipe(Effect.flatMap(Schema.decodeUnknownEffect(Schema.fromJsonString(Report))), Effect.orDie)
  return { console, report }
})

const program = fileURLToPath(new URL("FakeNodes.ts", import.meta.url))

const launch = ({ bad = {}, nodes, port, processes, settings }: FakeFleetOptions, config: string) => {
  const flags = Object.entries({ nodes, processes, port, config, settings, ...bad })
  const args = flags.map(([name, value]) => `--${name}=${value}`)
  const child: ChildProcess = spawn(process.execPath, [program, ...args], { stdio: ["pipe", "pipe", "inherit"] })
  if (child.stdout === null) throw new Error("bench: the nodes have no output")
  return { child, lines: createInterface({ input: child.stdout }) }
}

const answerMs = 20_000

const nextLine = (lines: Interface): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    const done = (line: string) => resume(Effect.succeed(line))
    const ended = () => resume(Effect.die("bench: the fake nodes have ended"))
    lines.once("line", done)
    lines.once("close", ended)
    return Effect.sync(() => lines.off("line", done).off("close", ended))
  }).pipe(Effect.timeoutOrElse({ duration: answerMs, orElse: () => Effect.die("bench: the fake nodes do not answer") }))

/** Linux counts processor time for user space in these. */
const ticksPerSecond = 100

/** Seconds of processor time that a process has used so far, all its threads together. */
export const cpuSeconds = (pid: number): Effect.Effect<number> =>
  Effect.sync(() => {
    // The name of the command, in parentheses, may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /, "")
      .split(" ")
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  })

/** Processor cores that a process uses, on average, while the effect runs. */
export const coresDuring = <A, E, R>(pid: number, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const [cpuBefore, msBefore] = [yield* cpuSeconds(pid), performance.now()]
    const value = yield* effect
    const cores = ((yield* cpuSeconds(pid)) - cpuBefore) / ((performance.now() - msBefore) / 1_000)
    return { cores, value }
  })
