/**
 * P9, atomic configuration (R4.1, R4.2, R4.4): each read returns one version whole, whatever door it comes by; versions
 * seen by a reader never go back; reloads run one after another; and what was written before a reload was asked for is
 * in use when that is answered.
 *
 * Method: each file that is written has its number in all that a reload can change: a limit, the origins of other
 * pages, and its nodes. It is loaded again by SIGHUP and by the API, at once, given up, and while it is written.
 * Readers look meanwhile by all doors: the configuration and the nodes in the API, what a page of an origin is
 * answered, the snapshot of the hub. One client of the hub stays and takes in every event, and somebody asks for the
 * version whenever a node is told of. See `P09Reloads` for settings, fleet and registry by themselves, looked at more
 * closely.
 */
import { Effect, Exit, Fiber, Semaphore } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import { draw } from "../../sim/Draw.ts"
import { interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as ConfigMutants from "../mutants/ConfigMutants.ts"
import * as ConfigReader from "../peers/ConfigReader.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Reloads from "./P09Reloads.ts"

/** Nodes that no host has: they come and go and are never reached. */
const strangers = ["a", "b"] as const

const doors = ["config", "nodes", "origin", "origin before", "hub"] as const
type Door = (typeof doors)[number]

const workload = fc.record({
  // Without latency all that happens at a moment can come in any order.
  latencyMsMax: fc.constantFrom(0, 2),
  // By the number of the file, and from the start again: the node has that environment, another or is not there.
  contents: fc.array(
    fc.record({ a: fc.constantFrom("absent", "same"), b: fc.constantFrom("absent", "same", "other") }),
    {
      minLength: 2,
      maxLength: 4
    }
  ),
  asks: fc.array(
    fc.record({
      atMs: fc.nat(6),
      how: fc.constantFrom("signal", "call", "call", "call given up"),
      writes: fc.constantFrom(true, true, false)
    }),
    { minLength: 2, maxLength: 2 }
  ),
  readers: fc.array(
    fc.array(fc.record({ afterMs: fc.nat(4), door: fc.constantFrom(...doors) }), { minLength: 1, maxLength: 2 }),
    { minLength: 1, maxLength: 2 }
  )
})
type Plan = ReturnType<typeof workload.generate>["value"]
type Ask = Plan["asks"][number]

/** The nodes of a file, in the order in which they stand there. */
const nodesOf = ({ contents }: Plan, place: number) => {
  const { a, b } = contents[place % contents.length] ?? { a: "absent", b: "absent" }
  const environments = { a, b: b === "other" ? `b${place}` : b }
  return [
    { name: "numbered", environment: `file-${place}` },
    ...strangers.flatMap((name) =>
      environments[name] === "absent" ? [] : [{ name, environment: environments[name] }]
    ),
    { name: "steady", environment: undefined }
  ]
}

/** Far more than the requests of a run. */
const requestsLeast = 1_000

const originOf = (place: number): string => `http://page-${place}`

const textOf = (plan: Plan, place: number): string =>
  World.configText(
    ["steady"],
    [
      `[server]\ncors_origins = "${originOf(place)}"\n[auth]\nanonymous_role = "admin"`,
      `[poll]\ninterval = "10s"\n[limits]\nrequests_max = ${requestsLeast + place}`,
      ...nodesOf(plan, place).flatMap(({ environment, name }) =>
        environment === undefined
          ? []
          : [`[[nodes]]\nname = "${name}"\nenvironment = "${environment}"\nurl = "http://${name}:9001"`]
      )
    ].join("\n")
  )

/** The number of the file that these nodes are of. */
const placeOf = (nodes: string): number => Number(/numbered\/file-(\d+)/.exec(nodes)?.[1] ?? -1)

/** Counts the loads of the file that run at a time. */
const counting = (parts: ConsoleParts) => {
  const loads = { underWay: 0, most: 0 }
  const counted = <A, E, R>(load: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        loads.underWay++
        loads.most = Math.max(loads.most, loads.underWay)
      }),
      () => load,
      () => Effect.sync(() => void loads.underWay--)
    )
  const settings: ConsoleParts["settings"] = (options) =>
    parts.settings({ ...options, ...(options.load === undefined ? {} : { load: counted(options.load) }) })
  return { loads, parts: { ...parts, settings } }
}

interface Scene {
  readonly world: World.World
  readonly plan: Plan
  /** The number of the last file that was written. */
  readonly written: () => number
  readonly write: Effect.Effect<void>
  /** By version: the file that it was seen with. */
  readonly places: Map<number, number>
  /** Of reports that told of a change. */
  readonly versions: Set<number>
}

