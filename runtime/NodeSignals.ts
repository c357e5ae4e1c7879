/**
 * `Signals` of the real world: SIGINT and SIGTERM. Whoever asks a second time, after a while, ends the process at once.
 *
 * One wish often arrives as several signals: a terminal sends Ctrl-C to the whole group and npm passes its own on;
 * `timeout` signals its child and then the group. Those come together, while a person who is impatient has waited.
 */
import { Deferred, Effect, Exit, Layer } from "effect"
import { Signals } from "../core/Signals.ts"

const names = ["SIGINT", "SIGTERM"] as const

/** A signal so soon after the first belongs to it. */
const sameWishMs = 1_000

/** Exit status after a second signal, as of a program that SIGINT ended. */
const impatientStatus = 130

export const layer: Layer.Layer<Signals> = Layer.effect(
  Signals,
  Effect.gen(function* () {
    const asked = yield* Deferred.make<string>()
    let askedMs: number | undefined
    const listener = (name: NodeJS.Signals) => {
      askedMs ??= performance.now()
      const isFirst = Deferred.doneUnsafe(asked, Exit.succeed(name))
      if (!isFirst && performance.now() - askedMs >= sameWishMs) process.exit(impatientStatus)
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => names.forEach((name) => process.on(name, listener))),
      () => Effect.sync(() => names.forEach((name) => process.off(name, listener)))
    )
    return { terminate: Deferred.await(asked) }
  })
)
