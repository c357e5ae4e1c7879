/**
 * `Signals` of the real world: SIGINT and SIGTERM for the end, SIGHUP for the configuration. Whoever asks a second time
 * for the end, after a while, ends the process at once.
 *
 * One wish often arrives as several signals: a terminal sends Ctrl-C to the whole group and npm passes its own on;
 * `timeout` signals its child and then the group. Those come together, while a person who is impatient has waited.
 *
 * A terminal that is closed sends SIGHUP too. A console that had one and has it no more is asked to end.
 */
import { closeSync, openSync } from "node:fs"
import { Deferred, Effect, Exit, Layer, Queue } from "effect"
import { Signals } from "../core/Signals.ts"

const names = ["SIGINT", "SIGTERM"] as const

/** A signal so soon after the first belongs to it. */
const sameWishMs = 1_000

/** Exit status after a second signal, as of a program that SIGINT ended. */
const impatientStatus = 130

/** Whether there is a terminal that controls the process. */
const hasTerminal = (): boolean => {
  try {
    closeSync(openSync("/dev/tty", "r"))
    return true
  } catch {
    return false
  }
}

export const layer: Layer.Layer<Signals> = Layer.effect(
  Signals,
  Effect.gen(function* () {
    const asked = yield* Deferred.make<string>()
    const reloads = yield* Queue.sliding<void>(1)
    const hadTerminal = hasTerminal()
    let askedMs: number | undefined
    const terminate = (name: NodeJS.Signals) => {
      askedMs ??= performance.now()
      const isFirst = Deferred.doneUnsafe(asked, Exit.succeed(name))
      if (!isFirst && performance.now() - askedMs >= sameWishMs) process.exit(impatientStatus)
    }
    const hangUp = (name: NodeJS.Signals) => {
      if (hadTerminal && !hasTerminal()) Deferred.doneUnsafe(asked, Exit.succeed(name))
      else Queue.offerUnsafe(reloads, undefined)
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        names.forEach((name) => process.on(name, terminate))
        process.on("SIGHUP", hangUp)
      }),
      () =>
        Effect.sync(() => {
          names.forEach((name) => process.off(name, terminate))
          process.off("SIGHUP", hangUp)
        })
    )
    return { terminate: Deferred.await(asked), reload: Queue.take(reloads) }
  })
)
