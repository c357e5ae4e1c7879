/**
 * One run of a program: a process group from its spawn until nothing of it is left.
 *
 * It tells what happens by events and does what the machine orders; it decides nothing. Both outputs are read for as
 * long as it lives, each as fast as its log takes the bytes: a program that floods waits at its full pipe, and only a
 * disk makes it wait (`LogFile.ts` says for how long at most). When the scope closes, what is left of the group is
 * killed by the spawner.
 *
 * What it needs of the spawner: `kill` signals the whole group of the child, with `forceKillAfter` it sends SIGKILL to
 * what is left of the group after that time and returns when the group is gone, also when the leader has exited before;
 * `exitCode` fails when a signal ended the leader. The spawner of Node does so. A process that has left the group
 * (a daemon with a session of its own) is out of reach.
 * To it a zombie is alive: where the system's first process reaps none, as in a container without an init, the end of a
 * run whose leader leaves children takes the whole grace.
 */
import { Deferred, Effect, Fiber, PlatformError, type Scope, Semaphore, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import type { Argv } from "./CommandText.ts"
import { HostProcesses } from "./HostProcesses.ts"
import type { ProgramConfig } from "./ProgramConfig.ts"
import type { ProgramLog } from "./ProgramLog.ts"
import type { ProgramAction, ProgramEvent } from "./ProgramState.ts"
import { describeSpawnFailure, errorCode, shortCause } from "./SpawnFailure.ts"

export const runLimits = {
  /** A spawn that takes longer counts as failed. */
  spawnMsMax: 10_000,
  /** Time for the spawner to see a killed group gone, on top of the grace. */
  reapMsMax: 5_000,
  /** After the end of the group: time for output that is still in the pipes. */
  drainMsMax: 1_000,
  /** A write to the standard input that the program does not take within this time is given up. */
  stdinMsMax: 5_000
} as const

/** What a leader says that a signal has ended, as supervisord has it. */
const statusAfterSignal = -1

type ReapOrder = Pick<Extract<ProgramAction, { readonly _tag: "Reap" }>, "signal" | "graceMs">

/** Why a write to the standard input failed: it is closed, or nobody reads it. */
export type StdinFailure = "closed" | "not read"

export interface ProgramRun {
  /** Sends the signal to the group or its leader and does not wait; a failure comes back as SignalFailed. */
  readonly signal: (signal: ChildProcess.Signal, to: "group" | "leader") => Effect.Effect<void>
  /** Writes to the standard input and waits until the pipe has taken it, for `stdinMsMax` at most. */
  readonly writeStdin: (bytes: Uint8Array) => Effect.Effect<void, StdinFailure>
  /** Orders the end of what the leader left behind. Only the first order counts. */
  readonly reap: (order: ReapOrder) => Effect.Effect<void>
}

export interface RunOptions {
  readonly config: ProgramConfig
  readonly run: number
  /** Variables of the console's own environment that the program does not get. */
  readonly withhold: ReadonlyArray<string>
  /** Variables that it gets whatever its section says. */
  readonly mark: Readonly<Record<string, string>>
  readonly logs: Readonly<Record<"stdout" | "stderr", ProgramLog>>
  /** Takes an event, given the time. */
  readonly post: (event: (nowMs: number) => ProgramEvent) => Effect.Effect<void>
}

interface Attended {
  readonly handle: ChildProcessSpawner.ChildProcessHandle
  readonly scope: Scope.Scope
}

/**
 * The command of a program, in a session and process group of its own.
 *
 * What the spawner would do by itself is made harmless: it sends SIGCONT, which ends nothing, and SIGKILL right after
 * it, and that only when the scope closes. All other signals are decided by the machine. Standard input is a pipe that
 * is open for as long as the console lives: a program can tell an abnormal end of the console by the end of its input.
 */
const toCommand = ({ config, mark, withhold }: RunOptions, argv: Argv): ChildProcess.Command => {
  const [command, ...args] = argv
  const withheld: Record<string, string | undefined> = Object.fromEntries(withhold.map((name) => [name, undefined]))
  return ChildProcess.make(command, args, {
    ...(config.directory === undefined ? {} : { cwd: config.directory }),
    env: { ...withheld, ...config.environment, ...mark },
    extendEnv: true,
    stdin: { stream: "pipe", endOnDone: false },
    killSignal: "SIGCONT",
    forceKillAfter: 0
  })
}

/**
 * Node throws where it does not expect the system's answer to a start (E2BIG, ENOMEM, ENOTDIR ..), and its spawner dies
 * of that. To the program it is a failed start like any other. What has no code is a bug as well, and logged.
 */
const toSpawnError = Effect.fnUntraced(function* (defect: unknown) {
  if (errorCode(defect) === undefined) yield* Effect.logError("the spawner died", defect)
  return yield* PlatformError.systemError({ _tag: "Unknown", module: "ChildProcess", method: "spawn", cause: defect })
})

/** The words to run: those of the section, or what runs them as its user. */
const argvOf = ({ config }: RunOptions, { commandAs }: HostProcesses["Service"]): Effect.Effect<Argv, string> => {
  const { user } = config
  if (user === undefined) return Effect.succeed(config.command)
  return Effect.mapError(commandAs(user, config.command), ({ message }) => `couldn't setuid to ${user}: ${message}`)
}

interface Ports {
  readonly spawner: ChildProcessSpawner.ChildProcessSpawner["Service"]
  readonly host: HostProcesses["Service"]
}

const spawn = (options: RunOptions, { host, spawner }: Ports) =>
  argvOf(options, host).pipe(
    Effect.flatMap((argv) =>
      spawner.spawn(toCommand(options, argv)).pipe(
        // Right at the spawner, so that a defect of ours does not pass for a failed start.
        Effect.catchDefect(toSpawnError),
        Effect.mapError((error) => describeSpawnFailure(options.config, error))
      )
    ),
    Effect.timeoutOrElse({
      duration: runLimits.spawnMsMax,
      orElse: () => Effect.fail(`no process within ${runLimits.spawnMsMax / 1_000} s`)
    })
  )

const drain = (stream: ChildProcessSpawner.ChildProcessHandle["stdout"], log: ProgramLog) =>
  Stream.runForEach(stream, log.write).pipe(
    Effect.catch((error) => Effect.logWarning("output cannot be read any more", shortCause(error))),
    Effect.forkScoped({ startImmediately: true })
  )

const exitStatus = (handle: ChildProcessSpawner.ChildProcessHandle) =>
  handle.exitCode.pipe(
    Effect.map((code): number => code),
    Effect.catch(() => Effect.succeed(statusAfterSignal))
  )

const endGroup = (handle: ChildProcessSpawner.ChildProcessHandle, order: ReapOrder) =>
  handle.kill({ killSignal: order.signal, forceKillAfter: order.graceMs }).pipe(
    // It fails when nothing is left to signal, which is what is wanted, or when nothing may be: no order helps then.
    Effect.ignore,
    Effect.timeoutOption(order.graceMs + runLimits.reapMsMax)
  )

/** The life of the run. Gives the last event, which is for when nothing of the run is left. */
const attend = Effect.fnUntraced(function* (
  options: RunOptions,
  ports: Ports,
  attended: Deferred.Deferred<Attended>,
  order: Deferred.Deferred<ReapOrder>
) {
  const { config, logs, post, run } = options
  const spawned = yield* Effect.result(spawn(options, ports))
  if (spawned._tag === "Failure") return { _tag: "SpawnFailed", run, text: spawned.failure } as const
  const handle = spawned.success
  const stderr = config.redirectStderr ? logs.stdout : logs.stderr
  const outputs = [yield* drain(handle.stdout, logs.stdout), yield* drain(handle.stderr, stderr)]
  yield* Deferred.succeed(attended, { handle, scope: yield* Effect.scope })
  yield* post((nowMs) => ({ _tag: "Spawned", run, pid: handle.pid, nowMs }))
  const status = yield* exitStatus(handle)
  yield* post((nowMs) => ({ _tag: "Exited", run, status, nowMs }))
  yield* endGroup(handle, yield* Deferred.await(order))
  yield* Effect.timeoutOption(Fiber.awaitAll(outputs), runLimits.drainMsMax)
  return { _tag: "Ended", run } as const
})

/**
 * Writes to the input one after another. A write that nobody reads is left to itself and keeps its turn, so that no
 * more than one is ever under way, however often it is tried.
 */
const writeInTurn = (turn: Semaphore.Semaphore, { handle, scope }: Attended, bytes: Uint8Array) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      yield* restore(turn.take(1))
      const writing = yield* Stream.run(Stream.make(bytes), handle.stdin).pipe(
        Effect.mapError((): StdinFailure => "closed"),
        Effect.ensuring(turn.release(1)),
        Effect.forkIn(scope, { startImmediately: true })
      )
      return yield* restore(Fiber.join(writing))
    })
  )

