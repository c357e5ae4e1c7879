import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import { decodeReply, encodeCall } from "../../../core/xmlrpc/XmlRpc.ts"
import type { XmlRpcValue } from "../../../core/xmlrpc/XmlRpcValue.ts"
import * as Supervisord from "../../../scenarios/peers/Supervisord.ts"
import type { ProgramSpec } from "../../../scenarios/peers/SupervisordProgram.ts"
import * as Network from "../../../sim/net/Network.ts"
import * as SimHttpClient from "../../../sim/net/SimHttpClient.ts"
import * as Sim from "../../../sim/Sim.ts"
import type { RunContext } from "../../../sim/RunContext.ts"

const api: ProgramSpec = {
  group: "app",
  name: "api",
  startSecs: 2,
  startRetries: 2,
  stopWaitSecs: 10,
  stopTakesMs: 100,
  runsForMs: undefined
}

interface Talk {
  readonly model: Supervisord.Supervisord
  readonly client: HttpClient.HttpClient
  /** What a call gives: its value, `fault <code>`, `HTTP <status>`, `no XML-RPC` or `no reply`. */
  readonly ask: (method: string, ...params: ReadonlyArray<XmlRpcValue>) => Effect.Effect<XmlRpcValue>
  readonly state: Effect.Effect<string>
}

const assertTalk = (
  options: Partial<Supervisord.SupervisordOptions>,
  conversation: (talk: Talk) => Effect.Effect<void, unknown, RunContext | Scope.Scope>
) => {
  const ports = SimHttpClient.layer({ host: "console" }).pipe(Layer.provideMerge(Network.layer({ latencyMsMax: 1 })))
  const run = Effect.gen(function* () {
    const model = yield* Supervisord.make({ host: "node", port: 9001, programs: [api], ...options })
    const client = yield* HttpClient.HttpClient
    const ask = (method: string, ...params: ReadonlyArray<XmlRpcValue>) => askFor(client, method, params)
    const state = Effect.map(model.look, ([process]) => process?.state ?? "none")
    yield* conversation({ model, client, ask, state })
  })
  const { failure } = Sim.check(run.pipe(Effect.scoped, Effect.provide(ports), Effect.orDie), { runs: 10 })
  assert.strictEqual(failure?.message, undefined)
}

const askFor = (
  client: HttpClient.HttpClient,
  method: string,
  params: ReadonlyArray<XmlRpcValue>
): Effect.Effect<XmlRpcValue> =>
  Effect.gen(function* () {
    const call = yield* Effect.fromResult(encodeCall(`supervisor.${method}`, params))
    const request = HttpClientRequest.setBody(HttpClientRequest.post(url("/RPC2")), HttpBody.text(call, "text/xml"))
    const response = yield* client.execute(request)
    if (response.status !== 200) return `HTTP ${response.status}`
    return yield* Effect.fromResult(decodeReply(yield* response.text))
  }).pipe(
    Effect.catchTag("XmlRpcError", ({ reason }) =>
      Effect.succeed(reason._tag === "Fault" ? `fault ${reason.code}` : "no XML-RPC")
    ),
    Effect.catchTag("HttpClientError", () => Effect.succeed("no reply")),
    Effect.orDie
  )

const url = (path: string): string => `http://node:9001${path}`

