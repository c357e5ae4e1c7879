/**
 * P2 and P1: what a client of the hub receives is in order and without a gap of which it was not told, and nobody who
 * came or went is lost or counted twice.
 *
 * A witness follows everything straight from the console; the others come, leave and come back with what they know,
 * through a wire that is delayed, held, cut and reset, while processes change. At the end all frames are held against
 * those of the witness.
 */
import { Effect, Exit, Fiber, Schema, Scope } from "effect"
import { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import { wants } from "../../../core/hub/Protocol.ts"
import type { Subscription } from "../../../core/hub/Protocol.ts"
import * as EventStream from "../../../scenarios/oracles/EventStream.ts"
import { find, parse } from "../../../scenarios/oracles/MetricsText.ts"
import type { Received } from "../../../scenarios/peers/HubClient.ts"
import { holds, violated } from "../../../scenarios/Property.ts"
import * as Chaos from "../Chaos.ts"
import { between, type Episode } from "../Episode.ts"
import { eventually } from "../Eventually.ts"
import * as HubClient from "../HubClient.ts"
import type { Scenario } from "../Scenario.ts"
import { timesMs } from "../Settings.ts"
import { converges, ends, make, type World } from "../World.ts"

const durationMs = 8_000
const clients = 10
const eventsKept = 10_000

/** Everything that a client received in one connection. */
interface Stay {
  readonly name: string
  readonly initial: Subscription
  readonly cameBack: EventStream.CameBack | undefined
  readonly client: HubClient.HubClient
}

/** A client, over all of its connections. */
interface Visitor {
  readonly name: string
  readonly initial: Subscription
  readonly stays: Array<Stay>
}

const isEvent = Schema.is(FleetEvent)

const eventsOf = (frames: ReadonlyArray<Received>): ReadonlyArray<FleetEvent> =>
  frames.flatMap(({ text }) => {
    const frame: unknown = JSON.parse(text)
    return isEvent(frame) ? [frame] : []
  })

/** Connects once more, with what it knows from before. */
const join = (world: World, visitor: Visitor, url: string) =>
  Effect.gen(function* () {
    const last = visitor.stays.findLast(({ client }) => EventStream.lastKnown(client.frames()) > 0)
    const hello = last?.client.frames().find(({ type }) => type === "hello")
    const since = last === undefined ? 0 : EventStream.lastKnown(last.client.frames())
    const stream = hello === undefined ? undefined : EventStream.decodeHello(hello.text).stream
    const cameBack = since > 0 && stream !== undefined ? { since, stream, hadEvent: true } : undefined
    const { topics } = visitor.initial
    const query = [
      ...(cameBack === undefined ? [] : [`since=${cameBack.since}`, `stream=${cameBack.stream}`]),
      ...(topics === undefined ? [] : [`topics=${topics.join(",")}`])
    ].join("&")
    const name = `${visitor.name}.${visitor.stays.length}`
    const { episode, token } = world
    const client = yield* HubClient.connect(episode, { name, token, url, query: query === "" ? "" : `?${query}` })
    visitor.stays.push({ name, initial: visitor.initial, cameBack, client })
    return client
  })

/** Comes and goes until the time is up. Who is refused tries again: the wire may be down. */
const visit = (world: World, visitor: Visitor, endMs: number) =>
  Effect.gen(function* () {
    const { episode, front } = world
    const url = `http://127.0.0.1:${front.port}`
    while (performance.now() < endMs) {
      const staysMs = between(episode, 100, 2_000)
      yield* Effect.scoped(Effect.andThen(join(world, visitor, url), Effect.sleep(staysMs))).pipe(
        Effect.catch(() => Effect.sleep(100))
      )
    }
  })

const restarts = (world: World, endMs: number) =>
  Effect.gen(function* () {
    const { caller, episode, nodes, token } = world
    while (performance.now() < endMs) {
      const path = `/api/nodes/n${episode.random.below(nodes.length)}/processes/worker/worker_${episode.random.below(2)}/restart`
      yield* caller.ask({ method: "POST", path, body: {}, token })
    }
  })

/** Who stays connected gets what is wanted, within a bound. */
const catchesUp = (world: World, visitor: Visitor, witness: HubClient.HubClient) =>
  Effect.gen(function* () {
    const client = yield* join(world, visitor, `http://127.0.0.1:${world.front.port}`)
    const newest = eventsOf(witness.frames()).findLast((event) => wants(visitor.initial, event))?.seq ?? 0
    const greeted = visitor.stays.at(-1)?.cameBack?.since ?? 0
    yield* eventually({
      what: `${visitor.name} knows of event ${newest}`,
      withinMs: 2 * timesMs.slack,
      look: Effect.sync(() => Math.max(greeted, EventStream.lastKnown(client.frames()))),
      until: (seq) => seq >= newest
    })
  })

const compare = (episode: Episode, visitors: ReadonlyArray<Visitor>, events: ReadonlyArray<FleetEvent>) =>
  Effect.gen(function* () {
    for (const { client, initial, cameBack, name } of visitors.flatMap(({ stays }) => stays)) {
      const bad = client.frames().find(({ type }) => type === HubClient.malformed)
      if (bad !== undefined) return yield* violated(`${name} received no frame of the protocol: ${bad.text}`)
      const observed = { initial, narrowed: undefined, cameBack }
      const { reached, wrong } = EventStream.wrongWith(observed, client.frames(), events, { eventsKept })
      if (wrong !== undefined) return yield* violated(`${name} ${wrong}`)
      for (const mark of reached) episode.sometimes(mark)
    }
  })

/** How many clients the console counts: connected now, and over all time those that joined and did not leave. */
const counts = ({ caller, token }: World) =>
  Effect.map(caller.ask({ path: "/metrics", token }), ({ body }) => {
    const page = parse(body)
    if (typeof page === "string") return page
    const value = (name: string) => find(page, name)[0]?.value ?? Number.NaN
    return `${value("muster_hub_clients")} ${value("muster_hub_joined_total") - value("muster_hub_left_total")}`
  })

const countsBecome = (world: World, count: number) =>
  eventually({
    what: `${count} clients are counted`,
    withinMs: 2 * timesMs.slack,
    look: counts(world),
    until: (shown) => shown === `${count} ${count}`
  })

export const P2: Scenario = {
  properties: ["P2", "P1"],
  marks: ["a client was resumed"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const world = yield* make(episode)
    const { front, token } = world
    const apart = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(apart, Exit.void))
    const witness = yield* Scope.provide(apart)(
      HubClient.connect(episode, { name: "witness", token, url: world.console().url })
    )
    yield* eventually({
      what: "the witness has its snapshot",
      withinMs: timesMs.slack,
      look: Effect.sync(() => witness.frames().length),
      until: (frames) => frames >= 2
    })
    const visitors = Array.from({ length: clients }, (_, index): Visitor => ({
      name: `c${index}`,
      initial: index % 2 === 0 ? {} : { topics: ["node", "process"] },
      stays: []
    }))
    const endMs = performance.now() + durationMs
    const planned = Chaos.plan(episode.random, {
      kinds: Chaos.wireFaults,
      targets: 1,
      durationMs,
      lastsMsMax: 1_200
    })
    const changing = yield* Effect.forkScoped(restarts(world, endMs), { startImmediately: true })
    const chaos = yield* Effect.forkScoped(Chaos.run({ episode, wires: [front] }, planned), { startImmediately: true })
    yield* Effect.forEach(visitors, (visitor) => visit(world, visitor, endMs), {
      concurrency: "unbounded",
      discard: true
    })
    yield* Fiber.join(changing)
    yield* Fiber.join(chaos)
    yield* Effect.scoped(
      Effect.forEach(visitors, (visitor) => catchesUp(world, visitor, witness), {
        concurrency: "unbounded",
        discard: true
      })
    )
    yield* countsBecome(world, 1)
    const all = visitors.flatMap(({ stays }) => stays)
    const newest = Math.max(...all.map(({ client }) => EventStream.lastKnown(client.frames())))
    yield* eventually({
      what: `the witness knows of event ${newest}`,
      withinMs: timesMs.slack,
      look: Effect.sync(() => EventStream.lastKnown(witness.frames())),
      until: (seq) => seq >= newest
    })
    const events = eventsOf(witness.frames())
    const first = events[0]?.seq ?? 0
    const broken = events.find(({ seq }, index) => seq !== first + index)
    yield* holds(broken === undefined, () => `the witness received event ${broken?.seq} out of turn`)
    yield* holds(events.length > 10, () => `only ${events.length} events happened`)
    yield* compare(episode, visitors, events)
    yield* Scope.close(apart, Exit.void)
    yield* countsBecome(world, 0)
    yield* converges(world)
    yield* ends(world)
  })
}
