/**
 * `muster serve`: the console on the real ports, until a signal ends it.
 *
 * Exit status: 0 after a graceful end; 1 when it cannot listen or did not end within the deadline; 2 when the
 * configuration is invalid, before anything has started.
 */
import { availableParallelism } from "node:os"
import { resolve } from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import {
  Console as Terminal,
  Context,
  Duration,
  Effect,
  Layer,
  Logger,
  Option,
  Redacted,
  References,
  Result,
  Schema
} from "effect"
import { HttpServer } from "effect/http"
import { HttpApiScalar } from "effect/http-api"
import { Command, Flag } from "effect/cli"
import type { ConfigErrors } from "../../core/config/ConfigErrors.ts"
import { inspectDefaults } from "../../core/config/ConfigFile.ts"
import type { Loaded } from "../../core/config/ConfigFile.ts"
import type { Config } from "../../core/config/ConfigSchema.ts"
import { inspectFile } from "../../core/config/LoadConfig.ts"
import * as Console from "../../core/Console.ts"
import { Api } from "../../core/http/Api.ts"
import type { ProgramConfig } from "../../core/local/ProgramConfig.ts"
import * as ConsoleLog from "../../core/log/ConsoleLog.ts"
import { Measurements } from "../../core/metrics/Measurements.ts"
import { MetricsPage } from "../../core/metrics/MetricsPage.ts"
import * as Serving from "../../core/lifecycle/Serving.ts"
import * as NodeDrivers from "../../core/NodeDrivers.ts"
import * as Setup from "../../core/Setup.ts"
import { parseDatabaseUrl } from "../../core/storage/DatabaseUrl.ts"
import { counted } from "../Counted.ts"
import { demoPrograms } from "../demo/DemoPrograms.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as NodeDatabase from "../NodeDatabase.ts"
import * as NodeHostProcesses from "../NodeHostProcesses.ts"
import * as NodeHttpClient from "../NodeHttpClient.ts"
import * as NodeHttpServer from "../NodeHttpServer.ts"
import * as NodeProcesses from "../NodeProcesses.ts"
import * as NodeProcessStats from "../NodeProcessStats.ts"
import * as NodeSecrets from "../NodeSecrets.ts"
import * as NodeSecureFiles from "../NodeSecureFiles.ts"
import * as NodeSignals from "../NodeSignals.ts"
import * as Telemetry from "../Telemetry.ts"
import { version } from "../Version.ts"

const configFlag = Flag.File("config").pipe(
  Flag.withDescription("TOML file; without one, a demo fleet of programs on this machine"),
  Flag.optional
)

export const serve = Command.make("serve", { config: configFlag }, ({ config }) =>
  Effect.flatMap(Effect.mapError(configuration(config), wrongConfiguration), (found) => run(found, config))
).pipe(Command.withDescription("Run the console"))

/** The configuration of the file; without one, the defaults with the demo fleet as the local node. */
const configuration = (file: Option.Option<string>) =>
  Option.match(file, {
    onSome: (path) => inspectFile({ file: path, environment: process.env }),
    onNone: () =>
      Effect.map(Effect.fromResult(inspectDefaults(process.env)), ({ config, settings }): Loaded => ({
        config: { ...config, programs: demoPrograms },
        settings
      }))
  })

export const wrongConfiguration = (errors: ConfigErrors): ExitStatus =>
  new ExitStatus({ status: 2, message: errors.message })

const pages = HttpApiScalar.layer(Api, { path: "/docs" })

/** What the console is known by across its restarts: where its configuration is, or where the demo was started. */
const instanceOf = (file: Option.Option<string>): string =>
  Option.match(file, { onNone: () => `demo in ${process.cwd()}`, onSome: (path) => resolve(path) })

/** Programs of the file as it is now. */
const reread = (file: Option.Option<string>) =>
  Effect.map(
    Effect.provide(configuration(file), NodeServices.layer),
    ({ config }): ReadonlyArray<ProgramConfig> => config.programs
  )

