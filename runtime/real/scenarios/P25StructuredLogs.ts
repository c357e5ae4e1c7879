/**
 * P25 and P18: every line that the console writes is one of its log, whatever it was sent, and none holds a secret.
 *
 * Hostile names, headers and bodies while the nodes are disturbed; what went wrong has a line with the id of its
 * request.
 */
import { Effect, Fiber } from "effect"
import { isTrouble, lineOf } from "../../../scenarios/oracles/LogLines.ts"
import { endpoints, spoilt } from "../../../scenarios/oracles/WrongInputs.ts"
import { holds } from "../../../scenarios/Property.ts"
import * as Chaos from "../Chaos.ts"
import { type Episode, pick } from "../Episode.ts"
import type { Scenario } from "../Scenario.ts"
import { converges, ends, logIsSound, make } from "../World.ts"

const hush = "hush-4711-not-for-anybody"

const durationMs = 5_000

const hostile = [
  "/api/nodes/%0a%7b%22level%22%3a%22ERROR%22%7d",
  "/api/nodes/n0/processes/%1b%5b31m/x/start",
  "/api/%E2%80%AE/..%2f..%2fetc/passwd",
  "/api/activity?text=%0d%0ainjected",
  `/api/nodes?${"x".repeat(2_000)}=1`
] as const

export const P25: Scenario = {
  properties: ["P25", "P18"],
  marks: ["trouble was logged"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const world = yield* make(episode)
    const { caller, token } = world
    const chaos = yield* Effect.forkScoped(Chaos.onNodes(world, episode, durationMs), { startImmediately: true })
    const wrong = endpoints(hush).map(
      (endpoint) => () => spoilt(endpoint, endpoint.flaws.slice(episode.random.below(4)))
    )
    const endMs = performance.now() + durationMs
    const failed = new Set<string>()
    while (performance.now() < endMs) {
      const path = pick(episode, hostile)
      yield* caller.ask({ path, token, headers: { "user-agent": "x\ty", "x-request-id": "not an id" } })
      const request = wrong[episode.random.below(wrong.length)]?.()
      if (request !== undefined) yield* caller.ask({ ...request, token })
      const operation = yield* caller.ask({
        method: "POST",
        path: `/api/nodes/n${episode.random.below(2)}/processes/worker/worker_1/restart`,
        body: {},
        token
      })
      if (operation.status >= 500) failed.add(operation.requestId)
    }
    yield* Fiber.join(chaos)
    yield* converges(world)
    yield* ends(world)
    yield* logIsSound(world, [hush])
    const lines = world
      .console()
      .lines()
      .flatMap((text) => lineOf(text) ?? [])
    if (lines.some(isTrouble)) episode.sometimes("trouble was logged")
    const told = new Set(lines.map((line) => line.request_id))
    for (const id of failed) yield* holds(told.has(id), () => `no line tells of the request ${id}, which failed`)
  })
}
