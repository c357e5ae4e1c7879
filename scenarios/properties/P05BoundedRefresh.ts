/**
 * P5, bounded refresh (R2.4, R8.4): connections under way in a refresh never exceed the limit, and refresh still makes
 * progress.
 *
 * Method: more nodes than may be polled at once, some of which hang, answer late, are dead, or change from one to the
 * other, while an operator asks for refreshes on top. At every switch of fibers no more polls are under way than their
 * lane has places, that of nodes that answered promptly last or that of all others, and no node is polled twice at a
 * time. Every node that is well is heard of again and again, and once all are well again, all of them are.
 */
import { Effect, Exit, Scope } from "effect"
import * as fc from "fast-check"
import type { Fleet } from "../../core/fleet/Fleet.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { always, sometimes } from "../../sim/Sim.ts"
import * as FleetMutants from "../mutants/FleetMutants.ts"
import * as NodeCalls from "../oracles/NodeCalls.ts"
import { eventually, holds } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as FleetStage from "../stages/FleetStage.ts"
import * as World from "../World.ts"

const workload = fc.record({
  nodes: fc.constantFrom(2, 2, 2, 3),
  concurrency: fc.constantFrom(1, 1, 2),
  concurrencyDown: fc.constant(1),
  troubles: fc.array(
    fc.record({
      node: fc.nat(2),
      atMs: fc.constantFrom(0, 300),
      forMs: fc.integer({ min: 500, max: 6_000 }),
      how: fc.constantFrom("hang", "hang", "slow", "http500", "crash")
    }),
    { minLength: 1, maxLength: 2 }
  ),
  refreshes: fc.array(fc.record({ node: fc.nat(2), atMs: fc.nat(4_000) }), { maxLength: 1 })
})

/** One node or two, most of them in trouble from the start; a poll that hangs costs little. */
const smallWorkload = fc.record({
  nodes: fc.constantFrom(1, 1, 2),
  concurrency: fc.constant(1),
  concurrencyDown: fc.constant(1),
  troubles: fc.array(
    fc.record({
      node: fc.nat(1),
      atMs: fc.constantFrom(0, 0, 0, 700),
      forMs: fc.integer({ min: 500, max: 3_000 }),
      how: fc.constantFrom("hang", "hang", "slow", "http500", "crash")
    }),
    { minLength: 1, maxLength: 2 }
  ),
  refreshes: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.tuple(fc.record({ node: fc.nat(1), atMs: fc.nat(2_000) })) }
  )
})

type Plan = ReturnType<typeof workload.generate>["value"] | ReturnType<typeof smallWorkload.generate>["value"]
type Trouble = Plan["troubles"][number]

/** The hands of the scenario on a node. */
interface Node {
  readonly spoil: (how: "none" | "hang" | "slow" | "http500") => Effect.Effect<void>
  readonly crash: Effect.Effect<void>
  readonly boot: Effect.Effect<void>
}

/** What the claim needs of a console, or of its fleet alone. */
interface Subject {
  readonly fleet: Fleet["Service"]
  readonly supervisords: Readonly<Record<string, Node>>
  readonly errors: () => ReadonlyArray<string>
}

const nodeName = (i: number): string => `n${i}`

const programs = [World.steady("app", "api")]

const nodesOf = ({ nodes }: Plan) =>
  Object.fromEntries(Array.from({ length: nodes }, (_, i) => [nodeName(i), programs]))

const strike = Effect.fnUntraced(function* ({ supervisords }: Subject, { atMs, forMs, how }: Trouble, name: string) {
  const node = supervisords[name]
  if (node === undefined) return
  yield* Effect.sleep(atMs)
  yield* how === "crash" ? node.crash : node.spoil(how)
  yield* Effect.sleep(forMs)
  yield* node.spoil("none")
  yield* node.boot
})

/** A node that takes longer to answer a poll is polled among those that are down. */
const promptMs = 500

/** Whether the polls that are seen under way may be. Asked at every switch of fibers. */
class Lanes {
  private readonly calls: NodeCalls.NodeCalls
  /** By the place of a call: whether the node answered the poll before promptly, if there was one. */
  private readonly prompt = new Map<number, boolean>()

  constructor(calls: NodeCalls.NodeCalls) {
    this.calls = calls
  }

  wrong(promptMax: number, slowMax: number): string | undefined {
    const open = this.calls.open()
    if (open.size === 0) return undefined
    const nodes = new Set<string>()
    let prompt = 0
    for (const [index, { node }] of open) {
      if (nodes.has(node)) return `${node} is polled twice at a time`
      nodes.add(node)
      if (this.isPrompt(index, node)) prompt++
    }
    const slow = open.size - prompt
    if (prompt > promptMax) return `${prompt} polls of nodes that answered promptly`
    return slow > slowMax ? `${slow} polls of nodes that did not answer promptly` : undefined
  }

