/** `Signals` of the real world: SIGINT and SIGTERM. The second one ends the process at once. */
import { Deferred, Effect, Exit, Layer } from "effect"
import { Signals } from "../core/Signals.ts"

const names = ["SIGINT", "SIGTERM"] as const

/** Exit status after a second signal, as of a program that SIGINT ended. */
const impatientStatus = 130

export const layer: Layer.Layer<Signals> = Layer.effect(
  Signals,
  Effect.gen(function* () {
    const asked = yield* Deferred.make<string>()
    const listener = (name: NodeJS.Signals) => {
      if (!Deferred.doneUnsafe(asked, Exit.succeed(name))) process.exit(impatientStatus)
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => names.forEach((name) => process.on(name, listener))),
      () => Effect.sync(() => names.forEach((name) => process.off(name, listener)))
    )
    return { terminate: Deferred.await(asked) }
  })
)
