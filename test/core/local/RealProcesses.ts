/** What tests with real processes need: a bounded wait for a condition, and whether a process is there. */
import { Effect, FileSystem, Schedule, Schema } from "effect"

/** The condition did not come to hold. */
export class NotSeen extends Schema.TaggedError<NotSeen>()("NotSeen", { last: Schema.Unknown }) {
  override get message(): string {
    return `not within 15 s; last seen: ${JSON.stringify(this.last)}`
  }
}

/** Looks every 20 ms, for 15 s at most, until the condition holds; fails with the last value otherwise. */
export const eventually = <A, E, R>(look: Effect.Effect<A, E, R>, holds: (value: A) => boolean) =>
  look.pipe(
    Effect.filterOrFail(holds, (last) => new NotSeen({ last })),
    Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "15 seconds" })))
  )

/** Whether the process runs. A zombie that nobody has reaped yet does not. */
export const isRunning = (pid: number) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const stat = yield* Effect.option(fs.readFileString(`/proc/${pid}/stat`))
    if (stat._tag === "Some") return !/\) [ZX] /.test(stat.value)
    if (yield* fs.exists("/proc/self/stat")) return false
    return yield* Effect.sync(() => answersSignals(pid))
  })

const answersSignals = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