/** Everything of this machine that the console uses. */
const portsOf = (config: Config) => {
  const { database, hub, nodes, server } = config
  return Layer.mergeAll(
    NodeHttpServer.layer({
      host: server.host,
      port: server.port,
      // Less than what is left of the deadline for the server at worst: the parts before it and after it take theirs.
      gracefulShutdownTimeoutMs: Duration.toMillis(server.shutdownDeadline) / 5,
      frameBytesMax: hub.frameBytesMax
    }),
    NodeHttpClient.layer({ idleMax: Math.max(256, nodes.length) }),
    HttpServer.layerServices,
    NodeProcesses.layer,
    NodeHostProcesses.layer,
    NodeSecrets.layer,
    NodeProcessStats.layer,
    NodeDatabase.layer({
      url: database.url,
      alone: true,
      connectionsMax: database.connectionsMax,
      acquireTimeoutMs: Duration.toMillis(database.acquireTimeout),
      statementTimeoutMs: Duration.toMillis(database.statementTimeout),
      transactionTimeoutMs: Duration.toMillis(database.transactionTimeout)
    })
  )
}

/** Of the first administrator: as the environment says, or a random one that is printed once. */
const firstPassword = () => {
  const given = process.env["MUSTER_ADMIN_PASSWORD"]
  return given === undefined || given === "" ? undefined : Redacted.make(given)
}

/** To stderr, beside the log: whoever keeps the log must not keep the password. */
const tellFirstPassword = (username: string, password: Redacted.Redacted) =>
  Terminal.error(
    `\nThe first start: log in as "${username}" with the password ${Redacted.value(password)}\n` +
      "It is printed this once. Change it by `muster users password admin`, after `muster login`.\n"
  )

const isShared = ({ database }: Config): boolean => {
  const url = parseDatabaseUrl(Redacted.value(database.url))
  return Result.isSuccess(url) && url.success._tag === "Postgres"
}

const run = Effect.fnUntraced(function* (initial: Loaded, file: Option.Option<string>) {
  const { config } = initial
  const tls = yield* Setup.loadTls(config).pipe(
    Effect.mapError(({ message }) => new ExitStatus({ status: 2, message }))
  )
  const self = { version, pid: process.pid, instance: instanceOf(file), reread: reread(file) }
  const inUse = { live: Setup.liveOptions(config), level: config.log.level }
  const console = Console.layer({
    drivers: NodeDrivers.layer(config, self),
    nodes: Setup.managedNodes(config, tls),
    options: Setup.options(config, {
      version,
      cores: availableParallelism(),
      accounts: { isShared: isShared(config), firstPassword: firstPassword(), tellFirstPassword },
      live: () => inUse.live
    }),
    settings: {
      initial,
      tls,
      ...(Option.isSome(file) ? { load: configuration(file) } : {}),
      applied: (next) => {
        inUse.live = Setup.liveOptions(next.config)
        inUse.level = next.config.log.level
      }
    },
    pages
  }).pipe((built) => Layer.provideMerge(sendMetrics, built), Layer.provideMerge(portsOf(config)))
  const deadline = config.server.shutdownDeadline
  const deadlineMs = Duration.toMillis(deadline)
  const program = Serving.serve(console, { deadlineMs, started: started(config, Option.isNone(file)) }).pipe(
    Effect.catchTags({
      ServeError: (error) => Effect.fail(cannotListen(config, error.cause)),
      DatabaseUnusable: ({ message }) => Effect.fail(new ExitStatus({ status: 2, message })),
      FirstPasswordRefused: ({ message }) => Effect.fail(new ExitStatus({ status: 2, message })),
      SchemaTooNew: ({ message }) => Effect.fail(new ExitStatus({ status: 1, message })),
      DatabaseError: ({ message }) => Effect.fail(new ExitStatus({ status: 1, message }))
    }),
    Effect.flatMap(({ report, surroundings }) =>
      report.clean && surroundings ? Effect.logInfo("stopped") : Effect.fail(notStopped(deadline))
    )
  )
  const surroundings = surroundingsOf(config, self.instance, () => inUse.level)
  yield* Effect.provide(Effect.andThen(NodeSecureFiles.sweep, program), Layer.merge(NodeSignals.layer, surroundings))
})

