/**
 * What a simulated console uses of its machine: as a scenario says, nothing by itself. Processor time only grows, as on
 * a machine. Does not model that a console uses more when it has more to do.
 */
import { Context, Effect, Layer } from "effect"
import { ProcessStats } from "../../core/ProcessStats.ts"
import type { ProcessUsage } from "../../core/ProcessStats.ts"

export class SimProcessStats extends Context.Service<
  SimProcessStats,
  {
    /** From now on it uses so much; what is left out stays. */
    readonly use: (usage: Partial<ProcessUsage>) => Effect.Effect<void>
  }
>()("scenarios/ports/SimProcessStats") {}

const mib = 1024 * 1024

/** A console that has little to do. */
export const idle: ProcessUsage = {
  residentBytes: 100 * mib,
  heapUsedBytes: 40 * mib,
  heapTotalBytes: 60 * mib,
  externalBytes: 5 * mib,
  cpuSeconds: 0,
  eventLoopDelayP50Seconds: 0,
  eventLoopDelayP99Seconds: 0,
  eventLoopDelayMaxSeconds: 0,
  openFiles: 30
}

export const layer: Layer.Layer<ProcessStats | SimProcessStats> = Layer.effectContext(
  Effect.sync(() => {
    let current = idle
    return Context.make(ProcessStats, ProcessStats.of({ usage: Effect.sync(() => current) })).pipe(
      Context.add(
        SimProcessStats,
        SimProcessStats.of({
          use: (usage) =>
            Effect.sync(() => {
              const cpuSeconds = Math.max(current.cpuSeconds, usage.cpuSeconds ?? 0)
              current = { ...current, ...usage, cpuSeconds }
            })
        })
      )
    )
  })
)
