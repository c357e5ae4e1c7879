/**
 * Traces, metrics and log entries for an OpenTelemetry collector, by OTLP over HTTP.
 *
 * The exporters are Effect's. What is theirs to hold is bounded here (Gate), and so is every wait (CollectorClient): a
 * collector that is away, slow or broken costs the console a request now and then, and what it would have been sent.
 * At the end what is left is sent, within a bound.
 */
import { Context, Effect, Exit, Layer, Logger, type LogLevel, Metric, Option, Redacted, Scope, Tracer } from "effect"
import { OtlpExporter, OtlpLogger, OtlpMetrics, type OtlpSerialization, OtlpTracer } from "effect/observability"
import { levelled } from "../core/log/ConsoleLog.ts"
import * as CollectorClient from "./telemetry/CollectorClient.ts"
import { Gate } from "./telemetry/Gate.ts"
import * as Masking from "./telemetry/Masking.ts"

export interface TelemetryOptions {
  /** Of the collector; `/v1/traces` and so on are added. */
  readonly url: string
  /** `Name=value` with commas between them. */
  readonly headers: Redacted.Redacted | undefined
  readonly intervalMs: number
  readonly serviceName: string
  readonly version: string
  /** Tells this console from others of the same name. */
  readonly instance: string
  /** The least severe entries that are sent now. Synchronous. */
  readonly level: () => LogLevel.LogLevel
  /** For the last deliveries, which are made at the same time. Default 2 seconds. */
  readonly shutdownMs?: number
}

export class Telemetry extends Context.Service<
  Telemetry,
  {
    /** Takes entries of the log along; to be used beside the logger of the console. */
    readonly logger: Logger.Logger<unknown, void>
    /**
     * Sends the metrics of a registry (`MetricRegistry` of the context), until the end of the telemetry; before each
     * delivery they are brought up to date by `collect`, until the scope closes.
     */
    readonly sendMetrics: (
      registry: Context.Context<never>,
      collect: Effect.Effect<void>
    ) => Effect.Effect<void, never, Scope.Scope>
    /** Spans and entries that were not sent because the collector was behind. Synchronous. */
    readonly droppedUnsafe: () => number
  }
>()("runtime/Telemetry") {}

/** Spans and entries that the collector may be behind with; a span takes about a kilobyte. */
const waitingMax = 10_000

/** As long as an exporter takes to give up: four attempts and three pauses of a second. */
const closedMs = 4 * CollectorClient.requestMsMax + 3_000

const shutdownMsDefault = 2_000

/** A span that has lasted so long is that of a loop or a connection: what begins in it is a trace of its own. */
const loopAfterMs = 60_000

const nanosPerMilli = 1_000_000n

/** `Name=value` pairs; what is not of that form is left out. */
export const parseHeaders = (headers: Redacted.Redacted | undefined): Readonly<Record<string, string>> =>
  headers === undefined
    ? {}
    : Object.fromEntries(
        Redacted.value(headers)
          .split(",")
          .flatMap((pair) => {
            const at = pair.indexOf("=")
            return at <= 0 ? [] : [[pair.slice(0, at).trim().toLowerCase(), pair.slice(at + 1).trim()] as const]
          })
      )

/** Provides the tracer of everything above it, too. */
export const layer = (options: TelemetryOptions): Layer.Layer<Telemetry> =>
  Layer.effectContext(make(options)).pipe(Layer.provide(OtlpExporter.layerFlusher), Layer.provide(Masking.layer))

const make = Effect.fnUntraced(function* (options: TelemetryOptions) {
  const gate = new Gate({ waitingMax, closedMs })
  const http = yield* Layer.build(CollectorClient.layer(gate))
  const of = (path: string) => ({
    url: `${options.url.replace(/\/+$/, "")}${path}`,
    headers: parseHeaders(options.headers),
    exportInterval: options.intervalMs,
    shutdownTimeout: options.shutdownMs ?? shutdownMsDefault,
    resource: {
      serviceName: options.serviceName,
      serviceVersion: options.version,
      attributes: { "service.instance.id": options.instance }
    }
  })
  const scopes = yield* Effect.acquireRelease(Scope.make("parallel"), (scope) => Scope.close(scope, Exit.void))
  /** In a scope of its own: an exporter closes its own parts in their order, beside the other exporters. */
  const apart = <A, E, R>(exporter: Effect.Effect<A, E, R>) =>
    Effect.flatMap(Scope.fork(scopes, "sequential"), (scope) =>
      Effect.provideContext(Scope.provide(exporter, scope), http)
    )
  const tracer = yield* apart(OtlpTracer.make(of("/v1/traces")))
  const logger = yield* apart(OtlpLogger.make(of("/v1/logs")))
  const surroundings = yield* Effect.context<OtlpExporter.Flusher | OtlpSerialization.OtlpSerialization>()

  const telemetry = Telemetry.of({
    logger: levelled(passing(logger, gate), options.level),
    sendMetrics: Effect.fnUntraced(function* (registry, collect) {
      yield* apart(OtlpMetrics.make(of("/v1/metrics"))).pipe(
        Effect.provideService(Metric.MetricRegistry, Context.get(registry, Metric.MetricRegistry)),
        Effect.provideContext(surroundings)
      )
      yield* collect.pipe(
        Effect.andThen(Effect.sleep(options.intervalMs)),
        Effect.forever,
        Effect.withSpan("Telemetry.collect"),
        Effect.forkScoped
      )
    }),
    droppedUnsafe: () => gate.dropped
  })
  return Context.make(Telemetry, telemetry).pipe(Context.add(Tracer.Tracer, sampling(tracer, gate)))
})

/** Entries that the gate does not let through are not kept. */
const passing = (logger: Logger.Logger<unknown, void>, gate: Gate): Logger.Logger<unknown, void> =>
  Logger.make((logged) => {
    if (gate.pass(performance.now())) logger.log(logged)
  })

/** Spans that the gate does not let through are not sampled; those in loops begin traces of their own. */
const sampling = (tracer: Tracer.Tracer, gate: Gate): Tracer.Tracer =>
  Tracer.make({
    span: (options) => {
      const parent = Option.filter(options.parent, (span) => !isLoop(span, options.startTime))
      const sampled = options.sampled && gate.pass(performance.now())
      return tracer.span({ ...options, parent, root: Option.isNone(parent), sampled })
    }
  })

const isLoop = (span: Tracer.AnySpan, nowNanos: bigint): boolean =>
  span._tag === "Span" && nowNanos - span.status.startTime > BigInt(loopAfterMs) * nanosPerMilli
