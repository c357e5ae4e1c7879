/** A started child as its parent knows it, and how the parent ends it. */
import { Clock, Deferred, Duration, Effect, type PlatformError } from "effect"
import type { ChildProcess } from "effect/process"
import type { Entry } from "./ProcessTable.ts"
import type { Signal } from "./Signal.ts"
import { failure } from "./SpawnError.ts"
import type { Host, System } from "./System.ts"

export interface Child {
  readonly system: System
  readonly host: Host
  readonly command: ChildProcess.StandardCommand
  readonly entry: Entry
  /** It was started to lead a group. */
  readonly detached: boolean
}

/** How long the parent waits for a group after its leader has ended, or after SIGKILL. */
const graceMs = 1_000

/**
 * How often it looks at the wall clock meanwhile, by which the platform measures this time. The platform looks every
 * 10 ms; here only a wall clock that jumps forwards makes a difference to that.
 */
const lookMs = 200

/** The parent has been told of the exit. */
export const hasExited = ({ entry }: Child): boolean => Deferred.isDoneUnsafe(entry.ended)

const isAlive = (child: Child): boolean =>
  !hasExited(child) || (child.detached && child.system.table.hasGroup(child.entry.group))

/** Sends to the group, or to the child where there is no group of its own. False when there is nothing to send to. */
const send = ({ detached, entry, system }: Child, signal: Signal): boolean =>
  (detached && system.table.signal(-entry.group, signal)) ||
  (!Deferred.isDoneUnsafe(entry.ended) && system.table.signal(entry.pid, signal))

const signalGroup = (child: Child, signal: Signal): Effect.Effect<void, PlatformError.PlatformError> =>
  Effect.suspend(() => {
    const { command, entry, host, system } = child
    if (host.crashed) return Effect.never
    const refused = Effect.fail(failure("kill", command, new Error("Failed to kill child process")))
    const verdict = system.decide({ operation: "signal", command: command.command, pid: entry.pid, signal })
    switch (verdict._tag) {
      case "pass":
        system.context.tell(() => `${signal} to ${command.command} (pid ${entry.pid})`)
        return send(child, signal) ? Effect.void : refused
      case "delay":
        system.later(
          Effect.andThen(
            Effect.sleep(verdict.ms),
            Effect.sync(() => void send(child, signal))
          )
        )
        return Effect.void
      case "drop":
        return Effect.void
      case "refuse":
        return hasExited(child) ? Effect.void : refused
      case "fail":
        // Of a group whose leader is gone, only zombies can be out of reach: nothing is left to do.
        return verdict.code === "EPERM" && hasExited(child) ? Effect.void : refused
      case "corrupt":
      case "reset":
        return Effect.die(new Error(`process: a signal cannot suffer ${verdict._tag}`))
    }
  })

/** Waits until nothing of the child and its group is left, for so long by the wall clock. */
const awaitGone = (child: Child, waitMs: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    const deadlineMs = (yield* Clock.currentTimeMillis) + waitMs
    for (;;) {
      const leftMs = deadlineMs - (yield* Clock.currentTimeMillis)
      if (leftMs <= 0 || !isAlive(child)) return
      yield* Effect.raceFirst(
        Effect.sleep(Math.min(leftMs, lookMs)),
        child.system.departures.until(() => !isAlive(child))
      )
    }
  })

/**
 * Signals the group and waits for its end. Without `forceKillAfter` it waits for the child without a bound, and a
 * moment for the rest of its group; with it, SIGKILL follows after that time. Fails when there is nothing to signal.
 */
export const terminate = Effect.fnUntraced(function* (child: Child, options: ChildProcess.KillOptions = {}) {
  yield* signalGroup(child, options.killSignal ?? "SIGTERM")
  if (options.forceKillAfter === undefined) {
    yield* Deferred.await(child.entry.ended)
    yield* awaitGone(child, graceMs)
    return
  }
  yield* awaitGone(child, Duration.toMillis(options.forceKillAfter))
  if (isAlive(child)) {
    yield* signalGroup(child, "SIGKILL")
    yield* awaitGone(child, graceMs)
  }
  yield* Deferred.await(child.entry.ended)
})

/** What the parent does as it learns of the exit: a leader that failed takes its group along. */
export const afterExit = (child: Child): void =>
  child.system.whenEnded(child.entry, (ending) => {
    if (!child.detached || ending._tag === "signalled" || ending.code === 0) return
    child.system.table.signal(-child.entry.group, child.command.options.killSignal ?? "SIGTERM")
  })

/** What the end of the scope does: it ends the child, and what a child that has ended left in its group. */
export const release = (child: Child, referenced: boolean): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { ending } = child.entry
    if (child.host.crashed) return Effect.void
    const failed = hasExited(child) && ending?._tag === "exited" && ending.code !== 0
    const wanted = failed || (referenced && (!hasExited(child) || child.detached))
    return wanted ? Effect.ignore(terminate(child, child.command.options)) : Effect.void
  })