/** Starts a run and returns at once. It lives in the scope. */
export const make = Effect.fnUntraced(function* (options: RunOptions) {
  const { post, run } = options
  const host = yield* HostProcesses
  const ports: Ports = { host, spawner: yield* ChildProcessSpawner.ChildProcessSpawner }
  const attended = yield* Deferred.make<Attended>()
  const order = yield* Deferred.make<ReapOrder>()
  const stdinTurn = yield* Semaphore.make(1)

  yield* Effect.scoped(attend(options, ports, attended, order)).pipe(
    Effect.flatMap((last) => post((nowMs) => ({ ...last, nowMs }))),
    Effect.forkScoped
  )

  const send = (handle: Attended["handle"], signal: ChildProcess.Signal, to: "group" | "leader") => {
    const sent =
      to === "group"
        ? Effect.mapError(handle.kill({ killSignal: signal }), shortCause)
        : Effect.mapError(host.signal(handle.pid, signal), ({ message }) => message)
    // The leader may have exited on its own in the meantime: its exit tells more than the failure.
    return Effect.catch(sent, (detail) =>
      Effect.gen(function* () {
        if (!(yield* Effect.orElseSucceed(handle.isRunning, () => true))) return
        const text = `cannot send ${signal}: ${detail}`
        yield* post((nowMs) => ({ _tag: "SignalFailed", run, text, nowMs }))
      })
    )
  }
  const signal: ProgramRun["signal"] = (name, to) =>
    Deferred.await(attended).pipe(
      // `kill` waits for the exit: it is left to itself, for as long as the run lives.
      Effect.flatMap(({ handle, scope }) => Effect.forkIn(send(handle, name, to), scope, { startImmediately: true })),
      Effect.asVoid
    )
  const writeStdin: ProgramRun["writeStdin"] = (bytes) =>
    Deferred.await(attended).pipe(
      Effect.flatMap((known) => writeInTurn(stdinTurn, known, bytes)),
      Effect.timeoutOrElse({ duration: runLimits.stdinMsMax, orElse: () => Effect.fail("not read" as const) })
    )
  return {
    signal,
    writeStdin,
    reap: (given) => Effect.asVoid(Deferred.succeed(order, given))
  } satisfies ProgramRun
})
