/**
 * P14 and P13: a node whose supervisord stands still delays nobody else, and its own operations end within their time.
 *
 * One supervisord of three is stopped by SIGSTOP, so that connections to it are taken and nothing is ever said. While
 * it stands still the others are asked as before, and its breaker opens; after SIGCONT the node comes back.
 */
import { Effect, Fiber, Option, Schema } from "effect"
import { NodeView } from "../../../core/domain/Node.ts"
import { holds, violated } from "../../../scenarios/Property.ts"
import type { Got } from "../Caller.ts"
import { stopped } from "../Chaos.ts"
import { between, type Episode } from "../Episode.ts"
import { eventually } from "../Eventually.ts"
import type { Scenario } from "../Scenario.ts"
import { timesMs } from "../Settings.ts"
import { converges, ends, jsonOf, make, type World } from "../World.ts"

/** Until enough calls in a row have failed, each at its deadline. */
const opensWithinMs = 4 * (timesMs.deadline + timesMs.poll) + timesMs.slack

const decodeView = Schema.decodeUnknownOption(NodeView)

const viewOf = ({ caller, token }: World, node: string) =>
  Effect.map(caller.ask({ path: `/api/nodes/${node}`, token }), (got) => Option.getOrUndefined(decodeView(jsonOf(got))))

const breakerBecomes = (world: World, node: string, isOpen: boolean, withinMs: number) =>
  eventually({
    what: `the breaker of ${node} is ${isOpen ? "open" : "closed"}`,
    withinMs,
    look: viewOf(world, node),
    until: (view) =>
      isOpen ? view?.breaker?.state === "open" : view?.status === "up" && view.breaker?.state === "closed"
  })

const inTime = (got: Got, limitMs: number) =>
  holds(
    got.status !== 0 && got.tookMs <= limitMs,
    () => `${got.asked.method} ${got.asked.path} was answered ${got.status} after ${Math.round(got.tookMs)} ms`
  )

/** What the others do meanwhile: an operation after the other, each of them at once. */
const othersGoOn = (world: World, nodes: ReadonlyArray<string>, rounds: number) =>
  Effect.gen(function* () {
    const { caller, episode, token } = world
    for (let round = 0; round < rounds; round++) {
      for (const node of nodes) {
        const path = `/api/nodes/${node}/processes/worker/worker_${round % 2}/restart`
        const got = yield* caller.ask({ method: "POST", path, body: {}, token })
        yield* inTime(got, timesMs.slack)
        if (got.status !== 200 || !got.body.includes('"outcome":"done"')) {
          return yield* violated(`a restart on ${node}, which is well, was answered ${got.status} ${got.body}`)
        }
        yield* inTime(yield* caller.ask({ path: "/api/nodes", token }), timesMs.slack)
        const view = yield* viewOf(world, node)
        yield* holds(view?.status === "up" && !view.stale, () => `${node}, which is well, is ${JSON.stringify(view)}`)
      }
    }
    episode.sometimes("others went on")
  })

export const P14: Scenario = {
  properties: ["P14", "P13"],
  marks: ["the breaker opened", "others went on", "refused by the breaker"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const world = yield* make(episode, { nodes: 3 })
    const { caller, nodes, token } = world
    const index = episode.random.below(nodes.length)
    const [still] = nodes.slice(index)
    if (still === undefined) return
    const others = nodes.filter(({ name }) => name !== still.name).map(({ name }) => name)
    const operation = {
      method: "POST",
      path: `/api/nodes/${still.name}/processes/worker/worker_0/restart`,
      body: {},
      token
    } as const
    const lasts = Effect.gen(function* () {
      episode.fault("stop supervisord", still.name)
      // Asked before anybody knows, and again once the breaker is open.
      const asked = yield* Effect.forkScoped(caller.ask(operation), { startImmediately: true })
      const going = yield* Effect.forkScoped(othersGoOn(world, others, 4), { startImmediately: true })
      yield* breakerBecomes(world, still.name, true, opensWithinMs)
      episode.sometimes("the breaker opened")
      const first = yield* Fiber.join(asked)
      yield* inTime(first, timesMs.operation + timesMs.slack)
      yield* holds(
        first.status >= 500 || !first.body.includes('"outcome":"done"'),
        () => `done by nobody: ${first.body}`
      )
      for (let i = 0; i < 5; i++) {
        const again = yield* caller.ask(operation)
        yield* inTime(again, timesMs.operation + timesMs.slack)
        yield* holds(again.status >= 500, () => `a node that stands still was asked: ${again.status} ${again.body}`)
        if (again.body.includes("node_circuit_open")) episode.sometimes("refused by the breaker")
        yield* Effect.sleep(between(episode, 50, 250))
      }
      yield* Fiber.join(going)
    })
    yield* stopped(still, lasts)
    const { breakerOpenMax, deadline, poll, slack } = timesMs
    yield* breakerBecomes(world, still.name, false, breakerOpenMax + deadline + poll + slack)
    yield* converges(world)
    yield* ends(world)
  })
}