describe("the model of supervisord, as scenarios use it", () => {
  it("runs a program by its script, run after run", () =>
    assertTalk(
      { programs: [{ ...api, startSecs: 1, runs: [{ forMs: 100 }, { forMs: 3_000, exit: 0 }, { forMs: undefined }] }] },
      ({ model, state }) =>
        Effect.gen(function* () {
          yield* Effect.sleep(500)
          assert.strictEqual(yield* state, "BACKOFF")
          yield* Effect.sleep(2_000)
          assert.strictEqual(yield* state, "RUNNING")
          yield* Effect.sleep(2_000)
          // It ended as expected, so it is not started again.
          assert.strictEqual(yield* state, "EXITED")
          const [process] = yield* model.look
          assert.deepStrictEqual([process?.exitstatus, process?.runs], [0, 2])
        })
    ))

  it("notices what is due only when its main loop turns, if it is told to", () =>
    assertTalk({ turnMs: 1_000, programs: [{ ...api, startSecs: 1 }] }, ({ model, state }) =>
      Effect.gen(function* () {
        yield* Effect.sleep(2_500)
        yield* model.exit("app", "api", 1)
        yield* Effect.sleep(400)
        assert.strictEqual(yield* state, "EXITED")
        yield* Effect.sleep(200)
        assert.strictEqual(yield* state, "STARTING")
      })
    ))

  it("reckons with its own clock", () =>
    assertTalk({ programs: [{ ...api, startSecs: 60 }] }, ({ ask, model, state }) =>
      Effect.gen(function* () {
        const now = Effect.map(ask("getProcessInfo", "app:api"), (info) =>
          typeof info === "object" && info !== null && "now" in info ? Number(info["now"]) : 0
        )
        const before = yield* now
        yield* Effect.sleep(50_000)
        yield* model.shiftClock(-3_600_000)
        assert.approximately((yield* now) - before, 50 - 3_600, 1)
        // It starts in the future by this clock, so it has to stay up for all of startsecs again.
        yield* Effect.sleep(50_000)
        assert.strictEqual(yield* state, "STARTING")
        yield* Effect.sleep(11_000)
        assert.strictEqual(yield* state, "RUNNING")
        yield* ask("stopProcess", "app:api", false)
        yield* Effect.sleep(1_000)
        yield* ask("startProcess", "app:api", false)
        yield* model.shiftClock(60_000)
        assert.strictEqual(yield* state, "RUNNING")
      })
    ))

  it("prints into logs, which are begun anew at their limit", () =>
    assertTalk(
      {
        programs: [{ ...api, logBytesMax: 100, prints: [{ afterMs: 0, everyMs: 1_000, text: "0123456789" }] }]
      },
      ({ ask, model }) =>
        Effect.gen(function* () {
          yield* Effect.sleep(4_500)
          const tail = ask("tailProcessStdoutLog", "app:api", 0, 10)
          assert.deepStrictEqual(yield* tail, ["0123456789", 50, true])
          yield* model.print("app", "api", "x".repeat(60))
          assert.deepStrictEqual(yield* tail, ["", 0, false])
          yield* model.print("app", "api", new Uint8Array([0xff]))
          assert.strictEqual(yield* tail, "HTTP 500")
          yield* model.truncateLog("app", "api")
          yield* model.growLog("app", "api", 2 ** 31)
          assert.strictEqual(yield* tail, "HTTP 500")
        })
    ))

  it("follows a log until it is truncated", () =>
    assertTalk({}, ({ client, model }) =>
      Effect.gen(function* () {
        yield* Effect.sleep(10)
        yield* model.print("app", "api", `${"old ".repeat(400)}end\n`)
        const response = yield* client.get(url("/logtail/app:api"))
        let followed = ""
        const reading = Stream.runForEach(response.stream, (bytes) =>
          Effect.sync(() => {
            followed += new TextDecoder().decode(bytes)
          })
        )
        const scenario = Effect.gen(function* () {
          yield* Effect.sleep(500)
          assert.strictEqual(followed.length, 1_024)
          yield* model.print("app", "api", "new\n")
          yield* Effect.sleep(500)
          yield* model.truncateLog("app", "api")
          yield* Effect.sleep(10_000)
          return "it went on"
        })
        const ended = yield* Effect.raceFirst(
          Effect.match(reading, { onFailure: () => "broken off", onSuccess: () => "ended" }),
          scenario
        )
        assert.strictEqual(ended, "broken off")
        assert.strictEqual(followed.slice(-8), "end\nnew\n")
      })
    ))

  it("refuses everything while it shuts down, and is gone then until it is booted", () =>
    assertTalk({ programs: [{ ...api, stopTakesMs: 3_000 }] }, ({ ask, model, state }) =>
      Effect.gen(function* () {
        const pid = yield* ask("getPID")
        assert.strictEqual(yield* ask("shutdown"), true)
        yield* Effect.sleep(1_000)
        assert.strictEqual(yield* ask("getState"), "fault 6")
        yield* Effect.sleep(3_000)
        assert.strictEqual(yield* ask("getState"), "no reply")
        yield* model.boot
        assert.strictEqual(yield* state, "STARTING")
        assert.notStrictEqual(yield* ask("getPID"), pid)
      })
    ))

  it("comes back from a restart with the file as it is then, or stays down when that is broken", () =>
    assertTalk({ bootMs: 200, programs: [{ ...api, stdoutLog: "auto" }] }, ({ ask, model }) =>
      Effect.gen(function* () {
        const path = Effect.map(model.look, (processes) => processes.map(({ program }) => program.name))
        const log = Effect.map(ask("getProcessInfo", "app:api"), (info) =>
          typeof info === "object" && info !== null && "logfile" in info ? info["logfile"] : info
        )
        const [before, pid] = [yield* log, yield* ask("getPID")]
        yield* model.writeConfig([
          { ...api, stdoutLog: "auto" },
          { ...api, name: "web" }
        ])
        yield* ask("restart")
        yield* Effect.sleep(1_000)
        assert.deepStrictEqual(yield* path, ["api", "web"])
        assert.strictEqual(yield* ask("getPID"), pid)
        assert.notStrictEqual(yield* log, before)
        yield* model.writeConfig("nonsense")
        assert.strictEqual(yield* ask("reloadConfig"), "fault 92")
        yield* ask("restart")
        yield* Effect.sleep(1_000)
        assert.strictEqual(yield* ask("getPID"), "no reply")
      })
    ))

  it("loses everything in a crash, and starts anew", () =>
    assertTalk({}, ({ ask, model, state }) =>
      Effect.gen(function* () {
        yield* Effect.sleep(5_000)
        yield* model.crash
        assert.strictEqual(yield* ask("getState"), "no reply")
        assert.strictEqual(yield* state, "none")
        yield* model.boot
        assert.strictEqual(yield* state, "STARTING")
        // It is up already.
        yield* model.boot
        assert.strictEqual(yield* ask("stopProcess", "app:api"), true)
        assert.strictEqual(yield* state, "STOPPED")
      })
    ))

  it("spoils its replies by rules, before or after it has acted", () =>
    assertTalk({}, ({ ask, model, state }) =>
      Effect.gen(function* () {
        yield* Effect.sleep(5_000)
        const answers: Array<XmlRpcValue> = []
        for (const verdict of [
          { _tag: "fail", code: "503" },
          { _tag: "fail", code: "SHUTDOWN_STATE" },
          { _tag: "refuse" }
        ] as const) {
          const under = model.rule(({ phase }) => (phase === "request" ? verdict : { _tag: "pass" }))
          answers.push(yield* Effect.scoped(Effect.andThen(under, ask("stopProcess", "app:api", false))))
        }
        assert.deepStrictEqual(answers, ["HTTP 503", "fault 6", "no reply"])
        assert.strictEqual(yield* state, "RUNNING")
        const late = model.rule(({ method }) =>
          method === "supervisor.stopProcess" ? { _tag: "reset" } : { _tag: "pass" }
        )
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* model.rule(({ phase }) => (phase === "reply" ? { _tag: "corrupt" } : { _tag: "pass" }))
            assert.strictEqual(yield* ask("stopProcess", "app:api", false), "no XML-RPC")
            assert.strictEqual(yield* state, "STOPPING")
          })
        )
        yield* late
        assert.strictEqual(yield* ask("stopProcess", "app:api", false), "no reply")
        assert.deepStrictEqual(yield* ask("getState"), { __proto__: null, statecode: 1, statename: "RUNNING" })
      })
    ))
})
