/**
 * P20, P19 and P15: after a time of chaos the console holds no more than before it: descriptors, connections, child
 * processes, clients and logs that it follows.
 */
import { readdirSync, readlinkSync } from "node:fs"
import { Effect, Fiber } from "effect"
import { find, parse } from "../../../scenarios/oracles/MetricsText.ts"
import { holds } from "../../../scenarios/Property.ts"
import * as Chaos from "../Chaos.ts"
import { between, type Episode } from "../Episode.ts"
import { eventually } from "../Eventually.ts"
import * as HubClient from "../HubClient.ts"
import type { Scenario } from "../Scenario.ts"
import { timesMs } from "../Settings.ts"
import { converges, ends, make, type World } from "../World.ts"

const durationMs = 7_000

/** Polls and requests that are under way at the moment of a look, and connections that are kept for the next. */
const socketsUnderWay = 6

/** Longer than the console and its callers keep an idle connection. */
const restWithinMs = 12_000

interface Held {
  readonly sockets: number
  /** All else that is open, by its name. */
  readonly files: ReadonlyArray<string>
  readonly children: number
  readonly clients: ReadonlyArray<number>
}

const gauges = ["muster_hub_clients", "muster_hub_sessions", "muster_hub_logs"] as const

/** What a descriptor stands for; undefined when it was closed meanwhile. */
const nameOf = (folder: string, descriptor: string): string | undefined => {
  try {
    return readlinkSync(`${folder}/${descriptor}`)
  } catch {
    return undefined
  }
}

const heldBy = (world: World): Effect.Effect<Held> =>
  Effect.map(world.caller.ask({ path: "/metrics", token: world.token }), ({ body }) => {
    const folder = `/proc/${world.console().pid}/fd`
    const names = readdirSync(folder).flatMap((descriptor) => nameOf(folder, descriptor) ?? [])
    const page = parse(body)
    const value = (name: string) => (typeof page === "string" ? Number.NaN : (find(page, name)[0]?.value ?? Number.NaN))
    return {
      sockets: names.filter((name) => name.startsWith("socket:")).length,
      files: names
        .filter((name) => !name.startsWith("socket:"))
        .map((name) => name.replace(/\d+/, ""))
        .toSorted(),
      children: world.console().descendants().length,
      clients: gauges.map(value)
    }
  })

const log = (node: string) => ({ node, group: "ticker", name: "ticker", channel: "stdout" })

/** A client that follows a log for a while and goes without a word. */
const follower = (world: World, endMs: number) =>
  Effect.gen(function* () {
    const { episode, front, token } = world
    const url = `http://127.0.0.1:${front.port}`
    while (performance.now() < endMs) {
      const stay = Effect.gen(function* () {
        const client = yield* HubClient.connect(episode, { name: "follower", token, url })
        yield* client.send({ type: "subscribe", logs: world.nodes.map(({ name }) => log(name)) })
        yield* Effect.sleep(between(episode, 50, 1_200))
        if (client.frames().some(({ type }) => type === "log")) episode.sometimes("a log was followed")
      })
      yield* Effect.scoped(stay).pipe(Effect.catch(() => Effect.sleep(100)))
    }
  })

const operate = (world: World, endMs: number) =>
  Effect.gen(function* () {
    const { caller, episode, token } = world
    while (performance.now() < endMs) {
      const path = `/api/nodes/n${episode.random.below(2)}/processes/worker/worker_${episode.random.below(2)}/restart`
      const { status } = yield* caller.ask({ method: "POST", path, body: {}, token })
      if (status >= 500) episode.sometimes("an operation failed")
    }
  })

export const P20: Scenario = {
  properties: ["P20", "P19", "P15"],
  marks: ["a log was followed", "an operation failed"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const world = yield* make(episode)
    yield* Effect.sleep(1_000)
    const before = yield* heldBy(world)
    const endMs = performance.now() + durationMs
    const wires = [...world.nodes.map(({ wire }) => wire), world.front]
    const planned = Chaos.plan(episode.random, {
      kinds: [...Chaos.wireFaults, ...Chaos.processFaults],
      targets: wires.length,
      durationMs,
      lastsMsMax: 1_500
    })
    const chaos = yield* Effect.forkScoped(Chaos.run({ episode, nodes: world.nodes, wires }, planned), {
      startImmediately: true
    })
    const work = [
      ...Array.from({ length: 6 }, () => follower(world, endMs)),
      ...Array.from({ length: 3 }, () => operate(world, endMs))
    ]
    yield* Effect.all(work, { concurrency: "unbounded", discard: true })
    yield* Fiber.join(chaos)
    yield* converges(world)
    const after = yield* eventually({
      what: `no more is held than ${JSON.stringify(before)}`,
      withinMs: restWithinMs,
      look: heldBy(world),
      until: (held) =>
        held.sockets <= before.sockets + socketsUnderWay &&
        held.files.join() === before.files.join() &&
        held.children === before.children &&
        held.clients.every((count) => count === 0)
    })
    episode.note("held", { before, after })
    yield* eventually({
      what: "no more connections to a node than one that is kept, and a call",
      withinMs: timesMs.slack,
      look: Effect.sync(() => world.nodes.map(({ wire }) => wire.open())),
      until: (open) => open.every((count) => count <= 2)
    })
    yield* holds(world.front.open() === 0, () => `${world.front.open()} connections of clients are open`)
    yield* ends(world)
  })
}
