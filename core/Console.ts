/**
 * The console as one layer over the ports: HttpServer, SqlClient, Secrets, ProcessStats, FileSystem, and whatever its
 * nodes need (HttpClient, ChildProcessSpawner). The runtime gives it the real ports, scenarios the simulated ones; the
 * code between is the same.
 *
 * Built from the inside out: bus, database, accounts, registry, fleet, hub, routes. Each is a part that `Resources`
 * closes the other way round, with one exception that matters: clients of the hub are told and let go before the server
 * stops, since a server waits for its connections.
 */
import { Effect, type FileSystem, Layer, type Scope } from "effect"
import { HttpRouter, HttpServer, type HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { SqlClient } from "effect/sql"
import * as ActivityLog from "./activity/ActivityLog.ts"
import type { ActivityOptions } from "./activity/ActivityLog.ts"
import type { Accounts } from "./auth/Accounts.ts"
import * as AccountsLayer from "./auth/AccountsLayer.ts"
import type { AccountsOptions } from "./auth/AccountsOptions.ts"
import type { FirstPasswordRefused } from "./auth/FirstAdmin.ts"
import * as HubRights from "./auth/HubRights.ts"
import * as EventBus from "./bus/EventBus.ts"
import type { EventBusOptions } from "./bus/EventBus.ts"
import * as LiveSettings from "./config/LiveSettings.ts"
import type { LiveSettingsOptions } from "./config/LiveSettings.ts"
import * as ReloadOnSignal from "./config/ReloadOnSignal.ts"
import type { Settings } from "./config/Settings.ts"
import * as Batches from "./fleet/Batches.ts"
import type { BatchesOptions } from "./fleet/Batches.ts"
import * as EventLog from "./fleet/EventLog.ts"
import * as Fleet from "./fleet/Fleet.ts"
import type { FleetOptions, ManagedNode } from "./fleet/Fleet.ts"
import * as FleetMemory from "./fleet/FleetMemory.ts"
import type { FleetMemoryOptions } from "./fleet/FleetMemory.ts"
import * as LogFollow from "./fleet/LogFollow.ts"
import * as Registry from "./fleet/Registry.ts"
import * as Components from "./health/Components.ts"
import * as ConsoleHealth from "./health/ConsoleHealth.ts"
import { Api } from "./http/Api.ts"
import * as BatchAudit from "./http/BatchAudit.ts"
import * as AuditTrail from "./http/AuditTrail.ts"
import * as Handlers from "./http/Handlers.ts"
import * as HubRoute from "./http/HubRoute.ts"
import { refusedWhenShort } from "./http/MemoryRefusal.ts"
import * as MetricsRoute from "./http/MetricsRoute.ts"
import { middleware } from "./http/Middleware.ts"
import type { MiddlewareOptions } from "./http/Middleware.ts"
import { requestBudget } from "./http/RequestBudget.ts"
import { openapiPath, segmentCharactersMax } from "./http/Routes.ts"
import * as Hub from "./hub/Hub.ts"
import type { HubOptions } from "./hub/Hub.ts"
import type { SessionOptions } from "./hub/Session.ts"
import * as Resources from "./lifecycle/Resources.ts"
import type { ResourcesOptions } from "./lifecycle/Resources.ts"
import { measuredRequests } from "./metrics/MeasuredRequests.ts"
import * as Measurements from "./metrics/Measurements.ts"
import * as MetricsPage from "./metrics/MetricsPage.ts"
import * as SyncMetrics from "./metrics/SyncMetrics.ts"
import type { NodeDrivers } from "./NodeDrivers.ts"
import * as FiberBudget from "./resources/FiberBudget.ts"
import type { BudgetLimits } from "./resources/FiberBudget.ts"
import * as MemoryMonitor from "./resources/MemoryMonitor.ts"
import type { MemoryLimits } from "./resources/MemoryPressure.ts"
import type { Secrets } from "./Secrets.ts"
import * as Database from "./storage/Database.ts"
import type { DatabaseError } from "./storage/DatabaseError.ts"
import type { DatabaseOptions } from "./storage/DatabaseOptions.ts"
import type { SchemaTooNew } from "./storage/Migrate.ts"

type Response = HttpServerResponse.HttpServerResponse

/** What a reload of the configuration can change for a console that runs; asked for at each use. */
export interface LiveOptions {
  readonly http: Omit<MiddlewareOptions, "audit" | "budget" | "measure">
  readonly budget: BudgetLimits
  readonly memory: MemoryLimits
}

export interface ConsoleOptions {
  readonly version: string
  readonly bus: EventBusOptions
  readonly database: DatabaseOptions
  readonly accounts: AccountsOptions
  readonly activity: ActivityOptions
  readonly fleet: FleetOptions
  readonly memory: FleetMemoryOptions
  readonly batches: BatchesOptions
  readonly hub: HubOptions
  readonly session: SessionOptions
  readonly memoryLookEveryMs: number
  readonly live: () => LiveOptions
  readonly shutdown: ResourcesOptions
}

/** The parts that hold state. A scenario may put wrong versions in their place to see that they are caught. */
export interface ConsoleParts {
  readonly bus: (options: EventBusOptions) => Layer.Layer<EventBus.EventBus>
  readonly components: Layer.Layer<Components.Components, never, EventBus.EventBus>
  readonly database: (
    options: DatabaseOptions
  ) => Layer.Layer<Database.Database, SchemaTooNew | DatabaseError, SqlClient.SqlClient | Components.Components>
  readonly accounts: (
    options: AccountsOptions
  ) => Layer.Layer<Accounts, FirstPasswordRefused, Database.Database | Secrets | Components.Components>
  readonly activity: (
    options: ActivityOptions
  ) => Layer.Layer<ActivityLog.ActivityLog, never, Database.Database | Components.Components>
  readonly registry: Layer.Layer<Registry.Registry, never, EventBus.EventBus>
  readonly memory: (
    options: FleetMemoryOptions
  ) => Layer.Layer<never, never, Database.Database | Registry.Registry | Components.Components>
  readonly fleet: <R>(
    nodes: Effect.Effect<ReadonlyArray<ManagedNode>, never, R>,
    options: FleetOptions
  ) => Layer.Layer<Fleet.Fleet, never, Registry.Registry | Exclude<R, Scope.Scope>>
  readonly settings: (
    options: LiveSettingsOptions
  ) => Layer.Layer<Settings, never, Fleet.Fleet | Components.Components | NodeDrivers | FileSystem.FileSystem>
  readonly logFollow: Layer.Layer<LogFollow.LogFollow, never, EventBus.EventBus | Fleet.Fleet>
  readonly batches: (options: BatchesOptions) => Layer.Layer<Batches.Batches, never, Fleet.Fleet | Registry.Registry>
  readonly hub: (
    options: HubOptions
  ) => Layer.Layer<Hub.Hub, never, EventBus.EventBus | Fleet.Fleet | LogFollow.LogFollow | Components.Components>
  readonly rights: Layer.Layer<never, never, Accounts | Hub.Hub>
  /** What goes around all routes. */
  readonly middleware: typeof middleware
  readonly metrics: typeof MetricsPage.layer
  readonly resources: (options: ResourcesOptions) => Layer.Layer<Resources.Resources>
}

export const parts: ConsoleParts = {
  bus: EventBus.layer,
  components: Components.layer(),
  database: Database.layer,
  accounts: AccountsLayer.layer,
  activity: ActivityLog.layer,
  registry: Registry.layer,
  memory: FleetMemory.layer,
  fleet: Fleet.layer,
  settings: LiveSettings.layer,
  logFollow: LogFollow.layer,
  batches: Batches.layer,
  hub: Hub.layer,
  rights: HubRights.watch,
  middleware,
  metrics: MetricsPage.layer,
  resources: Resources.layer
}

export interface ConsoleSetup<R, R2> {
  /** Makes the drivers of single nodes, at the start and when the configuration changes. */
  readonly drivers: Layer.Layer<NodeDrivers, never, R2>
  /** The nodes to begin with. */
  readonly nodes: Effect.Effect<ReadonlyArray<ManagedNode>, never, R>
  readonly settings: LiveSettingsOptions
  readonly options: ConsoleOptions
  /** Further routes that its surroundings serve, such as the documentation of the API. */
  readonly pages?: Layer.Layer<never, never, HttpRouter.HttpRouter>
  readonly parts?: ConsoleParts
}

const api = HttpApiBuilder.layer(Api, { openapiPath }).pipe(Layer.provide(Handlers.layer))

/** What is beneath all that concerns nodes: what measures and bounds, and whatever needs the database. */
const foundations = (used: ConsoleParts, options: ConsoleOptions) =>
  Resources.managed("activity log", used.activity(options.activity)).pipe(
    Layer.provideMerge(Resources.managed("accounts", used.accounts(options.accounts))),
    Layer.provideMerge(Resources.managed("database", used.database(options.database))),
    Layer.provideMerge(
      Resources.managed(
        "memory monitor",
        MemoryMonitor.layer({
          limits: () => options.live().memory,
          intervalMs: () => options.memoryLookEveryMs
        })
      )
    ),
    Layer.provideMerge(FiberBudget.layer(() => options.live().budget)),
    Layer.provideMerge(Resources.managed("component health", used.components)),
    Layer.provideMerge(Resources.managed("event bus", used.bus(options.bus))),
    // Beneath the bus, which measures only with it.
    Layer.provideMerge(SyncMetrics.layer()),
    Layer.provideMerge(Measurements.layer)
  )

/** Gives up what it can do without while memory is short. */
const shedding = Layer.effectDiscard(
  Effect.gen(function* () {
    const { shed } = yield* Hub.Hub
    yield* (yield* MemoryMonitor.MemoryMonitor).onPressure("events kept by the hub", () => shed)
  })
)

/** Serves the routes behind the one middleware. */
const makeServer = (used: ConsoleParts, options: ConsoleOptions, pages: ConsoleSetup<never, never>["pages"]) => {
  const routes = Layer.mergeAll(api, pages ?? Layer.empty, HubRoute.layer(options.session), MetricsRoute.layer)
  // The middleware goes around the app itself: what HttpRouter.serve takes goes around the sending of the response.
  return Layer.effectDiscard(
    Effect.gen(function* () {
      const app = yield* HttpRouter.toHttpEffect(routes).pipe(
        Effect.provideService(HttpRouter.RouterConfig, { maxParamLength: segmentCharactersMax })
      )
      const audit = yield* AuditTrail.make
      const budget = requestBudget(yield* FiberBudget.FiberBudget)
      const refuseLarge = refusedWhenShort(yield* MemoryMonitor.MemoryMonitor)
      const measure = measuredRequests(yield* Measurements.Measurements)
      const around = {
        audit,
        measure,
        budget: <E, R>(inner: Effect.Effect<Response, E, R>) => budget(refuseLarge(inner))
      }
      const answerBy = (http: LiveOptions["http"]) => ({ http, app: used.middleware(app, { ...http, ...around }) })
      let current = answerBy(options.live().http)
      // Made anew when a reload has changed the options, not for each request.
      const answer = Effect.suspend(() => {
        const { http } = options.live()
        if (http !== current.http) current = answerBy(http)
        return current.app
      })
      yield* (yield* HttpServer.HttpServer).serve(answer)
    })
  )
}

/** The whole console, serving until its scope closes or `Resources` is asked to close. */
export const layer = <R, R2>({
  drivers,
  nodes,
  options,
  pages,
  parts: used = parts,
  settings
}: ConsoleSetup<R, R2>) => {
  const watchers = Layer.mergeAll(
    Resources.managed("event log", EventLog.layer),
    Resources.managed("health of the rest", ConsoleHealth.layer),
    Resources.managed("rights of clients", used.rights),
    Resources.managed("shedding", shedding),
    Resources.managed("reloads by signal", ReloadOnSignal.layer)
  )
  const services = watchers.pipe(
    Layer.provideMerge(used.metrics(options.version)),
    Layer.provideMerge(Resources.managed("hub", Layer.provide(used.hub(options.hub), HubRights.rights))),
    Layer.provideMerge(Resources.managed("batches", Layer.provide(used.batches(options.batches), BatchAudit.layer))),
    Layer.provideMerge(Resources.managed("followed logs", used.logFollow)),
    Layer.provideMerge(Resources.managed("configuration", used.settings(settings))),
    Layer.provideMerge(Resources.managed("fleet", used.fleet(nodes, options.fleet))),
    Layer.provideMerge(Resources.managed("node drivers", drivers)),
    Layer.provideMerge(Resources.managed("fleet memory", used.memory(options.memory))),
    Layer.provideMerge(Resources.managed("registry", used.registry)),
    Layer.provideMerge(foundations(used, options))
  )
  const clients = Layer.effectDiscard(Effect.flatMap(Hub.Hub, (service) => Effect.addFinalizer(() => service.close)))
  return Resources.managed("clients of the hub", clients).pipe(
    Layer.provideMerge(Resources.managed("HTTP server", makeServer(used, options, pages))),
    Layer.provideMerge(services),
    Layer.provideMerge(used.resources(options.shutdown))
  )
}
