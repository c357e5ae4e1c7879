/**
 * P9, further, over settings, fleet and registry by themselves: each read returns one version whole, nodes of the fleet
 * included; versions seen by a reader never go back; reloads run one after another; and after a burst of them what was
 * written last is in use.
 *
 * Method: a file is written again and again, each time with other nodes and a mark of its own, by several at once, who
 * then ask for a reload by signal or by call and may go away meanwhile. Readers look all the time. A reader who finds
 * the same version before and after a look at the fleet has looked at that version.
 */
import { Effect, Exit } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import { interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as ConfiguredFleet from "../ConfiguredFleet.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"

/** Nodes that no host has: they come and go and are never reached. */
const strangers = ["a", "b", "c"] as const

const content = fc.record({
  a: fc.constantFrom("absent", "same", "other"),
  b: fc.constantFrom("absent", "same", "other"),
  c: fc.constantFrom("absent", "same", "other")
})
type Content = ReturnType<typeof content.generate>["value"]

const workload = fc.record({
  contents: fc.array(content, { minLength: 3, maxLength: 6 }),
  asks: fc.array(
    fc.record({
      atMs: fc.nat(2),
      content: fc.nat(5),
      how: fc.constantFrom("signal", "call", "call given up"),
      writes: fc.boolean()
    }),
    { minLength: 2, maxLength: 5 }
  )
})
type Ask = ReturnType<typeof workload.generate>["value"]["asks"][number]

const environmentOf = (place: number, how: string): string => (how === "same" ? "same" : `e${place}`)

/** One table of nodes. */
const table = (name: string, ...settings: ReadonlyArray<string>): string =>
  ["[[nodes]]", `name = "${name}"`, `url = "http://${name}:9001"`, ...settings, ""].join("\n")

const textOf = (place: number, which: Content): string => {
  const nodes = strangers.flatMap((name) =>
    which[name] === "absent" ? [] : [table(name, `environment = "${environmentOf(place, which[name])}"`)]
  )
  const { password, username } = ConfiguredFleet.credentials
  const steady = table("steady", `username = "${username}"`, `password = "${password}"`)
  return `[limits]\nrequests_max = ${place + 1}\n${steady}${nodes.join("")}`
}

/** The nodes of a content, with what tells one version of a node from another. */
const nodesOf = (place: number, which: Content): string =>
  [
    "steady/-",
    ...strangers.flatMap((name) => (which[name] === "absent" ? [] : [`${name}/${environmentOf(place, which[name])}`]))
  ]
    .toSorted()
    .join(" ")

/** Looks of a reader for each reload that is asked for, unless it is over sooner. */
const looksMax = { call: 200, signal: 40 } as const

type Console = ConfiguredFleet.ConfiguredFleet

const currentOf = ({ settings }: Console) => {
  const { config, version } = settings.currentUnsafe()
  return { version, place: config.limits.requestsMax - 1 }
}

const lookOnce = (console: Console) =>
  Effect.gen(function* () {
    const before = currentOf(console)
    const { nodes } = yield* console.registry.state
    const seen = Array.from(nodes.values(), ({ entry }) => `${entry.name}/${entry.environment ?? "-"}`)
    const shown = yield* console.fleet.nodes
    const overview = yield* console.settings.overview
    const after = currentOf(console)
    return {
      before,
      after,
      nodes: seen.toSorted().join(" "),
      shown: Array.from(shown, ({ environment, name }) => `${name}/${environment ?? "-"}`)
        .toSorted()
        .join(" "),
      overview
    }
  })

interface Seen {
  /** By version: the content that it was seen with. */
  readonly contents: Map<number, number>
  readonly plan: ReadonlyArray<Content>
}

const look = Effect.fnUntraced(function* (console: Console, { contents, plan }: Seen, atLeast: number) {
  const { after, before, nodes, overview, shown } = yield* lookOnce(console)
  yield* holds(before.version >= atLeast, () => `version ${before.version} after version ${atLeast}`)
  for (const { place, version } of [before, after]) {
    const known = contents.get(version) ?? place
    contents.set(version, known)
    yield* holds(known === place, () => `version ${version} is content ${known} and content ${place}`)
  }
  if (before.version !== after.version) {
    yield* sometimes("a look met a change")
    return after.version
  }
  const expected = nodesOf(before.place, plan[before.place] ?? { a: "absent", b: "absent", c: "absent" })
  yield* holds(nodes === expected, () => `version ${before.version} has nodes ${expected}, the fleet has ${nodes}`)
  yield* holds(shown === expected, () => `version ${before.version} has nodes ${expected}, the fleet shows ${shown}`)
  const mark = overview.settings.find(({ name }) => name === "limits.requests_max")?.value
  yield* holds(
    overview.version === before.version && mark === before.place + 1,
    () =>
      `version ${before.version} of content ${before.place} is shown as ${overview.version}, ${JSON.stringify(mark)}`
  )
  return after.version
})

/** Looks again and again at one moment of the clock, in which a whole reload takes place. */
const reader = Effect.fnUntraced(function* (console: Console, seen: Seen, most: number) {
  let version = 0
  for (let looks = 0; looks < most; looks++) {
    version = yield* look(console, seen, version)
    yield* holds(console.loading() <= 1, () => `${console.loading()} loads of the file at a time`)
    yield* Effect.yieldNow
  }
})

const ask = Effect.fnUntraced(function* (
  console: Console,
  plan: ReadonlyArray<Content>,
  { content: which, how, writes }: Ask
) {
  const place = which % plan.length
  const written = plan[place]
  if (writes && written !== undefined) yield* console.write(textOf(place, written))
  if (how === "signal") return yield* console.hangUp
  const call = Effect.matchEffect(console.settings.reload, {
    onFailure: ({ message }) => violated(`a valid configuration was refused: ${message}`),
    onSuccess: ({ version }) =>
      holds(
        version <= console.settings.currentUnsafe().version,
        () => `a reload told version ${version} before it was in use`
      )
  })
  if (how === "call") return yield* call
  const exit = yield* interruptSometime(call, { withinSteps: 2_000 })
  if (Exit.hasInterrupts(exit)) return yield* sometimes("whoever asked went away")
  return yield* exit
})

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const { asks, contents } = yield* draw(workload)
  const [first, ...others] = contents
  if (first === undefined) return
  const console = yield* ConfiguredFleet.make({ parts, text: textOf(0, first), remembers: true })
  const seen: Seen = { contents: new Map(), plan: contents }
  const addition = (yield* console.registry.state).nodes.get("steady")?.addition
  const last = others.length
  const asking = (one: Ask) => {
    const asked = ask(console, contents, one)
    const watch = reader(console, seen, one.how === "signal" ? looksMax.signal : looksMax.call)
    const both =
      one.how === "signal" ? Effect.andThen(asked, watch) : Effect.raceFirst(asked, Effect.andThen(watch, Effect.never))
    return Effect.delay(both, one.atMs)
  }
  yield* Effect.forEach(asks, asking, { concurrency: "unbounded", discard: true })
  // The last word: a reload that still runs may have read the file before it.
  const lastWord = Effect.andThen(console.write(textOf(last, contents[last] ?? first)), console.hangUp)
  yield* Effect.all([Effect.orDie(console.settings.reload), lastWord], { concurrency: "unbounded", discard: true })
  yield* eventually({
    what: `content ${last} is in use`,
    withinMs: 5_000,
    look: Effect.sync(() => currentOf(console).place),
    until: (place) => place === last
  })
  yield* look(console, seen, 0)
  const state = yield* console.registry.state
  yield* holds(
    state.nodes.get("steady")?.addition === addition && console.made().filter((name) => name === "steady").length === 1,
    () => "a node that is the same in every version was replaced"
  )
}, Effect.scoped)
