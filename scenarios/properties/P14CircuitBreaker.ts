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
import type { Fleet } from "../../core/fleet/Fleet.ts"
import type { NodeView } from "../../core/domain/Node.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as BreakerMutants from "../mutants/BreakerMutants.ts"
import * as BreakerHistory from "../oracles/BreakerHistory.ts"
import type { NodeCall } from "../oracles/NodeCalls.ts"
import * as NodeCalls from "../oracles/NodeCalls.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as FleetStage from "../stages/FleetStage.ts"
import * as World from "../World.ts"

const how = fc.constantFrom("http500", "malformed", "crash", "hang", "broken off")

const workload = fc.record({
  /** It fails in this way for this time, after it was well for a while. */
  troubles: fc.tuple(fc.record({ how, afterMs: fc.constant(500), forMs: fc.integer({ min: 3_000, max: 9_000 }) })),
  failures: fc.constant(2),
  openMs: fc.constantFrom(1_000, 3_000),
  hasGood: fc.constantFrom(false, false, true),
  asks: fc.array(
    fc.record({
      atMs: fc.nat(9_000),
      node: fc.constantFrom("bad", "bad", "bad", "good"),
      what: fc.constantFrom("reread", "reread", "start")
    }),
    { maxLength: 3 }
  )
})

type Large = ReturnType<typeof workload.generate>["value"]
type Small = ReturnType<typeof smallWorkload.generate>["value"]
type Plan = Large | Small
type Trouble = Plan["troubles"][number]

const trouble = fc.record({
  how,
  afterMs: fc.constantFrom(0, 0, 0, 500),
  forMs: fc.integer({ min: 500, max: 2_500 })
})

/** Mostly the node that fails alone, asked for what costs little between two polls. */
const smallWorkload = fc.record({
  troubles: fc.oneof({ weight: 9, arbitrary: fc.tuple(trouble) }, { weight: 1, arbitrary: fc.tuple(trouble, trouble) }),
  failures: fc.constantFrom(2, 2, 2, 3),
  openMs: fc.constantFrom(500, 1_000, 2_000),
  hasGood: fc.oneof({ weight: 11, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  asks: fc.array(
    fc.record({
      atMs: fc.nat(3_000),
      node: fc.constant("bad"),
      what: fc.oneof(
        { weight: 14, arbitrary: fc.constant("reread" as const) },
        { weight: 1, arbitrary: fc.constant("start" as const) }
      )
    }),
    { minLength: 1, maxLength: 2 }
  )
})

const largePollEveryMs = 4_000
const smallPollEveryMs = 4_000
const openMsMax = 10_000

interface Node {
  readonly spoil: (how: Exclude<Trouble["how"], "crash"> | "none") => Effect.Effect<void>
  readonly crash: Effect.Effect<void>
  readonly boot: Effect.Effect<void>
}

/** What the claim needs of a console, or of its fleet alone. */
interface Subject {
  readonly fleet: Fleet["Service"]
  readonly supervisords: Readonly<Record<string, Node>>
  readonly errors: () => ReadonlyArray<string>
}

const programs = [World.steady("app", "api")]

const nodesOf = ({ hasGood }: Plan) => (hasGood ? { bad: programs, good: programs } : { bad: programs })

const { fleet } = World.consoleOptions

const guardOf = ({ failures, openMs }: Plan) => ({
  ...fleet.guard,
  breakerFailures: failures,
  breakerOpenMs: openMs,
  breakerOpenMsMax: openMsMax
})

const ask = Effect.fnUntraced(function* (subject: Subject, { atMs, node, what }: Plan["asks"][number]) {
  yield* Effect.sleep(atMs)
  yield* Effect.ignore(
    what === "start"
      ? subject.fleet.operate({ kind: "start" }, node, { group: "app", name: "api" })
      : subject.fleet.reread(node)
  )
})

const strike = Effect.fnUntraced(function* (node: Node, { afterMs, forMs, how: what }: Trouble) {
  yield* Effect.sleep(afterMs)
  yield* what === "crash" ? node.crash : node.spoil(what)
  yield* Effect.sleep(forMs)
  yield* node.spoil("none")
  yield* node.boot
})

const claim = Effect.fnUntraced(function* (
  plan: Plan,
  calls: NodeCalls.NodeCalls,
  subject: Subject,
  { lookEveryMs, pollEveryMs }: { readonly lookEveryMs: number; readonly pollEveryMs: number }
): Effect.fn.Return<void, Violation, RunContext> {
  const bad = subject.supervisords["bad"]
  if (bad === undefined) return yield* Effect.die("the world has no node bad")
  const asks = yield* Effect.forkChild(
    Effect.forEach(plan.asks, (each) => ask(subject, each), { concurrency: "unbounded", discard: true })
  )
  yield* Effect.forEach(plan.troubles, (each) => strike(bad, each), { discard: true })
  yield* eventually({
    what: "the circuit closes and the node is up",
    withinMs: 40_000,
    look: Effect.orDie(Effect.andThen(Effect.sleep(lookEveryMs), subject.fleet.node("bad"))),
    until: ({ breaker, status }: NodeView) => status === "up" && breaker?.state === "closed"
  })
  yield* checkBad(
    calls.all().filter(({ node }) => node === "bad"),
    plan
  )
  yield* checkGood(calls.all(), yield* Clock.currentTimeMillis, pollEveryMs)
  const isOver = yield* Effect.timeoutOption(Fiber.await(asks), 60_000)
  yield* holds(isOver._tag === "Some", () => "an operation is still under way")
  yield* holds(subject.errors().length === 0, () => `the console logged errors: ${subject.errors().join("; ")}`)
})

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const calls = NodeCalls.watch(parts)
  const world = yield* World.make({
    nodes: nodesOf(plan),
    options: {
      ...World.consoleOptions,
      fleet: { ...fleet, poll: { ...fleet.poll, intervalMs: largePollEveryMs }, guard: guardOf(plan) }
    },
    parts: calls.parts
  })
  yield* claim(plan, calls, world, { lookEveryMs: 1_000, pollEveryMs: largePollEveryMs })
}, Effect.scoped)

/** The fleet by itself. */
const focus: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(smallWorkload)
  const calls = NodeCalls.watch(parts)
  const stage = yield* FleetStage.make({
    parts: calls.parts,
    nodes: nodesOf(plan),
    node: { deadlineMs: 1_000 },
    fleet: { ...fleet, poll: { ...fleet.poll, intervalMs: smallPollEveryMs }, guard: guardOf(plan) }
  })
  yield* claim(plan, calls, stage, { lookEveryMs: 2_000, pollEveryMs: smallPollEveryMs })
}, Effect.scoped)

const checkBad = Effect.fnUntraced(function* (calls: ReadonlyArray<NodeCall>, { failures, openMs }: Plan) {
  const { reached, wrong } = BreakerHistory.judge(calls, { failures, openMs, openMsMax })
  if (wrong !== undefined) return yield* violated(wrong)
  for (const place of reached) yield* sometimes(place)
})

const checkGood = (calls: ReadonlyArray<NodeCall>, nowMs: number, pollEveryMs: number) => {
  // What lies between two polls of a node that is well, at most: the interval with its jitter, the poll, a turn.
  const pollGapMs = pollEveryMs * 1.1 + 500
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
  focus,
  mutants: [
    BreakerMutants.neverOpens,
    BreakerMutants.openTimeInSeconds,
    BreakerMutants.probeIsRepeated,
    BreakerMutants.twoProbes
  ]
}
