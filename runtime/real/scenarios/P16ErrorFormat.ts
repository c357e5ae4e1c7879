/**
 * P16 and P17: whatever goes wrong is answered in the one shape with the status of its code, and what is wrong with an
 * input is named by its field, without a word of what was sent; while nodes and the wire to clients are disturbed.
 */
import { Effect, Fiber } from "effect"
import * as ApiErrors from "../../../scenarios/oracles/ApiErrors.ts"
import { endpoints, spoilt } from "../../../scenarios/oracles/WrongInputs.ts"
import { wrongWith as wrongDetail } from "../../../scenarios/properties/P17ValidationDetail.ts"
import { holds, violated } from "../../../scenarios/Property.ts"
import type { Call, Got } from "../Caller.ts"
import * as Chaos from "../Chaos.ts"
import { type Episode, pick } from "../Episode.ts"
import type { Scenario } from "../Scenario.ts"
import { converges, ends, make, type World } from "../World.ts"

const durationMs = 6_000
const hush = "hush-4711-not-for-anybody"

const odd: readonly [Call, ...ReadonlyArray<Call>] = [
  { path: "/api/nowhere" },
  { method: "DELETE", path: "/api/nodes" },
  { path: "/api/nodes/nobody" },
  { path: "/api/nodes/n0/processes/no/body" },
  { path: "/api/ws" },
  { path: "/api/batches/4711" },
  { method: "POST", path: "/api/auth/login", body: "{" },
  { method: "POST", path: "/api/batches", body: "x", headers: { "content-type": "text/plain" } },
  { method: "HEAD", path: "/api/nowhere" },
  { path: "/health/ready" },
  { method: "DELETE", path: "/api/users/admin" }
]

const wrong = (got: Got) => {
  if (got.status === 0) return undefined
  if (got.body.includes(hush))
    return `${got.asked.method} ${got.asked.path} was answered with what was sent: ${got.body}`
  return ApiErrors.wrongWith(got.asked, got)
}

const checked = (episode: Episode, got: Got) =>
  Effect.suspend(() => {
    const error = ApiErrors.errorOf(got)
    if (error !== undefined) episode.sometimes(`answered ${error.code}`)
    const found = wrong(got)
    return found === undefined ? Effect.void : violated(found)
  })

/** One input that is wrong in one to three fields. */
const invalid = ({ caller, episode, token }: World) =>
  Effect.gen(function* () {
    const all = endpoints(hush)
    const endpoint = all[episode.random.below(all.length)]
    if (endpoint === undefined || endpoint.flaws.length === 0) return
    const flaws = Array.from(
      { length: 1 + episode.random.below(3) },
      () => endpoint.flaws[episode.random.below(endpoint.flaws.length)]
    ).flatMap((flaw) => flaw ?? [])
    const request = spoilt(endpoint, flaws)
    const got = yield* caller.ask({ ...request, token })
    yield* checked(episode, got)
    const found = got.status === 0 ? undefined : wrongDetail(request, got)
    if (found !== undefined) return yield* violated(found)
  })

const work = (world: World, endMs: number) =>
  Effect.gen(function* () {
    const { caller, episode, nodes, token } = world
    while (performance.now() < endMs) {
      yield* checked(episode, yield* caller.ask({ ...pick(episode, odd), token }))
      yield* checked(episode, yield* caller.ask({ path: "/api/nodes", token: `mst_${hush}` }))
      yield* invalid(world)
      const process = `/api/nodes/n${episode.random.below(nodes.length)}/processes/worker/worker_0`
      const kind = pick(episode, ["/restart", "/stop", "/start", "/signal"] as const)
      const body = kind === "/signal" ? { signal: "HUP" } : {}
      yield* checked(episode, yield* caller.ask({ method: "POST", path: `${process}${kind}`, body, token }))
      yield* checked(episode, yield* caller.ask({ path: `${process}/log?length=100`, token }))
    }
  })

export const P16: Scenario = {
  properties: ["P16", "P17"],
  marks: ["answered invalid_request", "answered node_circuit_open", "answered node_timeout", "answered unauthorized"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const world = yield* make(episode)
    const chaos = yield* Effect.forkScoped(Chaos.onNodes(world, episode, durationMs), { startImmediately: true })
    const endMs = performance.now() + durationMs
    yield* Effect.forEach([1, 2, 3, 4], () => work(world, endMs), { concurrency: "unbounded", discard: true })
    yield* Fiber.join(chaos)
    const answered = world.caller.all().filter(({ status }) => status >= 400).length
    yield* holds(answered > 100, () => `only ${answered} errors were answered`)
    yield* converges(world)
    yield* ends(world)
  })
}
