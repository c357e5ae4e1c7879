/**
 * Somebody who looks at the configuration of a console from outside: by the API, as a page of another origin, and by
 * the hub. What is seen of nodes are their names and environments, in order: `a/production b/-`.
 */
import { Effect, Fiber, Schema } from "effect"
import { ConfigOverview, ReloadReport } from "../../core/config/Settings.ts"
import { FleetSnapshot, NodeView } from "../../core/domain/Node.ts"
import type { World } from "../World.ts"
import * as ApiClient from "./ApiClient.ts"
import type { HubClient, Received } from "./HubClient.ts"

const decodeOverview = Schema.decodeUnknownEffect(Schema.fromJsonString(ConfigOverview))
const decodeNodes = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Struct({ nodes: Schema.Array(NodeView) })))
const decodeReport = Schema.decodeUnknownEffect(Schema.fromJsonString(ReloadReport))

export interface Shown {
  readonly version: number
  /** By name, as `limits.requests_max`; undefined when it is not shown. */
  readonly setting: (name: string) => unknown
  readonly nodes: string
}

interface Named {
  readonly name: string
  readonly environment?: string | undefined
}

/** Nodes as they are seen. */
export const describeNodes = (nodes: ReadonlyArray<Named>): string =>
  nodes
    .map(({ environment = "-", name }) => `${name}/${environment}`)
    .toSorted()
    .join(" ")

/** An answer that must come. */
const asked = Effect.fnUntraced(function* (world: World, request: Omit<ApiClient.Asked, "headers">, origin?: string) {
  const headers = origin === undefined ? {} : { origin }
  const answer = yield* ApiClient.ask(world, { ...request, headers })
  return answer ?? (yield* Effect.die(`${request.method} ${request.path}: no answer`))
})

/** `GET /api/config`. */
export const overview = (world: World): Effect.Effect<Shown> =>
  Effect.gen(function* () {
    const { body } = yield* asked(world, { method: "GET", path: "/api/config" })
    const { settings, version } = yield* decodeOverview(body)
    const values = new Map(settings.map(({ name, value }) => [name, value]))
    const text = (name: string) => {
      const value = values.get(name)
      return typeof value === "string" ? value : undefined
    }
    const places = Array.from({ length: settings.length }, (_, i) => `nodes[${i}]`)
    const nodes = places.flatMap((place) => {
      const name = text(`${place}.name`)
      return name === undefined ? [] : [{ name, environment: text(`${place}.environment`) }]
    })
    return { version, setting: (name: string) => values.get(name), nodes: describeNodes(nodes) }
  }).pipe(Effect.orDie)

/** `GET /api/nodes`. */
export const nodes = (world: World): Effect.Effect<string> =>
  asked(world, { method: "GET", path: "/api/nodes" }).pipe(
    Effect.flatMap(({ body }) => decodeNodes(body)),
    Effect.map((list) => describeNodes(list.nodes)),
    Effect.orDie
  )

/** Whether a page of this origin may use the console. */
export const letsIn = (world: World, origin: string): Effect.Effect<boolean> =>
  Effect.map(asked(world, { method: "GET", path: "/health/live" }, origin), ({ status }) => status === 200)

/** `POST /api/config/reload`: the report, or the refusal as it was answered. */
export const reload = Effect.fnUntraced(function* (world: World): Effect.fn.Return<ReloadReport | ApiClient.Answered> {
  const answer = yield* asked(world, { method: "POST", path: "/api/config/reload" })
  return answer.status === 200 ? yield* Effect.orDie(decodeReport(answer.body)) : answer
})

const decodeSnapshot = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ type: Schema.Literal("snapshot"), ...FleetSnapshot.fields }))
)
const decodeAdded = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({ view: NodeView })))
const decodeRemoved = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({ node: Schema.String })))

/** The nodes that a client of the hub knows after each frame that tells of any, oldest first. */
export const told = (frames: ReadonlyArray<Received>): ReadonlyArray<ReadonlyArray<Named>> => {
  let known: ReadonlyArray<Named> = []
  return frames.flatMap(({ text, type }) => {
    if (type === "snapshot") known = decodeSnapshot(text).nodes.map(({ node }) => node)
    else if (type === "node.added") known = [...known, decodeAdded(text).view]
    else if (type === "node.removed") known = known.filter(({ name }) => name !== decodeRemoved(text).node)
    else return []
    return [known]
  })
}

/** The longest that a snapshot may take. */
const snapshotMs = 5_000

/** Joins the hub for as long as it takes to get the snapshot. */
export const snapshot = (world: World, from: string): Effect.Effect<string> =>
  Effect.gen(function* () {
    const client: HubClient = yield* world.connect(from)
    const reading = yield* Effect.forkChild(client.read)
    const first = Effect.map(client.received, (frames) => told(frames)[0])
    const found = yield* first.pipe(
      Effect.tap((list) => (list === undefined ? Effect.sleep(1) : Effect.void)),
      Effect.repeat({ until: (list) => list !== undefined }),
      Effect.timeout(snapshotMs)
    )
    yield* client.close
    yield* Fiber.join(reading)
    return describeNodes(found ?? [])
  }).pipe(Effect.scoped, Effect.orDie)