type Level = Config["log"]["level"]

/** The log, and where it is configured what a collector of OpenTelemetry gets. */
const surroundingsOf = (config: Config, instance: string, level: () => Level) => {
  const { otlpHeaders, otlpInterval, otlpUrl, serviceName } = config.telemetry
  if (otlpUrl === undefined) return logging(config, level, [], false)
  const telemetry = Telemetry.layer({
    url: otlpUrl,
    headers: otlpHeaders,
    intervalMs: Duration.toMillis(otlpInterval),
    serviceName,
    version,
    instance,
    level
  })
  const log = Layer.unwrap(Effect.map(Telemetry.Telemetry, ({ logger }) => logging(config, level, [logger], true)))
  return Layer.provideMerge(log, telemetry)
}

/** Sends the metrics too, for as long as the console runs. */
const sendMetrics = Layer.effectDiscard(
  Effect.gen(function* () {
    const telemetry = yield* Effect.serviceOption(Telemetry.Telemetry)
    if (Option.isNone(telemetry)) return
    const { board } = yield* Measurements
    const { collect } = yield* MetricsPage
    yield* telemetry.value.sendMetrics(board.context, collect)
  })
)

/** Says what the console watches and where it is. */
const started = (config: Config, isDemo: boolean) => (services: Context.Context<HttpServer.HttpServer>) =>
  Effect.gen(function* () {
    if (isDemo) {
      const programs = counted(config.programs.length, "program")
      yield* Effect.logInfo(`no --config, so this is the demo fleet: ${programs} on this machine`)
    }
    const address = HttpServer.formatAddress(Context.get(services, HttpServer.HttpServer).address)
    const count = config.nodes.length + (config.programs.length > 0 ? 1 : 0)
    yield* Effect.logInfo(`Muster watches ${counted(count, "node")} at ${address}`)
  })

/** What has not ended by then ends with the process, its programs included. */
const notStopped = (deadline: Duration.Duration): ExitStatus =>
  new ExitStatus({ status: 1, message: `not everything stopped within ${Duration.format(deadline)}` })

const ListenCause = Schema.Struct({ code: Schema.String })
const decodeCause = Schema.decodeUnknownOption(ListenCause)

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use; choose another in [server] or by MUSTER_SERVER_PORT",
  EACCES: "not permitted",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "this host name is unknown"
}

const cannotListen = ({ server }: Config, cause: unknown): ExitStatus => {
  const code = Option.match(decodeCause(cause), { onNone: () => String(cause), onSome: (found) => found.code })
  return new ExitStatus({
    status: 1,
    message: `cannot listen on ${server.host}:${server.port}: ${reasons[code] ?? code}`
  })
}

/** Lines to stdout; the level is that of the moment, so that a reload can change it. */
const logging = (
  { log }: Config,
  level: () => Level,
  others: ReadonlyArray<Logger.Logger<unknown, void>>,
  traces: boolean
) => {
  const isPretty = log.format === "pretty" || (log.format === "auto" && process.stdout.isTTY)
  const logger = ConsoleLog.make({
    form: isPretty ? "pretty" : "json",
    colours: process.stdout.isTTY && process.env["NO_COLOR"] === undefined,
    traces,
    level,
    write: (lines) => void process.stdout.write(lines)
  })
  return Layer.merge(Logger.layer([logger, ...others]), Layer.succeed(References.MinimumLogLevel, "All"))
}
