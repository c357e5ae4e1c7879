/**
 * What was captured of a real supervisord against the model: the same requests must get replies of the same shape, with
 * the same faults. Values differ: the captures were taken from another configuration.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import { readFileSync } from "node:fs"
import { decodeReply } from "../../../core/xmlrpc/XmlRpc.ts"
import { isList, isStruct, type XmlRpcValue } from "../../../core/xmlrpc/XmlRpcValue.ts"
import * as Supervisord from "../../../scenarios/peers/Supervisord.ts"
import type { ProgramSpec } from "../../../scenarios/peers/SupervisordProgram.ts"
import * as Network from "../../../sim/net/Network.ts"
import * as SimHttpClient from "../../../sim/net/SimHttpClient.ts"
import * as Sim from "../../../sim/Sim.ts"

const folder = `${import.meta.dirname}/../../fixtures/supervisord`

const program = (group: string, name: string, more: Partial<ProgramSpec> = {}): ProgramSpec => ({
  group,
  name,
  startSecs: 1,
  startRetries: 3,
  stopWaitSecs: 2,
  stopTakesMs: 10,
  runsForMs: undefined,
  stdoutLog: "auto",
  stderrLog: "auto",
  ...more
})

const line = "2026-11-21T03:21:34 web line 65 café ✓\n"

const programs: ReadonlyArray<ProgramSpec> = [
  program("backend", "api"),
  program("backend", "db"),
  program("workers", "worker_00"),
  program("workers", "worker_01"),
  program("web", "web", { prints: [{ afterMs: 0, text: line.repeat(70) }] }),
  program("badutf8", "badutf8", { prints: [{ afterMs: 0, text: new Uint8Array([0x63, 0x61, 0x66, 0xe9, 0x0a]) }] }),
  program("ctrl", "ctrl", { prints: [{ afterMs: 0, text: "NUL \u0000 ESC \u001b[31m\n" }] }),
  program("multibyte", "multibyte", { prints: [{ afterMs: 0, text: "é✓漢😀".repeat(60) }] }),
  program("idle", "idle", { autostart: false }),
  program("catty", "catty", { echoes: true }),
  program("missing", "missing", { autostart: false, broken: "no file" }),
  program("noexec", "noexec", { autostart: false, broken: "not executable" })
]

/** Captures whose replies do not depend on what had been done before. */
const comparable = [
  "01-listMethods",
  "02-getAPIVersion",
  "03-getSupervisorVersion",
  "04-getIdentification",
  "05-getState",
  "06-getPID",
  "07-getAllProcessInfo",
  "08-getProcessInfo",
  "09-getProcessInfo-badname",
  "10-getProcessInfo-member-without-group",
  "11-getProcessInfo-groupstar",
  "12-getAllConfigInfo",
  "13-unknown-method",
  "14-incorrect-params",
  "15-traverse-3-parts",
  "16-multicall",
  "17-multicall-empty",
  "18-tailStdout",
  "19-tailStdout-last-1k",
  "21-readStdout",
  "22-readStdout-negative",
  "23-readStdout-badargs",
  "25-tail-control-chars",
  "26-read-control-chars",
  "27-tail-invalid-utf8",
  "28-read-invalid-utf8",
  "31-readLog",
  "32-startProcess-already",
  "33-stopProcess-notrunning",
  "46-signalProcess-badsignal",
  "52-sendRemoteCommEvent",
  "53-reloadConfig-nochange",
  "54-addProcessGroup-already",
  "55-addProcessGroup-bad",
  "56-removeProcessGroup-running",
  "59-methodHelp",
  "60-methodSignature",
  "61-methodSignature-unknown",
  "64-bad-xml",
  "65-empty-method",
  "66-no-params-element",
  "68-i8-param",
  "85-multicall-with-invalid-utf8",
  "86-multicall-with-ctrl"
]

const capture = (name: string) => {
  const text = readFileSync(`${folder}/${name}.response.txt`, "utf8")
  const [head = ""] = text.split(/\r?\n\r?\n/, 1)
  const status = Number(/HTTP\/1\.1 (\d+)/.exec(head)?.[1])
  return {
    request: readFileSync(`${folder}/${name}.request.xml`, "utf8"),
    shape: shapeOf(status, text.slice(head.length).trimStart())
  }
}

/** Status, and for a reply its types and the names of its members in their order. */
const shapeOf = (status: number, body: string): string => {
  if (status !== 200) return String(status)
  const reply = decodeReply(body)
  if (Result.isSuccess(reply)) return JSON.stringify(shape(reply.success))
  const { reason } = reply.failure
  return reason._tag === "Fault" ? `fault ${reason.code}` : reason._tag
}

const shape = (value: XmlRpcValue): unknown => {
  if (isList(value)) return distinct(value.map(shape))
  // What kind of fault an entry of a multicall is belongs to its shape.
  if (isStruct(value)) {
    return "faultCode" in value ? value["faultCode"] : Object.entries(value).map(([name, of]) => [name, shape(of)])
  }
  return typeof value
}

const distinct = (shapes: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  const seen = new Set<string>()
  return shapes.filter((one) => {
    const text = JSON.stringify(one)
    if (seen.has(text)) return false
    seen.add(text)
    return true
  })
}

/** The shapes of the model's replies, once all its programs run. */
const ask = (requests: ReadonlyArray<string>): ReadonlyArray<string> => {
  const ports = SimHttpClient.layer({ host: "client" }).pipe(Layer.provideMerge(Network.layer()))
  const shapes: Array<string> = []
  const talk = Effect.gen(function* () {
    yield* Supervisord.make({ host: "node", port: 9001, programs })
    yield* Effect.sleep(5_000)
    const client = yield* HttpClient.HttpClient
    for (const request of requests) {
      const response = yield* client.execute(
        HttpClientRequest.post("http://node:9001/RPC2").pipe(
          HttpClientRequest.setBody(HttpBody.text(request, "text/xml"))
        )
      )
      shapes.push(shapeOf(response.status, yield* response.text))
    }
  })
  const { message } = Sim.run(talk.pipe(Effect.scoped, Effect.provide(ports), Effect.orDie))
  assert.strictEqual(message, "")
  return shapes
}

describe("captures of supervisord 4.2.5", () => {
  it("have the shapes that the model's replies have", () => {
    const captures = comparable.map((name) => ({ name, ...capture(name) }))
    const shapes = ask(captures.map(({ request }) => request))
    assert.deepStrictEqual(
      captures.map(({ name }, i) => `${name}: ${shapes[i]}`),
      captures.map(({ name, shape: expected }) => `${name}: ${expected}`)
    )
  })
})
