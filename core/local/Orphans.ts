/**
 * The end of what an earlier life of the console has left behind: a console that is killed has no time to end its
 * programs. Its next life does so before it starts them again, so that no program runs twice.
 */
import { Clock, Effect } from "effect"
import { formatId } from "../domain/Process.ts"
import { HostProcesses, type Orphan } from "./HostProcesses.ts"
import type { ProgramConfig, StopSignal } from "./ProgramConfig.ts"

export const orphanLimits = {
  /** Time to end by itself after the stop signal, where its section gives more. */
  graceMsMax: 10_000,
  /** For one whose program is not in the configuration any more. */
  graceMsUnknown: 10_000,
  /** Time to be gone after SIGKILL. */
  killMsMax: 3_000,
  /** Between two looks. */
  lookMs: 50,
  /** One look or one round of signals that takes longer has failed. */
  callMsMax: 5_000
} as const

/** How an orphan is asked to end, and how long that may take. */
const manner = (programs: ReadonlyArray<ProgramConfig>, { program }: Orphan) => {
  const config = programs.find((each) => formatId(each) === program)
  const signal: StopSignal = config?.stopsignal ?? "SIGTERM"
  const graceMs = config === undefined ? orphanLimits.graceMsUnknown : config.stopwaitsecs * 1_000
  return { signal, graceMs: Math.min(orphanLimits.graceMsMax, graceMs) }
}

/** By a clock that nobody sets. */
const elapsedMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))

const nameOf = ({ pid, startedAt }: Orphan): string => `${pid} ${startedAt}`

const describe = (orphans: ReadonlyArray<Orphan>): string =>
  orphans.map(({ pid, program }) => `${program} (pid ${pid})`).join(", ")

/** Signals each process once, and its group with it; SIGKILL again at every look. */
class Rounds {
  private readonly asked = new Set<string>()
  private readonly programs: ReadonlyArray<ProgramConfig>

  constructor(programs: ReadonlyArray<ProgramConfig>) {
    this.programs = programs
  }

  /** What is to be sent at this look. */
  signals(orphans: ReadonlyArray<Orphan>, sinceMs: number): ReadonlyArray<readonly [Orphan, StopSignal]> {
    return orphans.flatMap((orphan): ReadonlyArray<readonly [Orphan, StopSignal]> => {
      const { graceMs, signal } = manner(this.programs, orphan)
      if (sinceMs >= graceMs) return [[orphan, "SIGKILL"]]
      if (this.asked.has(nameOf(orphan))) return []
      this.asked.add(nameOf(orphan))
      return [[orphan, signal]]
    })
  }
}

/**
 * Ends the processes that earlier lives of the instance have left, and returns when they are gone: by the stop signal
 * of their program and, after its `stopwaitsecs`, by SIGKILL. What is there still after that is logged and left. A
 * machine that cannot be asked is logged, too; it keeps nothing from starting.
 */
export const endOrphans = Effect.fn("Orphans.endOrphans")(function* (
  instance: string,
  programs: ReadonlyArray<ProgramConfig>
) {
  const host = yield* HostProcesses
  const look = host.orphans(instance).pipe(
    Effect.timeoutOrElse({
      duration: orphanLimits.callMsMax,
      orElse: () => Effect.fail({ message: `no answer within ${orphanLimits.callMsMax} ms` })
    }),
    Effect.catch(({ message }) =>
      Effect.as(Effect.logError(`cannot look for what an earlier console left: ${message}`), [])
    )
  )
  const found = yield* look
  if (found.length === 0) return
  yield* Effect.logWarning(`an earlier console left processes behind, which are ended first: ${describe(found)}`)
  const rounds = new Rounds(programs)
  const startMs = yield* elapsedMs
  const untilMs = Math.max(...found.map((orphan) => manner(programs, orphan).graceMs)) + orphanLimits.killMsMax
  for (let left: ReadonlyArray<Orphan> = found; left.length > 0; left = yield* look) {
    const sinceMs = (yield* elapsedMs) - startMs
    if (sinceMs > untilMs) return yield* Effect.logError(`cannot be ended, left behind: ${describe(left)}`)
    for (const [orphan, signal] of rounds.signals(left, sinceMs)) {
      yield* host.signalOrphan(orphan, signal).pipe(
        Effect.timeoutOption(orphanLimits.callMsMax),
        Effect.catch((error) => Effect.logWarning(`cannot send ${signal} to ${describe([orphan])}: ${error.message}`))
      )
    }
    yield* Effect.sleep(orphanLimits.lookMs)
  }
})
