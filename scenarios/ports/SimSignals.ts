/**
 * The surroundings of a simulated console: they send it signals at moments that a scenario chooses.
 *
 * Models what the real adapter does: the first SIGINT or SIGTERM is the wish to end; what follows within a second
 * belongs to the same wish; a later one ends the process at once with a status, which here only `impatient` tells: the
 * scenario has to crash the host then. Time is monotonic. SIGHUP is the wish for the configuration to be loaded again.
 * Does not model: signals before the console listens, those that the console does not know, and terminals that
 * are closed.
 */
import { Clock, Context, Deferred, type Duration, Effect, Layer, Queue, type Scope } from "effect"
import { Signals } from "../../core/Signals.ts"
import { RunContext } from "../../sim/RunContext.ts"

export type TerminationSignal = "SIGINT" | "SIGTERM"
export type SimSignal = TerminationSignal | "SIGHUP"

/** A signal so soon after the first belongs to it. */
const sameWishNanos = 1_000_000_000n

/** Exit status of a process that was told twice. */
const impatientStatus = 130

export class SimSignals extends Context.Service<
  SimSignals,
  {
    /** Sends a signal now. */
    readonly send: (signal: SimSignal) => Effect.Effect<void>
    /** Sends a signal after so much time, unless the scope closes before. */
    readonly sendAfter: (duration: Duration.Input, signal: SimSignal) => Effect.Effect<void, never, Scope.Scope>
    /** Waits until somebody has asked a second time; gives the status with which the process ends at once. */
    readonly impatient: Effect.Effect<number>
  }
>()("muster/scenarios/SimSignals") {}

/** The port of one console, and the hand that sends to it. */
export const layer: Layer.Layer<Signals | SimSignals, never, RunContext> = Layer.effectContext(
  Effect.gen(function* () {
    const context = yield* RunContext
    const asked = yield* Deferred.make<string>()
    const impatient = yield* Deferred.make<number>()
    let askedAt: bigint | undefined
    const reloads = yield* Queue.sliding<void>(1)
    const send = (signal: SimSignal) =>
      Effect.gen(function* () {
        const now = yield* Clock.monotonicTimeNanos
        context.fault(`signal ${signal}`)
        context.tell(() => `the console gets ${signal}`, { kind: "fault" })
        if (signal === "SIGHUP") {
          yield* Queue.offer(reloads, undefined)
          return
        }
        askedAt ??= now
        const isFirst = yield* Deferred.succeed(asked, signal)
        if (!isFirst && now - askedAt >= sameWishNanos) yield* Deferred.succeed(impatient, impatientStatus)
      })
    return Context.empty().pipe(
      Context.add(Signals, { terminate: Deferred.await(asked), reload: Queue.take(reloads) }),
      Context.add(SimSignals, {
        send,
        sendAfter: (duration, signal) =>
          Effect.asVoid(Effect.forkScoped(Effect.andThen(Effect.sleep(duration), send(signal)))),
        impatient: Deferred.await(impatient)
      })
    )
  })
)
