/**
 * P4, fleet state safety (R2.1 to R2.3): the registry is linearizable: every concurrent history of its operations
 * equals some sequential one; and its events, replayed in the order of their numbers, lead to its state.
 *
 * Method: fibers add, remove and replace nodes, report polls and read, at once, on the registry of a running console;
 * readers come through the HTTP API. The history is searched for a sequential explanation against a model of a few
 * lines.
 */
import { Effect, Option, Ref, Schema } from "effect"
import type { HttpClient, HttpClientError } from "effect/http"
import * as fc from "fast-check"
import type { FleetEvent } from "../../core/domain/FleetEvent.ts"
import { NodeView } from "../../core/domain/Node.ts"
import { draw } from "../../sim/Draw.ts"
import { linearizable } from "../../sim/Linearizability.ts"
import type { Model, Operation } from "../../sim/Linearizability.ts"
import { RunContext } from "../../sim/RunContext.ts"
import * as RegistryMutants from "../mutants/RegistryMutants.ts"
import * as EventStream from "../oracles/EventStream.ts"
import { running } from "../peers/Reports.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

const node = fc.constantFrom("n1", "n2")

const operation = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant("add" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("replace" as const), node }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("poll" as const), node, pid: fc.integer({ min: 1, max: 99 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("fail" as const), node }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("read" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("ask" as const), node }) }
)
type Input = ReturnType<typeof operation.generate>["value"]

const workload = fc.array(fc.array(operation, { minLength: 1, maxLength: 6 }), { minLength: 3, maxLength: 5 })

/** What a reader sees of one node: `absent`, or its status and, for the registry, the pid last reported. */
type Output = string

/** One node, sequentially. Operations on different nodes do not affect each other. */
interface NodeModel {
  readonly status: "absent" | "connecting" | "up" | "down"
  readonly pid: number
}

const model: Model<NodeModel, Input, Output> = {
  init: { status: "absent", pid: 0 },
  partition: (input) => input.node,
  key: (state) => `${state.status} ${state.pid}`,
  step: (state, input, output) => {
    const present = state.status !== "absent"
    switch (input.do) {
      case "add":
        return present ? state : { status: "connecting", pid: 0 }
      case "remove":
        return { status: "absent", pid: 0 }
      case "replace":
        return { status: "connecting", pid: 0 }
      case "poll":
        return present ? { status: "up", pid: input.pid } : state
      case "fail":
        return present ? { ...state, status: "down" } : state
      case "read":
        return output === undefined || output === `${state.status} ${state.pid}` ? state : undefined
      case "ask":
        return output === undefined || output === state.status ? state : undefined
    }
  }
}

const entryOf = (name: string) => ({ name, environment: undefined, kind: "supervisord" }) as const

const perform = (world: World.World, input: Input): Effect.Effect<Output, HttpClientError.HttpClientError> => {
  const { registry } = world
  switch (input.do) {
    case "add":
      return Effect.as(registry.add(entryOf(input.node)), "")
    case "remove":
      return Effect.as(registry.remove(input.node), "")
    case "replace":
      return Effect.as(
        registry.replace({ removed: [input.node], added: [entryOf(input.node)] }, () => {}),
        ""
      )
    case "poll":
      return Effect.as(registry.record(input.node, running(input.pid)), "")
    case "fail":
      return Effect.as(registry.record(input.node, { _tag: "Failed", reason: { code: "TimedOut", message: "" } }), "")
    case "read":
      return Effect.map(registry.state, ({ nodes }) => {
        const found = nodes.get(input.node)
        return found === undefined ? "absent 0" : `${found.status} ${found.processes.get("app:api")?.pid ?? 0}`
      })
    case "ask":
      return ask(world.http, input.node)
  }
}

const decodeNode = Schema.decodeUnknownOption(Schema.fromJsonString(NodeView))

const ask = (http: HttpClient.HttpClient, name: string) =>
  Effect.gen(function* () {
    const response = yield* http.get(`http://console/api/nodes/${name}`)
    const text = yield* response.text
    return response.status === 404
      ? "absent"
      : Option.match(decodeNode(text), { onNone: () => text, onSome: (view) => view.status })
  })

