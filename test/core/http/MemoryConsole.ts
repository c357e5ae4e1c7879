/** The whole console behind an HttpServer without a network: requests go straight into the app. */
import { Context, Effect, FileSystem, Layer, Logger, References, Result, type Scope } from "effect"
import { HttpClient, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { NetAddress } from "effect/net"
import { inspectDefaults } from "../../../core/config/ConfigFile.ts"
import * as Console from "../../../core/Console.ts"
import type { ConsoleParts } from "../../../core/Console.ts"
import type { NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import { Hub } from "../../../core/hub/Hub.ts"
import { NodeDrivers } from "../../../core/NodeDrivers.ts"
import { Signals } from "../../../core/Signals.ts"
import * as NodeSqlite from "../../../runtime/NodeSqlite.ts"
import * as SimProcessStats from "../../../scenarios/ports/SimProcessStats.ts"
import * as SimSecrets from "../../../scenarios/ports/SimSecrets.ts"
import { consoleOptions } from "../../../scenarios/World.ts"

export interface LogLine {
  readonly level: string
  readonly text: string
  readonly annotations: Readonly<Record<string, unknown>>
}

export interface MemoryConsole {
  readonly http: HttpClient.HttpClient
  readonly hub: Hub["Service"]
  readonly logged: ReadonlyArray<LogLine>
}

type Requested = HttpServerRequest.HttpServerRequest | Scope.Scope
type App = Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, Requested>

export const make = Effect.fnUntraced(function* (
  drivers: Readonly<Record<string, NodeDriver>>,
  parts: ConsoleParts = Console.parts
): Effect.fn.Return<MemoryConsole, never, Scope.Scope> {
  const logged: Array<LogLine> = []
  const collector = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
    const text = `${String(message)} ${cause.reasons.map((reason) => JSON.stringify(reason)).join(" ")}`
    logged.push({ level: logLevel, text, annotations: fiber.getRef(References.CurrentLogAnnotations) })
  })
  let served: App | undefined
  const server = Layer.succeed(
    HttpServer.HttpServer,
    HttpServer.make({
      address: NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 80),
      serve: (app) =>
        // As a real server does, it serves in the surroundings in which it was started.
        Effect.contextWith((context: Context.Context<never>) =>
          Effect.sync(() => {
            served = Effect.updateContext(app, (own: Context.Context<Requested>) => Context.merge(context, own))
          })
        )
    })
  )
  const nodes = Object.entries(drivers).map(([name, driver]) => ({
    entry: { name, environment: undefined, kind: driver.kind },
    driver
  }))
  const logger = Logger.layer([collector])
  const ports = Layer.mergeAll(
    server,
    HttpServer.layerServices,
    NodeSqlite.layer({ filename: ":memory:" }),
    SimSecrets.layer(),
    SimProcessStats.layer,
    FileSystem.layerNoop({}),
    Layer.succeed(Signals, { terminate: Effect.never, reload: Effect.never }),
    logger
  )
  const loaded = Result.getOrThrow(inspectDefaults({}))
  const services = yield* Console.layer({
    drivers: Layer.succeed(NodeDrivers, NodeDrivers.of({ supervisor: () => Effect.die("asked"), local: undefined })),
    nodes: Effect.succeed(nodes),
    settings: { initial: loaded, tls: new Map() },
    options: consoleOptions,
    parts
  }).pipe(Layer.provide(ports), Layer.build, Effect.orDie)
  const http = HttpClient.make((request) =>
    Effect.suspend(() => served ?? Effect.die("nothing is served")).pipe(
      Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromClientRequest(request)),
      Effect.provide(logger),
      Effect.scoped,
      // What the app lets through would be a bug of the console: it answers everything itself.
      Effect.orDie,
      Effect.map((response) => HttpServerResponse.toClientResponse(response, { request }))
    )
  )
  return { http, hub: Context.get(services, Hub), logged }
})
