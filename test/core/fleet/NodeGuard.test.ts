import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import {
  Busy,
  HttpStatus,
  Malformed,
  type NodeError,
  type NodeErrorReason,
  ShuttingDown,
  TimedOut,
  Unauthorized,
  Unreachable
} from "../../../core/domain/NodeError.ts"
import type { LogPiece, NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import * as NodeGuard from "../../../core/fleet/NodeGuard.ts"
import type { GuardOptions } from "../../../core/fleet/NodeGuard.ts"
import { fault, identity, make, refuse } from "./FakeDriver.ts"
import { processIn } from "./Processes.ts"

const options: GuardOptions = {
  callsMax: 3,
  callsWaitingMax: 2,
  breakerFailures: 3,
  breakerOpenMs: 1_000,
  breakerOpenMsMax: 4_000,
  deadlineMs: 500
}

const id = { group: "app", name: "api" }

/** A guarded node whose methods do what the test says, and what was really asked of it. */
const guarded = (changes: Partial<NodeDriver> = {}, limits: Partial<GuardOptions> = {}) =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const { driver } = make({ process: processIn("RUNNING") })
    const note = <A>(what: string, effect: Effect.Effect<A, NodeError>) =>
      Effect.andThen(
        Effect.map(Clock.currentTimeMillis, (ms) => asked.push(`${ms} ${what}`)),
        effect
      )
    const all = { ...driver, ...changes }
    const guard = yield* NodeGuard.make(
      {
        ...all,
        identify: note("identify", all.identify),
        processes: note("processes", all.processes),
        process: (one) => note("process", all.process(one)),
        start: (one) => note("start", all.start(one)),
        readLog: (one, channel, range) => note("readLog", all.readLog(one, channel, range))
      },
      { ...options, ...limits }
    )
    return { ...guard, asked }
  })

const failing = (reason: NodeErrorReason) => ({ processes: Effect.fail(refuse(reason)) })
const unreachable = new Unreachable({ detail: "nobody" })

/** How a call ends, in one word. */
const tried = <A>(call: Effect.Effect<A, NodeError>) =>
  Effect.match(call, { onSuccess: () => "done", onFailure: ({ reason }) => reason._tag })

const times = <A>(count: number, effect: Effect.Effect<A>) =>
  Effect.forEach(Array.from({ length: count }), () => effect)

const readLog = (driver: NodeDriver) => driver.readLog(id, "stdout", { from: 0, lengthBytesMax: 10 })

const idle = { underWay: 0, waiting: 0 }

describe("the breaker of a node", () => {
  it.effect("refuses polls and commands at once after enough failures, and sends nothing", () =>
    Effect.gen(function* () {
      const node = yield* guarded(failing(unreachable))
      yield* times(3, tried(node.driver.processes))
      assert.strictEqual(node.asked.length, 3)
      assert.strictEqual(yield* tried(node.driver.processes), "CircuitOpen")
      assert.strictEqual(yield* tried(node.driver.start(id)), "CircuitOpen")
      assert.strictEqual(yield* tried(readLog(node.driver)), "CircuitOpen")
      assert.strictEqual(yield* tried(Stream.runDrain(node.driver.followLog(id, "stdout"))), "CircuitOpen")
      assert.strictEqual(node.asked.length, 3)
      assert.deepStrictEqual(yield* node.calls, idle)
      assert.deepStrictEqual((yield* node.refusal)?.because, unreachable)
    })
  )

  it.effect("shows itself, and lets one call through after its time", () =>
    Effect.gen(function* () {
      const node = yield* guarded({ ...failing(unreachable), start: () => Effect.sleep(100) })
      assert.deepStrictEqual(yield* node.breaker, { state: "closed" })
      yield* times(3, tried(node.driver.processes))
      const { retry_at, state } = yield* node.breaker
      assert.strictEqual(state, "open")
      assert.match(retry_at ?? "", /^1970-01-01T00:00:0[01]\./)
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(yield* node.breaker, { state: "half-open" })
      const probe = yield* Effect.forkChild(tried(node.driver.start(id)), { startImmediately: true })
      assert.strictEqual(yield* tried(node.driver.process(id)), "CircuitOpen")
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* Fiber.join(probe), "done")
      assert.deepStrictEqual(yield* node.breaker, { state: "closed" })
      assert.isUndefined(yield* node.refusal)
    })
  )

  it.effect("frees the place of a probe that is interrupted", () =>
    Effect.gen(function* () {
      const node = yield* guarded({ ...failing(unreachable), start: () => Effect.never })
      yield* times(3, tried(node.driver.processes))
      yield* TestClock.adjust(1_000)
      const probe = yield* Effect.forkChild(node.driver.start(id), { startImmediately: true })
      yield* Fiber.interrupt(probe)
      assert.strictEqual(yield* tried(node.driver.process(id)), "done")
      assert.deepStrictEqual(yield* node.breaker, { state: "closed" })
    })
  )

  const other: ReadonlyArray<{ readonly name: string; readonly error: NodeError; readonly opens: boolean }> = [
    { name: "a refusal", error: fault("BAD_NAME"), opens: false },
    { name: "a wrong password", error: refuse(new Unauthorized()), opens: false },
    { name: "a node that shuts down", error: refuse(new ShuttingDown()), opens: false },
    { name: "HTTP 404", error: refuse(new HttpStatus({ status: 404 })), opens: false },
    { name: "HTTP 500", error: refuse(new HttpStatus({ status: 500 })), opens: true },
    { name: "an answer that is none", error: refuse(new Malformed({ detail: "" })), opens: true },
    { name: "no answer", error: refuse(new TimedOut({ afterMs: 1 })), opens: true }
  ]
  it.effect.each(other)("$name counts against the node: $opens", ({ error, opens }) =>
    Effect.gen(function* () {
      const node = yield* guarded({ processes: Effect.fail(error) })
      yield* times(3, tried(node.driver.processes))
      assert.strictEqual((yield* node.breaker).state, opens ? "open" : "closed")
    })
  )

  it.effect("does not count what the bytes of a log do to supervisord", () =>
    Effect.gen(function* () {
      const node = yield* guarded({ readLog: () => Effect.fail(refuse(new HttpStatus({ status: 500 }))) })
      yield* times(5, tried(readLog(node.driver)))
      assert.deepStrictEqual(yield* node.breaker, { state: "closed" })
    })
  )

  it.effect("is not opened by a bug of a driver, and passes it on", () =>
    Effect.gen(function* () {
      const node = yield* guarded({ processes: Effect.die("a bug") })
      const exits = yield* times(5, Effect.exit(node.driver.processes))
      assert.isTrue(exits.every((exit) => Exit.hasDies(exit)))
      assert.deepStrictEqual(yield* node.breaker, { state: "closed" })
      assert.deepStrictEqual(yield* node.calls, idle)
    })
  )
})

