import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  ConnectionLost,
  HttpStatus,
  Malformed,
  ShuttingDown,
  TimedOut,
  TooLarge,
  Unauthorized,
  Unreachable
} from "../../../core/domain/NodeError.ts"
import type { ProcessState } from "../../../core/domain/ProcessState.ts"
import { fault, refuse, starts, stopsAfter } from "./FakeDriver.ts"
import type { FakeDriverOptions } from "./FakeDriver.ts"
import { defaults, perform, summary } from "./OperationRuns.ts"
import { processIn } from "./Processes.ts"

const crash = [
  { afterMs: 0, to: processIn("STARTING", { start: 30 }) },
  { afterMs: 400, to: processIn("BACKOFF", { start: 30 }) },
  { afterMs: 2_000, to: processIn("FATAL", { start: 31, spawnerr: "Exited too quickly" }) }
]

describe("start of a process that is", () => {
  const table: ReadonlyArray<{
    readonly state: ProcessState
    readonly turns?: FakeDriverOptions["turns"]
    readonly line: string
    readonly calls: ReadonlyArray<string>
  }> = [
    ...(["STOPPED", "EXITED", "FATAL", "UNKNOWN"] as const).map((state) => ({
      state,
      line: "done, is RUNNING, RUNNING in 1000 ms",
      calls: [`0 saw ${state}`, "0 start", "0 saw STARTING", "1000 saw RUNNING"]
    })),
    {
      state: "RUNNING",
      line: "unchanged, was RUNNING already, RUNNING in 0 ms",
      calls: ["0 saw RUNNING"]
    },
    {
      state: "STARTING",
      turns: [{ afterMs: 700, to: processIn("RUNNING") }],
      line: "done, is RUNNING, RUNNING in 750 ms",
      calls: ["0 saw STARTING", "750 saw RUNNING"]
    },
    {
      state: "BACKOFF",
      turns: [{ afterMs: 700, to: processIn("FATAL", { spawnerr: "can't find command" }) }],
      line: "failed, can't find command, FATAL in 750 ms",
      calls: ["0 saw BACKOFF", "750 saw FATAL"]
    },
    {
      state: "STOPPING",
      turns: [{ afterMs: 900, to: processIn("STOPPED") }],
      line: "done, is RUNNING, RUNNING in 2000 ms",
      calls: ["0 saw STOPPING", "1000 saw STOPPED", "1000 start", "1000 saw STARTING", "2000 saw RUNNING"]
    }
  ]
  it.effect.each(table)("$state", ({ calls, line, state, turns = [] }) =>
    Effect.gen(function* () {
      const result = yield* summary("start", { process: processIn(state), turns, onStart: { turns: starts } })
      assert.deepStrictEqual(result, { calls, line })
    })
  )
})

describe("start", () => {
  it.effect("fails with the node's reason when the program gives up", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("start", { process: processIn("STOPPED"), onStart: { turns: crash } })
      assert.strictEqual(line, "failed, Exited too quickly, FATAL in 2000 ms")
    })
  )

  it.effect("of a FATAL process waits for the end of another run", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("start", {
        process: processIn("FATAL", { start: 10, spawnerr: "the old one" }),
        onStart: { turns: [{ afterMs: 600, to: processIn("FATAL", { start: 31, spawnerr: "the new one" }) }] }
      })
      assert.strictEqual(line, "failed, the new one, FATAL in 750 ms")
    })
  )

  it.effect("is done when the program ran and ended by itself", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("start", {
        process: processIn("EXITED", { start: 10, stop: 12 }),
        onStart: { turns: [{ afterMs: 600, to: processIn("EXITED", { start: 30, stop: 31 }) }] }
      })
      assert.strictEqual(line, "done, is EXITED, EXITED in 750 ms")
    })
  )

  it.effect("goes on when another start was faster", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("start", {
        process: processIn("STOPPED"),
        onStart: { fails: fault("ALREADY_STARTED"), turns: crash }
      })
      assert.strictEqual(line, "failed, Exited too quickly, FATAL in 2000 ms")
    })
  )

  it.effect("is refused when the node refuses it", () =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("start", {
        process: processIn("STOPPED"),
        onStart: { fails: fault("NO_FILE") }
      })
      assert.strictEqual(line, "error Fault")
      assert.deepStrictEqual(calls, ["0 saw STOPPED", "0 start"])
    })
  )

  it.effect("gives all tries the time that they have by the program's own configuration, and no more", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("start", {
        process: processIn("STOPPED"),
        onStart: { turns: [{ afterMs: 0, to: processIn("BACKOFF") }] },
        timing: { startSecs: 2, startRetries: 3, stopWaitSecs: 10 }
      })
      // Four tries of 2 s with 1, 2 and 3 s between them, and 3 s of slack.
      assert.strictEqual(line, "timeout of the program, is BACKOFF after the time it has to start, BACKOFF in 17000 ms")
    })
  )

  it.effect("never takes longer than the operator allows", () =>
    Effect.gen(function* () {
      const { line } = yield* summary(
        "start",
        { process: processIn("STOPPED"), onStart: { turns: [{ afterMs: 0, to: processIn("BACKOFF") }] } },
        { ...defaults, deadlineMs: { ...defaults.deadlineMs, start: 2_100 } }
      )
      assert.strictEqual(
        line,
        "timeout of the operation, is BACKOFF when the time of the operation was up, BACKOFF in 2100 ms"
      )
    })
  )
})

