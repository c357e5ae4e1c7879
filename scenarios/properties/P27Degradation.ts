/**
 * P27, degradation (S12): while nodes and the database are away, around a crash or an end of the console too, what is
 * shown of a node is live, or marked as what it is: last seen then, stale, recalled. It is never invented, never lost
 * once it was stored, and no look fails.
 *
 * Method: processes are killed, nodes and the database go away for a while, and the console crashes or ends and starts
 * again, with some of them away at that moment. Somebody looks at all nodes all the while. Whatever is shown must be
 * one whole answer that the node gave by the time that is shown. What changed must be known to the next run of the
 * console if the database was well until 3 s later, at a pause of 1 s between two savings; after an orderly end, what
 * was last. When everything is well again, all is shown as it is, within 60 s.
 */
import { Clock, Effect, Schema, type Scope } from "effect"
import { HttpClientResponse } from "effect/http"
import * as fc from "fast-check"
import { NodeView } from "../../core/domain/Node.ts"
import { ProcessInfo } from "../../core/domain/Process.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as MemoryMutants from "../mutants/MemoryMutants.ts"
import * as FleetTruth from "../oracles/FleetTruth.ts"
import { eventually, violated, Violation } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as P27Memory from "./P27Memory.ts"

const nodes = ["n0", "n1"] as const

const away = fc.record({
  what: fc.constantFrom("database", ...nodes),
  atMs: fc.nat(3_000),
  lastsMs: fc.integer({ min: 200, max: 2_000 })
})

const workload = fc.record({
  kills: fc.array(fc.record({ atMs: fc.nat(3_000), node: fc.constantFrom(...nodes) }), { maxLength: 2 }),
  troubles: fc.array(away, { maxLength: 2 }),
  end: fc.record({
    how: fc.constantFrom("crash", "crash", "SIGTERM"),
    atMs: fc.integer({ min: 500, max: 4_500 }),
    lastsMs: fc.nat(2_000)
  }),
  /** What is away as the console starts again, and for how long from then on. */
  atStart: fc.subarray(["database", ...nodes] as const),
  heals: fc.integer({ min: 500, max: 2_500 })
})
type Plan = ReturnType<typeof workload.generate>["value"]
type Away = (typeof nodes)[number] | "database"

const saveEveryMs = 1_000
const { fleet, memory } = World.consoleOptions

/** What changed is stored by then. */
const storedWithinMs = saveEveryMs + 2_000

/** A database that was away is used again by then: one interval of its probe, and its retries. */
const databaseBackMs = 10_000

/** What is stored is known by then, when the database is back: one pause before it is tried again. */
const recalledWithinMs = databaseBackMs + 6_000

/** What one run of the console can be held to. */
interface Run {
  readonly fleet: World.Running["fleet"]
  readonly startedMs: number
  /** By node: an answer of this time, or a later one, is in the database. */
  readonly stored: ReadonlyMap<string, number>
  /** From when on that must be shown. */
  readonly recalledMs: number
  readonly shown: Map<string, FleetTruth.Shown>
}

interface Watched {
  readonly world: World.World
  readonly truth: FleetTruth.FleetTruth
  /** When the database was away. */
  readonly outages: Array<{ readonly fromMs: number; readonly untilMs: number }>
}

const Nodes = Schema.Struct({ nodes: Schema.Array(NodeView) })
const Processes = Schema.Struct({ processes: Schema.Array(ProcessInfo) })

const get = <A>({ http }: World.World, path: string, body: Schema.ConstraintDecoder<A>): Effect.Effect<A, Violation> =>
  Effect.gen(function* () {
    const response = yield* http.get(`http://console${path}`)
    const { status } = response
    if (status !== 200) return yield* violated(`${path} is answered ${status}: ${yield* response.text}`)
    return yield* HttpClientResponse.schemaBodyJson(body)(response)
  }).pipe(
    Effect.scoped,
    Effect.timeout(5_000),
    Effect.catch((error) =>
      error instanceof Violation ? Effect.fail(error) : violated(`${path} has no answer: ${error.message}`)
    )
  )

