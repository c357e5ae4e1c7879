/**
 * The console as one layer over the ports: HttpServer and whatever its nodes need (HttpClient, ChildProcessSpawner).
 * The runtime gives it the real ports, scenarios the simulated ones; the code between is the same.
 *
 * Built from the inside out: bus, registry, fleet, hub, routes. Each is a part that `Resources` closes the other way
 * round, with one exception that matters: clients of the hub are told and let go before the server stops, since a
 * server waits for its connections.
 */
import { Effect, Layer, type Scope } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import * as EventBus from "./bus/EventBus.ts"
import type { EventBusOptions } from "./bus/EventBus.ts"
import * as Batches from "./fleet/Batches.ts"
import type { BatchesOptions } from "./fleet/Batches.ts"
import * as EventLog from "./fleet/EventLog.ts"
import * as Fleet from "./fleet/Fleet.ts"
import type { FleetOptions, ManagedNode } from "./fleet/Fleet.ts"
import * as LogFollow from "./fleet/LogFollow.ts"
import * as Registry from "./fleet/Registry.ts"
import * as Components from "./health/Components.ts"
import * as ConsoleHealth from "./health/ConsoleHealth.ts"
import { Api } from "./http/Api.ts"
import { middleware } from "./http/ErrorMiddleware.ts"
import * as Handlers from "./http/Handlers.ts"
import * as HubRoute from "./http/HubRoute.ts"
import { openapiPath, segmentCharactersMax } from "./http/Routes.ts"
import * as Hub from "./hub/Hub.ts"
import type { HubOptions } from "./hub/Hub.ts"
import type { SessionOptions } from "./hub/Session.ts"
import * as SyncMetrics from "./metrics/SyncMetrics.ts"
import * as Resources from "./lifecycle/Resources.ts"
import type { ResourcesOptions } from "./lifecycle/Resources.ts"

export interface ConsoleOptions {
  readonly bus: EventBusOptions
  readonly fleet: FleetOptions
  readonly batches: BatchesOptions
  readonly hub: HubOptions
  readonly session: SessionOptions
  readonly shutdown: ResourcesOptions
}

/** The parts that hold state. A scenario may put wrong versions in their place to see that they are caught. */
export interface ConsoleParts {
  readonly bus: (options: EventBusOptions) => Layer.Layer<EventBus.EventBus>
  readonly components: Layer.Layer<Components.Components, never, EventBus.EventBus>
  readonly registry: Layer.Layer<Registry.Registry, never, EventBus.EventBus>
  readonly fleet: <R>(
    nodes: Effect.Effect<ReadonlyArray<ManagedNode>, never, R>,
    options: FleetOptions
  ) => Layer.Layer<Fleet.Fleet, never, Registry.Registry | Exclude<R, Scope.Scope>>
  readonly logFollow: Layer.Layer<LogFollow.LogFollow, never, EventBus.EventBus | Fleet.Fleet>
  readonly batches: (options: BatchesOptions) => Layer.Layer<Batches.Batches, never, Fleet.Fleet | Registry.Registry>
  readonly hub: (
    options: HubOptions
  ) => Layer.Layer<Hub.Hub, never, EventBus.EventBus | Fleet.Fleet | LogFollow.LogFollow | Components.Components>
  readonly resources: (options: ResourcesOptions) => Layer.Layer<Resources.Resources>
}

export const parts: ConsoleParts = {
  bus: EventBus.layer,
  components: Components.layer(),
  registry: Registry.layer,
  fleet: Fleet.layer,
  logFollow: LogFollow.layer,
  batches: Batches.layer,
  hub: Hub.layer,
  resources: Resources.layer
}

export interface ConsoleSetup<R> {
  /** Makes the drivers of the nodes; what they need must be provided to the layer. */
  readonly nodes: Effect.Effect<ReadonlyArray<ManagedNode>, never, R>
  readonly options: ConsoleOptions
  /** Further routes that its surroundings serve, such as the documentation of the API. */
  readonly pages?: Layer.Layer<never, never, HttpRouter.HttpRouter>
  readonly parts?: ConsoleParts
}

const api = HttpApiBuilder.layer(Api, { openapiPath }).pipe(Layer.provide(Handlers.layer))

/** A layer as a part of the console, closed in its turn. */
const part = <A, E, R>(name: string, layer: Layer.Layer<A, E, R>) =>
  Layer.unwrap(Resources.Resources.useSync((resources) => resources.manage(name, layer)))

/** The whole console, serving until its scope closes or `Resources` is asked to close. */
export const layer = <R>({ nodes, options, pages = Layer.empty, parts: used = parts }: ConsoleSetup<R>) => {
  const watchers = Layer.merge(part("event log", EventLog.layer), part("health of the rest", ConsoleHealth.layer))
  const services = watchers.pipe(
    Layer.provideMerge(part("hub", used.hub(options.hub))),
    Layer.provideMerge(part("batches", used.batches(options.batches))),
    Layer.provideMerge(part("followed logs", used.logFollow)),
    Layer.provideMerge(part("fleet", used.fleet(nodes, options.fleet))),
    Layer.provideMerge(part("registry", used.registry)),
    Layer.provideMerge(part("component health", used.components)),
    Layer.provideMerge(part("event bus", used.bus(options.bus))),
    // Beneath the bus, which measures only with it.
    Layer.provideMerge(SyncMetrics.layer())
  )
  const routes = Layer.mergeAll(api, pages, HubRoute.layer(options.session))
  // The middleware goes around the app itself: what HttpRouter.serve takes goes around the sending of the response.
  const server = Layer.effectDiscard(
    Effect.gen(function* () {
      const app = yield* HttpRouter.toHttpEffect(routes).pipe(
        Effect.provideService(HttpRouter.RouterConfig, { maxParamLength: segmentCharactersMax })
      )
      yield* (yield* HttpServer.HttpServer).serve(middleware(app))
    })
  )
  const clients = Layer.effectDiscard(Effect.flatMap(Hub.Hub, (service) => Effect.addFinalizer(() => service.close)))
  return part("clients of the hub", clients).pipe(
    Layer.provideMerge(part("HTTP server", server)),
    Layer.provideMerge(services),
    Layer.provideMerge(used.resources(options.shutdown))
  )
}
