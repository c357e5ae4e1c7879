/**
 * P14, circuit breaker (R6.3): open, half-open and closed follow the rules; at most one probe; a failing node does not
 * slow the others.
 *
 * Method: one node fails in generated ways for a generated time while operators keep asking for operations on it and on
 * a node that is well. The history of what was really asked of the node is compared with the rules: after so many
 * failures in a row nothing begins for the time that the circuit is open, then one call alone, whose end decides. The
 * node that is well is polled on time throughout, and once the other is well again its circuit closes.
 */
import { Clock, Effect, Fiber } from "effect"
import * as fc from "fast-check"
import type { NodeView } from "../../core/domain/Node.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as BreakerMutants from "../mutants/BreakerMutants.ts"
import type { NodeCall } from "../oracles/NodeCalls.ts"
import * as NodeCalls from "../oracles/NodeCalls.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

const workload = fc.record({
  how: fc.constantFrom("http500", "malformed", "crash", "hang", "broken off"),
  failures: fc.integer({ min: 2, max: 3 }),
  openMs: fc.constantFrom(3_000, 5_000),
  failsForMs: fc.integer({ min: 4_000, max: 20_000 }),
  asks: fc.array(fc.record({ atMs: fc.nat(22_000), node: fc.constantFrom("bad", "bad", "good") }), { maxLength: 12 })
})

const pollEveryMs = 3_000

/** Failures that say that the node is bad. Those of a call that is given up say nothing. */
const isFailure = ({ outcome }: NodeCall): boolean =>
  outcome === "Unreachable" ||
  outcome === "ConnectionLost" ||
  outcome === "TimedOut" ||
  outcome === "HttpStatus" ||
  outcome === "Malformed"

interface Opening {
  readonly atMs: number
  /** Calls that began before. Those may end whenever they like. */
  readonly begun: number
}

/** When the circuit opened for the first time, by the history alone. */
const firstOpening = (calls: ReadonlyArray<NodeCall>, failuresMax: number): Opening | undefined => {
  const ended = calls
    .map((call, index) => ({ call, index, endedMs: call.endedMs ?? Number.POSITIVE_INFINITY }))
    .filter(({ call }) => call.endedMs !== undefined && call.outcome !== "interrupted")
    .toSorted((a, b) => a.endedMs - b.endedMs || a.index - b.index)
  let inARow = 0
  for (const { call, endedMs } of ended) {
    inARow = isFailure(call) ? inARow + 1 : 0
    if (inARow < failuresMax) continue
    return { atMs: endedMs, begun: calls.filter(({ startedMs }) => startedMs <= endedMs).length }
  }
  return undefined
}

/** Jitter may shorten the time that a circuit is open by so much. */
const jitterMax = 0.25

const program: Property["program"] = Effect.fnUntraced(
  function* (parts) {
    const plan = yield* draw(workload)
    const calls = NodeCalls.watch(parts)
    const { fleet } = World.consoleOptions
    const world = yield* World.make({
      nodes: { bad: [World.steady("app", "api")], good: [World.steady("app", "api")] },
      options: {
        ...World.consoleOptions,
        fleet: {
          ...fleet,
          poll: { ...fleet.poll, intervalMs: pollEveryMs },
          guard: {
            ...fleet.guard,
            breakerFailures: plan.failures,
            breakerOpenMs: plan.openMs,
            breakerOpenMsMax: 10_000
          }
        }
      },
      parts: calls.parts
    })
    const bad = world.supervisords["bad"]
    if (bad === undefined) return yield* Effect.die("the world has no node bad")
    const asks = yield* Effect.forkChild(
      Effect.forEach(
        plan.asks,
        ({ atMs, node }) => {
          const id = { group: "app", name: "api" }
          return Effect.andThen(Effect.sleep(atMs), Effect.ignore(world.fleet.operate({ kind: "start" }, node, id)))
        },
        { concurrency: "unbounded", discard: true }
      )
    )
    yield* Effect.sleep(3_000)
    yield* plan.how === "crash" ? bad.crash : bad.spoil(plan.how)
    yield* Effect.sleep(plan.failsForMs)
    yield* bad.spoil("none")
    yield* bad.boot

    yield* checkOpen(
      calls.all().filter(({ node }) => node === "bad"),
      plan
    )
    yield* eventually({
      what: "the circuit closes and the node is up",
      withinMs: 40_000,
      look: Effect.andThen(Effect.sleep(250), world.fleet.node("bad")),
      until: ({ breaker, status }: NodeView) => status === "up" && breaker?.state === "closed"
    })
    yield* checkGood(calls.all(), yield* Clock.currentTimeMillis)
    const isOver = yield* Effect.timeoutOption(Fiber.await(asks), 60_000)
    yield* holds(isOver._tag === "Some", () => "an operation is still under way")
    yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
  },
  Effect.scoped,
  Effect.catchTag("UnknownNode", Effect.die)
)

const checkOpen = Effect.fnUntraced(function* (
  calls: ReadonlyArray<NodeCall>,
  { failures, openMs }: { readonly failures: number; readonly openMs: number }
) {
  const opening = firstOpening(calls, failures)
  if (opening === undefined) return
  yield* sometimes("a circuit opened")
  const later = calls.slice(opening.begun)
  const probe = later[0]
  if (probe === undefined) return
  yield* sometimes("a probe was sent")
  const openForMs = probe.startedMs - opening.atMs
  if (openForMs < openMs * (1 - jitterMax)) {
    return yield* violated(
      `the circuit opened, and ${openForMs} ms later ${probe.method} was asked; open for ${openMs}`
    )
  }
  const probeEndMs = probe.endedMs ?? Number.POSITIVE_INFINITY
  const beside = later.slice(1).find(({ startedMs }) => startedMs < probeEndMs)
  if (beside !== undefined) {
    return yield* violated(`${beside.method} was asked beside the probe ${probe.method} of a circuit that is half open`)
  }
  const after = later[1]
  if (!isFailure(probe) || after === undefined) return
  yield* sometimes("a probe failed")
  const againMs = after.startedMs - probeEndMs
  yield* holds(
    againMs >= openMs * (1 - jitterMax),
    () => `the probe failed, and ${againMs} ms later ${after.method} was asked; open for ${openMs} or more`
  )
})

/** What lies between two polls of a node that is well, at most: the interval with its jitter, the poll, a turn. */
const pollGapMs = pollEveryMs * 1.1 + 500

const checkGood = (calls: ReadonlyArray<NodeCall>, nowMs: number) => {
  const polls = calls
    .filter(({ method, node }) => node === "good" && method === "processes")
    .map((call) => call.startedMs)
  const gaps = polls.map((atMs, i) => (polls[i + 1] ?? nowMs) - atMs)
  const longest = Math.max(0, ...gaps)
  return holds(longest <= pollGapMs, () => `the node that is well was not polled for ${longest} ms`)
}

export const P14: Property = {
  id: "P14",
  title: "circuit breaker",
  requirements: ["R6.3"],
  marks: [
    "a circuit opened",
    "a probe failed while half open",
    "a probe succeeded while half open",
    "a node was restarted behind our back"
  ],
  program,
  mutants: [
    BreakerMutants.neverOpens,
    BreakerMutants.openTimeInSeconds,
    BreakerMutants.probeIsRepeated,
    BreakerMutants.twoProbes
  ]
}