  private isPrompt(index: number, node: string): boolean {
    const known = this.prompt.get(index)
    if (known !== undefined) return known
    const before = this.calls.all().filter((call, place) => place <= index && call.node === node)
    // A poll begins with `processes`.
    const begins = before.flatMap(({ method }, place) => (method === "processes" ? [place] : []))
    const last = begins.length < 2 ? [] : before.slice(begins.at(-2), begins.at(-1))
    const tookMs = (last.at(-1)?.endedMs ?? 0) - (last[0]?.startedMs ?? 0)
    const isPrompt = last.every(({ outcome }) => outcome === "done") && tookMs <= promptMs
    this.prompt.set(index, isPrompt)
    return isPrompt
  }
}

/** A node is polled anew after its interval, once those before it in its lane are done: a deadline each, at most. */
const progressMs = 60_000

const claim = Effect.fnUntraced(function* (
  plan: Plan,
  calls: NodeCalls.NodeCalls,
  subject: Subject,
  lookEveryMs: number
): Effect.fn.Return<void, Violation, RunContext> {
  const { concurrency, concurrencyDown } = plan
  const names = Object.keys(subject.supervisords)
  const scope = yield* Scope.make()
  let most = 0
  const lanes = new Lanes(calls)
  yield* always("polls under way keep to their lanes", () => {
    most = Math.max(most, calls.open().size)
    return lanes.wrong(concurrency, concurrencyDown)
  }).pipe(Scope.provide(scope))

  const refresh = (node: number, atMs: number) =>
    Effect.andThen(Effect.sleep(atMs), Effect.ignore(subject.fleet.refresh(nodeName(node % plan.nodes))))
  yield* Effect.all(
    [
      ...plan.troubles.map((trouble) => strike(subject, trouble, nodeName(trouble.node % plan.nodes))),
      ...plan.refreshes.map(({ atMs, node }) => refresh(node, atMs))
    ],
    { concurrency: "unbounded", discard: true }
  )
  if (most === concurrency + concurrencyDown) yield* sometimes("both lanes are full")

  const before = calls.all().length
  yield* eventually({
    what: "every node is up and was polled again",
    withinMs: progressMs,
    look: Effect.map(Effect.andThen(Effect.sleep(lookEveryMs), subject.fleet.nodes), (nodes) =>
      names.filter(
        (name) => calls.newestAnswered(name) < before || nodes.find((node) => node.name === name)?.status !== "up"
      )
    ),
    until: (missing: ReadonlyArray<string>) => missing.length === 0
  })
  yield* Scope.close(scope, Exit.void)
  yield* holds(subject.errors().length === 0, () => `the console logged errors: ${subject.errors().join("; ")}`)
})

const { fleet } = World.consoleOptions

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const { concurrency, concurrencyDown } = plan
  const calls = NodeCalls.watch(parts)
  const world = yield* World.make({
    nodes: nodesOf(plan),
    options: {
      ...World.consoleOptions,
      fleet: { ...fleet, poll: { ...fleet.poll, intervalMs: 5_000, concurrency, concurrencyDown } }
    },
    parts: calls.parts
  })
  yield* claim(plan, calls, world, 1_000)
}, Effect.scoped)

/** The fleet by itself, with shorter times. */
const focus: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(smallWorkload)
  const { concurrency, concurrencyDown } = plan
  const calls = NodeCalls.watch(parts)
  const stage = yield* FleetStage.make({
    parts: calls.parts,
    nodes: nodesOf(plan),
    node: { deadlineMs: 1_500, slowMs: 1_200 },
    fleet: {
      ...fleet,
      poll: { ...fleet.poll, intervalMs: 4_000, concurrency, concurrencyDown },
      guard: { ...fleet.guard, deadlineMs: 2_000, breakerFailures: 2, breakerOpenMs: 2_000, breakerOpenMsMax: 4_000 }
    }
  })
  yield* claim(plan, calls, stage, 2_000)
}, Effect.scoped)

export const P5: Property = {
  id: "P5",
  title: "bounded refresh",
  requirements: ["R2.4", "R8.4"],
  marks: ["both lanes are full", "a node was restarted behind our back"],
  program,
  focus,
  mutants: [FleetMutants.unboundedPolls, FleetMutants.secondTryBesideTheFirst, FleetMutants.pollsStopAfterFailure]
}