describe("turns at a node", () => {
  const slow = (ms: number): Partial<NodeDriver> => ({
    process: () => Effect.as(Effect.sleep(ms), processIn("RUNNING")),
    readLog: () => Effect.andThen(Effect.sleep(ms), Effect.fail(fault("BAD_NAME")))
  })

  it.effect("are given to so many calls; so many wait, and more are refused as busy", () =>
    Effect.gen(function* () {
      const node = yield* guarded(slow(100))
      const calls = yield* Effect.forEach(Array.from({ length: 5 }), () =>
        Effect.forkChild(tried(node.driver.process(id)), { startImmediately: true })
      )
      assert.deepStrictEqual(yield* node.calls, { underWay: 2, waiting: 2 })
      const refused = calls[4]
      assert.isDefined(refused)
      assert.strictEqual(yield* Fiber.join(refused), "Busy")
      assert.strictEqual(yield* tried(node.driver.processes), "done")
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(node.asked, ["0 process", "0 process", "0 processes", "100 process", "100 process"])
      assert.deepStrictEqual(yield* node.calls, idle)
    })
  )

  it.effect("are kept free for polls while logs are read", () =>
    Effect.gen(function* () {
      const node = yield* guarded(slow(400))
      yield* times(3, Effect.forkChild(tried(readLog(node.driver)), { startImmediately: true }))
      assert.deepStrictEqual(yield* node.calls, { underWay: 1, waiting: 2 })
      assert.strictEqual(yield* tried(node.driver.processes), "done")
    })
  )

  it.effect("are waited for no longer than the deadline", () =>
    Effect.gen(function* () {
      // Its own deadline never comes.
      const node = yield* guarded({ process: () => Effect.never }, { callsMax: 1 })
      const first = yield* Effect.forkChild(tried(node.driver.process(id)), { startImmediately: true })
      yield* TestClock.adjust(300)
      const second = yield* Effect.forkChild(tried(node.driver.process(id)), { startImmediately: true })
      yield* TestClock.adjust(200)
      assert.strictEqual(yield* Fiber.join(first), "TimedOut")
      assert.deepStrictEqual(node.asked, ["0 process", "500 process"])
      // 200 of its 500 ms went by as it waited.
      yield* TestClock.adjust(300)
      assert.strictEqual(yield* Fiber.join(second), "TimedOut")
      assert.deepStrictEqual(yield* node.calls, idle)
    })
  )

  it.effect("that do not come in time leave the call unsent", () =>
    Effect.gen(function* () {
      const node = yield* guarded({ process: () => Effect.never }, { callsMax: 1, callsWaitingMax: 5 })
      yield* times(2, Effect.forkChild(tried(node.driver.process(id)), { startImmediately: true }))
      yield* TestClock.adjust(100)
      yield* Effect.forkChild(tried(node.driver.process(id)), { startImmediately: true })
      const last = yield* Effect.forkChild(Effect.flip(node.driver.start(id)), { startImmediately: true })
      yield* TestClock.adjust(499)
      assert.isUndefined(last.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepStrictEqual((yield* Fiber.join(last)).reason, new Busy({ callsMax: 1, waitingMax: 5 }))
      assert.notInclude(node.asked.join(), "start")
    })
  )

  it.effect("are not waited for any more once the circuit has opened", () =>
    Effect.gen(function* () {
      const node = yield* guarded(
        { process: () => Effect.andThen(Effect.sleep(100), Effect.fail(refuse(unreachable))) },
        { breakerFailures: 1, callsMax: 1 }
      )
      yield* Effect.forkChild(tried(node.driver.process(id)), { startImmediately: true })
      const waits = yield* Effect.forkChild(tried(node.driver.start(id)), { startImmediately: true })
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* Fiber.join(waits), "CircuitOpen")
      assert.deepStrictEqual(node.asked, ["0 process"])
      assert.deepStrictEqual(yield* node.calls, idle)
    })
  )
})

