/** Signals, text for standard input, and clearing logs. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import type { LogChannel } from "../../../core/domain/Log.ts"
import { ConnectionLost } from "../../../core/domain/NodeError.ts"
import { emptyLog, fault, refuse } from "./FakeDriver.ts"
import { summary } from "./OperationRuns.ts"
import { processIn } from "./Processes.ts"

const lost = refuse(new ConnectionLost({ detail: "reset" }))

describe("a signal", () => {
  const hup = { kind: "signal", signal: "HUP" } as const

  it.effect("is done when the node took it", () =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary(hup, { process: processIn("RUNNING") })
      assert.strictEqual(line, "done, took signal HUP, RUNNING in 0 ms")
      assert.deepStrictEqual(calls, ["0 saw RUNNING", "0 signal HUP"])
    })
  )

  it.effect("is an error when the node refuses it, and when its reply was lost", () =>
    Effect.gen(function* () {
      const refused = { process: processIn("STOPPED"), onSignal: { fails: fault("NOT_RUNNING") } }
      assert.strictEqual((yield* summary(hup, refused)).line, "error Fault")
      const unknown = { process: processIn("RUNNING"), onSignal: { fails: lost } }
      assert.strictEqual((yield* summary(hup, unknown)).line, "error ConnectionLost")
    })
  )

  it.effect("is done also when the look that follows fails or hangs until the time is up", () =>
    Effect.gen(function* () {
      const failing = { process: processIn("RUNNING"), look: (n: number) => (n > 0 ? fault("BAD_NAME") : undefined) }
      assert.strictEqual((yield* summary(hup, failing)).line, "done, took signal HUP, RUNNING in 0 ms")
      let looks = 0
      const hanging = yield* summary(hup, { process: processIn("RUNNING") }, undefined, {
        change: (driver) => ({ ...driver, process: (id) => (looks++ === 0 ? driver.process(id) : Effect.never) })
      })
      assert.strictEqual(hanging.line, "done, took signal HUP, RUNNING in 5000 ms")
    })
  )
})

describe("text for standard input", () => {
  it.effect("is done when the node took it, and is not repeated in the words", () =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary({ kind: "stdin", chars: "secret" }, { process: processIn("RUNNING") })
      assert.strictEqual(line, "done, took 6 characters, RUNNING in 0 ms")
      assert.deepStrictEqual(calls, ["0 saw RUNNING", "0 stdin secret"])
    })
  )
})

/** Logs of a length that follows from the time. */
const logs = (bytes: (nowMs: number, channel: LogChannel) => number) => (_id: unknown, channel: LogChannel) =>
  Effect.map(Clock.currentTimeMillis, (nowMs) => ({ ...emptyLog, size: bytes(nowMs, channel) }))

describe("clearing a log", () => {
  it.effect("is done when both logs were seen shorter than before", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("clear_log", {
        process: processIn("RUNNING"),
        readLog: logs((nowMs, channel) => (channel === "stdout" ? (nowMs < 200 ? 90 : 5) : nowMs < 700 ? 7 : 0))
      })
      assert.strictEqual(line, "done, its log was cleared, RUNNING in 750 ms")
    })
  )

  it.effect("is unchanged when there is nothing to clear, and nothing is asked", () =>
    Effect.gen(function* () {
      const empty = yield* summary("clear_log", { process: processIn("RUNNING") })
      assert.strictEqual(empty.line, "unchanged, its log was empty, RUNNING in 0 ms")
      assert.deepStrictEqual(empty.calls, ["0 saw RUNNING"])
      const none = { process: processIn("RUNNING"), readLog: () => Effect.fail(fault("NO_FILE")) }
      assert.strictEqual((yield* summary("clear_log", none)).line, "unchanged, has no log, RUNNING in 0 ms")
    })
  )

  it.effect("has failed when the node accepted it for a stopped process and cleared nothing", () =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("clear_log", { process: processIn("STOPPED"), readLog: logs(() => 90) })
      assert.include(line, "failed, the node accepted it and cleared nothing, because it is STOPPED")
      assert.include(calls, "0 clearLog")
    })
  )

  it.effect("is judged by the log also when the reply was lost", () =>
    Effect.gen(function* () {
      const onClearLog = { fails: lost }
      const done = yield* summary("clear_log", {
        process: processIn("STOPPED"),
        onClearLog,
        readLog: logs((nowMs) => (nowMs < 900 ? 90 : 0))
      })
      assert.strictEqual(done.line, "done, its log was cleared, STOPPED in 1000 ms")
    })
  )

  it.effect("is a timeout of the operation when the log never gets shorter", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("clear_log", { process: processIn("RUNNING"), readLog: logs(() => 90) })
      const words = "is RUNNING when the time of the operation was up, RUNNING in 5000 ms"
      assert.strictEqual(line, `timeout of the operation, ${words}`)
    })
  )
})
