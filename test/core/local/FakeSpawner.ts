/**
 * A spawner without processes, on Effect's clock: process groups of a leader and its children, which end when they are
 * told to, by themselves, or never. It does with groups what the spawner of Node does.
 */
import { Deferred, Effect, Layer, PlatformError, Sink, Stream } from "effect"
import { type ChildProcess, ChildProcessSpawner } from "effect/process"

export interface Behaviour {
  /** Time until the spawn is answered. */
  readonly spawnMs?: number | undefined
  /** The spawn fails for this reason. */
  readonly fails?: PlatformError.SystemErrorTag | undefined
  /** The leader exits by itself after this time. */
  readonly runMs?: number | undefined
  readonly exitCode?: number | undefined
  /** Signals that the leader ignores. SIGKILL is obeyed unless it is here: a process stuck in the kernel. */
  readonly ignores?: ReadonlyArray<ChildProcess.Signal> | undefined
  /** Children in the group of the leader, by the signals that each ignores. */
  readonly children?: ReadonlyArray<ReadonlyArray<ChildProcess.Signal>> | undefined
  /** The leader may not be signalled. */
  readonly forbidden?: boolean | undefined
  readonly stdout?: ReadonlyArray<string> | undefined
  /** Time until the output comes out of the pipe, whether the leader still runs or not. */
  readonly stdoutMs?: number | undefined
}

export interface FakeGroup {
  readonly command: string
  readonly args: ReadonlyArray<unknown>
  readonly options: ChildProcess.CommandOptions
  readonly pid: number
  /** Signals sent to the group, in order. */
  readonly signals: Array<ChildProcess.Signal>
  readonly spawnedMs: number
  leaderLives: boolean
  children: ReadonlyArray<ReadonlyArray<ChildProcess.Signal>>
}

const graceMs = 1_000
const pollMs = 10

const failure = (tag: PlatformError.SystemErrorTag, method: string) =>
  PlatformError.systemError({ _tag: tag, module: "ChildProcess", method })

const obeys = (ignored: ReadonlyArray<ChildProcess.Signal>, signal: ChildProcess.Signal) =>
  signal !== "SIGCONT" && !ignored.includes(signal)

export const isAlive = (group: FakeGroup): boolean => group.leaderLives || group.children.length > 0

/** A spawner that behaves as told for a command and the number of its spawn, counted from 1. */
export const make = (behave: (command: string, attempt: number) => Behaviour) => {
  const groups: Array<FakeGroup> = []
  const attempts = new Map<string, number>()

  const exit = (group: FakeGroup, exited: Deferred.Deferred<number | "signal">, status: number | "signal") =>
    Effect.suspend(() => {
      group.leaderLives = false
      return Effect.asVoid(Deferred.succeed(exited, status))
    })

  const send = (
    group: FakeGroup,
    behaviour: Behaviour,
    exited: Deferred.Deferred<number | "signal">,
    signal: ChildProcess.Signal
  ) =>
    Effect.gen(function* () {
      if (!isAlive(group)) return yield* failure("Unknown", "kill")
      if (behaviour.forbidden === true) return yield* failure("PermissionDenied", "kill")
      group.signals.push(signal)
      group.children = group.children.filter((ignored) => !obeys(ignored, signal))
      if (group.leaderLives && obeys(behaviour.ignores ?? [], signal)) yield* exit(group, exited, "signal")
    })

  const awaitGone = (group: FakeGroup, waitMs: number) =>
    Effect.gen(function* () {
      for (let waitedMs = 0; waitedMs < waitMs && isAlive(group); waitedMs += pollMs) yield* Effect.sleep(pollMs)
    })

  const handleOf = (group: FakeGroup, behaviour: Behaviour, exited: Deferred.Deferred<number | "signal">) => {
    const chunks = Stream.fromIterable((behaviour.stdout ?? []).map((text) => new TextEncoder().encode(text)))
    const stdout =
      behaviour.stdoutMs === undefined ? chunks : Stream.unwrap(Effect.as(Effect.sleep(behaviour.stdoutMs), chunks))
    const kill = (options?: ChildProcess.KillOptions) =>
      Effect.gen(function* () {
        yield* send(group, behaviour, exited, options?.killSignal ?? "SIGTERM")
        if (options?.forceKillAfter === undefined) {
          yield* Deferred.await(exited)
          return yield* awaitGone(group, graceMs)
        }
        yield* awaitGone(group, Number(options.forceKillAfter))
        if (!isAlive(group)) return
        yield* send(group, behaviour, exited, "SIGKILL")
        yield* awaitGone(group, graceMs)
      })
    return ChildProcessSpawner.makeHandle({
      pid: ChildProcessSpawner.ProcessId(group.pid),
      exitCode: Effect.flatMap(Deferred.await(exited), (status) =>
        status === "signal"
          ? Effect.fail(failure("Unknown", "exitCode"))
          : Effect.succeed(ChildProcessSpawner.ExitCode(status))
      ),
      isRunning: Effect.sync(() => group.leaderLives),
      kill,
      stdin: Sink.drain,
      stdout,
      stderr: Stream.empty,
      all: stdout,
      getInputFd: () => Sink.drain,
      getOutputFd: () => Stream.empty,
      unref: Effect.succeed(Effect.void)
    })
  }

  const spawn = (command: ChildProcess.Command) =>
    Effect.gen(function* () {
      if (command._tag === "PipedCommand") return yield* failure("InvalidData", "spawn")
      const attempt = (attempts.get(command.command) ?? 0) + 1
      attempts.set(command.command, attempt)
      const behaviour = behave(command.command, attempt)
      if (behaviour.spawnMs !== undefined) yield* Effect.sleep(behaviour.spawnMs)
      if (behaviour.fails !== undefined) return yield* failure(behaviour.fails, "spawn")
      const exited = yield* Deferred.make<number | "signal">()
      const group: FakeGroup = {
        command: command.command,
        args: command.args,
        options: command.options,
        pid: 1_000 + groups.length,
        signals: [],
        spawnedMs: yield* Effect.clockWith((clock) => clock.currentTimeMillis),
        leaderLives: true,
        children: behaviour.children ?? []
      }
      groups.push(group)
      const handle = handleOf(group, behaviour, exited)
      yield* Effect.addFinalizer(() => Effect.ignore(handle.kill(command.options)))
      if (behaviour.runMs !== undefined) {
        yield* Effect.forkScoped(
          Effect.andThen(Effect.sleep(behaviour.runMs), exit(group, exited, behaviour.exitCode ?? 0))
        )
      }
      return handle
    })

  return { groups, layer: Layer.succeed(ChildProcessSpawner.ChildProcessSpawner, ChildProcessSpawner.make(spawn)) }
}
