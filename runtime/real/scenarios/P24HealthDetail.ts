/**
 * P24 and P27: the health shows a node that was killed, and that it is back, within a bound; what is shown of its
 * processes meanwhile is the last that was known, marked as such, also by a console that was started since.
 */
import { Effect, Fiber, Option, Schema } from "effect"
import { memoryDefaults } from "../../../core/fleet/FleetMemory.ts"
import { Health } from "../../../core/http/HealthApi.ts"
import { type Ailment, type Sample, wrongSample } from "../../../scenarios/oracles/HealthTruth.ts"
import { holds, violated } from "../../../scenarios/Property.ts"
import { between, type Episode, RealWorldError } from "../Episode.ts"
import { eventually } from "../Eventually.ts"
import { at, listAt } from "../kill/Requests.ts"
import type { Scenario } from "../Scenario.ts"
import { timesMs } from "../Settings.ts"
import { converges, ends, health, jsonOf, make, type RealNode, type World } from "../World.ts"

/** Of components that are told to have made an error until they are healthy again: a minute of quiet. */
const quietMs = 60_000

const showsWithinMs = timesMs.poll + timesMs.deadline + timesMs.slack
const clearsWithinMs = timesMs.breakerOpenMax + timesMs.deadline + timesMs.poll + timesMs.slack

/** It is stored every so often, and not at a kill. */
const storedWithinMs = memoryDefaults.saveEveryMs + timesMs.slack

const storedNodes = (shown: Health | undefined) =>
  shown?.components.find(({ name }) => name === "fleet memory")?.detail?.["stored"]

const decodeHealth = Schema.decodeUnknownOption(Health)

const sample = ({ caller, token }: World, path: Sample["path"], isAnonymous: boolean) =>
  Effect.map(caller.ask({ path, token: isAnonymous ? undefined : token }), (got): Sample | string => {
    const { sentMs, status, tookMs } = got
    return Option.match(decodeHealth(jsonOf(got)), {
      onNone: () => `${path} was answered ${status} ${got.body}`,
      onSome: (shown) => ({ path, sentMs, gotMs: sentMs + tookMs, status, health: shown, isAnonymous })
    })
  })

const watch = (world: World, ailments: ReadonlyArray<Ailment>, isOver: () => boolean) =>
  Effect.gen(function* () {
    while (!isOver()) {
      for (const path of ["/health", "/health/ready"] as const) {
        const taken = yield* sample(world, path, world.episode.random.below(2) === 0)
        const wrong = typeof taken === "string" ? taken : wrongSample(taken, ailments)
        if (wrong !== undefined) return yield* violated(`the health: ${wrong}`)
      }
      yield* Effect.sleep(40)
    }
    return undefined
  })

/** The processes of the node are shown as they last were, and nobody can take them for fresh. */
const lastKnown = ({ caller, episode, token }: World, { name }: RealNode, isRecalled: boolean) =>
  Effect.gen(function* () {
    const node = jsonOf(yield* caller.ask({ path: `/api/nodes/${name}`, token }))
    const processes = listAt(jsonOf(yield* caller.ask({ path: `/api/nodes/${name}/processes`, token })), "processes")
    const names = processes.map((each) => String(at(each, "name"))).toSorted()
    yield* holds(
      names.join() === "flapping,steady,ticker,worker_0,worker_1" && at(node, "stale") === true,
      () => `${name} is away, and shown is ${JSON.stringify(node)} with ${names.join()}`
    )
    yield* holds(
      (at(node, "recalled") === true) === isRecalled,
      () => `${name} is ${isRecalled ? "not " : ""}shown as recalled: ${JSON.stringify(node)}`
    )
    episode.sometimes(isRecalled ? "recalled from an earlier run" : "the last known state was shown")
  })

const startNode = ({ supervisord }: RealNode) =>
  Effect.mapError(supervisord.startAgain, ({ message }) => new RealWorldError({ message }))

const kill = ({ episode }: World, { name, supervisord }: RealNode) => {
  episode.fault("kill supervisord", name)
  return supervisord.kill
}

export const P24: Scenario = {
  properties: ["P24", "P27"],
  marks: ["the last known state was shown", "recalled from an earlier run", "an outage was shown"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const world = yield* make(episode)
    const [node] = world.nodes.slice(episode.random.below(2))
    if (node === undefined) return
    // An error of polls before the first look is explained by nothing that happens here.
    const ailments: Array<Ailment> = []
    let isOver = false
    const watching = yield* Effect.forkScoped(
      watch(world, ailments, () => isOver),
      { startImmediately: true }
    )
    for (let outage = 0; outage < 2; outage++) {
      yield* Effect.sleep(between(episode, 200, 600))
      const ailment: Ailment = {
        what: `${node.name} is dead`,
        fromMs: performance.now(),
        untilMs: Infinity,
        component: undefined,
        least: "degraded",
        touches: { fleet: quietMs, "fleet memory": quietMs },
        showsWithinMs,
        clearsWithinMs
      }
      ailments.push(ailment)
      yield* kill(world, node)
      yield* eventually({
        what: "a node is down",
        withinMs: showsWithinMs,
        look: health(world),
        until: (shown) => shown?.fleet.down === 1 && shown.status !== "healthy"
      })
      episode.sometimes("an outage was shown")
      yield* lastKnown(world, node, false)
      yield* Effect.sleep(between(episode, 0, 1_500))
      ailment.untilMs = performance.now()
      yield* startNode(node)
      // It counts as away until it answers.
      ailment.untilMs = performance.now()
      yield* converges(world)
    }
    yield* eventually({
      what: "the last known state of all nodes is stored",
      withinMs: storedWithinMs,
      look: Effect.map(health(world), storedNodes),
      until: (stored) => stored === world.nodes.length
    })
    isOver = true
    yield* Fiber.join(watching)
    yield* kill(world, node)
    episode.fault("kill console")
    yield* world.console().end("SIGKILL", timesMs.slack)
    yield* world.startAgain
    yield* eventually({
      what: "the node that is dead counts as down",
      withinMs: showsWithinMs,
      look: health(world),
      until: (shown) => shown?.fleet.down === 1
    })
    yield* lastKnown(world, node, true)
    yield* startNode(node)
    yield* converges(world)
    yield* ends(world)
  })
}
