/**
 * The fleet by itself: event bus, registry, fleet (polling, guards, operations) and batches of the console, over nodes
 * that are asked without a wire; see `StageNode`. For claims that are kept there, in a small part of the time that the
 * whole console takes.
 */
import { Context, Effect, Layer, Logger, References, type Scope } from "effect"
import { EventBus } from "../../core/bus/EventBus.ts"
import type { EventBusOptions } from "../../core/bus/EventBus.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import { Batches } from "../../core/fleet/Batches.ts"
import { Fleet } from "../../core/fleet/Fleet.ts"
import type { FleetOptions } from "../../core/fleet/Fleet.ts"
import { Registry } from "../../core/fleet/Registry.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import type { ProgramSpec } from "../peers/SupervisordState.ts"
import { causeText } from "../Property.ts"
import { consoleOptions } from "../World.ts"
import * as StageNode from "./StageNode.ts"

export interface FleetStageOptions {
  readonly parts: ConsoleParts
  /** Programs by name of the node. */
  readonly nodes: Readonly<Record<string, ReadonlyArray<ProgramSpec>>>
  readonly fleet?: FleetOptions
  readonly node?: Partial<Pick<StageNode.StageNodeOptions, "deadlineMs" | "latencyMsMax" | "slowMs">>
}

export interface FleetStage {
  readonly bus: EventBus["Service"]
  readonly registry: Registry["Service"]
  readonly fleet: Fleet["Service"]
  readonly supervisords: Readonly<Record<string, StageNode.StageNode>>
  /** What was logged as an error so far. */
  readonly errors: () => ReadonlyArray<string>
}

export interface BatchStage extends FleetStage {
  readonly batches: Batches["Service"]
}

/** As of the whole console, but for workers that nobody needs. */
const bus: EventBusOptions = { ...consoleOptions.bus, workers: 1 }

const nodeDefaults = { deadlineMs: 5_000, latencyMsMax: 2, slowMs: 3_000 } as const

/** What the fleet is built over. */
const makeNodes = Effect.fnUntraced(function* ({ node, nodes }: FleetStageOptions) {
  const supervisords: Record<string, StageNode.StageNode> = {}
  for (const [name, programs] of Object.entries(nodes)) {
    supervisords[name] = yield* StageNode.make({ ...nodeDefaults, ...node, name, programs })
  }
  const errors: Array<string> = []
  const collector = Logger.make<unknown, void>(({ cause, message }) => {
    errors.push(`${String(message)} ${causeText(cause)}`.trim())
  })
  const managed = Object.entries(supervisords).map(
    ([name, { driver }]) => ({ entry: { name, environment: "staged", kind: driver.kind }, driver }) as const
  )
  return { supervisords, errors, collector, managed }
})

type Nodes = Effect.Success<ReturnType<typeof makeNodes>>

const layer = ({ fleet = consoleOptions.fleet, parts }: FleetStageOptions, { managed }: Nodes) =>
  parts
    .fleet(Effect.succeed(managed), fleet)
    .pipe(Layer.provideMerge(parts.registry), Layer.provideMerge(parts.bus(bus)))

const build = <A, E>(stage: Layer.Layer<A, E>, { collector }: Nodes) =>
  Layer.build(stage).pipe(
    Effect.provideService(Logger.CurrentLoggers, new Set([collector])),
    Effect.provideService(References.MinimumLogLevel, "Error")
  )

const stageOf = (context: Context.Context<EventBus | Registry | Fleet>, { errors, supervisords }: Nodes) => ({
  bus: Context.get(context, EventBus),
  registry: Context.get(context, Registry),
  fleet: Context.get(context, Fleet),
  supervisords,
  errors: () => errors
})

/** Starts it without batches; it lasts until the scope closes. */
export const make = Effect.fnUntraced(function* (
  options: FleetStageOptions
): Effect.fn.Return<FleetStage, never, RunContext | Scope.Scope> {
  const nodes = yield* makeNodes(options)
  return stageOf(yield* build(layer(options, nodes), nodes), nodes)
})

/** Starts it with batches; it lasts until the scope closes. */
export const makeWithBatches = Effect.fnUntraced(function* (
  options: FleetStageOptions
): Effect.fn.Return<BatchStage, never, RunContext | Scope.Scope> {
  const nodes = yield* makeNodes(options)
  const batches = options.parts.batches(consoleOptions.batches)
  const context = yield* build(Layer.provideMerge(batches, layer(options, nodes)), nodes)
  return { ...stageOf(context, nodes), batches: Context.get(context, Batches) }
})
