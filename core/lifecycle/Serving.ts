/**
 * Runs a console until it is asked to end: builds it, waits for the signal, closes its parts in order and says what did
 * not stop. The same in production and in the simulator, so that a shutdown is checked in whatever state it comes.
 */
import { Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { monotonicMs } from "../MonotonicMs.ts"
import { Signals } from "../Signals.ts"
import { Resources } from "./Resources.ts"
import type { ShutdownReport } from "./Resources.ts"

/** What remains of the deadline when the parts are closed is for their surroundings, but no less than this. */
const surroundingsMsMin = 500

export interface ServingOptions<A> {
  /** For everything together: the parts and then their surroundings, the ports. */
  readonly deadlineMs: number
  /** Done once everything runs. */
  readonly started: (services: Context.Context<A>) => Effect.Effect<void>
}

export interface Ending {
  /** The signal that asked for it. */
  readonly signal: string
  readonly report: ShutdownReport
  /** Whether what lies beneath the parts has ended too. */
  readonly surroundings: boolean
}

/** Serves until `Signals` asks for the end. Fails when the console cannot be built; then nothing of it is left. */
export const serve = Effect.fn("Serving.serve")(function* <A, E, R>(
  console: Layer.Layer<A | Resources, E, R>,
  { deadlineMs, started }: ServingOptions<A | Resources>
): Effect.fn.Return<Ending, E, R | Signals> {
  const signals = yield* Signals
  const scope = yield* Scope.make()
  return yield* Effect.gen(function* () {
    const services = yield* Layer.buildWithScope(console, scope)
    yield* started(services)
    const signal = yield* signals.terminate
    const askedMs = yield* monotonicMs
    yield* Effect.logInfo(`${signal}: shutting down, within ${Duration.format(Duration.millis(deadlineMs))}`)
    const report = yield* Context.get(services, Resources).close
    yield* tell(report)
    const leftMs = Math.max(surroundingsMsMin, deadlineMs - ((yield* monotonicMs) - askedMs))
    const surroundings = yield* closeWithin(scope, leftMs)
    if (!surroundings) yield* Effect.logError("the ports did not close in time")
    return { signal, report, surroundings }
  }).pipe(Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit))))
})

/** Whether the scope closed in time. One that did not goes on closing by itself. */
const closeWithin = Effect.fnUntraced(function* (scope: Scope.Closeable, withinMs: number) {
  const closed = yield* Deferred.make<boolean>()
  const closing = yield* Effect.forkDetach(
    Effect.ensuring(Scope.close(scope, Exit.void), Deferred.succeed(closed, true)),
    { startImmediately: true }
  )
  const inTime = yield* Effect.raceFirst(Deferred.await(closed), Effect.as(Effect.sleep(withinMs), false))
  if (inTime) yield* Fiber.join(closing)
  return inTime
})

const tell = (report: ShutdownReport): Effect.Effect<void> =>
  Effect.forEach(
    report.parts.filter(({ outcome }) => outcome !== "closed"),
    ({ detail, name, outcome, tookMs }) =>
      Effect.annotateLogs(
        Effect.logError(`shutdown: ${name} ${outcome === "failed" ? "failed to close" : "did not stop"}: ${detail}`),
        { took_ms: tookMs }
      ),
    { discard: true }
  )