const program: Property["program"] = Effect.fnUntraced(
  function* (parts) {
    const context = yield* RunContext
    const world = yield* World.make({ nodes: {}, parts })
    const history = yield* Ref.make<ReadonlyArray<Operation<Input, Output>>>([])
    const published = yield* EventStream.record(world.bus)

    const record = Effect.fnUntraced(function* (client: string, input: Input) {
      const calledAt = context.steps()
      const output = yield* perform(world, input)
      const returned = { at: context.steps(), output }
      yield* Ref.update(history, (all) => [...all, { client, input, calledAt, returned }])
    })
    const clients = yield* draw(workload)
    yield* Effect.forEach(clients, (inputs, i) => Effect.forEach(inputs, (input) => record(`client-${i}`, input)), {
      concurrency: "unbounded"
    })

    const verdict = linearizable(model, yield* Ref.get(history))
    if (verdict._tag === "not-linearizable") {
      const lines = verdict.operations.map(
        ({ calledAt, client, input, returned }) =>
          `  ${client} ${JSON.stringify(input)} from ${calledAt} to ${returned?.at}: ${returned?.output}`
      )
      return yield* violated(`no order explains what clients saw of ${verdict.partition}:\n${lines.join("\n")}`)
    }
    yield* holds(verdict._tag === "linearizable", () => "the search for an order was given up")

    const { seq } = yield* world.registry.state
    const events = yield* eventually({
      what: `${seq} events are published`,
      withinMs: 1_000,
      look: published,
      until: (all: ReadonlyArray<FleetEvent>) => all.length >= seq
    })
    yield* holds(
      events.every((event, i) => event.seq === i + 1),
      () => `events out of order: ${events.map((event) => event.seq).join(" ")}`
    )
    const state = yield* world.registry.state
    const known = described(replay(events))
    const held = described(
      new Map(
        Array.from(state.nodes, ([name, found]) => [
          name,
          { status: found.status, incarnation: found.incarnation, pid: found.processes.get("app:api")?.pid }
        ])
      )
    )
    yield* holds(known === held, () => `events lead to ${known}, the state holds ${held}`)
  },
  Effect.scoped,
  Effect.catchTag("HttpClientError", Effect.die)
)

/** What a client knows of a node who began with nothing and followed every event. */
interface Known {
  readonly status: string
  readonly incarnation: number
  readonly pid: number | undefined
}

const described = (nodes: ReadonlyMap<string, Known>): string =>
  Array.from(nodes, ([name, { incarnation, pid, status }]) => `${name} ${status} life ${incarnation} pid ${pid ?? "-"}`)
    .toSorted()
    .join(", ")

const replay = (events: ReadonlyArray<FleetEvent>): ReadonlyMap<string, Known> => {
  const nodes = new Map<string, Known>()
  const change = (name: string, what: Partial<Known>) => {
    const before = nodes.get(name)
    // An event of a node that was not added shows as one too many.
    nodes.set(name, { status: "unknown", incarnation: 0, pid: undefined, ...before, ...what })
  }
  for (const event of events) {
    switch (event.type) {
      case "node.added":
        nodes.set(event.node, { status: event.view.status, incarnation: event.view.incarnation, pid: undefined })
        break
      case "node.removed":
        nodes.delete(event.node)
        break
      case "node.status":
        change(event.node, { status: event.to })
        break
      case "node.restarted":
        change(event.node, { incarnation: event.incarnation })
        break
      case "process.removed":
        change(event.node, { pid: undefined })
        break
      case "process.added":
      case "process.state":
      case "process.restarted":
        change(event.node, { pid: event.process.pid })
        break
      case "operation.started":
      case "operation.finished":
      case "batch.changed":
        break
    }
  }
  return nodes
}

export const P4: Property = {
  id: "P4",
  title: "fleet state safety",
  requirements: ["R2.1", "R2.2", "R2.3"],
  marks: ["nodes changed while events went out"],
  program,
  mutants: [RegistryMutants.lostUpdate, RegistryMutants.staleRead, RegistryMutants.publishOutsideLock]
}