describe("a log that is followed", () => {
  const piece: LogPiece = { _tag: "Bytes", bytes: new Uint8Array([65]) }

  it.effect("takes a turn until its first piece", () =>
    Effect.gen(function* () {
      const node = yield* guarded({
        followLog: () => Stream.concat(Stream.fromEffect(Effect.as(Effect.sleep(100), piece)), Stream.never)
      })
      const scope = yield* Scope.make()
      yield* Stream.runDrain(node.driver.followLog(id, "stdout")).pipe(Effect.forkIn(scope, { startImmediately: true }))
      assert.deepStrictEqual(yield* node.calls, { underWay: 1, waiting: 0 })
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* node.calls, idle)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* node.calls, idle)
    })
  )

  it.effect("gives its turn back after the deadline when nothing is written, and goes on", () =>
    Effect.gen(function* () {
      const node = yield* guarded({
        followLog: () => Stream.fromEffect(Effect.as(Effect.sleep(5_000), piece))
      })
      const got = yield* Effect.forkChild(Stream.runCollect(node.driver.followLog(id, "stdout")))
      yield* TestClock.adjust(499)
      assert.strictEqual((yield* node.calls).underWay, 1)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* node.calls, idle)
      yield* TestClock.adjust(5_000)
      assert.deepStrictEqual(yield* Fiber.join(got), [piece])
      assert.deepStrictEqual(yield* node.calls, idle)
    })
  )

  it.effect("counts against the node when it cannot be opened", () =>
    Effect.gen(function* () {
      const node = yield* guarded({ followLog: () => Stream.fail(refuse(unreachable)) })
      yield* times(3, tried(Stream.runDrain(node.driver.followLog(id, "stdout"))))
      assert.strictEqual((yield* node.breaker).state, "open")
      assert.deepStrictEqual(yield* node.calls, idle)
    })
  )
})

describe("a node that must have a certain identifier", () => {
  it.effect("is asked for it once before anything else", () =>
    Effect.gen(function* () {
      const node = yield* guarded({}, { identifier: identity.identifier })
      yield* tried(node.driver.start(id))
      yield* tried(node.driver.process(id))
      assert.deepStrictEqual(node.asked, ["0 identify", "0 start", "0 process"])
    })
  )

  it.effect("is sent nothing when another one answers", () =>
    Effect.gen(function* () {
      const node = yield* guarded({}, { identifier: "web-1" })
      assert.strictEqual(yield* tried(node.driver.start(id)), "WrongIdentity")
      assert.strictEqual(yield* tried(node.driver.processes), "WrongIdentity")
      assert.strictEqual(yield* tried(Stream.runDrain(node.driver.followLog(id, "stdout"))), "WrongIdentity")
      assert.deepStrictEqual(node.asked, ["0 identify", "0 identify", "0 identify"])
      assert.strictEqual((yield* node.breaker).state, "open")
    })
  )

  it.effect("is asked for it again after it failed", () =>
    Effect.gen(function* () {
      let fails = true
      const node = yield* guarded(
        { processes: Effect.suspend(() => (fails ? Effect.fail(refuse(unreachable)) : Effect.succeed([]))) },
        { identifier: identity.identifier }
      )
      yield* tried(node.driver.processes)
      fails = false
      yield* times(2, tried(node.driver.processes))
      assert.deepStrictEqual(
        node.asked.map((line) => line.slice(2)),
        ["identify", "processes", "identify", "processes", "processes"]
      )
    })
  )
})
