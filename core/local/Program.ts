/**
 * One program under supervision: a fiber that owns its state, takes events from a bounded mailbox one after another and
 * performs what the machine asks for. Performing never waits for the world, so that the mailbox is always drained; what
 * takes time (spawning, sleeping, signalling) is a fiber of its own that answers with an event.
 */
import { Clock, Deferred, Effect, Exit, Fiber, FiberHandle, Option, Queue, Ref, Scope } from "effect"
import type { ProcessInfo } from "../domain/Process.ts"
import type { LogChannel } from "../domain/Log.ts"
import { HostProcesses } from "./HostProcesses.ts"
import type { LogFileOptions } from "./LogFile.ts"
import type { ProgramConfig } from "./ProgramConfig.ts"
import * as ProgramLog from "./ProgramLog.ts"
import { step } from "./ProgramMachine.ts"
import { toProcessInfo } from "./ProgramReport.ts"
import * as ProgramRun from "./ProgramRun.ts"
import {
  initial,
  isOver,
  isStopped,
  pidOf,
  type ProgramAction,
  type ProgramEvent,
  type ProgramState,
  type Refusal
} from "./ProgramState.ts"
import type { SignalName } from "./SignalName.ts"

export const programFiberLimits = {
  /** Events waiting for the fiber; who posts one more waits. */
  mailboxEventsMax: 64,
  /** Time for an end on top of `stopwaitsecs`: signals, the last output, SIGKILL again. */
  closeMsMax: 5_000,
  /** After that: time for the spawner to end what is left by its own means. */
  releaseMsMax: 2_000
} as const

export interface Program {
  readonly config: ProgramConfig
  /** The program as it is now. */
  readonly report: Effect.Effect<ProcessInfo>
  /** Nothing of it runs, and it is not about to start. */
  readonly isStopped: Effect.Effect<boolean>
  /** Asks for a start or a stop. None when it is accepted. */
  readonly command: (command: "Start" | "Stop") => Effect.Effect<Option.Option<Refusal>>
  /** Waits while its process is being made; not at all when none is. */
  readonly launched: Effect.Effect<void>
  /** Sends a signal to the program itself, not to its group. */
  readonly signal: (signal: SignalName) => Effect.Effect<void, NotDone>
  /** Writes to its standard input. */
  readonly writeStdin: (bytes: Uint8Array) => Effect.Effect<void, NotDone>
  readonly logs: Readonly<Record<LogChannel, ProgramLog.ProgramLog>>
  /**
   * Ends the program and its fibers: stop signal, `stopwaitsecs`, SIGKILL. Waits `stopwaitsecs` and `closeMsMax` for it
   * at most, then `releaseMsMax` for the spawner. What not even SIGKILL has ended by then is left behind. It is done
   * once and to its end, however often it is asked for and whoever gives up waiting.
   */
  readonly close: Effect.Effect<void>
}

/** What is asked of a running program cannot be done: there is none, its input is closed or not read, or a reason. */
export type NotDone =
  | { readonly _tag: "NotRunning" }
  | { readonly _tag: "Closed" }
  | { readonly _tag: "NotRead" }
  | { readonly _tag: "Failed"; readonly detail: string }

interface Message {
  readonly event: ProgramEvent
  readonly reply: Option.Option<Deferred.Deferred<Option.Option<Refusal>>>
}

/** What the fiber of a program works with. */
interface Shell {
  readonly config: ProgramConfig
  readonly withhold: ReadonlyArray<string>
  readonly scope: Scope.Scope
  readonly mailbox: Queue.Queue<Message>
  readonly state: Ref.Ref<ProgramState>
  readonly current: Ref.Ref<Option.Option<ProgramRun.ProgramRun>>
  readonly timer: FiberHandle.FiberHandle
  /** Done when the latest run has a process, or none could be made. */
  readonly launched: Ref.Ref<Deferred.Deferred<void>>
  readonly over: Deferred.Deferred<void>
  readonly logs: Program["logs"]
  readonly mark: Readonly<Record<string, string>>
}

const post = (shell: Shell, make: (nowMs: number) => ProgramEvent) =>
  Effect.gen(function* () {
    const nowMs = yield* Clock.currentTimeMillis
    yield* Queue.offer(shell.mailbox, { event: make(nowMs), reply: Option.none() })
  })

const withRun = (shell: Shell, use: (run: ProgramRun.ProgramRun) => Effect.Effect<void>) =>
  Effect.flatMap(Ref.get(shell.current), Option.match({ onNone: () => Effect.void, onSome: use }))

