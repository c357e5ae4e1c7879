/** The services that a run provides: the run itself, the virtual clock, seeded randomness, tracer and metrics. */
import { Clock, Context, Duration, Effect, Logger, Metric, Random, Tracer } from "effect"
import type { DrawnStream } from "./Choices.ts"
import { count } from "./Count.ts"
import { describeError } from "./DescribeError.ts"
import type { AnyFiber } from "./Fibers.ts"
import type { Invariant } from "./Invariants.ts"
import type { Kernel } from "./Kernel.ts"
import { RunContext } from "./RunContext.ts"
import type { Ratio } from "./Rules.ts"
import { makeTracer } from "./SimTracer.ts"
import type { Topic } from "./Trace.ts"

/** The wall clock of every run starts here: 2026-01-01T00:00:00Z. The monotonic clock starts at 0. */
export const epochMs = 1_767_225_600_000

export const kernelContext = (kernel: Kernel): Context.Context<RunContext> => {
  const data = (n: number) => kernel.choices.choose("data", n)
  return Context.empty().pipe(
    Context.add(RunContext, runContext(kernel)),
    Context.add(Clock.Clock, clock(kernel)),
    Context.add(Random.Random, {
      nextIntUnsafe: () => data(2 ** 32) * 2 ** 21 + data(2 ** 21) - 2 ** 52,
      nextDoubleUnsafe: () => data(2 ** 32) / 2 ** 32
    }),
    Context.add(
      Tracer.Tracer,
      makeTracer(() => data(2 ** 32), kernel.recorder)
    ),
    Context.add(Metric.MetricRegistry, new Map()),
    Context.add(Metric.FiberRuntimeMetrics, { recordFiberStart: () => kernel.born(), recordFiberEnd: () => {} }),
    Context.add(Logger.CurrentLoggers, new Set(kernel.recorder === undefined ? [] : [storyLogger(kernel)]))
  )
}

const runContext = (kernel: Kernel): RunContext["Service"] => ({
  choose: (stream: DrawnStream, n: number) => kernel.choices.choose(stream, n),
  chance: (stream: DrawnStream, { den, num }: Ratio) => kernel.choices.choose(stream, den) >= den - num,
  fault: (kind: string) => count(kernel.faults, kind),
  reach: (name: string) => count(kernel.reached, name),
  tell: (what: () => string, topic?: Topic) => {
    kernel.recorder?.tell(kernel.place(), told(what), topic)
  },
  note: (name: string, value: string) => void kernel.notes.set(name, value),
  hold: (kind: string, what: string) => kernel.hold(kind, what),
  shiftWallClock: (ms: number) => {
    kernel.wallOffsetMs += ms
  },
  letTimersBeLate: (chance: Ratio) => {
    const added = { ...chance }
    kernel.lateness = [...kernel.lateness, added]
    return () => {
      kernel.lateness = kernel.lateness.filter((other) => other !== added)
    }
  },
  interruptAfter: (fiber: AnyFiber, steps: number) => kernel.interruptAfter(fiber, steps),
  newHost: (name: string) => kernel.hosts.add(name),
  enterHost: (host: number) => kernel.enterHost(host),
  killHost: (host: number) => kernel.killHost(host),
  always: (invariant: Invariant) => kernel.invariants.add(invariant),
  timer: (ms: number, fire: () => void) => {
    const timer = kernel.addTimer(ms, fire)
    return () => {
      timer.fire = undefined
    }
  },
  atEnd: (release: () => void) => void kernel.releases.push(release),
  steps: () => kernel.steps,
  defects: () => kernel.fibers.defects()
})

/** A line that cannot be told is no failure of the program, which may not even be recorded. */
const told = (what: () => string): string => {
  try {
    return what()
  } catch (error) {
    return `a line that could not be told: ${describeError(error)}`
  }
}

/** What a program logs belongs to the story of its run. */
const storyLogger = (kernel: Kernel) =>
  Logger.make<unknown, void>(({ logLevel, message }) => {
    const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
    kernel.recorder?.tell(kernel.place(), `log ${logLevel.toLowerCase()}: ${text}`, { kind: "log" })
  })

const clock = (kernel: Kernel): Clock.Clock => {
  const wallMs = () => kernel.nowMs + kernel.wallOffsetMs
  const millis = () => epochMs + Math.floor(wallMs())
  const nanos = () => BigInt(epochMs) * 1_000_000n + BigInt(Math.round(wallMs() * 1e6))
  const monotonic = () => BigInt(Math.round(kernel.nowMs * 1e6))
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: monotonic,
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep: (duration) => sleep(kernel, Math.max(0, Duration.toMillis(duration)))
  }
}

const sleep = (kernel: Kernel, ms: number): Effect.Effect<void> => {
  if (!Number.isFinite(ms)) return Effect.never
  return Effect.callback<void>((resume) => {
    const timer = kernel.addTimer(ms, () => resume(Effect.void))
    return Effect.sync(() => {
      timer.fire = undefined
    })
  })
}