/** Files take each other's place whole, in the order of their numbers. */
const sceneOf = (world: World.World, plan: Plan): Scene => {
  const turn = Semaphore.makeUnsafe(1)
  let place = 0
  const write = turn.withPermit(
    Effect.gen(function* () {
      const draft = `${World.configFile}.${place + 1}`
      yield* world.files.writeFileString(draft, textOf(plan, place + 1))
      yield* world.files.rename(draft, World.configFile)
      place++
    })
  )
  return {
    world,
    plan,
    written: () => place,
    write: Effect.orDie(write),
    places: new Map([[1, 0]]),
    versions: new Set()
  }
}

/** What a reader has seen last. */
interface Reader {
  readonly name: string
  place: number
  version: number
}

const sawPlace = Effect.fnUntraced(function* (reader: Reader, place: number, door: Door) {
  yield* holds(place >= reader.place, () => `${reader.name}: ${door} shows file ${place} after file ${reader.place}`)
  if (place > reader.place) yield* sometimes(`a change was seen by ${door}`)
  reader.place = place
})

const sawNodes = Effect.fnUntraced(function* ({ plan }: Scene, reader: Reader, nodes: string, door: Door) {
  const place = placeOf(nodes)
  const expected = ConfigReader.describeNodes(nodesOf(plan, place))
  yield* holds(nodes === expected, () => `${reader.name}: ${door} shows nodes ${nodes}, file ${place} has ${expected}`)
  yield* sawPlace(reader, place, door)
})

const sawConfig = Effect.fnUntraced(function* (
  scene: Scene,
  reader: Reader,
  { nodes, setting, version }: ConfigReader.Shown
) {
  yield* sawNodes(scene, reader, nodes, "config")
  const { place } = reader
  const known = scene.places.get(version) ?? place
  scene.places.set(version, known)
  yield* holds(
    version >= reader.version && known === place,
    () => `${reader.name}: version ${version} of files ${known} and ${place}, after version ${reader.version}`
  )
  reader.version = version
  const mark = `${String(setting("limits.requests_max"))} ${String(setting("server.cors_origins"))}`
  yield* holds(
    mark === `${requestsLeast + place} ${originOf(place)}`,
    () => `${reader.name}: version ${version} has the nodes of file ${place} and ${mark}`
  )
})

/** Whoever hears of a node and asks at once is told of its file, or of one after it. */
const hear = Effect.fnUntraced(function* (world: World.World) {
  const behind: Array<string> = []
  yield* world.bus.subscribe({
    name: "listener",
    wants: ({ type }) => type === "node.added",
    handle: (event) =>
      Effect.sync(() => {
        if (event.type !== "node.added") return
        const place = placeOf(ConfigReader.describeNodes([event.view]))
        const { config, version } = world.settings.currentUnsafe()
        const inUse = config.limits.requestsMax - requestsLeast
        if (inUse < place)
          behind.push(`the nodes of file ${place} were told when version ${version} was of file ${inUse}`)
      })
  })
  return behind
})

const look = Effect.fnUntraced(function* (scene: Scene, reader: Reader, door: Door) {
  const { world } = scene
  const { place } = reader
  switch (door) {
    case "config":
      return yield* sawConfig(scene, reader, yield* ConfigReader.overview(world))
    case "nodes":
      return yield* sawNodes(scene, reader, yield* ConfigReader.nodes(world), door)
    case "hub":
      return yield* sawNodes(scene, reader, yield* ConfigReader.snapshot(world, reader.name), door)
    case "origin":
      // Whose page is refused has to be of an older file by now.
      if (!(yield* ConfigReader.letsIn(world, originOf(place)))) yield* sawPlace(reader, place + 1, door)
      return
    case "origin before": {
      if (place === 0) return
      const isIn = yield* ConfigReader.letsIn(world, originOf(place - 1))
      yield* holds(!isIn, () => `${reader.name}: a page of file ${place - 1} is let in after file ${place}`)
    }
  }
})