const perform = Effect.fnUntraced(function* (shell: Shell, action: ProgramAction) {
  switch (action._tag) {
    case "Spawn": {
      yield* Ref.set(shell.launched, yield* Deferred.make<void>())
      const run = yield* ProgramRun.make({
        config: shell.config,
        run: action.run,
        withhold: shell.withhold,
        mark: shell.mark,
        logs: shell.logs,
        post: (make) => post(shell, make)
      }).pipe(Scope.provide(shell.scope))
      return yield* Ref.set(shell.current, Option.some(run))
    }
    case "Signal":
      return yield* withRun(shell, (run) => run.signal(action.signal, action.to))
    case "Reap":
      return yield* withRun(shell, (run) => run.reap(action))
    case "SetTimer": {
      const due = post(shell, (nowMs) => ({ _tag: "Due", timer: action.timer, nowMs }))
      yield* FiberHandle.run(shell.timer, Effect.andThen(Effect.sleep(action.delayMs), due), { startImmediately: true })
      return
    }
    case "ClearTimer":
      return yield* FiberHandle.clear(shell.timer)
    case "Refuse":
  }
})

/** Every step as it is taken; the fleet logs what it sees of them, for all nodes alike. */
const logChange = (before: ProgramState, after: ProgramState) => {
  if (after.state === before.state && after.spawnerr === before.spawnerr) return Effect.void
  const text = `${before.state} -> ${after.state}`
  return Effect.logDebug(after.spawnerr === "" ? text : `${text}: ${after.spawnerr}`)
}

const handle = Effect.fnUntraced(function* (shell: Shell, { event, reply }: Message) {
  const before = yield* Ref.get(shell.state)
  const { actions, state } = step(shell.config, before, event)
  // Nobody else writes the state, so that there is nothing between the read and the write.
  yield* Ref.set(shell.state, state)
  yield* logChange(before, state)
  if (before.life._tag === "spawning" && state.life._tag !== "spawning") {
    yield* Deferred.succeed(yield* Ref.get(shell.launched), undefined)
  }
  yield* Effect.forEach(actions, (action) => perform(shell, action), { discard: true })
  const refusal = actions.find((action) => action._tag === "Refuse")
  if (Option.isSome(reply)) yield* Deferred.succeed(reply.value, Option.fromUndefinedOr(refusal?.refusal))
  // Last, because it wakes the one that ends this fiber.
  if (isOver(state)) yield* Deferred.succeed(shell.over, undefined)
})

const command = (shell: Shell, tag: "Start" | "Stop") =>
  Effect.gen(function* () {
    const reply = yield* Deferred.make<Option.Option<Refusal>>()
    const nowMs = yield* Clock.currentTimeMillis
    const offered = yield* Queue.offer(shell.mailbox, { event: { _tag: tag, nowMs }, reply: Option.some(reply) })
    return offered ? yield* Deferred.await(reply) : Option.some("SHUTDOWN_STATE" as const)
  })

const close = (shell: Shell & { readonly scope: Scope.Closeable }) =>
  Effect.gen(function* () {
    const { stopasgroup, stopwaitsecs } = shell.config
    // Where the leader is asked first, the rest of its group has a time of its own.
    const waitMs = stopwaitsecs * 1_000 * (stopasgroup ? 1 : 2) + programFiberLimits.closeMsMax
    const ended = yield* post(shell, (nowMs) => ({ _tag: "Shutdown", nowMs })).pipe(
      Effect.andThen(Deferred.await(shell.over)),
      Effect.timeoutOption(waitMs)
    )
    if (Option.isNone(ended)) yield* Effect.logWarning(`not ended within ${waitMs} ms, killed`)
    // The spawner waits for the exit of a leader without a bound, and in a finalizer, which nothing can interrupt.
    const closing = yield* Effect.forkDetach(Scope.close(shell.scope, Exit.void), { startImmediately: true })
    const closed = yield* Effect.timeoutOption(Fiber.join(closing), programFiberLimits.releaseMsMax)
    if (Option.isNone(closed)) yield* Effect.logError("cannot be killed, left behind")
  })

/** What the program is doing now decides whether it can be done at all. */
const whileUp = <E>(shell: Shell, use: (pid: number, run: ProgramRun.ProgramRun) => Effect.Effect<void, E>) =>
  Effect.gen(function* () {
    const pid = pidOf(yield* Ref.get(shell.state))
    const run = yield* Ref.get(shell.current)
    if (pid === 0 || Option.isNone(run)) return yield* Effect.fail<NotDone>({ _tag: "NotRunning" })
    return yield* use(pid, run.value)
  })

