/**
 * The console as one layer over the ports: HttpServer and whatever its nodes need (HttpClient, ChildProcessSpawner).
 * The runtime gives it the real ports, scenarios the simulated ones; the code between is the same.
 *
 * Built from the inside out: bus, registry, fleet, hub, routes. Closed the other way round, with one exception that
 * matters: clients of the hub are told and let go before the server stops, since a server waits for its connections.
 */
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import * as EventBus from "./bus/EventBus.ts"
import * as EventLog from "./fleet/EventLog.ts"
import * as Fleet from "./fleet/Fleet.ts"
import type { FleetOptions, ManagedNode } from "./fleet/Fleet.ts"
import * as Registry from "./fleet/Registry.ts"
import { Api } from "./http/Api.ts"
import { middleware } from "./http/ErrorMiddleware.ts"
import * as Handlers from "./http/Handlers.ts"
import * as HubRoute from "./http/HubRoute.ts"
import { openapiPath, segmentCharactersMax } from "./http/Routes.ts"
import * as Hub from "./hub/Hub.ts"
import type { HubOptions } from "./hub/Hub.ts"
import type { SessionOptions } from "./hub/Session.ts"

export interface ConsoleOptions {
  readonly fleet: FleetOptions
  readonly hub: HubOptions
  readonly session: SessionOptions
}

/** The parts that hold state. A scenario may put wrong versions in their place to see that they are caught. */
export interface ConsoleParts {
  readonly bus: Layer.Layer<EventBus.EventBus>
  readonly registry: Layer.Layer<Registry.Registry, never, EventBus.EventBus>
  readonly hub: (options: HubOptions) => Layer.Layer<Hub.Hub, never, EventBus.EventBus | Fleet.Fleet>
}

export const parts: ConsoleParts = { bus: EventBus.layer, registry: Registry.layer, hub: Hub.layer }

export interface ConsoleSetup<R> {
  /** Makes the drivers of the nodes; what they need must be provided to the layer. */
  readonly nodes: Effect.Effect<ReadonlyArray<ManagedNode>, never, R>
  readonly options: ConsoleOptions
  /** Further routes that its surroundings serve, such as the documentation of the API. */
  readonly pages?: Layer.Layer<never, never, HttpRouter.HttpRouter>
  readonly parts?: ConsoleParts
}

const api = HttpApiBuilder.layer(Api, { openapiPath }).pipe(Layer.provide(Handlers.layer))

/** The whole console, serving until its scope closes. */
export const layer = <R>({
  nodes,
  options,
  pages = Layer.empty,
  parts: { bus, hub, registry } = parts
}: ConsoleSetup<R>) => {
  const services = Layer.merge(hub(options.hub), EventLog.layer).pipe(
    Layer.provideMerge(Fleet.layer(nodes, options.fleet)),
    Layer.provideMerge(registry),
    Layer.provideMerge(bus)
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
  const hubGoesFirst = Layer.effectDiscard(
    Effect.flatMap(Hub.Hub, (service) => Effect.addFinalizer(() => service.close))
  )
  return hubGoesFirst.pipe(Layer.provideMerge(server), Layer.provideMerge(services))
}
