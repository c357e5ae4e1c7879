/**
 * P5 and P21: however much is asked of a node and however slow its wire, the console has no more connections to it than
 * `calls_max`; all nodes are polled on, and at rest none is left. Counted at the proxies, with connections that are
 * fresh or kept: `auto` tries both, and what it keeps meanwhile comes on top.
 */
import { DateTime, Effect, Fiber } from "effect"
import { holds, violated } from "../../../scenarios/Property.ts"
import type { Call } from "../Caller.ts"
import * as Chaos from "../Chaos.ts"
import { type Episode, pick } from "../Episode.ts"
import { at, listAt } from "../kill/Requests.ts"
import type { Scenario } from "../Scenario.ts"
import { timesMs } from "../Settings.ts"
import { longestAbove } from "../WireProxy.ts"
import { converges, ends, jsonOf, make, type World } from "../World.ts"

const durationMs = 6_000
const callsMax = 2
const askers = 8

/** A proxy may see a new connection before the end of the one that it replaces. */
const overlapMsMax = 400

const ask = (world: World, endMs: number) =>
  Effect.gen(function* () {
    const { caller, episode, nodes, token } = world
    while (performance.now() < endMs) {
      const node = `/api/nodes/n${episode.random.below(nodes.length)}`
      const calls: readonly [Call, ...ReadonlyArray<Call>] = [
        { method: "POST", path: `${node}/refresh` },
        { method: "GET", path: `${node}/processes/ticker/ticker/log?length=500` },
        { method: "POST", path: `${node}/processes/worker/worker_0/restart`, body: {} },
        { method: "GET", path: `${node}/update` }
      ]
      const call = pick(episode, calls)
      const got = yield* caller.ask({ ...call, token })
      if (got.body.includes("node_busy")) episode.sometimes("a node was busy")
    }
  })

/** When each node was last heard of, milliseconds since 1970. */
const heard = ({ caller, token }: World) =>
  Effect.map(caller.ask({ path: "/api/nodes", token }), (got) =>
    listAt(jsonOf(got), "nodes").map((node) => {
      const last = DateTime.make(String(at(node, "last_seen")))
      return last._tag === "Some" ? DateTime.toEpochMillis(last.value) : 0
    })
  )

export const P5: Scenario = {
  properties: ["P5", "P21"],
  marks: ["the limit was reached"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const poll = { calls_max: callsMax, calls_waiting_max: 4 }
    const connections = pick(episode, ["fresh", "keep-alive"] as const)
    const world = yield* make(episode, { nodes: 3, sections: { poll }, connections })
    const wires = world.nodes.map(({ wire }) => wire)
    const before = yield* heard(world)
    const planned = Chaos.plan(episode.random, {
      kinds: ["delay", "throttle", "reset", "cut to the client"],
      targets: wires.length,
      durationMs,
      lastsMsMax: 1_500
    })
    const chaos = yield* Effect.forkScoped(Chaos.run({ episode, wires }, planned), { startImmediately: true })
    const endMs = performance.now() + durationMs
    yield* Effect.forEach(Array.from({ length: askers }), () => ask(world, endMs), {
      concurrency: "unbounded",
      discard: true
    })
    yield* Fiber.join(chaos)
    for (const { name, wire } of world.nodes) {
      const nowMs = performance.now()
      const aboveMs = longestAbove(wire.counts(), callsMax, nowMs)
      const most = Math.max(...wire.counts().map(({ open }) => open))
      episode.note("connections", { name, most, aboveMs, total: wire.total() })
      if (most >= callsMax) episode.sometimes("the limit was reached")
      if (aboveMs > overlapMsMax) {
        return yield* violated(
          `${name} had up to ${most} connections, more than ${callsMax} for ${Math.round(aboveMs)} ms`
        )
      }
    }
    yield* converges(world)
    const after = yield* heard(world)
    yield* holds(
      after.every((atMs, index) => atMs - (before[index] ?? Infinity) > durationMs - timesMs.slack),
      () => `nodes were heard of at ${before.join()} and then at ${after.join()}`
    )
    yield* ends(world)
  })
}
