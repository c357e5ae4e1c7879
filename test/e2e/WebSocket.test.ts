/** The hub as real WebSocket clients see it: refusals, the heartbeat, slow clients, and clients that vanish. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ErrorBody } from "../../core/http/ErrorBody.ts"
import { eventually } from "../core/local/RealProcesses.ts"
import { clients, clientsBecome } from "../support/HubClients.ts"
import { start } from "../support/RealConsole.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"
import { refusedUpgrade } from "../support/RefusedUpgrade.ts"
import { connect } from "../support/WsClient.ts"

/** A console whose hub has these settings; it runs one program that stays up. */
const startWith = (hub: string, more = "") =>
  Effect.gen(function* () {
    const program = '[[programs]]\nname = "steady"\ncommand = ["sleep", "1000"]\nstartsecs = 0\n'
    const config = yield* temporaryFile("muster.toml", `[hub]\n${hub}\n${program}${more}`)
    return yield* start({ config })
  })

const isErrorBody = Schema.is(ErrorBody)

describe("hub of a running console", () => {
  it.live("closes a client at its third invalid frame, and only that client", () =>
    Effect.gen(function* () {
      const console = yield* startWith("")
      const client = yield* connect(console.url)
      const other = yield* connect(console.url)
      const hello = yield* client.frame(({ type }) => type === "hello")
      assert.strictEqual(hello["heartbeat_ms"], 30_000)
      yield* client.frame(({ type }) => type === "snapshot")
      for (const [left, text] of [
        [2, "no JSON"],
        [1, '{"type":"subscribe","topic":["node"]}'],
        [0, "[]"]
      ] as const) {
        yield* client.send('{"type":"ping"}')
        yield* client.send(text)
        yield* client.frame((frame) => frame["code"] === "invalid_frame" && frame["invalid_frames_left"] === left)
      }
      assert.deepStrictEqual(yield* client.closed(), { code: 1008, reason: "3 invalid frames" })
      yield* other.send('{"type":"ping"}')
      yield* other.frame(({ type }) => type === "pong")
      yield* clientsBecome(console, 1)
    })
  )

  it.live("closes a client that sends too large a frame", () =>
    Effect.gen(function* () {
      const console = yield* startWith('frame_bytes_max = "1KiB"')
      const client = yield* connect(console.url)
      const nodes = (length: number) => JSON.stringify({ type: "subscribe", nodes: ["x".repeat(length)] })
      yield* client.send(nodes(900))
      yield* client.frame(({ type }) => type === "subscribed")
      yield* client.send(nodes(1_000))
      assert.strictEqual((yield* client.closed()).code, 1009)
      yield* clientsBecome(console, 0)
    })
  )

  it.live("closes a client that does not answer pings, and keeps one that does", () =>
    Effect.gen(function* () {
      const console = yield* startWith('heartbeat_interval = "300ms"\nheartbeat_timeout = "300ms"')
      const silent = yield* connect(console.url)
      const answering = yield* connect(console.url)
      answering.socket.on("message", (data) => {
        if (Buffer.isBuffer(data) && data.toString() === '{"type":"ping"}') answering.socket.send('{"type":"pong"}')
      })
      const { code, reason } = yield* silent.closed()
      assert.strictEqual(code, 4002)
      assert.match(reason, /^nothing heard for [6-9]\d\d ms$/)
      assert.isAbove(silent.frames.filter(({ type }) => type === "ping").length, 0)
      const pings = () => answering.frames.filter(({ type }) => type === "ping").length
      yield* eventually(Effect.sync(pings), (count) => count >= 4)
      assert.strictEqual(answering.socket.readyState, answering.socket.OPEN)
      assert.strictEqual(yield* clients(console), 1)
    })
  )

  it.live("refuses more clients than configured by HTTP 503, and a plain request by 400", () =>
    Effect.gen(function* () {
      const console = yield* startWith("clients_max = 2")
      const first = yield* connect(console.url)
      yield* connect(console.url)
      const refused = yield* refusedUpgrade(`${console.url}/api/ws`)
      assert.isTrue(isErrorBody(refused.body), JSON.stringify(refused))
      assert.deepInclude(refused, { status: 503 })
      assert.deepInclude(refused.body, { code: "too_many_clients" })
      const plain = yield* console.request("GET", "/api/ws")
      assert.isTrue(isErrorBody(plain.body), JSON.stringify(plain))
      assert.deepInclude(plain, { status: 400 })
      assert.deepInclude(plain.body, { code: "upgrade_required" })
      // A place that gets free is given again.
      first.socket.close(1000)
      assert.strictEqual((yield* first.closed()).code, 1000)
      yield* clientsBecome(console, 1)
      const next = yield* connect(console.url)
      yield* next.frame(({ type }) => type === "snapshot")
    })
  )

  it.live("forgets 200 clients that vanish", () =>
    Effect.gen(function* () {
      const console = yield* startWith("")
      const all = yield* Effect.forEach(Array.from({ length: 200 }), () => connect(console.url), { concurrency: 20 })
      assert.strictEqual(yield* clients(console), 200)
      for (const { socket } of all) socket.terminate()
      yield* clientsBecome(console, 0)
      const next = yield* connect(console.url)
      const hello = yield* next.frame(({ type }) => type === "hello")
      assert.strictEqual(hello["client"], 201)
    })
  )
})

