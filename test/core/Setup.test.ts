import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, Layer, Result, Scope } from "effect"
import { HttpClient } from "effect/http"
import * as EventBus from "../../core/bus/EventBus.ts"
import { decodeConfig } from "../../core/config/ConfigFile.ts"
import type { Config } from "../../core/config/ConfigSchema.ts"
import * as Components from "../../core/health/Components.ts"
import { memoryDefaults } from "../../core/fleet/FleetMemory.ts"
import * as Setup from "../../core/Setup.ts"
import * as SimHostProcesses from "../../scenarios/ports/SimHostProcesses.ts"
import { program } from "../../sim/process/Behaviour.ts"
import * as Machine from "../../sim/process/Machine.ts"
import * as SimProcesses from "../../sim/process/SimProcesses.ts"
import * as Sim from "../../sim/Sim.ts"

const configOf = (text: string): Config =>
  Result.getOrThrow(decodeConfig({ file: "muster.toml", text, environment: {} }))

const optionsOf = (text: string, cores: number) => {
  const config = configOf(text)
  const accounts = { isShared: false, tellFirstPassword: () => Effect.void }
  return Setup.options(config, { version: "1.2.3", cores, accounts, live: () => Setup.liveOptions(config) })
}

describe("the options of the console", () => {
  it("are those of the configuration, in milliseconds", () => {
    const text = `
      [poll]
      interval = "4s"
      jitter = "1s"
      concurrency = 9
      deadline = "2s"
      calls_max = 2
      calls_waiting_max = 3
      breaker_failures = 4
      breaker_open = "6s"
      breaker_open_max = "7s"
      stale_after = "8s"
      [server]
      shutdown_deadline = "9s"
      [bus]
      queue_high = 11
      queue_normal = 12
      queue_low = 13
      overflow = "wait"
      handler_timeout = "14s"
      [operations]
      signal_timeout = "14s"
      stdin_timeout = "15s"
      clear_log_timeout = "16s"
      read_log_timeout = "17s"
      update_timeout = "18s"
      batch_timeout = "19s"
      batch_concurrency = 20
      batches_max = 21
      batches_waiting_max = 22
      batches_kept = 23
      start_timeout = "11s"
      stop_timeout = "12s"
      restart_timeout = "13s"
      observe_interval = "300ms"
      [hub]
      clients_max = 7
      clients_per_address_max = 31
      clients_per_user_max = 32
      events_kept = 33
      frames_per_second_max = 34
      logs_per_client_max = 35
      outbox_frames_max = 8
      slow_client_policy = "dropOldest"
      heartbeat_interval = "20s"
      heartbeat_timeout = "5s"
      frame_bytes_max = "2KiB"
      invalid_frames_max = 4
    `
    const {
      accounts: _accounts,
      activity: _activity,
      database: _database,
      live: _live,
      ...options
    } = optionsOf(text, 4)
    assert.deepStrictEqual(options, {
      version: "1.2.3",
      memory: memoryDefaults,
      memoryLookEveryMs: 5_000,
      bus: {
        workers: 10,
        queueEventsMax: { high: 11, normal: 12, low: 13 },
        overflow: "wait",
        handlerTimeoutMs: 14_000
      },
      fleet: {
        poll: { intervalMs: 4_000, jitter: 0.25, concurrency: 9, concurrencyDown: 3 },
        guard: {
          callsMax: 2,
          callsWaitingMax: 3,
          breakerFailures: 4,
          breakerOpenMs: 6_000,
          breakerOpenMsMax: 7_000,
          // The driver's own deadline comes first.
          deadlineMs: 3_000
        },
        staleAfterMs: 8_000,
        operations: {
          observeIntervalMs: 300,
          deadlineMs: {
            start: 11_000,
            stop: 12_000,
            restart: 13_000,
            signal: 14_000,
            stdin: 15_000,
            clear_log: 16_000
          },
          readLogMs: 17_000,
          updateMs: 18_000
        }
      },
      batches: { concurrency: 20, timeoutMs: 19_000, runningMax: 21, waitingMax: 22, kept: 23 },
      hub: {
        clientsMax: 7,
        clientsPerAddressMax: 31,
        clientsPerUserMax: 32,
        eventsKept: 33,
        logsPerClientMax: 35,
        outboxFramesMax: 8,
        slowClientPolicy: "dropOldest",
        heartbeatIntervalMs: 20_000,
        closeTimeoutMs: 2_000
      },
      session: {
        heartbeatIntervalMs: 20_000,
        // The configuration counts from the ping, the session from the last frame.
        heartbeatTimeoutMs: 25_000,
        frameBytesMax: 2_048,
        framesPerSecondMax: 34,
        invalidFramesMax: 4,
        closeTimeoutMs: 1_000
      },
      shutdown: { deadlineMs: 9_000 }
    })
  })

  it("leave every client the time to answer a ping, by default", () => {
    const { session } = optionsOf("", 2)
    assert.isAbove(session.heartbeatTimeoutMs, session.heartbeatIntervalMs)
  })

  it("poll nodes that are down even when one poll at a time is allowed", () => {
    const { poll } = optionsOf("[poll]\nconcurrency = 1\njitter = 0.5", 2).fleet
    assert.deepStrictEqual([poll.concurrency, poll.concurrencyDown, poll.jitter], [1, 1, 0.5])
  })
})

