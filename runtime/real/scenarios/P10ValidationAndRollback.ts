/**
 * P10 and P9: a reader sees one configuration whole and never an older one than before, and a file that is not valid
 * changes nothing and is told in the log with its field.
 *
 * Files of growing versions, some of them spoilt, are put in place with SIGHUP after each and now and then several at
 * once, while readers list the nodes: each carries its version as its environment.
 */
import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Fiber } from "effect"
import { holds, violated } from "../../../scenarios/Property.ts"
import { between, type Episode, pick } from "../Episode.ts"
import { eventually } from "../Eventually.ts"
import { at, listAt } from "../kill/Requests.ts"
import type { Scenario } from "../Scenario.ts"
import * as Settings from "../Settings.ts"
import { converges, ends, jsonOf, make, type World } from "../World.ts"

const durationMs = 6_000
const readers = 4

interface Flaw {
  readonly spoil: (text: string) => string
  /** As the log has to name it. */
  readonly field: string
}

const flaws: readonly [Flaw, ...ReadonlyArray<Flaw>] = [
  { spoil: (text) => text.replace(/interval = "[^"]*"/, 'interval = "soon"'), field: "poll.interval" },
  { spoil: (text) => text.replace("breaker_failures = 3", "breaker_failures = 0"), field: "breaker_failures" },
  { spoil: (text) => text.replace("[poll]", '[poll]\nintervall = "1s"'), field: "intervall" },
  { spoil: (text) => text.replaceAll(/url = "http:[^"]*"/g, 'url = "ftp://away"'), field: "url" },
  { spoil: (text) => `${text}\n[[nodes]]\nname = "n0"\nurl = "http://127.0.0.1:1"\n`, field: "n0" }
]

const textOf = (world: World, version: number): string =>
  Settings.textOf({
    nodes: world.nodeTables
      .slice(0, version % 3 === 0 ? 1 : world.nodeTables.length)
      .map((node) => ({ ...node, environment: `v${version}` }))
  })

/** Whoever reads it meanwhile finds the file whole. */
const put = (world: World, text: string) =>
  Effect.suspend(() => {
    const file = join(world.episode.folder, "muster.toml")
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
    return world.console().signal("SIGHUP")
  })

/** Before the first version they have none. */
const environmentOf = (node: unknown): string => {
  const environment = at(node, "environment")
  return typeof environment === "string" ? environment : "v0"
}

/** The version that the nodes tell, and how many there are; what is wrong as a text. */
const seen = ({ caller, token }: World) =>
  Effect.map(caller.ask({ path: "/api/nodes", token }), (got): { version: number; nodes: number } | string => {
    const nodes = listAt(jsonOf(got), "nodes")
    const versions = new Set(nodes.map(environmentOf))
    const [version = ""] = versions
    if (got.status !== 200) return `the nodes were answered ${got.status} ${got.body}`
    return versions.size === 1
      ? { version: Number(version.slice(1)), nodes: nodes.length }
      : `a list of nodes of versions ${[...versions].join(" and ")}`
  })

const reader = (world: World, endMs: number) =>
  Effect.gen(function* () {
    let newest = 0
    while (performance.now() < endMs) {
      const now = yield* seen(world)
      if (typeof now === "string") return yield* violated(now)
      if (now.version < newest) return yield* violated(`a reader saw version ${newest}, and then ${now.version}`)
      const expected = now.version > 0 && now.version % 3 === 0 ? 1 : world.nodeTables.length
      yield* holds(now.nodes === expected, () => `version ${now.version} with ${now.nodes} nodes, not ${expected}`)
      newest = now.version
    }
    return undefined
  })

/** A file that is not valid: it is told with its field, and nothing has changed. */
const refused = (world: World, version: number) =>
  Effect.gen(function* () {
    const flaw = pick(world.episode, flaws)
    const from = world.console().lines().length
    yield* put(world, flaw.spoil(textOf(world, version + 1)))
    yield* eventually({
      what: `a line of the log names ${flaw.field}`,
      withinMs: timesMs.slack,
      look: Effect.sync(() => world.console().lines().slice(from)),
      until: (lines) => lines.some((line) => line.includes(flaw.field) && /"level":"(?:WARN|ERROR)"/.test(line))
    })
    const now = yield* seen(world)
    yield* holds(
      typeof now !== "string" && now.version === version,
      () => `after a file with a wrong ${flaw.field} it is ${JSON.stringify(now)}, not version ${version}`
    )
    world.episode.sometimes("an invalid file was refused")
  })

const { timesMs } = Settings

const takesOver = (world: World, version: number) =>
  eventually({
    what: `version ${version} is in force`,
    withinMs: 2 * timesMs.slack,
    look: seen(world),
    until: (now) => typeof now !== "string" && now.version === version
  })

export const P10: Scenario = {
  properties: ["P10", "P9"],
  marks: ["an invalid file was refused", "a burst of reloads"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const world = yield* make(episode)
    const endMs = performance.now() + durationMs
    const reading = yield* Effect.forkScoped(
      Effect.forEach(Array.from({ length: readers }), () => reader(world, endMs), {
        concurrency: "unbounded",
        discard: true
      }),
      { startImmediately: true }
    )
    let version = 0
    while (performance.now() < endMs - timesMs.slack / 2) {
      const burst = episode.random.below(4) === 0 ? 4 : 1
      for (let i = 0; i < burst; i++) yield* put(world, textOf(world, ++version))
      if (burst > 1) episode.sometimes("a burst of reloads")
      yield* takesOver(world, version)
      if (episode.random.below(2) === 0) yield* refused(world, version)
      yield* Effect.sleep(between(episode, 0, 200))
    }
    yield* Fiber.join(reading)
    yield* put(
      world,
      Settings.textOf({ nodes: world.nodeTables.map((node) => ({ ...node, environment: "v1000001" })) })
    )
    yield* takesOver(world, 1_000_001)
    yield* converges(world)
    yield* ends(world)
  })
}
