/**
 * P4, further, over registry and bus by themselves: the claim that the whole console is held to, with more schedules.
 *
 * Method: fibers add, remove and replace nodes, report polls and read, at once, and some of them are given up half way.
 * The history is searched for a sequential explanation against a model of a few lines: what was given up may have
 * happened or not. All events with a number come out, in order, and lead to the state.
 */
import { Effect, Exit, type Scope } from "effect"
import * as fc from "fast-check"
import type { EventBus } from "../../core/bus/EventBus.ts"
import type { FleetEvent } from "../../core/domain/FleetEvent.ts"
import type { Registry } from "../../core/fleet/Registry.ts"
import { draw } from "../../sim/Draw.ts"
import { linearizable } from "../../sim/Linearizability.ts"
import type { Model, Operation } from "../../sim/Linearizability.ts"
import { RunContext } from "../../sim/RunContext.ts"
import { interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as EventStream from "../oracles/EventStream.ts"
import { running } from "../peers/Reports.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as FleetStage from "../stages/FleetStage.ts"

const node = fc.constantFrom("n1", "n2")

export const operation = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant("add" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("replace" as const), node }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("poll" as const), node, pid: fc.integer({ min: 1, max: 99 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("fail" as const), node }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("read" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("ask" as const), node }) }
)
export type Input = ReturnType<typeof operation.generate>["value"]

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

/** What is claimed of, and how somebody outside is told of a node: `absent`, or its status. */
export interface Subject {
  readonly bus: EventBus["Service"]
  readonly registry: Registry["Service"]
  readonly ask: (node: string) => Effect.Effect<string>
}

const perform = ({ ask, registry }: Subject, input: Input): Effect.Effect<Output> => {
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
      return ask(input.node)
  }
}

/** A client's operation, and whether it is given up at some step of it. */
export interface Planned {
  readonly input: Input
  readonly givenUp: boolean
}

/** Steps of the run within which an operation is given up. */
const givenUpWithinSteps = 200

/** All clients at once. */
export const claim = Effect.fnUntraced(function* (
  subject: Subject,
  clients: ReadonlyArray<ReadonlyArray<Planned>>
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  const context = yield* RunContext
  const history: Array<Operation<Input, Output>> = []
  const published = yield* EventStream.record(subject.bus)

  const record = Effect.fnUntraced(function* (client: string, { givenUp, input }: Planned) {
    const calledAt = context.steps()
    const call = perform(subject, input)
    const exit = givenUp
      ? yield* interruptSometime(call, { withinSteps: givenUpWithinSteps })
      : Exit.succeed(yield* call)
    if (Exit.isFailure(exit)) {
      yield* sometimes("a change was given up")
      return void history.push({ client, input, calledAt })
    }
    history.push({ client, input, calledAt, returned: { at: context.steps(), output: exit.value } })
  })
  yield* Effect.forEach(clients, (inputs, i) => Effect.forEach(inputs, (input) => record(`client-${i}`, input)), {
    concurrency: "unbounded",
    discard: true
  })

  const verdict = linearizable(model, history)
  if (verdict._tag === "not-linearizable") {
    const lines = verdict.operations.map(
      ({ calledAt, client, input, returned }) =>
        `  ${client} ${JSON.stringify(input)} from ${calledAt} to ${returned?.at}: ${returned?.output}`
    )
    return yield* violated(`no order explains what clients saw of ${verdict.partition}:\n${lines.join("\n")}`)
  }
  yield* holds(verdict._tag === "linearizable", () => "the search for an order was given up")
  yield* checkEvents(subject.registry, published)
})

const checkEvents = Effect.fnUntraced(function* (
  registry: Registry["Service"],
  published: Effect.Effect<ReadonlyArray<FleetEvent>>
) {
  const { seq } = yield* registry.state
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
  const state = yield* registry.state
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
})

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

const workload = fc.array(
  fc.array(fc.record({ input: operation, givenUp: fc.constantFrom(false, false, true) }), {
    minLength: 1,
    maxLength: 5
  }),
  { minLength: 2, maxLength: 4 }
)

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const clients = yield* draw(workload)
  const { bus, fleet, registry } = yield* FleetStage.make({ parts, nodes: {} })
  const ask = (name: string) =>
    Effect.match(fleet.node(name), { onFailure: () => "absent", onSuccess: ({ status }) => status })
  yield* claim({ bus, registry, ask }, clients)
}, Effect.scoped)
