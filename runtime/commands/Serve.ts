/**
 * `muster serve`: the console on the real ports, until a signal ends it.
 *
 * Exit status: 0 after a graceful end; 1 when it cannot listen or did not end within the deadline; 2 when the
 * configuration is invalid, before anything has started.
 */
import { Context, Duration, Effect, Exit, Layer, Logger, Option, References, Schema, Scope } from "effect"
import { HttpServer } from "effect/http"
import { HttpApiScalar } from "effect/http-api"
import { Command, Flag } from "effect/cli"
import type { ConfigErrors } from "../../core/config/ConfigErrors.ts"
import { defaults } from "../../core/config/ConfigFile.ts"
import type { Config } from "../../core/config/ConfigSchema.ts"
import { loadConfig } from "../../core/config/LoadConfig.ts"
import * as Console from "../../core/Console.ts"
import { Api } from "../../core/http/Api.ts"
import * as Setup from "../../core/Setup.ts"
import { Signals } from "../../core/Signals.ts"
import { counted } from "../Counted.ts"
import { demoPrograms } from "../demo/DemoPrograms.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as NodeHttpClient from "../NodeHttpClient.ts"
import * as NodeHttpServer from "../NodeHttpServer.ts"
import * as NodeProcesses from "../NodeProcesses.ts"
import * as NodeSignals from "../NodeSignals.ts"

const configFlag = Flag.File("config").pipe(
  Flag.withDescription("TOML file; without one, a demo fleet of programs on this machine"),
  Flag.optional
)

export const serve = Command.make("serve", { config: configFlag }, ({ config }) =>
  Effect.flatMap(configuration(config), (found) => run(found, Option.isNone(config)))
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

const run = Effect.fnUntraced(function* (config: Config, isDemo: boolean) {
  const deadline = config.server.shutdownDeadline
  const server = NodeHttpServer.layer({
    host: config.server.host,
    port: config.server.port,
    gracefulShutdownTimeoutMs: Duration.toMillis(deadline) / 2,
    frameBytesMax: config.hub.frameBytesMax
  })
  const ports = Layer.mergeAll(server, NodeHttpClient.layer(), HttpServer.layerServices, NodeProcesses.layer)
  const console = Console.layer({ nodes: Setup.nodes(config), options: Setup.options(config), pages }).pipe(
    Layer.provideMerge(ports)
  )
  const program = Effect.gen(function* () {
    const signals = yield* Signals
    const scope = yield* Scope.make()
    const services = yield* Layer.buildWithScope(console, scope).pipe(
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
      Effect.catchTag("ServeError", (error) => Effect.fail(cannotListen(config, error.cause)))
    )
    const address = HttpServer.formatAddress(Context.get(services, HttpServer.HttpServer).address)
    if (isDemo) {
      const programs = counted(config.programs.length, "program")
      yield* Effect.logInfo(`no --config, so this is the demo fleet: ${programs} on this machine`)
    }
    const count = config.nodes.length + (config.programs.length > 0 ? 1 : 0)
    yield* Effect.logInfo(`Muster watches ${counted(count, "node")} at ${address}`)
    const signal = yield* signals.terminate
    yield* Effect.logInfo(`${signal}: shutting down, within ${Duration.format(deadline)}`)
    yield* close(scope, deadline)
    yield* Effect.logInfo("stopped")
  })
  yield* Effect.provide(program, [NodeSignals.layer, logging(config)])
})

/** Closes within the deadline; what has not ended by then ends with the process, its programs included. */
const close = (scope: Scope.Closeable, deadline: Duration.Duration) =>
  Effect.gen(function* () {
    const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void))
    const ended = yield* Effect.raceFirst(
      Effect.as(
        Effect.callback<void>((resume) => void closing.addObserver(() => resume(Effect.void))),
        true
      ),
      Effect.as(Effect.sleep(deadline), false)
    )
    if (!ended) {
      const message = `not everything stopped within ${Duration.format(deadline)}`
      yield* Effect.logError(message)
      return yield* new ExitStatus({ status: 1, message })
    }
  })

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