const noHttp = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make(() => Effect.die("nothing is asked here"))
)

describe("the nodes of the console", () => {
  const text = `
    [local]
    name = "here"
    [[nodes]]
    name = "web"
    environment = "production"
    url = "http://127.0.0.1:9001"
    username = "user"
    password = "secret"
    identifier = "web-supervisor"
    [[nodes]]
    name = "db"
    url = "unix:///run/supervisor.sock"
    [[programs]]
    name = "api"
    command = "api"
  `
  const surroundings = { tls: new Map(), version: "1.2.3", pid: 7, instance: "test" }
  const nodesOf = (config: Config) => Effect.provide(Setup.nodes(config, surroundings), noHttp)
  const bus = EventBus.layer({
    workers: 1,
    queueEventsMax: { high: 1, normal: 1, low: 1 },
    overflow: "wait",
    handlerTimeoutMs: 1_000
  })
  const world = Layer.mergeAll(
    SimProcesses.layer,
    SimHostProcesses.layer,
    FileSystem.layerNoop({}),
    Layer.provide(Components.layer(), bus)
  ).pipe(Layer.provideMerge(Machine.layer({ programs: { api: program({}) } })))
  const runs = <E>(test: Effect.Effect<void, E, Layer.Success<typeof world> | Scope.Scope | Sim.RunContext>) => {
    const { message, outcome } = Sim.run(Effect.provide(Effect.scoped(test), world), { leaks: "fail" })
    assert.strictEqual(outcome, "done", message)
  }

  it("are those of the configuration in its order, then the local one", () =>
    runs(
      Effect.gen(function* () {
        const nodes = yield* nodesOf(configOf(text))
        assert.deepStrictEqual(
          nodes.map(({ driver, entry }) => ({ ...entry, driver: driver.kind })),
          [
            {
              name: "web",
              environment: "production",
              kind: "supervisord",
              identifier: "web-supervisor",
              driver: "supervisord"
            },
            {
              name: "db",
              environment: undefined,
              kind: "supervisord",
              identifier: undefined,
              driver: "supervisord"
            },
            { name: "here", environment: undefined, kind: "local", driver: "local" }
          ]
        )
        const processes = yield* nodes[2]?.driver.processes ?? Effect.succeed([])
        assert.deepStrictEqual(
          processes.map(({ group, name }) => `${group}:${name}`),
          ["api:api"]
        )
      })
    ))

  it("have no local one without programs", () =>
    runs(
      Effect.gen(function* () {
        const nodes = yield* nodesOf({ ...configOf(text), programs: [] })
        assert.deepStrictEqual(
          nodes.map(({ entry }) => entry.name),
          ["web", "db"]
        )
      })
    ))

  it("end their programs with the scope", () =>
    runs(
      Effect.gen(function* () {
        const { processes } = yield* Machine.Machine
        const scope = yield* Scope.make()
        yield* nodesOf(configOf(text)).pipe(Scope.provide(scope))
        yield* Effect.sleep(100)
        assert.strictEqual((yield* processes).length, 1)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(yield* processes, [])
      })
    ))
})
