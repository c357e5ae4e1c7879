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
import * as Fleet from "./fleet/Fleet.ts"
import type { FleetOptions, ManagedNode } from "./fleet/Fleet.ts"
import * as Registry from "./fleet/Registry.ts"
import { Api } from "./http/Api.ts"
import { middleware } from "./http/ErrorMiddleware.ts"
import * as Handlers from "./http/Handlers.ts"
import * as HubRoute from "./http/HubRoute.ts"
import * as Hub from "./hub/Hub.ts"
import type { HubOptions } from "./hub/Hub.ts"
import type { SessionOptions } from "./hub/Session.ts"

export interface ConsoleOptions {
  readonly fleet: FleetOptions
  readonly hub: HubOptions
  readonly session: SessionOptions
}

/** The services of the console without its doors, for scenarios that look at one of them. */
export const services = <R>(nodes: Effect.Effect<ReadonlyArray<ManagedNode>, never, R>, options: ConsoleOptions) =>
  Hub.layer(options.hub).pipe(
    Layer.provideMerge(Fleet.layer(nodes, options.fleet)),
    Layer.provideMerge(Registry.layer),
    Layer.provideMerge(EventBus.layer)
  )

const api = HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(Layer.provide(Handlers.layer))

/**
 * The whole console, serving until its scope closes. `nodes` makes the drivers; what they need must be provided.
 * `pages` are further routes that its surroundings serve, such as the documentation of the API.
 */
export const layer = <R>(
  nodes: Effect.Effect<ReadonlyArray<ManagedNode>, never, R>,
  options: ConsoleOptions,
  pages: Layer.Layer<never, never, HttpRouter.HttpRouter> = Layer.empty
) => {
  const routes = Layer.mergeAll(api, pages, HubRoute.layer(options.session))
  // The middleware goes around the app itself: what HttpRouter.serve takes goes around the sending of the response.
  const server = Layer.effectDiscard(Effect.gen(function*() {
    const app = yield* HttpRouter.toHttpEffect(routes)
    yield* (yield* HttpServer.HttpServer).serve(middleware(app))
  }))
  const hubGoesFirst = Layer.effectDiscard(Effect.flatMap(Hub.Hub, (hub) => Effect.addFinalizer(() => hub.close)))
  return hubGoesFirst.pipe(Layer.provideMerge(server), Layer.provideMerge(services(nodes, options)))
}
