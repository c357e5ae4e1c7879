/**
 * P9 over settings, fleet and registry by themselves: each read returns one version whole, nodes of the fleet included;
 * versions seen by a reader never go back; reloads run one after another; and what was written before a reload was
 * asked for is in use when that is answered.
 *
 * Method: a file is written again and again, each time with its number and with other nodes, by several at once, who
 * then ask for a reload and may go away meanwhile. A reader looks all the time. One who finds the same version before
 * and after a look at the fleet has looked at that version.
 */
import { Effect, Exit } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import { interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as ConfiguredFleet from "../ConfiguredFleet.ts"
import { table } from "../oracles/WrongConfigs.ts"
import { holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"

/** Nodes that come and go. */
const strangers = ["a", "b"] as const

const workload = fc.record({
  // By the number of the file, and from the start again.
  contents: fc.array(
    fc.record({
      a: fc.constantFrom("absent", "same", "other"),
      b: fc.constantFrom("absent", "absent", "absent", "other")
    }),
    { minLength: 2, maxLength: 3 }
  ),
  asks: fc.array(
    fc.record({ writes: fc.constantFrom(true, true, false), givenUp: fc.constantFrom(false, false, true) }),
    { minLength: 2, maxLength: 2 }
  )
})
type Plan = ReturnType<typeof workload.generate>["value"]

/** The nodes of a file, with what tells one version of a node from another. */
const environmentsOf = ({ contents }: Plan, place: number): Readonly<Record<string, string>> => {
  const { a, b } = contents[place % contents.length] ?? { a: "absent", b: "absent" }
  const of = { a: a === "other" ? `e${place}` : a, b: b === "other" ? `e${place}` : b }
  return Object.fromEntries([
    ...strangers.flatMap((name) => (of[name] === "absent" ? [] : [[name, of[name]] as const])),
    [ConfiguredFleet.answering, "same"]
  ])
}

/** Far more than the requests of a run. */
const requestsLeast = 1_000

const textOf = (plan: Plan, place: number): string =>
  [
    `[limits]\nrequests_max = ${requestsLeast + place}`,
    ...Object.entries(environmentsOf(plan, place)).map(([name, environment]) =>
      table(name, `url = "http://${name}:9001"`, `environment = "${environment}"`)
    )
  ].join("\n")

const describe = (nodes: ReadonlyArray<{ readonly name: string; readonly environment?: string | undefined }>): string =>
  nodes
    .map(({ environment, name }) => `${name}/${environment ?? "-"}`)
    .toSorted()
    .join(" ")

interface Scene {
  readonly plan: Plan
  readonly console: ConfiguredFleet.ConfiguredFleet
  /** The number of the last file that was written. */
  written: number
  /** By version: the file that it was seen with. */
  readonly places: Map<number, number>
}

const inUse = ({ console }: Scene) => {
  const { config, version } = console.settings.currentUnsafe()
  return { version, place: config.limits.requestsMax - requestsLeast }
}

/** One look at all that a version is made of; gives the version that was in use after it. */
const look = Effect.fnUntraced(function* (scene: Scene, atLeast: number) {
  const { console, places, plan } = scene
  const before = inUse(scene)
  const { nodes } = yield* console.registry.state
  const shown = yield* console.fleet.nodes
  const overview = yield* console.settings.overview
  const after = inUse(scene)
  const { place, version } = before
  if (version < atLeast) return yield* violated(`version ${version} after version ${atLeast}`)
  const known = places.get(version) ?? place
  places.set(version, known)
  if (known !== place) return yield* violated(`version ${version} is file ${known} and file ${place}`)
  if (console.loading() > 1) return yield* violated(`${console.loading()} loads of the file at a time`)
  if (version !== after.version) {
    yield* sometimes("a look met a change")
    return after.version
  }
  const expected = describe(
    Object.entries(environmentsOf(plan, place)).map(([name, environment]) => ({ name, environment }))
  )
  for (const [who, seen] of [
    ["has", describe(Array.from(nodes.values(), ({ entry }) => entry))],
    ["shows", describe(shown)]
  ] as const) {
    if (seen !== expected)
      return yield* violated(`version ${version} is of nodes ${expected}, the fleet ${who} ${seen}`)
  }
  const mark = overview.settings.find(({ name }) => name === "limits.requests_max")?.value
  if (overview.version !== version || mark !== requestsLeast + place) {
    return yield* violated(
      `version ${version} of file ${place} is shown as ${overview.version}, ${JSON.stringify(mark)}`
    )
  }
  return version
})

/** Looks of a reader for each reload, unless it is over sooner. */
const looksMax = 10

const reader = Effect.fnUntraced(function* (scene: Scene) {
  let version = 0
  for (let looks = 0; looks < looksMax; looks++) {
    version = yield* look(scene, version)
    yield* Effect.yieldNow
  }
  return yield* Effect.never
})

const write = (scene: Scene): void => scene.console.write(textOf(scene.plan, ++scene.written))

const ask = Effect.fnUntraced(function* (scene: Scene, { givenUp, writes }: Plan["asks"][number]) {
  if (writes) write(scene)
  const call = Effect.gen(function* () {
    const least = scene.written
    const report = yield* Effect.catch(scene.console.settings.reload, ({ message }) =>
      violated(`a valid configuration was refused: ${message}`)
    )
    const { place, version } = inUse(scene)
    yield* holds(
      version >= report.version && place >= least,
      () => `a reload of file ${least} told version ${report.version}; in use is version ${version} of file ${place}`
    )
  })
  if (!givenUp) return yield* call
  const exit = yield* interruptSometime(call, { withinSteps: 400 })
  if (Exit.hasInterrupts(exit)) return yield* sometimes("whoever asked went away")
  return yield* exit
})

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const console = yield* ConfiguredFleet.make({ parts, text: textOf(plan, 0), isAnswered: false })
  const scene: Scene = { plan, console, written: 0, places: new Map([[1, 0]]) }
  const addition = (yield* console.registry.state).nodes.get(ConfiguredFleet.answering)?.addition
  const asking = Effect.forEach(plan.asks, (one) => ask(scene, one), { concurrency: "unbounded", discard: true })
  yield* Effect.raceFirst(asking, reader(scene))
  // Whoever went away may have left a file that nobody has asked for.
  if (plan.asks.some(({ givenUp }) => givenUp)) yield* ask(scene, { givenUp: false, writes: false })
  yield* look(scene, 0)
  const state = yield* console.registry.state
  yield* holds(
    state.nodes.get(ConfiguredFleet.answering)?.addition === addition &&
      console.made().filter((name) => name === ConfiguredFleet.answering).length === 1,
    () => "a node that is the same in every file was replaced"
  )
}, Effect.scoped)
