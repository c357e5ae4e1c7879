import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Result, Scope } from "effect"
import { HttpClient } from "effect/http"
import { decodeConfig } from "../../core/config/ConfigFile.ts"
import type { Config } from "../../core/config/ConfigSchema.ts"
import * as Setup from "../../core/Setup.ts"
import { program } from "../../sim/process/Behaviour.ts"
import * as Machine from "../../sim/process/Machine.ts"
import * as SimProcesses from "../../sim/process/SimProcesses.ts"
import * as Sim from "../../sim/Sim.ts"

const configOf = (text: string): Config =>
  Result.getOrThrow(decodeConfig({ file: "muster.toml", text, environment: {} }))

describe("the options of the console", () => {
  it("are those of the configuration, in milliseconds", () => {
    const text = `
      [poll]
      interval = "4s"
      jitter = "1s"
      concurrency = 9
      [operations]
      start_timeout = "11s"
      stop_timeout = "12s"
      restart_timeout = "13s"
      observe_interval = "300ms"
      [hub]
      clients_max = 7
      outbox_frames_max = 8
      slow_client_policy = "dropOldest"
      heartbeat_interval = "20s"
      heartbeat_timeout = "5s"
      frame_bytes_max = "2KiB"
      invalid_frames_max = 4
    `
    assert.deepStrictEqual(Setup.options(configOf(text)), {
      fleet: {
        poll: { intervalMs: 4_000, jitter: 0.25, concurrency: 9, concurrencyDown: 3 },
        operations: {
          observeIntervalMs: 300,
          deadlineMs: { start: 11_000, stop: 12_000, restart: 13_000 }
        }
      },
      hub: {
        clientsMax: 7,
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
        invalidFramesMax: 4,
        closeTimeoutMs: 1_000
      }
    })
  })

  it("leave every client the time to answer a ping, by default", () => {
    const { session } = Setup.options(configOf(""))
    assert.isAbove(session.heartbeatTimeoutMs, session.heartbeatIntervalMs)
  })

  it("poll nodes that are down even when one poll at a time is allowed", () => {
    const { poll } = Setup.options(configOf("[poll]\nconcurrency = 1\njitter = 0.5")).fleet
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
    [[nodes]]
    name = "db"
    url = "unix:///run/supervisor.sock"
    [[programs]]
    name = "api"
    command = "api"
  `
  const nodesOf = (config: Config) => Effect.provide(Setup.nodes(config), noHttp)
  const world = Layer.provideMerge(SimProcesses.layer, Machine.layer({ programs: { api: program({}) } }))
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
            { name: "web", environment: "production", kind: "supervisord", driver: "supervisord" },
            { name: "db", environment: undefined, kind: "supervisord", driver: "supervisord" },
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