const lost = [
  { what: "ConnectionLost", fails: refuse(new ConnectionLost({ detail: "reset" })) },
  { what: "TimedOut", fails: refuse(new TimedOut({ afterMs: 5 })) }
]

describe("a reply lost by", () => {
  it.effect.each(lost)("$what is no failure when the start took place", ({ fails }) =>
    Effect.gen(function* () {
      const { line } = yield* summary("start", { process: processIn("STOPPED"), onStart: { fails, turns: starts } })
      assert.strictEqual(line, "done, is RUNNING, RUNNING in 1000 ms")
    })
  )

  it.effect.each(lost)("$what is a timeout when the start did not take place", ({ fails }) =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("start", { process: processIn("STOPPED"), onStart: { fails } })
      assert.strictEqual(line, "timeout of the program, is STOPPED after the time it has to start, STOPPED in 13000 ms")
      assert.deepStrictEqual(calls, ["0 saw STOPPED", "0 start"])
    })
  )

  it.effect.each(lost)("$what is no failure when the stop took place", ({ fails }) =>
    Effect.gen(function* () {
      const onStop = { fails, turns: stopsAfter(500) }
      const { line } = yield* summary("stop", { process: processIn("RUNNING"), onStop })
      assert.strictEqual(line, "done, is STOPPED, STOPPED in 500 ms")
    })
  )
})

describe("stop of a process that is", () => {
  it.effect.each(["STOPPED", "EXITED", "FATAL", "UNKNOWN"] as const)("%s asks nothing of the node", (state) =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("stop", { process: processIn(state) })
      assert.strictEqual(line, `unchanged, was ${state} already, ${state} in 0 ms`)
      assert.deepStrictEqual(calls, [`0 saw ${state}`])
    })
  )

  it.effect.each(["RUNNING", "STARTING", "BACKOFF"] as const)("%s is sent and observed", (state) =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("stop", {
        process: processIn(state),
        onStop: { turns: stopsAfter(10_000) }
      })
      assert.strictEqual(line, "done, is STOPPED, STOPPED in 10000 ms")
      assert.deepStrictEqual(calls, [`0 saw ${state}`, "0 stop", "0 saw STOPPING", "10000 saw STOPPED"])
    })
  )

  it.effect("STOPPING is observed and not sent again", () =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("stop", {
        process: processIn("STOPPING"),
        turns: [{ afterMs: 300, to: processIn("STOPPED") }]
      })
      assert.strictEqual(line, "done, is STOPPED, STOPPED in 500 ms")
      assert.deepStrictEqual(calls, ["0 saw STOPPING", "500 saw STOPPED"])
    })
  )

  it.effect("ending by itself meanwhile is done", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("stop", {
        process: processIn("RUNNING"),
        onStop: { fails: fault("NOT_RUNNING"), turns: [{ afterMs: 0, to: processIn("EXITED") }] }
      })
      assert.strictEqual(line, "done, is EXITED, EXITED in 0 ms")
    })
  )
})

describe("stop", () => {
  it.effect("that is never observed ends after the program's stopwaitsecs and the slack", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("stop", {
        process: processIn("RUNNING"),
        onStop: { turns: [{ afterMs: 0, to: processIn("STOPPING") }] },
        timing: { startSecs: 1, startRetries: 3, stopWaitSecs: 7 }
      })
      assert.strictEqual(
        line,
        "timeout of the program, is still STOPPING after the time it has to stop, STOPPING in 10000 ms"
      )
    })
  )

  it.effect("looks a last time shortly before its time is up", () =>
    Effect.gen(function* () {
      const options = { observeIntervalMs: 4_000, deadlineMs: { ...defaults.deadlineMs, stop: 5_000 } }
      const node = { process: processIn("RUNNING"), onStop: { turns: stopsAfter(4_500) } }
      const { line } = yield* summary("stop", node, options)
      assert.strictEqual(line, "done, is STOPPED, STOPPED in 4800 ms")
    })
  )
})

