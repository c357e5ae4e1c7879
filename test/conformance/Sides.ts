/** The real supervisord and the model of it as sides of the conformance suite. */
import { Effect, Layer, Redacted, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import { rmSync, statSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { isList } from "../../core/xmlrpc/XmlRpcValue.ts"
import * as Supervisord from "../../scenarios/peers/Supervisord.ts"
import * as Network from "../../sim/net/Network.ts"
import * as SimHttpClient from "../../sim/net/SimHttpClient.ts"
import * as Sim from "../../sim/Sim.ts"
import type { RealSupervisord } from "../support/RealSupervisord.ts"
import { type Conversation, makePeer, type Peer, type Request, type Side } from "./Peer.ts"
import { send } from "./RawHttp.ts"
import { base, broken, changed, modelFolder, sections } from "./Programs.ts"

// The real one ----------------------------------------------------------------------------------------------------------

const configurations = { base: sections(base), changed: sections(changed), broken: broken.section }

/** What a conversation with the real one said. It starts over: no group has a past, and no log exists. */
export const talkToReal = Effect.fnUntraced(function* (real: RealSupervisord, conversation: Conversation) {
  const peer = makePeer(realSide(real))
  // The main loop sleeps up to a second when nobody asks; a question now and then keeps it awake.
  const awake = Effect.forever(Effect.andThen(Effect.sleep(awakeEveryMs), peer.value("supervisor.getAPIVersion")))
  yield* Effect.raceFirst(Effect.andThen(startOver(real, peer), conversation(peer)), awake)
  return peer.said
})

const awakeEveryMs = 20
const killedWithinMs = 100
const roundsMax = 20

/** Removes and adds every group, which gives processes that were never started. */
const startOver = Effect.fnUntraced(function* (real: RealSupervisord, { side, value }: Peer) {
  yield* side.configure("base")
  yield* value("supervisor.reloadConfig")
  // A program that restarts by itself is stopped first: a signal between fork and exec would be lost.
  yield* value("supervisor.stopProcess", "starter")
  for (let round = 0; round < roundsMax; round++) {
    yield* value("supervisor.signalAllProcesses", "KILL")
    yield* Effect.sleep(killedWithinMs)
    yield* value("supervisor.stopAllProcesses")
    for (const group of groups) yield* value("supervisor.removeProcessGroup", group)
    const left = yield* value("supervisor.getAllProcessInfo")
    if (left !== undefined && isList(left) && left.length === 0) break
  }
  for (const { name } of [...base, ...changed]) {
    for (const end of ["log", "err"]) rmSync(join(real.folder, `${name}.${end}`), { force: true })
  }
  for (const name of new Set(base.map(({ group }) => group))) yield* value("supervisor.addProcessGroup", name)
  yield* value("supervisor.clearLog")
})

const groups = new Set([...base, ...changed].map(({ group }) => group))

const realSide = (real: RealSupervisord): Side => ({
  send: (request) =>
    send(real.port, request, request.authorization ?? basic(real.username, Redacted.value(real.password))),
  configure: (name) => real.configure(configurations[name]),
  growLog: (program, bytes) =>
    Effect.sync(() => {
      const path = join(real.folder, `${program}.log`)
      truncateSync(path, statSync(path).size + bytes)
    }),
  folder: real.folder
})

const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`

// The model -------------------------------------------------------------------------------------------------------------

const credentials = { username: "user", password: "a secret, with: ünïcode" }

/** What a conversation with the model said, or how its run failed. */
export const talkToModel = (conversation: Conversation): ReadonlyArray<string> => {
  const ports = SimHttpClient.layer({ host: "client" }).pipe(
    Layer.provideMerge(Network.layer({ latencyMsMin: 1, latencyMsMax: 1 }))
  )
  let said: ReadonlyArray<string> = []
  const program = Effect.gen(function* () {
    const model = yield* Supervisord.make({
      host: "node",
      port: 9001,
      identifier: "real",
      programs: base,
      ...credentials
    })
    const peer = makePeer(modelSide(model, yield* HttpClient.HttpClient))
    said = peer.said
    yield* peer.value("supervisor.clearLog")
    yield* conversation(peer)
  }).pipe(Effect.scoped, Effect.provide(ports), Effect.orDie)
  const { message, outcome } = Sim.run(program, { stepsMax: 5_000_000 })
  return outcome === "done" ? said : [...said, `the run ended ${outcome}: ${message}`]
}

const modelSide = (model: Supervisord.Supervisord, client: HttpClient.HttpClient): Side => ({
  send: (request) => sendSimulated(client, request),
  configure: (name) => model.writeConfig(name === "broken" ? broken.message : name === "changed" ? changed : base),
  growLog: (program, bytes) => model.growLog(program, program, bytes),
  folder: modelFolder
})

const sendSimulated = Effect.fnUntraced(function* (
  client: HttpClient.HttpClient,
  { authorization, body, bytesMax = Infinity, method, path }: Request
) {
  const head = HttpClientRequest.make(method)(`http://node:9001${path}`, {
    headers: { authorization: authorization ?? basic(credentials.username, credentials.password) }
  })
  const request = body === undefined ? head : HttpClientRequest.setBody(head, HttpBody.text(body, "text/xml"))
  const chunks: Array<Uint8Array> = []
  let received = 0
  let answered: { readonly status: number; readonly type: string } | undefined
  yield* Effect.ignore(
    Effect.gen(function* () {
      const response = yield* client.execute(request)
      answered = { status: response.status, type: response.headers["content-type"] ?? "" }
      yield* Stream.runForEachWhile(response.stream, (chunk) =>
        Effect.sync(() => {
          chunks.push(chunk)
          received += chunk.length
          return received < bytesMax
        })
      )
    })
  )
  return answered === undefined ? undefined : { ...answered, body: new Uint8Array(Buffer.concat(chunks)) }
})
