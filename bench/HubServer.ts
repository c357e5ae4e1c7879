/** A server of the hub for benchmarks: the real route on the real HTTP server, over a fleet without nodes. */
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { EventBus, type Subscriber } from "../core/bus/EventBus.ts"
import type { FleetEvent } from "../core/domain/FleetEvent.ts"
import { Fleet } from "../core/fleet/Fleet.ts"
import { LogFollow } from "../core/fleet/LogFollow.ts"
import { Components } from "../core/health/Components.ts"
import * as HubRoute from "../core/http/HubRoute.ts"
import * as Hub from "../core/hub/Hub.ts"
import type { HubOptions } from "../core/hub/Hub.ts"
import type { SessionOptions } from "../core/hub/Session.ts"
import * as NodeHttpServer from "../runtime/NodeHttpServer.ts"

const clientsMax = 10_000

const hubOptions: HubOptions = {
  clientsMax,
  clientsPerAddressMax: clientsMax,
  clientsPerUserMax: clientsMax,
  eventsKept: 1_000,
  outboxFramesMax: 256,
  slowClientPolicy: "disconnect",
  logsPerClientMax: 16,
  heartbeatIntervalMs: 30_000,
  closeTimeoutMs: 2_000
}

const sessionOptions: SessionOptions = {
  heartbeatIntervalMs: 30_000,
  heartbeatTimeoutMs: 40_000,
  frameBytesMax: 65_536,
  invalidFramesMax: 3,
  framesPerSecondMax: 50,
  closeTimeoutMs: 1_000
}

/** A process that is in another state: the most frequent event, in its usual size. */
export const event = (seq: number): FleetEvent => ({
  type: "process.state",
  seq,
  at: "2026-01-01T00:00:00.000Z",
  node: "web-17",
  from: "STARTING",
  to: "RUNNING",
  process: {
    group: "app",
    name: "worker-03",
    state: "RUNNING",
    statecode: 20,
    pid: 31_337,
    start: 1_767_225_600,
    stop: 1_767_225_590,
    now: 1_767_225_605,
    exitstatus: 0,
    spawnerr: "",
    description: "pid 31337, uptime 0:00:05",
    stdout_logfile: "/var/log/app/worker-03.out.log",
    stderr_logfile: "/var/log/app/worker-03.err.log"
  }
})

export interface HubServer {
  readonly port: number
  readonly hub: Hub.Hub["Service"]
  readonly publish: (events: ReadonlyArray<FleetEvent>) => Effect.Effect<void>
}

/** Serves the hub on a free port until the scope closes. */
export const start = Effect.gen(function* () {
  const subscribers: Array<Subscriber> = []
  const fakes = Layer.mergeAll(
    Layer.mock(Fleet)({ snapshot: Effect.succeed({ seq: 0, nodes: [] }) }),
    Layer.mock(LogFollow)({}),
    Layer.mock(Components)({
      register: () => Effect.void,
      succeeded: () => Effect.void,
      errored: () => Effect.void
    }),
    Layer.mock(EventBus)({ subscribe: (subscriber) => Effect.sync(() => void subscribers.push(subscriber)) })
  )
  const server = NodeHttpServer.layer({
    host: "127.0.0.1",
    port: 0,
    gracefulShutdownTimeoutMs: 1_000,
    frameBytesMax: sessionOptions.frameBytesMax
  })
  const services = yield* Layer.build(
    HttpRouter.serve(HubRoute.layer(sessionOptions), { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(server),
      Layer.provideMerge(Hub.layer(hubOptions).pipe(Layer.provide(fakes)))
    )
  )
  const { address } = yield* Effect.provideContext(HttpServer.HttpServer, services)
  const started: HubServer = {
    port: Number(/:(\d+)$/.exec(HttpServer.formatAddress(address))?.[1] ?? 0),
    hub: yield* Effect.provideContext(Hub.Hub, services),
    publish: (events) =>
      Effect.forEach(events, (each) => Effect.forEach(subscribers, ({ handle }) => handle(each), { discard: true }), {
        discard: true
      })
  }
  return started
})