describe("start of a process that fails again", () => {
  const again = { start: 20, stop: 20, spawnerr: "the new one" }

  it.effect("within the second of its last run waits for the next second, so that its end is told apart", () =>
    Effect.gen(function* () {
      const old = { start: 20, stop: 20, spawnerr: "the old one" }
      const { calls, line } = yield* summary("start", {
        process: processIn("FATAL", { ...old, now: 20 }),
        turns: [{ afterMs: 700, to: processIn("FATAL", { ...old, now: 21 }) }],
        onStart: { turns: [{ afterMs: 0, to: processIn("FATAL", { ...again, start: 21, now: 21 }) }] }
      })
      assert.strictEqual(line, "failed, the new one, FATAL in 750 ms")
      assert.deepStrictEqual(calls, ["0 saw FATAL", "750 start"])
    })
  )

  it.effect("is told by a look in between, also when the node's clock stands still", () =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("start", {
        process: processIn("FATAL", { start: 20, now: 20 }),
        onStart: {
          turns: [
            { afterMs: 0, to: processIn("BACKOFF", { ...again, now: 20 }) },
            { afterMs: 300, to: processIn("FATAL", { ...again, stop: 0, now: 20 }) }
          ]
        }
      })
      assert.strictEqual(line, "failed, the new one, FATAL in 2000 ms")
      assert.deepStrictEqual(calls, ["0 saw FATAL", "1500 start", "1500 saw BACKOFF", "2000 saw FATAL"])
    })
  )
})

describe("restart", () => {
  it.effect("sends the start only after the stop was observed", () =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("restart", {
        process: processIn("RUNNING"),
        onStop: { turns: stopsAfter(2_000) },
        onStart: { turns: starts }
      })
      assert.strictEqual(line, "done, is RUNNING, RUNNING in 3000 ms")
      assert.deepStrictEqual(calls, [
        "0 saw RUNNING",
        "0 stop",
        "0 saw STOPPING",
        "2000 saw STOPPED",
        "2000 start",
        "2000 saw STARTING",
        "3000 saw RUNNING"
      ])
    })
  )

  it.effect("of a stopped process is a start", () =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("restart", {
        process: processIn("STOPPED"),
        onStart: { turns: starts }
      })
      assert.strictEqual(line, "done, is RUNNING, RUNNING in 1000 ms")
      assert.deepStrictEqual(calls, ["0 saw STOPPED", "0 start", "0 saw STARTING", "1000 saw RUNNING"])
    })
  )

  it.effect("sends no start when the stop is never observed", () =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("restart", {
        process: processIn("RUNNING"),
        onStop: { turns: [{ afterMs: 0, to: processIn("STOPPING") }] },
        onStart: { turns: starts }
      })
      assert.strictEqual(
        line,
        "timeout of the program, is still STOPPING after the time it has to stop, STOPPING in 13000 ms"
      )
      assert.deepStrictEqual(calls, ["0 saw RUNNING", "0 stop", "0 saw STOPPING"])
    })
  )

  it.effect("has one deadline for both halves", () =>
    Effect.gen(function* () {
      const { line } = yield* summary(
        "restart",
        {
          process: processIn("RUNNING"),
          onStop: { turns: stopsAfter(2_000) },
          onStart: { turns: [{ afterMs: 0, to: processIn("BACKOFF") }] }
        },
        { ...defaults, deadlineMs: { ...defaults.deadlineMs, restart: 3_500 } }
      )
      assert.strictEqual(
        line,
        "timeout of the operation, is BACKOFF when the time of the operation was up, BACKOFF in 3500 ms"
      )
    })
  )
})

describe("a look at the process that fails by", () => {
  const passing = [
    new Unreachable({ detail: "refused" }),
    new ConnectionLost({ detail: "reset" }),
    new TimedOut({ afterMs: 5 }),
    new HttpStatus({ status: 500 }),
    new Malformed({ detail: "cut" })
  ]
  it.effect.each(passing)("$_tag is repeated", (reason) =>
    Effect.gen(function* () {
      const { line } = yield* summary("start", {
        process: processIn("STOPPED"),
        onStart: { turns: starts },
        look: (number) => (number >= 1 && number <= 6 ? refuse(reason) : undefined)
      })
      assert.strictEqual(line, "done, is RUNNING, RUNNING in 1500 ms")
    })
  )

  const final = [new Unauthorized(), new TooLarge({ limitBytes: 1 }), new ShuttingDown()]
  it.effect.each([...final.map(refuse), fault("BAD_NAME")])("$reason._tag ends the operation", (error) =>
    Effect.gen(function* () {
      const { result } = yield* perform("start", {
        process: processIn("STOPPED"),
        onStart: { turns: starts },
        look: (number) => (number === 1 ? error : undefined)
      })
      assert.strictEqual(result._tag === "Failure" ? result.failure : undefined, error)
    })
  )

  it.effect("anything ends the operation before it has asked for something", () =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("start", {
        process: processIn("STOPPED"),
        look: () => refuse(new Unreachable({ detail: "refused" }))
      })
      assert.strictEqual(line, "error Unreachable")
      assert.deepStrictEqual(calls, [])
    })
  )

  it.effect("nothing but failures is a timeout with the state last known", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("stop", {
        process: processIn("RUNNING"),
        look: (number) => (number === 0 ? undefined : refuse(new TimedOut({ afterMs: 5 })))
      })
      assert.strictEqual(
        line,
        "timeout of the program, is still RUNNING after the time it has to stop, RUNNING in 13000 ms"
      )
    })
  )
})
