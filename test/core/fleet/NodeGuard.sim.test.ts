/** The guard of a node under every order of calls, failures and interruptions that the simulator draws. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Stream } from "effect"
import { type NodeError, Unreachable } from "../../../core/domain/NodeError.ts"
import type { LogPiece } from "../../../core/fleet/NodeDriver.ts"
import * as NodeGuard from "../../../core/fleet/NodeGuard.ts"
import * as Sim from "../../../sim/Sim.ts"
import * as WallClock from "../../../sim/WallClock.ts"
import { emptyLog, make, refuse } from "./FakeDriver.ts"
import { processIn } from "./Processes.ts"

const options: NodeGuard.GuardOptions = {
  callsMax: 3,
  callsWaitingMax: 2,
  breakerFailures: 2,
  breakerOpenMs: 30,
  breakerOpenMsMax: 60,
  deadlineMs: 60
}

/** The jitter takes a fifth off an opening. */
const shortestOpeningMs = options.breakerOpenMs * 0.8

const id = { group: "app", name: "api" }
const piece: LogPiece = { _tag: "Bytes", bytes: new Uint8Array([65]) }

interface Begun {
  readonly kind: "poll" | "command" | "log"
  readonly isProbe: boolean
}

/** A guarded node that dawdles, fails and hangs as drawn, until it is healed; and what is under way on it. */
const makeNode = Effect.gen(function* () {
  const underWay = new Set<Begun>()
  let isWell = false
  let breaches = ""
  const { driver } = make({ process: processIn("RUNNING") })
  const context = yield* Sim.RunContext
  const act = <A>(kind: Begun["kind"], value: A): Effect.Effect<A, NodeError> =>
    Effect.gen(function* () {
      const isProbe = (yield* node.breaker).state === "half-open"
      const leftMs = (yield* node.refusal)?.retryAfterMs ?? 0
      // A call may have been let through in the very moment of the opening, but not later.
      if (!isProbe && leftMs > 0 && leftMs < shortestOpeningMs) breaches = "a call was sent while the circuit was open"
      const begun = { kind, isProbe }
      if (isProbe) yield* Sim.sometimes("a probe")
      return yield* Effect.acquireUseRelease(
        Effect.sync(() => underWay.add(begun)),
        () =>
          Effect.gen(function* () {
            const how = isWell ? 0 : yield* Sim.choose("faults", 4)
            if (how === 1) return yield* Effect.never
            if (how > 0) yield* Effect.sleep(yield* Sim.choose("workload", 30))
            if (how === 2) return yield* refuse(new Unreachable({ detail: "drawn" }))
            return value
          }),
        () => Effect.sync(() => underWay.delete(begun))
      )
    }).pipe(Effect.provideService(Sim.RunContext, context))
  const node: NodeGuard.GuardedNode = yield* NodeGuard.make(
    {
      ...driver,
      processes: act("poll", [processIn("RUNNING")]),
      start: () => act("command", undefined),
      readLog: () => act("log", emptyLog),
      followLog: () => Stream.concat(Stream.fromEffect(act("log", piece)), Stream.never)
    },
    options
  )
  yield* Sim.always("the guard keeps its limits", () => {
    const calls = Array.from(underWay)
    const count = (kind: Begun["kind"]) => calls.filter((call) => call.kind === kind).length
    if (calls.length > options.callsMax + followsAtOnce) return `${calls.length} calls under way`
    if (count("poll") + count("command") > options.callsMax) return `${calls.length} calls under way`
    if (count("command") > options.callsMax - 1) return "no place is kept for polls"
    if (calls.filter(({ isProbe }) => isProbe).length > 1) return "two probes"
    return breaches === "" ? undefined : breaches
  })
  return { node, underWay, heal: Effect.sync(() => void (isWell = true)) }
})

/** Following of logs that hang may be under way beyond their turns: these give them back after the deadline. */
const followsAtOnce = 2

const tried = <A>(call: Effect.Effect<A, NodeError>) =>
  Effect.gen(function* () {
    const startMs = yield* Clock.currentTimeMillis
    const exit = yield* Sim.interruptSometime(Effect.result(call), { withinSteps: 80 })
    const tookMs = (yield* Clock.currentTimeMillis) - startMs
    if (tookMs > 2 * options.deadlineMs) return yield* Effect.die(`a call took ${tookMs} ms`)
    if (exit._tag === "Failure") return yield* Sim.sometimes("an interruption")
    if (exit.value._tag === "Failure") yield* Sim.sometimes(exit.value.failure.reason._tag)
  })

const anyLoad = Effect.scoped(
  Effect.gen(function* () {
    const { heal, node, underWay } = yield* makeNode
    const { driver } = node
    const log = driver.readLog(id, "stdout", { from: 0, lengthBytesMax: 1 })
    const kinds = [driver.processes, driver.start(id), log, driver.start(id)]
    const caller = Effect.gen(function* () {
      for (let i = 0; i < 8; i++) {
        yield* tried(kinds[yield* Sim.choose("workload", kinds.length)] ?? log)
        yield* Effect.sleep(yield* Sim.choose("workload", 40))
      }
    })
    const follow = driver.followLog(id, "stdout").pipe(Stream.take(1), Stream.runDrain, Effect.timeoutOption(50))
    yield* Effect.all([...Array.from({ length: 7 }, () => caller), tried(follow), tried(follow)], {
      concurrency: "unbounded",
      discard: true
    })
    const { underWay: now, waiting } = yield* node.calls
    if (now + waiting + underWay.size > 0) return yield* Effect.die(`at rest: ${now} under way, ${waiting} wait`)
    yield* heal
    yield* Effect.sleep(options.breakerOpenMsMax)
    yield* driver.processes
    if ((yield* node.breaker).state !== "closed") return yield* Effect.die("a node that is well stays cut off")
  })
)

/** Logs and commands as many as there may be; a poll gets through all the same. */
const busyLogs = Effect.scoped(
  Effect.gen(function* () {
    const { heal, node } = yield* makeNode
    yield* heal
    const { driver } = node
    const log = driver.readLog(id, "stdout", { from: 0, lengthBytesMax: 1 })
    for (const call of [log, log, log, log, driver.start(id), driver.start(id), driver.start(id)]) {
      yield* Effect.forkChild(Effect.ignore(call))
    }
    yield* driver.processes
  })
)

/** An opening ends on time although the wall clock is set back meanwhile. */
const clockSetBack = Effect.gen(function* () {
  const { driver } = make({ process: processIn("RUNNING") })
  const down = Effect.fail(refuse(new Unreachable({ detail: "planned" })))
  const node = yield* NodeGuard.make({ ...driver, processes: down }, { ...options, breakerFailures: 1 })
  yield* Effect.flip(node.driver.processes)
  yield* WallClock.jump("-1 hour")
  yield* Effect.sleep(options.breakerOpenMs)
  yield* node.driver.process(id)
})

describe("NodeGuard in the simulator", () => {
  it("keeps its limits, has one probe at most, and gives every turn back, whoever is interrupted when", () => {
    const { failure, sometimes } = Sim.check(anyLoad, { runs: 150, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.includeMembers([...sometimes.keys()], ["Busy", "CircuitOpen", "TimedOut", "a probe", "an interruption"])
  })

  it("goes by the monotonic clock", () => {
    const { message, outcome } = Sim.run(clockSetBack)
    assert.strictEqual(outcome, "done", message)
  })

  it("lets a poll through beside any number of logs and commands", () => {
    const { failure } = Sim.check(busyLogs, { runs: 100, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
  })
})
