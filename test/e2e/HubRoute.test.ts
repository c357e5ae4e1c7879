/** What a client may ask of the hub as it connects, what it follows afterwards, and the codes by which it is closed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "../core/local/RealProcesses.ts"
import { clientsBecome } from "../support/HubClients.ts"
import { type RealConsole, start } from "../support/RealConsole.ts"
import { refusedUpgrade } from "../support/RefusedUpgrade.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"
import { connect, type WsClient } from "../support/WsClient.ts"

const program = (name: string, command: string) =>
  `[[programs]]\nname = "${name}"\ncommand = ["sh", "-c", "${command}"]\nstartsecs = 0\n`

const programs = program("steady", "exec sleep 1000") + program("talker", "while :; do echo tick; sleep 0.1; done")

const startWith = (hub: string) =>
  Effect.gen(function* () {
    return yield* start({ config: yield* temporaryFile("muster.toml", `[hub]\n${hub}\n${programs}`) })
  })

const restart = (console: RealConsole) => console.operate("restart", "local", "steady", "steady")

/** Everything that was sent to the client before now has arrived. */
const settled = (client: WsClient) =>
  Effect.gen(function* () {
    const before = client.frames.filter(({ type }) => type === "pong").length
    yield* client.send('{"type":"ping"}')
    yield* eventually(
      Effect.sync(() => client.frames.filter(({ type }) => type === "pong").length),
      (count) => count > before
    )
  })

const events = ({ frames }: WsClient) =>
  frames.filter(({ seq, type }) => type !== "snapshot" && typeof seq === "number")

describe("GET /api/ws", () => {
  it.live("sends a client that comes back what it missed, once and in order, and another stream the snapshot", () =>
    Effect.gen(function* () {
      const console = yield* startWith("")
      const first = yield* connect(console.url)
      const { stream } = yield* first.frame(({ type }) => type === "hello")
      const { seq } = yield* first.frame(({ type }) => type === "snapshot")
      yield* restart(console)
      yield* first.frame(({ type }) => type === "operation.finished")
      yield* settled(first)
      const missed = events(first)
      const again = yield* connect(console.url, {}, `?since=${String(seq)}&stream=${String(stream)}`)
      const hello = yield* again.frame(({ type }) => type === "hello")
      assert.deepInclude(hello, { resumed: true, stream })
      yield* settled(again)
      assert.deepStrictEqual(events(again).slice(0, missed.length), missed)
      assert.isFalse(again.frames.some(({ type }) => type === "snapshot"))
      const other = yield* connect(console.url, {}, `?since=${String(seq)}&stream=another`)
      assert.deepInclude(yield* other.frame(({ type }) => type === "hello"), { resumed: false })
      yield* other.frame(({ type }) => type === "snapshot")
    })
  )

  it.live("narrows the events by topics and nodes from the start", () =>
    Effect.gen(function* () {
      const console = yield* startWith("")
      const all = yield* connect(console.url)
      const activity = yield* connect(console.url, {}, "?topics=activity&nodes=local")
      const nowhere = yield* connect(console.url, {}, "?nodes=nowhere,else")
      for (const client of [all, activity, nowhere]) yield* client.frame(({ type }) => type === "snapshot")
      yield* restart(console)
      yield* all.frame(({ type }) => type === "operation.finished")
      for (const client of [all, activity, nowhere]) yield* settled(client)
      assert.deepStrictEqual(
        events(activity).map(({ type }) => type),
        ["operation.started", "operation.finished"]
      )
      assert.isAbove(events(all).length, 2)
      assert.deepStrictEqual(events(nowhere), [])
    })
  )

  it.live("refuses what is malformed by HTTP 400 that names the field, and looks at nothing else", () =>
    Effect.gen(function* () {
      const console = yield* startWith("")
      for (const [query, field] of [
        ["since=abc", "query.since"],
        ["since=-1", "query.since"],
        ["since=1234567890123456", "query.since"],
        ["topics=node,nope", "query.topics"],
        ["topics=", "query.topics"]
      ] as const) {
        const { body, status } = yield* refusedUpgrade(`${console.url}/api/ws?${query}`)
        assert.strictEqual(status, 400, query)
        assert.deepInclude(body, { code: "invalid_request", message: `invalid query: ${field}` }, query)
      }
      const client = yield* connect(console.url, {}, "?token=x&since=0")
      yield* client.frame(({ type }) => type === "hello")
    })
  )

  it.live("refuses more clients from one address than allowed", () =>
    Effect.gen(function* () {
      const console = yield* startWith("clients_per_address_max = 1")
      const client = yield* connect(console.url)
      const { body, status } = yield* refusedUpgrade(`${console.url}/api/ws`)
      assert.strictEqual(status, 503)
      assert.deepInclude(body, {
        code: "too_many_clients",
        message: "the hub serves as many clients from this address as allowed"
      })
      client.socket.close(1000)
      yield* client.closed()
      yield* clientsBecome(console, 0)
      yield* connect(console.url)
    })
  )
})

describe("a subscription to logs", () => {
  it.live("brings what a program writes, and nothing more once it is given up", () =>
    Effect.gen(function* () {
      const console = yield* startWith("")
      const client = yield* connect(console.url)
      const log = { node: "local", group: "talker", name: "talker", channel: "stdout" }
      const nowhere = { ...log, node: "nowhere" }
      yield* client.send(JSON.stringify({ type: "subscribe", topics: [], logs: [log, nowhere] }))
      const isTick = (frame: Readonly<Record<string, unknown>>) =>
        frame["type"] === "log" && frame["name"] === "talker" && String(frame["text"]).includes("tick")
      assert.deepInclude(yield* client.frame(isTick), log)
      assert.deepInclude(yield* client.frame(({ type }) => type === "error"), { code: "unknown_node", log: nowhere })
      yield* client.send('{"type":"subscribe","topics":[]}')
      yield* client.frame((frame) => frame.type === "subscribed" && frame["logs"] === undefined)
      const got = client.frames.length
      yield* Effect.sleep(500)
      assert.deepStrictEqual(client.frames.slice(got), [])
    })
  )
})

describe("the code of a close", () => {
  it.live("is 4003 for a client that sends too much, and the others stay", () =>
    Effect.gen(function* () {
      const console = yield* startWith("frames_per_second_max = 1")
      const other = yield* connect(console.url)
      const client = yield* connect(console.url)
      for (let i = 0; i < 13; i++) yield* client.send('{"type":"pong"}')
      assert.deepStrictEqual(yield* client.closed(), { code: 4003, reason: "more than 1 frames a second" })
      yield* settled(other)
    })
  )

  it.live("is 4001 for a client that does not read, when it reads again in time", () =>
    Effect.gen(function* () {
      const console = yield* startWith("outbox_frames_max = 8")
      const client = yield* connect(console.url)
      yield* client.frame(({ type }) => type === "snapshot")
      client.socket.pause()
      const large = JSON.stringify({ type: "subscribe", nodes: ["x".repeat(60_000)] })
      for (let i = 0; i < 250; i++) yield* client.send(large)
      yield* clientsBecome(console, 0)
      // Two seconds later what it has not read would be cut off, and the close frame with it.
      client.socket.resume()
      assert.deepStrictEqual(yield* client.closed(), { code: 4001, reason: "too slow: the outbox is full" })
    })
  )
})
