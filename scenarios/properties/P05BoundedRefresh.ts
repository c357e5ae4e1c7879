/**
 * P5, bounded refresh (R2.4, R8.4): connections under way in a refresh never exceed the limit, and refresh still makes
 * progress.
 *
 * Method: more nodes than may be polled at once, some of which hang, answer late, are dead, or change from one to the
 * other, while an operator asks for refreshes on top. At every switch of fibers no more polls are under way than both
 * lanes have places. Every node that is well is heard of again and again, and once all are well again, all of them are.
 */
import { Effect, Exit, Scope } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import { always, sometimes } from "../../sim/Sim.ts"
import * as FleetMutants from "../mutants/FleetMutants.ts"
import * as NodeCalls from "../oracles/NodeCalls.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

const workload = fc.record({
  nodes: fc.integer({ min: 3, max: 5 }),
  concurrency: fc.integer({ min: 1, max: 2 }),
  concurrencyDown: fc.integer({ min: 1, max: 2 }),
  troubles: fc.array(
    fc.record({
      node: fc.nat(4),
      atMs: fc.nat(3_000),
      forMs: fc.integer({ min: 500, max: 8_000 }),
      how: fc.constantFrom("hang", "hang", "slow", "http500", "crash")
    }),
    { minLength: 1, maxLength: 4 }
  ),
  refreshes: fc.array(fc.record({ node: fc.nat(4), atMs: fc.nat(6_000) }), { maxLength: 4 })
})

type Trouble = ReturnType<typeof workload.generate>["value"]["troubles"][number]

const nodeName = (i: number): string => `n${i}`

const strike = Effect.fnUntraced(function* (world: World.World, { atMs, forMs, how }: Trouble, name: string) {
  const node = world.supervisords[name]
  if (node === undefined) return
  yield* Effect.sleep(atMs)
  yield* how === "crash" ? node.crash : node.spoil(how)
  yield* Effect.sleep(forMs)
  yield* node.spoil("none")
  yield* node.boot
})

/** A node is polled anew after its interval, once those before it in its lane are done: a deadline each, at most. */
const progressMs = 60_000

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const { concurrency, concurrencyDown } = plan
  const calls = NodeCalls.watch(parts)
  const names = Array.from({ length: plan.nodes }, (_, i) => nodeName(i))
  const { fleet } = World.consoleOptions
  const world = yield* World.make({
    nodes: Object.fromEntries(names.map((name) => [name, [World.steady("app", "api")]])),
    options: {
      ...World.consoleOptions,
      fleet: { ...fleet, poll: { ...fleet.poll, intervalMs: 4_000, concurrency, concurrencyDown } }
    },
    parts: calls.parts
  })
  const scope = yield* Scope.make()
  const limit = concurrency + concurrencyDown
  const polls = () => calls.underWay({ methods: ["processes", "identify"] })
  let most = 0
  yield* always(`at most ${limit} polls are under way`, () => {
    const now = polls()
    most = Math.max(most, now)
    return now > limit ? `${now} polls` : undefined
  }).pipe(Scope.provide(scope))

  const refresh = (node: number, atMs: number) =>
    Effect.andThen(Effect.sleep(atMs), Effect.ignore(world.fleet.refresh(nodeName(node % plan.nodes))))
  yield* Effect.all(
    [
      ...plan.troubles.map((trouble) => strike(world, trouble, nodeName(trouble.node % plan.nodes))),
      ...plan.refreshes.map(({ atMs, node }) => refresh(node, atMs))
    ],
    { concurrency: "unbounded", discard: true }
  )
  if (most === limit) yield* sometimes("both lanes are full")

  const before = calls.all().length
  yield* eventually({
    what: "every node is up and was polled again",
    withinMs: progressMs,
    look: Effect.map(Effect.andThen(Effect.sleep(250), world.fleet.nodes), (nodes) =>
      names.filter(
        (name) => calls.newestAnswered(name) < before || nodes.find((node) => node.name === name)?.status !== "up"
      )
    ),
    until: (missing: ReadonlyArray<string>) => missing.length === 0
  })
  yield* Scope.close(scope, Exit.void)
  yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
}, Effect.scoped)

export const P5: Property = {
  id: "P5",
  title: "bounded refresh",
  requirements: ["R2.4", "R8.4"],
  marks: ["both lanes are full", "a node was restarted behind our back"],
  program,
  mutants: [FleetMutants.unboundedPolls, FleetMutants.secondTryBesideTheFirst, FleetMutants.pollsStopAfterFailure]
}