const ask = Effect.fnUntraced(function* (scene: Scene, { atMs, how, writes }: Ask) {
  const { versions, world, write, written } = scene
  yield* Effect.sleep(atMs)
  if (writes) yield* write
  if (how === "signal") return yield* world.signal("SIGHUP")
  const call = Effect.gen(function* () {
    const least = written()
    const report = yield* ConfigReader.reload(world)
    if ("status" in report) return yield* violated(`a valid configuration was refused: ${report.body}`)
    const { config, version } = world.settings.currentUnsafe()
    const place = config.limits.requestsMax - requestsLeast
    yield* holds(
      version >= report.version && place >= least,
      () => `a reload of file ${least} told version ${report.version}; in use is version ${version} of file ${place}`
    )
    if (!report.changed) return yield* sometimes("a reload found nothing new")
    yield* holds(!versions.has(report.version), () => `two reloads made version ${report.version}`)
    versions.add(report.version)
  })
  if (how === "call") return yield* call
  const exit = yield* interruptSometime(call, { withinSteps: 1_000 })
  if (Exit.hasInterrupts(exit)) return yield* sometimes("whoever asked went away")
  return yield* exit
})

/** What came to the client that stayed: files in the order of their numbers, and the steady node all the time. */
const verifyStayer = Effect.fnUntraced(function* (
  { plan }: Scene,
  all: ReturnType<typeof ConfigReader.told>,
  last: number
) {
  let newest = 0
  for (const nodes of all) {
    const place = placeOf(ConfigReader.describeNodes(nodes))
    // Between two events of one change it knows of none.
    if (place >= 0) {
      yield* holds(place >= newest, () => `the client that stayed was told of file ${place} after file ${newest}`)
      newest = place
    }
    const count = nodes.filter(({ name }) => name === "steady").length
    yield* holds(count === 1, () => "a node that is the same in every file was replaced")
  }
  const knows = ConfigReader.describeNodes(all.at(-1) ?? [])
  const expected = ConfigReader.describeNodes(nodesOf(plan, last))
  yield* holds(knows === expected, () => `the client that stayed knows ${knows}, file ${last} has ${expected}`)
})

/** On the way to a client that reads. */
const onTheWayMs = 50

const program = Effect.fnUntraced(function* (given: ConsoleParts) {
  const plan = yield* draw(workload)
  const { loads, parts } = counting(given)
  const world = yield* World.make({
    nodes: { steady: [World.steady("app", "api")] },
    config: textOf(plan, 0),
    network: { latencyMsMin: 0, latencyMsMax: plan.latencyMsMax },
    parts
  })
  const scene = sceneOf(world, plan)
  const behind = yield* hear(world)
  const stayer = yield* Effect.orDie(world.connect("stayer"))
  const reading = yield* Effect.forkChild(stayer.read)
  const readers = plan.readers.map((looks, i) => {
    const reader: Reader = { name: `reader-${i}`, place: 0, version: 0 }
    return Effect.forEach(looks, ({ afterMs, door }) => Effect.delay(look(scene, reader, door), afterMs), {
      discard: true
    })
  })
  yield* Effect.all([...plan.asks.map((one) => ask(scene, one)), ...readers], {
    concurrency: "unbounded",
    discard: true
  })
  // The last word: a reload that still runs may have read the file before it.
  yield* Effect.andThen(scene.write, world.signal("SIGHUP"))
  const last = scene.written()
  yield* eventually({
    what: `file ${last} is in use`,
    withinMs: 5_000,
    look: Effect.map(ConfigReader.letsIn(world, originOf(last)), (isIn) => (isIn ? last : -1)),
    until: (place) => place === last
  })
  const late: Reader = { name: "the last reader", place: last, version: 0 }
  yield* Effect.forEach(["config", "nodes", "origin before"] as const, (door) => look(scene, late, door))
  yield* Effect.sleep(onTheWayMs)
  yield* verifyStayer(scene, ConfigReader.told(yield* stayer.received), last)
  yield* holds(behind.length === 0, () => behind.join("; "))
  yield* holds(loads.most <= 1, () => `${loads.most} loads of the file at a time`)
  yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
  yield* Fiber.interrupt(reading)
}, Effect.scoped)

export const P9: Property = {
  id: "P9",
  title: "atomic configuration",
  requirements: ["R4.1", "R4.2", "R4.4"],
  marks: [
    "a look met a change",
    "whoever asked went away",
    "a reload waited for another one",
    "a reload replaced a node"
  ],
  program,
  focus: Reloads.program,
  mutants: [
    ConfigMutants.valueAfterNodes,
    ConfigMutants.valueBeforeNodes,
    ConfigMutants.nodeByNode,
    ConfigMutants.notSerialised,
    ConfigMutants.joinedTooLate,
    ConfigMutants.overviewIsKept,
    ConfigMutants.originsOfTheStart
  ]
}
