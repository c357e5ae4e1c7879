/**
 * Loads the configuration again whenever the surroundings ask for it by a signal. A signal that comes while a reload
 * runs is followed by another one, which begins after it: what was written before the last signal is what counts.
 */
import { Effect, Layer } from "effect"
import { Signals } from "../Signals.ts"
import { ReloadAskedBy, Settings } from "./Settings.ts"

export const layer: Layer.Layer<never, never, Settings | Signals> = Layer.effectDiscard(
  Effect.gen(function* () {
    const { reload } = yield* Settings
    const signals = yield* Signals
    yield* Effect.andThen(signals.reload, reload).pipe(
      // Settings has told what is wrong. A bug must not be the end of all further reloads.
      Effect.catch(() => Effect.void),
      Effect.catchDefect((defect) => Effect.logError("the reload died", defect)),
      Effect.forever,
      Effect.provideService(ReloadAskedBy, "SIGHUP"),
      Effect.annotateLogs({ operation: "ReloadOnSignal" }),
      Effect.withSpan("ReloadOnSignal"),
      Effect.forkScoped
    )
  })
)
