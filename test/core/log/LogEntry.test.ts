/** What trouble says of what was being done. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { entryOf } from "../../../core/log/LogEntry.ts"

/** The operation that each line names. */
const operationsOf = (work: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const found: Array<unknown> = []
    const logger = Logger.make<unknown, void>((logged) => {
      found.push(Object.fromEntries(entryOf(logged, { traces: false }).annotations)["operation"])
    })
    yield* Effect.provide(work, Logger.layer([logger]))
    return found
  })

describe("trouble in work of the console's own", () => {
  it.effect("is of the operation whose span it is in, unless it names one", () =>
    Effect.gen(function* () {
      const inSpan = Effect.withSpan("ActivityLog.writer")
      assert.deepStrictEqual(yield* operationsOf(inSpan(Effect.logWarning("x"))), ["ActivityLog.writer"])
      assert.deepStrictEqual(yield* operationsOf(inSpan(Effect.logInfo("x"))), [undefined])
      assert.deepStrictEqual(yield* operationsOf(Effect.logError("x")), [undefined])
      const named = Effect.annotateLogs(Effect.logError("x"), { operation: "users.create" })
      assert.deepStrictEqual(yield* operationsOf(inSpan(named)), ["users.create"])
    })
  )

  it.effect("is so although nobody traces", () =>
    Effect.gen(function* () {
      const work = Effect.withTracerEnabled(Effect.withSpan(Effect.logError("x"), "Poller.poll"), false)
      assert.deepStrictEqual(yield* operationsOf(work), ["Poller.poll"])
    })
  )
})
