import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import type { NodeError } from "../../../core/domain/NodeError.ts"
import type { ProcessInfo } from "../../../core/domain/Process.ts"
import * as SupervisorDriver from "../../../core/supervisor/SupervisorDriver.ts"
import * as Supervisord from "../../../scenarios/peers/Supervisord.ts"
import type { ProgramSpec } from "../../../scenarios/peers/SupervisordState.ts"
import * as Network from "../../../sim/net/Network.ts"
import * as SimHttpClient from "../../../sim/net/SimHttpClient.ts"
import * as Sim from "../../../sim/Sim.ts"

const spec: ProgramSpec = {
  group: "app",
  name: "api",
  startSecs: 2,
  startRetries: 2,
  stopWaitSecs: 10,
  stopTakesMs: 4_000,
  runsForMs: undefined
}
const id = { group: "app", name: "api" }

interface Talk {
  readonly model: Supervisord.Supervisord
  readonly driver: Effect.Success<ReturnType<typeof SupervisorDriver.make>>
  readonly state: Effect.Effect<ProcessInfo["state"]>
}

/** Runs a conversation of the real driver with the model, over the simulated network, under a few schedules. */
const assertTalk = (program: ProgramSpec, conversation: (talk: Talk) => Effect.Effect<void>, password = "secret") => {
  const ports = SimHttpClient.layer({ host: "console" }).pipe(Layer.provideMerge(Network.layer({ latencyMsMax: 1 })))
  const run = Effect.gen(function* () {
    const model = yield* Supervisord.make({
      host: "node",
      port: 9001,
      username: "user",
      password: "secret",
      programs: [program]
    })
    const driver = yield* SupervisorDriver.make({
      url: "http://node:9001",
      username: "user",
      password: Redacted.make(password),
      deadlineMs: 5_000,
      replyBytesMax: 100_000
    })
    const state = Effect.orDie(Effect.map(driver.process(id), (process) => process.state))
    yield* conversation({ model, driver, state })
  })
  const { failure } = Sim.check(run.pipe(Effect.scoped, Effect.provide(ports), Effect.orDie), { runs: 20 })
  assert.strictEqual(failure?.message, undefined)
}

const assertState = ({ state: look }: Talk, expected: ProcessInfo["state"]) =>
  Effect.map(look, (state) => assert.strictEqual(state, expected))

const refused = (request: Effect.Effect<unknown, NodeError>): Effect.Effect<string> =>
  Effect.match(request, {
    onFailure: ({ reason }) => (reason._tag === "Fault" ? reason.name : reason._tag),
    onSuccess: () => "accepted"
  })

describe("the model of supervisord", () => {
  it("takes a program through starting, running, stopping and stopped", () =>
    assertTalk(spec, (given) =>
      Effect.gen(function* () {
        yield* assertState(given, "STARTING")
        yield* Effect.sleep("2 seconds")
        yield* assertState(given, "RUNNING")
        yield* Effect.orDie(given.driver.stop(id))
        yield* assertState(given, "STOPPING")
        yield* Effect.sleep("4 seconds")
        yield* assertState(given, "STOPPED")
      })
    ))

  it("answers a start while stopping with true, and starts nothing", () =>
    assertTalk(spec, (given) =>
      Effect.gen(function* () {
        yield* Effect.orDie(given.driver.stop(id))
        yield* Effect.orDie(given.driver.start(id))
        yield* assertState(given, "STOPPING")
        yield* Effect.sleep("10 seconds")
        yield* assertState(given, "STOPPED")
      })
    ))

  it("refuses as supervisord does", () =>
    assertTalk(spec, (given) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* refused(given.driver.start(id)), "ALREADY_STARTED")
        assert.strictEqual(yield* refused(given.driver.process({ group: "app", name: "nope" })), "BAD_NAME")
        yield* Effect.orDie(given.driver.stop(id))
        assert.strictEqual(yield* refused(given.driver.stop(id)), "NOT_RUNNING")
      })
    ))

  it("backs off longer with each early exit and gives up after the retries", () =>
    assertTalk({ ...spec, runsForMs: 500 }, (given) =>
      Effect.gen(function* () {
        yield* Effect.sleep("600 millis")
        yield* assertState(given, "BACKOFF")
        // Exits at 0.5 s, 2 s (1 s later) and 4.5 s (2 s later).
        yield* Effect.sleep("3700 millis")
        yield* assertState(given, "STARTING")
        yield* Effect.sleep("500 millis")
        yield* assertState(given, "FATAL")
      })
    ))

  it("restarts a program that was killed, with another pid", () =>
    assertTalk(spec, (given) =>
      Effect.gen(function* () {
        yield* Effect.sleep("3 seconds")
        const before = yield* Effect.orDie(given.driver.process(id))
        yield* given.model.kill("app", "api")
        const after = yield* Effect.orDie(given.driver.process(id))
        assert.strictEqual(after.state, "STARTING")
        assert.notStrictEqual(after.pid, before.pid)
      })
    ))

  it("spoils its replies on request", () =>
    assertTalk(spec, (given) =>
      Effect.gen(function* () {
        const reasons: Array<string> = []
        for (const how of ["hang", "http500", "malformed", "shutdown", "none"] as const) {
          yield* given.model.spoil(how)
          reasons.push(
            yield* Effect.match(given.driver.processes, {
              onFailure: ({ reason }) => reason._tag,
              onSuccess: () => "answered"
            })
          )
        }
        assert.deepStrictEqual(reasons, ["TimedOut", "HttpStatus", "Malformed", "ShuttingDown", "answered"])
      })
    ))

  it("refuses another password", () =>
    assertTalk(
      spec,
      (given) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* refused(given.driver.processes), "Unauthorized")
        }),
      "wrong"
    ))
})