/** Looks at these nodes once, and holds what is shown to what they answered. */
const look = Effect.fnUntraced(function* (
  { truth, world }: Watched,
  { fleet: service, recalledMs, shown, startedMs, stored }: Run,
  names: ReadonlyArray<(typeof nodes)[number]>
): Effect.fn.Return<ReadonlyArray<FleetTruth.Shown>, Violation, RunContext> {
  const sentMs = yield* Clock.currentTimeMillis
  const before = (yield* get(world, "/api/nodes", Nodes)).nodes
  const processes = new Map<string, string>()
  for (const name of names) {
    const of = yield* get(world, `/api/nodes/${name}/processes`, Processes)
    processes.set(name, FleetTruth.textOf(of.processes))
  }
  const after = yield* service.nodes
  const gotMs = yield* Clock.currentTimeMillis
  const looked: Array<FleetTruth.Shown> = []
  for (const name of names) {
    const view = before.find((node) => node.name === name)
    // The processes are of the same moment when the node was not heard of in between.
    const isSame = after.find((node) => node.name === name)?.last_seen === view?.last_seen
    if (view === undefined) return yield* violated(`${name} is not shown`)
    if (!isSame) continue
    const now: FleetTruth.Shown = { view, processes: processes.get(name) ?? "", sentMs, gotMs }
    const wrong = FleetTruth.wrongWith(now, {
      answers: truth.answers(name),
      startedMs,
      staleAfterMs: fleet.staleAfterMs,
      knownMs: sentMs >= recalledMs ? stored.get(name) : undefined,
      before: shown.get(name)
    })
    if (wrong !== undefined) return yield* violated(`${name}, ${JSON.stringify(view)}, ${wrong}`)
    shown.set(name, now)
    looked.push(now)
    yield* sometimes(`a node that is ${view.status}${view.recalled === true ? ", recalled" : ""}`)
  }
  return looked
})

/** Looks at one node after the other. */
const lookOn = (watched: Watched, run: Run) =>
  Effect.forever(
    Effect.forEach(nodes, (name) => Effect.andThen(look(watched, run, [name]), Effect.sleep(3_500)), { discard: true })
  )

const leave = Effect.fnUntraced(function* ({ outages, world }: Watched, what: Away, lastsMs: number) {
  if (what !== "database") return yield* world.supervisords[what]?.crash ?? Effect.void
  const fromMs = yield* Clock.currentTimeMillis
  outages.push({ fromMs, untilMs: fromMs + lastsMs })
  yield* world.sql.restart({ downMs: lastsMs })
})

const comeBack = ({ world }: Watched, what: Away) =>
  what === "database" ? Effect.void : (world.supervisords[what]?.boot ?? Effect.void)

const goAway = Effect.fnUntraced(function* (watched: Watched, { atMs, lastsMs, what }: Plan["troubles"][number]) {
  yield* Effect.sleep(atMs)
  yield* leave(watched, what, lastsMs)
  yield* Effect.sleep(lastsMs)
  yield* comeBack(watched, what)
})

/** Whether the database could be used all the time between. */
const wasWell = ({ outages }: Watched, fromMs: number, untilMs: number): boolean =>
  outages.every((outage) => outage.fromMs > untilMs || outage.untilMs + databaseBackMs < fromMs)

/** What must be stored of each node, when the console ends at this moment. */
const storedBy = (watched: Watched, endedMs: number, isOrderly: boolean): ReadonlyMap<string, number> => {
  const stored = new Map<string, number>()
  for (const name of nodes) {
    let before = ""
    for (const { atMs, text } of watched.truth.answers(name)) {
      const isChange = text !== before
      before = text
      if (isChange && atMs + storedWithinMs <= endedMs && wasWell(watched, atMs, atMs + storedWithinMs)) {
        stored.set(name, atMs)
      }
      // Who the node is may have been asked for yet.
      if (isOrderly && atMs + 500 <= endedMs && wasWell(watched, endedMs, endedMs + 2_000)) stored.set(name, atMs)
    }
  }
  return stored
}

