/**
 * `muster serve`: the console on the real ports, until a signal ends it.
 *
 * Exit status: 0 after a graceful end; 1 when it cannot listen or did not end within the deadline; 2 when the
 * configuration is invalid, before anything has started.
 */
import { availableParallelism } from "node:os"
import { resolve } from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Duration, Effect, Layer, Logger, Option, References, Schema } from "effect"
import { HttpServer } from "effect/http"
import { HttpApiScalar } from "effect/http-api"
import { Command, Flag } from "effect/cli"
import type { ConfigErrors } from "../../core/config/ConfigErrors.ts"
import { defaults } from "../../core/config/ConfigFile.ts"
import type { Config } from "../../core/config/ConfigSchema.ts"
import { loadConfig } from "../../core/config/LoadConfig.ts"
import * as Console from "../../core/Console.ts"
import { Api } from "../../core/http/Api.ts"
import type { ProgramConfig } from "../../core/local/ProgramConfig.ts"
import * as Serving from "../../core/lifecycle/Serving.ts"
import * as Setup from "../../core/Setup.ts"
import { counted } from "../Counted.ts"
import { demoPrograms } from "../demo/DemoPrograms.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as NodeHostProcesses from "../NodeHostProcesses.ts"
import * as NodeHttpClient from "../NodeHttpClient.ts"
import * as NodeHttpServer from "../NodeHttpServer.ts"
import * as NodeProcesses from "../NodeProcesses.ts"
import * as NodeSignals from "../NodeSignals.ts"
import { version } from "../Version.ts"

const configFlag = Flag.File("config").pipe(
  Flag.withDescription("TOML file; without one, a demo fleet of programs on this machine"),
  Flag.optional
)

export const serve = Command.make("serve", { config: configFlag }, ({ config }) =>
  Effect.flatMap(configuration(config), (found) => run(found, config))
).pipe(Command.withDescription("Run the console"))

/** The configuration of the file; without one, the defaults with the demo fleet as the local node. */
const configuration = (file: Option.Option<string>) =>
  Option.match(file, {
    onSome: (path) => loadConfig({ file: path, environment: process.env }),
    onNone: () =>
      Effect.map(Effect.fromResult(defaults(process.env)), (config): Config => ({ ...config, programs: demoPrograms }))
  }).pipe(Effect.mapError(wrongConfiguration))

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
    ({ programs }): ReadonlyArray<ProgramConfig> => programs
  )

const run = Effect.fnUntraced(function* (config: Config, file: Option.Option<string>) {
  const isDemo = Option.isNone(file)
  const tls = yield* Setup.loadTls(config).pipe(
    Effect.mapError(({ message }) => new ExitStatus({ status: 2, message }))
  )
  const self = { tls, version, pid: process.pid, instance: instanceOf(file), reread: reread(file) }
  const deadline = config.server.shutdownDeadline
  const server = NodeHttpServer.layer({
    host: config.server.host,
    port: config.server.port,
    // Less than what is left of the deadline for the server at worst: the parts before it and after it take theirs.
    gracefulShutdownTimeoutMs: Duration.toMillis(deadline) / 5,
    frameBytesMax: config.hub.frameBytesMax
  })
  const ports = Layer.mergeAll(
    server,
    NodeHttpClient.layer({ idleMax: Math.max(256, config.nodes.length) }),
    HttpServer.layerServices,
    NodeProcesses.layer,
    NodeHostProcesses.layer
  )
  const console = Console.layer({
    nodes: Setup.nodes(config, self),
    options: Setup.options(config, availableParallelism()),
    pages
  }).pipe(Layer.provideMerge(ports))
  const deadlineMs = Duration.toMillis(deadline)
  const started = (services: Context.Context<HttpServer.HttpServer>) =>
    Effect.gen(function* () {
      if (isDemo) {
        const programs = counted(config.programs.length, "program")
        yield* Effect.logInfo(`no --config, so this is the demo fleet: ${programs} on this machine`)
      }
      const address = HttpServer.formatAddress(Context.get(services, HttpServer.HttpServer).address)
      const count = config.nodes.length + (config.programs.length > 0 ? 1 : 0)
      yield* Effect.logInfo(`Muster watches ${counted(count, "node")} at ${address}`)
    })
  const program = Serving.serve(console, { deadlineMs, started }).pipe(
    Effect.catchTag("ServeError", (error) => Effect.fail(cannotListen(config, error.cause))),
    Effect.flatMap(({ report, surroundings }) =>
      report.clean && surroundings ? Effect.logInfo("stopped") : Effect.fail(notStopped(deadline))
    )
  )
  yield* Effect.provide(program, [NodeSignals.layer, logging(config)])
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

const logging = ({ log }: Config) => {
  const pretty = log.format === "pretty" || (log.format === "auto" && process.stdout.isTTY)
  return Layer.merge(
    Logger.layer([pretty ? Logger.consolePretty() : Logger.consoleJson]),
    Layer.succeed(References.MinimumLogLevel, log.level)
  )
}
