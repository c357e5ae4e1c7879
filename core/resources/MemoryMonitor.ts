/**
 * Watches the memory of the console (S27). When it gets short, those who hold what they can do without are told to give
 * it up; when it gets critical, what is new and large is refused until it is better. Every change is logged, counted
 * and shown as the component `memory`.
 */
import { Cause, Context, Effect, Layer, type Scope } from "effect"
import { Components } from "../health/Components.ts"
import * as Marks from "../Marks.ts"
import { ProcessStats } from "../ProcessStats.ts"
import { levelAfter } from "./MemoryPressure.ts"
import type { MemoryLevel, MemoryLimits } from "./MemoryPressure.ts"

export interface MemoryMonitorOptions {
  /** Asked at each look, so that a reload can change them. */
  readonly limits: () => MemoryLimits
  /** Pause between two looks. */
  readonly intervalMs: () => number
}

export interface MemoryCounts {
  readonly level: MemoryLevel
  /** Times that each level was entered. */
  readonly entered: Readonly<Record<MemoryLevel, number>>
  /** Times that somebody was told to give something up. */
  readonly shed: number
}

export class MemoryMonitor extends Context.Service<
  MemoryMonitor,
  {
    readonly level: Effect.Effect<MemoryLevel>
    /** Whether what is new and large is refused now: clients of the hub, exports, batches. Synchronous. */
    readonly refusingUnsafe: () => boolean
    readonly refusing: Effect.Effect<boolean>
    /**
     * Has something given up at every look while memory is short, until the scope closes. It has a second; what it
     * fails with is logged and keeps nobody else from giving up theirs.
     */
    readonly onPressure: (
      name: string,
      shed: (level: Exclude<MemoryLevel, "normal">) => Effect.Effect<void>
    ) => Effect.Effect<void, never, Scope.Scope>
    readonly counts: Effect.Effect<MemoryCounts>
  }
>()("core/resources/MemoryMonitor") {}

/** Name of the memory as a component. */
const component = "memory"

const shedMsMax = 1_000

const mib = 1024 * 1024

const statusOf = { normal: "healthy", warning: "degraded", critical: "failing" } as const

interface Shedder {
  readonly name: string
  readonly shed: (level: Exclude<MemoryLevel, "normal">) => Effect.Effect<void>
}

/** Has one holder give up what it can; whatever comes of it, the others follow. */
const shedOne = ({ name, shed }: Shedder, level: Exclude<MemoryLevel, "normal">) =>
  Effect.suspend(() => shed(level)).pipe(
    Effect.timeoutOrElse({
      duration: shedMsMax,
      orElse: () => Effect.logWarning(`"${name}" gave up no memory within ${shedMsMax} ms`)
    }),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.logError(`"${name}" gave up no memory`, cause)
    )
  )

export const layer = (options: MemoryMonitorOptions): Layer.Layer<MemoryMonitor, never, Components | ProcessStats> =>
  Layer.effect(
    MemoryMonitor,
    Effect.gen(function* () {
      const components = yield* Components
      const stats = yield* ProcessStats
      const shedders = new Set<Shedder>()
      const entered = { normal: 0, warning: 0, critical: 0 }
      let level: MemoryLevel = "normal"
      let shedCount = 0
      let usedBytes = 0

      const look = Effect.gen(function* () {
        const usage = yield* stats.usage
        usedBytes = usage.residentBytes
        const before = level
        level = levelAfter(before, usedBytes, options.limits())
        if (level !== before) {
          entered[level]++
          Marks.reached(level === "normal" ? "memory is enough again" : "memory is short")
          const message = `memory is ${level}: ${Math.round(usedBytes / mib)} MiB`
          yield* level === "normal" ? Effect.logInfo(message) : Effect.logWarning(message)
          yield* components.assessed(component, statusOf[level], message)
        }
        const now = level
        if (now !== "normal")
          yield* Effect.forEach(
            [...shedders],
            (each) =>
              Effect.andThen(
                Effect.sync(() => shedCount++),
                shedOne(each, now)
              ),
            { discard: true }
          )
      })

      yield* components.register(
        component,
        Effect.sync(() => ({ level, resident_bytes: usedBytes }))
      )
      // A monitor that died would leave the last level in force for good.
      const looked = Effect.catchDefect(look, (defect) =>
        Effect.andThen(
          Effect.logError("the memory could not be looked at", defect),
          components.errored(component, "the memory could not be looked at")
        )
      )
      yield* looked.pipe(
        Effect.andThen(Effect.suspend(() => Effect.sleep(options.intervalMs()))),
        Effect.forever,
        Effect.withSpan("MemoryMonitor.look"),
        Effect.forkScoped
      )

      return MemoryMonitor.of({
        level: Effect.sync(() => level),
        refusingUnsafe: () => level === "critical",
        refusing: Effect.sync(() => level === "critical"),
        onPressure: (name, shed) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              const shedder = { name, shed }
              shedders.add(shedder)
              return shedder
            }),
            (shedder) => Effect.sync(() => shedders.delete(shedder))
          ),
        counts: Effect.sync(() => ({ level, entered: { ...entered }, shed: shedCount }))
      })
    })
  )