const settledMs = 60_000

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const truth = FleetTruth.watch(parts)
  const startedMs = yield* Clock.currentTimeMillis
  const world = yield* World.make({
    nodes: { n0: [World.steady("app", "api"), World.steady("app", "web")], n1: [World.steady("app", "api")] },
    network: { latencyMsMax: 4 },
    options: {
      ...World.consoleOptions,
      fleet: { ...fleet, poll: { ...fleet.poll, intervalMs: 5_000 } },
      memory: { ...memory, saveEveryMs }
    },
    parts: truth.parts
  })
  const watched: Watched = { world, truth, outages: [] }
  const kill = ({ atMs, node }: Plan["kills"][number]) =>
    Effect.andThen(Effect.sleep(atMs), world.supervisords[node]?.kill("app", "api") ?? Effect.void)
  const first: Run = { fleet: world.fleet, startedMs, stored: new Map(), recalledMs: Infinity, shown: new Map() }
  yield* Effect.raceFirst(
    lookOn(watched, first),
    Effect.all(
      [
        ...plan.kills.map(kill),
        ...plan.troubles.map((trouble) => goAway(watched, trouble)),
        Effect.sleep(plan.end.atMs)
      ],
      { concurrency: "unbounded", discard: true }
    )
  )
  const stored = yield* restart(watched, plan)
  const againMs = yield* Clock.currentTimeMillis
  const again = yield* world.start
  const second: Run = {
    fleet: again.fleet,
    startedMs: againMs,
    stored,
    recalledMs: Math.max(againMs, ...watched.outages.map(({ untilMs }) => untilMs + recalledWithinMs)),
    shown: new Map()
  }
  if (stored.size > 0) yield* sometimes("something is stored for sure")
  yield* Effect.raceFirst(lookOn(watched, second), Effect.sleep(plan.heals))
  for (const what of plan.atStart) yield* comeBack(watched, what)
  // Asked of the service, which costs less than looks that come too early.
  yield* eventually({
    what: "all nodes are up",
    withinMs: settledMs,
    look: Effect.andThen(Effect.sleep(500), again.fleet.nodes),
    until: (views: ReadonlyArray<NodeView>) => views.every(({ status }) => status === "up")
  })
  yield* eventually({
    what: "all nodes are shown as they are",
    withinMs: settledMs,
    look: Effect.andThen(Effect.sleep(1_500), wrongAtRest(watched, second)),
    until: (wrong) => wrong === ""
  })
}, Effect.scoped)

/** Ends the console, lets some go away, and gives what must have been stored. */
const restart = Effect.fnUntraced(function* (
  watched: Watched,
  { atStart, end, heals }: Plan
): Effect.fn.Return<ReadonlyMap<string, number>, never, RunContext | Scope.Scope> {
  const { world } = watched
  const endedMs = yield* Clock.currentTimeMillis
  if (end.how === "crash") yield* world.crash
  else {
    yield* world.signal("SIGTERM")
    yield* Effect.ignore(world.ended)
  }
  yield* sometimes(`${end.how}, with ${atStart.length} away`)
  const stored = storedBy(watched, endedMs, end.how === "SIGTERM")
  yield* Effect.sleep(end.lastsMs)
  for (const what of atStart) yield* leave(watched, what, heals)
  return stored
})

/** What differs between the nodes and what is shown of them. */
const wrongAtRest = Effect.fnUntraced(function* (
  watched: Watched,
  run: Run
): Effect.fn.Return<string, Violation, RunContext> {
  const shown = yield* look(watched, run, nodes)
  const wrong: Array<string> = []
  for (const name of nodes) {
    const of = shown.find(({ view }) => view.name === name)
    const real = (yield* watched.world.supervisords[name]?.look ?? Effect.succeed([]))
      .map(({ pid, program: { group, name: process }, state }) => `${group}:${process} ${state} ${pid}`)
      .toSorted()
    const parts = of?.processes.split("; ").map((each) => each.split(" ").slice(0, 3).join(" ")) ?? []
    const isLive = of?.view.status === "up" && !of.view.stale && of.view.recalled === undefined
    if (!isLive || parts.join() !== real.join()) {
      wrong.push(`${name} is ${of?.view.status ?? "in between"} with ${parts.join()}, and has ${real.join()}`)
    }
  }
  return wrong.join("; ")
})

export const P27: Property = {
  id: "P27",
  title: "degradation",
  requirements: ["R5.2", "R10.4"],
  marks: [
    "the database was away at the start",
    "what was known of nodes was recalled",
    "a node that is down, recalled",
    "a node that is connecting, recalled",
    "something is stored for sure",
    "an answer has to be stored",
    "a node is shown as it was before the start"
  ],
  program,
  focus: P27Memory.program,
  mutants: [
    MemoryMutants.nothingRecalled,
    MemoryMutants.recalledAsFresh,
    MemoryMutants.storedTimeOfStoring,
    MemoryMutants.savedRarely
  ]
}