/** Programs that end as soon as they run, so that every poll finds new runs of them. */
const flapping = Array.from(
  { length: 8 },
  (_, i) => `[[programs]]\nname = "flap-${i}"\ncommand = ["sleep", "0.05"]\nstartsecs = 0\nautorestart = true\n`
).join("")

const floodHub = 'outbox_frames_max = 32\nheartbeat_interval = "1m"\n[poll]\ninterval = "50ms"'

/** Memory of a process that is not shared or swapped out, in MiB. */
const residentMiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024

describe("hub under a flood of events", () => {
  it.live("lets go of a client that does not read, and no other one notices", () =>
    Effect.gen(function* () {
      const console = yield* startWith(floodHub, flapping)
      const reader = yield* connect(console.url)
      const slow = yield* connect(console.url)
      yield* slow.frame(({ type }) => type === "snapshot")
      slow.socket.pause()
      // The events alone take minutes to fill what the system buffers; answers that it asks for do so at once.
      const large = JSON.stringify({ type: "subscribe", nodes: ["local", "x".repeat(60_000)] })
      const before = residentMiB(console.pid)
      for (let i = 0; i < 400; i++) yield* Effect.andThen(slow.send(large), Effect.sleep(1))
      yield* clientsBecome(console, 1)
      assert.isBelow(residentMiB(console.pid) - before, 150)
      slow.socket.resume()
      // Its close frame is behind all that it has not read, and may not have got out at all.
      assert.include([4001, 1006], (yield* slow.closed()).code)

      const last = reader.frames.length
      yield* eventually(
        Effect.sync(() => reader.frames.length),
        (count) => count > last + 50
      )
      const snapshot = yield* reader.frame(({ type }) => type === "snapshot")
      const seqs = reader.frames.flatMap(({ seq, type }) =>
        type !== "snapshot" && typeof seq === "number" ? [seq] : []
      )
      assert.deepStrictEqual(
        seqs,
        seqs.map((_, i) => Number(snapshot["seq"]) + 1 + i)
      )
    })
  )

  it.live("ends in time at a signal while a client does not read", () =>
    Effect.gen(function* () {
      const console = yield* startWith(floodHub.replace("= 32", "= 60000"), flapping)
      const slow = yield* connect(console.url)
      const reader = yield* connect(console.url)
      slow.socket.pause()
      const large = JSON.stringify({ type: "subscribe", nodes: ["x".repeat(60_000)] })
      for (let i = 0; i < 200; i++) yield* slow.send(large)
      yield* reader.send('{"type":"ping"}')
      yield* reader.frame(({ type }) => type === "pong")
      const { code, tookMs } = yield* console.stop("SIGTERM")
      assert.strictEqual(code, 0)
      assert.isBelow(tookMs, 7_000)
      assert.deepStrictEqual(yield* reader.closed(), { code: 1001, reason: "the console shuts down" })
    })
  )
})