const logFileOf = (
  config: ProgramConfig,
  channel: LogChannel,
  onTrouble: ProgramOptions["onLogTrouble"]
): Option.Option<LogFileOptions> => {
  const [path, bytesMax, backups] =
    channel === "stdout"
      ? [config.stdoutLogfile, config.stdoutLogfileMaxBytes, config.stdoutLogfileBackups]
      : [config.stderrLogfile, config.stderrLogfileMaxBytes, config.stderrLogfileBackups]
  // Without output of its own, stderr has no file to fill either.
  if (path === undefined || (channel === "stderr" && config.redirectStderr)) return Option.none()
  return Option.some({ path, bytesMax, backups, onTrouble: (reason) => onTrouble(path, reason) })
}

const makeLogs = Effect.fnUntraced(function* ({ config, onLogTrouble }: ProgramOptions) {
  const make = (channel: LogChannel) =>
    ProgramLog.make({ bytesMax: config.outputBytesMax, file: logFileOf(config, channel, onLogTrouble) })
  return { stdout: yield* make("stdout"), stderr: yield* make("stderr") }
})

export interface ProgramOptions {
  readonly config: ProgramConfig
  /** Name of the node in log lines. */
  readonly node: string
  /** Variables of the console's own environment that the program does not get. */
  readonly withhold: ReadonlyArray<string>
  /** Variables that it gets whatever its section says. */
  readonly mark: Readonly<Record<string, string>>
  /** Told when a log file cannot be written any more, with the reason, and when it can again. */
  readonly onLogTrouble: (path: string, reason: Option.Option<string>) => Effect.Effect<void>
}

const makeShell = (options: ProgramOptions, scope: Scope.Closeable) =>
  Effect.gen(function* () {
    const logs = yield* makeLogs(options)
    const parts = yield* Effect.all({
      mailbox: Effect.acquireRelease(Queue.bounded<Message>(programFiberLimits.mailboxEventsMax), Queue.shutdown),
      state: Ref.make(initial),
      current: Ref.make(Option.none<ProgramRun.ProgramRun>()),
      timer: FiberHandle.make(),
      launched: Effect.flatMap(Deferred.make<void>(), Ref.make),
      over: Deferred.make<void>()
    }).pipe(Scope.provide(scope))
    const { config, mark, withhold } = options
    return { ...parts, config, mark, withhold, scope, logs }
  })

/** The effect, run once and to its end by a fiber of its own; everybody waits for the same end. */
const onceAndToItsEnd = (effect: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const done = yield* Deferred.make<void>()
    let isBegun = false
    return Effect.suspend(() => {
      if (isBegun) return Deferred.await(done)
      isBegun = true
      const run = Effect.onExit(effect, (exit) => Deferred.done(done, exit))
      return Effect.andThen(Effect.forkDetach(run, { startImmediately: true }), Deferred.await(done))
    })
  })

/**
 * Puts a program under supervision, without starting it. It lives until `close`: the fibers belong to no scope of the
 * caller, because they have to outlive the beginning of its end.
 */
export const make = Effect.fnUntraced(function* (options: ProgramOptions) {
  const { config } = options
  const host = yield* HostProcesses
  const scope = yield* Scope.make()
  const shell = yield* makeShell(options, scope)
  const annotate = Effect.annotateLogs({ node: options.node, group: config.group, program: config.name })
  yield* Queue.take(shell.mailbox).pipe(
    Effect.flatMap((message) => handle(shell, message)),
    Effect.forever,
    annotate,
    Effect.forkIn(scope)
  )
  const closing = Effect.all([close(shell), shell.logs.stdout.close, shell.logs.stderr.close], { discard: true })
  const program: Program = {
    config,
    report: Effect.gen(function* () {
      return toProcessInfo(config, yield* Ref.get(shell.state), yield* Clock.currentTimeMillis)
    }),
    isStopped: Effect.map(Ref.get(shell.state), isStopped),
    command: (tag) => command(shell, tag),
    launched: Effect.gen(function* () {
      if ((yield* Ref.get(shell.state)).life._tag === "spawning") yield* Deferred.await(yield* Ref.get(shell.launched))
    }),
    signal: (name) =>
      whileUp(shell, (pid) =>
        Effect.mapError(host.signal(pid, name), ({ message }): NotDone => ({ _tag: "Failed", detail: message }))
      ),
    writeStdin: (bytes) =>
      whileUp(shell, (_, run) =>
        Effect.mapError(run.writeStdin(bytes), (why): NotDone => ({ _tag: why === "closed" ? "Closed" : "NotRead" }))
      ),
    logs: shell.logs,
    close: yield* onceAndToItsEnd(annotate(closing))
  }
  return program
})
