/**
 * P23: the metrics equal what happened, as it was seen from outside: requests by route and status, logins, refusals and
 * clients of the hub; totals never fall.
 *
 * What was cut off may have been counted or not, so that each count is held between two bounds.
 */
import { Effect, Fiber } from "effect"
import { routeAt } from "../../../core/http/Routes.ts"
import * as MetricsText from "../../../scenarios/oracles/MetricsText.ts"
import { holds, violated } from "../../../scenarios/Property.ts"
import type { Call, Got } from "../Caller.ts"
import * as Chaos from "../Chaos.ts"
import { type Episode, pick } from "../Episode.ts"
import * as HubClient from "../HubClient.ts"
import type { Scenario } from "../Scenario.ts"
import { converges, ends, make, type World } from "../World.ts"

const durationMs = 5_000

/** A page, and how much was asked before and after it was taken. */
const take = ({ caller, token }: World) =>
  Effect.gen(function* () {
    const from = caller.all().length
    const got = yield* caller.ask({ path: "/metrics", token })
    const page = MetricsText.parse(got.body)
    if (typeof page === "string") return yield* violated(`the metrics: ${page}`)
    return { page, before: caller.all().slice(0, from) }
  })

const keyOf = ({ asked: { method, path }, status }: Got): string =>
  `${routeAt(method, path.split("?", 1)[0] ?? path)?.route.name ?? "none"} ${Math.floor(status / 100)}xx`

/** Where nothing is under way the counts are exact. */
const wrongRequests = (page: MetricsText.MetricsPage, all: ReadonlyArray<Got>): string | undefined => {
  const expected = new Map<string, number>()
  for (const got of all) expected.set(keyOf(got), (expected.get(keyOf(got)) ?? 0) + 1)
  const counted = new Map<string, number>()
  for (const { labels, value } of MetricsText.find(page, "muster_http_request_seconds_count")) {
    counted.set(`${labels["route"] ?? ""} ${labels["status"] ?? ""}`, value)
  }
  for (const key of new Set([...expected.keys(), ...counted.keys()])) {
    const [seen, told] = [expected.get(key) ?? 0, counted.get(key) ?? 0]
    if (seen !== told) return `${key}: ${told} requests are counted, and ${seen} were answered`
  }
  return undefined
}

const calls: readonly [Call, ...ReadonlyArray<Call>] = [
  { path: "/api/nodes" },
  { path: "/api/nodes/nobody" },
  { path: "/api/nowhere" },
  { path: "/health" },
  { method: "POST", path: "/api/auth/login", body: { username: "admin", password: "not the password" } },
  { method: "POST", path: "/api/nodes/n0/processes/worker/worker_0/restart", body: {} },
  { method: "POST", path: "/api/nodes/n1/refresh" }
]

const work = (world: World, endMs: number) =>
  Effect.gen(function* () {
    const { caller, episode, token } = world
    while (performance.now() < endMs) {
      yield* caller.ask({
        ...pick(episode, calls),
        token
      })
    }
  })

/** Joins and leaves; gives how often it was let in. */
const visits = (world: World, endMs: number) =>
  Effect.gen(function* () {
    const { episode, token } = world
    let joined = 0
    while (performance.now() < endMs) {
      yield* Effect.scoped(
        Effect.andThen(
          HubClient.connect(episode, { name: `c${joined}`, token, url: world.console().url }),
          Effect.sleep(100)
        )
      )
      joined++
    }
    return joined
  })

export const P23: Scenario = {
  properties: ["P23"],
  marks: ["logins were refused"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const world = yield* make(episode)
    const first = yield* take(world)
    const chaos = yield* Effect.forkScoped(Chaos.onNodes(world, episode, durationMs), { startImmediately: true })
    const endMs = performance.now() + durationMs
    const visiting = yield* Effect.forkScoped(visits(world, endMs), { startImmediately: true })
    const workers = [1, 2, 3].map(() => work(world, endMs))
    yield* Effect.all(workers, { concurrency: "unbounded", discard: true })
    const joined = yield* Fiber.join(visiting)
    const middle = yield* take(world)
    yield* Fiber.join(chaos)
    yield* converges(world)
    const { before, page } = yield* take(world)
    const fell = MetricsText.fallen(first.page, middle.page) ?? MetricsText.fallen(middle.page, page)
    if (fell !== undefined) return yield* violated(`the metrics: ${fell}`)
    const cutOff = before.find(({ status }) => status === 0)
    yield* holds(cutOff === undefined, () => `${cutOff?.asked.path} had no answer, and nobody disturbed it`)
    const wrong = wrongRequests(page, before)
    if (wrong !== undefined) return yield* violated(`the metrics: ${wrong}`)
    const logins = before.filter(({ asked }) => asked.path === "/api/auth/login")
    const granted = logins.filter(({ status }) => status === 200).length
    if (logins.length > granted) episode.sometimes("logins were refused")
    const told = (name: string) => MetricsText.total(page, name)
    const pairs = [
      ["muster_logins_total", granted],
      ["muster_auth_refused_total", logins.length - granted],
      ["muster_hub_joined_total", joined],
      ["muster_nodes", world.nodes.length],
      ["muster_processes", 5 * world.nodes.length]
    ] as const
    for (const [name, seen] of pairs) {
      yield* holds(told(name) === seen, () => `${name} is ${told(name)}, and ${seen} happened`)
    }
    yield* ends(world)
  })
}
