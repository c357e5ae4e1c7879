import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Credential, Principal } from "../../../core/domain/Access.ts"
import type { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import type { FleetSnapshot } from "../../../core/domain/Node.ts"
import * as BatchSight from "../../../core/fleet/BatchSight.ts"
import * as BatchState from "../../../core/fleet/BatchState.ts"
import type { Client } from "../../../core/hub/Hub.ts"
import type { Rights } from "../../../core/hub/Rights.ts"
import { person } from "../domain/People.ts"
import { processIn } from "../fleet/Processes.ts"
import { event, logOf, logText, make, settle, waiting } from "./FakeClient.ts"

const api = processIn("RUNNING")
const job = processIn("RUNNING", { group: "job", name: "nightly" })

const nodeOf = (name: string): FleetSnapshot["nodes"][number] => ({
  node: {
    name,
    kind: "supervisord",
    status: "up",
    since: "1970-01-01T00:00:00.000Z",
    stale: false,
    incarnation: 1,
    processes: { RUNNING: 2 }
  },
  processes: [api, job]
})

const nodes = [nodeOf("web"), nodeOf("db")]

/** Sees `app:*` on `web`. */
const ada = person("ada", [{ nodes: ["web"], programs: ["app:*"] }])

/** Rights that a test changes; who is not named has none. */
const rightsOf = (people: Map<string, Principal>): Rights => ({
  currentUnsafe: (credential: Credential) =>
    credential._tag === "Session" ? people.get(credential.sessionId) : undefined
})

const texts = (client: Client) => client.outbox.take().map(({ text }) => text)

const at = "1970-01-01T00:00:00.000Z"

/** One event of each kind about this process of this node. */
const eventsAbout = (node: string, process: typeof api): ReadonlyArray<FleetEvent> => {
  const { group, name } = process
  const operation = { operation: 1, kind: "stop", node, group, name, at } as const
  return [
    { type: "process.added", seq: 1, at, node, process },
    { type: "process.state", seq: 2, at, node, process, from: "STOPPED", to: "RUNNING" },
    { type: "process.restarted", seq: 3, at, node, process, from_pid: 1 },
    { type: "process.removed", seq: 4, at, node, group, name },
    { type: "operation.started", seq: 5, ...operation },
    { type: "operation.finished", seq: 6, ...operation, outcome: "done", detail: "", took_ms: 1 }
  ]
}

describe("a client that does not see the whole fleet", () => {
  it.effect("gets a snapshot and events of what it sees, and one without limits all of them", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make({ nodes, outboxFramesMax: 64 })
      const limited = yield* hub.join({ principal: ada })
      const whole = [yield* hub.join({ principal: person("root") }), yield* hub.join()]
      const [, snapshot] = texts(limited)
      assert.notInclude(snapshot ?? "", '"db"')
      assert.notInclude(snapshot ?? "", "nightly")
      assert.include(snapshot ?? "", '"processes":{"RUNNING":1}')
      for (const one of whole) assert.include(texts(one)[1] ?? "", "nightly")

      const seen = eventsAbout("web", api)
      const told = [...seen, ...eventsAbout("web", job), ...eventsAbout("db", api)].map((each, index) => ({
        ...each,
        seq: index + 1
      }))
      yield* publish(...told, event(19, "web"), event(20, "db"))
      yield* settle
      assert.deepStrictEqual(yield* waiting(limited), [
        ...seen.map(({ seq, type }) => `${type} ${seq}`),
        "node.status 19"
      ])
      const [one, other] = whole.map(({ outbox }) => outbox.take())
      assert.strictEqual(one?.length, 20)
      // Encoded once for all of them.
      for (const [index, frame] of (one ?? []).entries()) assert.strictEqual(other?.[index], frame)
    })
  )

  it.effect("is told of the items of a batch that it sees", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make({ outboxFramesMax: 64 })
      const limited = yield* hub.join({ principal: ada })
      const whole = yield* hub.join()
      for (const one of [limited, whole]) one.outbox.take()
      const plan = {
        id: 7,
        kind: "stop",
        mode: "parallel",
        concurrency: 9,
        failuresMax: undefined,
        startedAtMs: 0,
        startedMs: 0,
        endsMs: 9
      } as const
      const place = (node: string, { group, name }: typeof api) => ({ node, group, name })
      const batchOf = (...items: ReadonlyArray<ReturnType<typeof place>>) => BatchState.make({ ...plan }, items)
      const mixed = batchOf(place("web", api), place("web", job), place("db", api))
      const begun = BatchState.step(mixed, { _tag: "Began", nowMs: 1 }).state
      const all: ReadonlyArray<FleetEvent> = [mixed, begun, batchOf(place("db", api)), batchOf(place("web", api))].map(
        (state, index) => ({ type: "batch.changed", seq: index + 1, at, batch: BatchSight.summarise(state) })
      )
      // Of a summary that is not known nothing can be said.
      const foreign: FleetEvent = { type: "batch.changed", seq: 5, at, batch: BatchState.summarise(mixed) }
      yield* publish(...all, foreign)
      yield* settle
      const told = texts(limited).map((text) => [/"seq":\d+/.exec(text)?.[0], /"counts":[^}]*\}/.exec(text)?.[0]])
      assert.deepStrictEqual(told, [
        ['"seq":1', '"counts":{"pending":1}'],
        ['"seq":2', '"counts":{"running":1}'],
        ['"seq":4', '"counts":{"pending":1}']
      ])
      assert.strictEqual(texts(whole).length, 5)
    })
  )

  it.effect("is answered for a hidden log as for one that does not exist, and follows the others", () =>
    Effect.gen(function* () {
      const { followed, hub, publish } = yield* make({ logsPerClientMax: 9, outboxFramesMax: 64 })
      const one = yield* hub.join({ principal: ada })
      one.outbox.take()
      const web = logOf("web")
      const ask = [logOf("db"), logOf("nowhere"), { ...web, group: "job" }, { ...web, group: "none" }, web]
      yield* one.subscribe({ logs: ask })
      assert.deepStrictEqual(
        texts(one).slice(1),
        [
          ["unknown_node", "there is no such node", ask[0]],
          ["unknown_node", "there is no such node", ask[1]],
          ["unknown_process", "the node has no such process", ask[2]],
          ["unknown_process", "the node has no such process", ask[3]]
        ].map(([code, message, log]) => JSON.stringify({ type: "error", code, message, log }))
      )
      assert.deepStrictEqual(yield* followed, ["web/app:api/stdout"])
      yield* publish(logText(logOf("db"), "no"), logText(web, "yes"))
      yield* settle
      assert.deepStrictEqual(yield* waiting(one), ["log yes"])
    })
  )
})

describe("rights that change", () => {
  const closedBy = (client: Client) =>
    Effect.map(Effect.forkChild(client.closing, { startImmediately: true }), (fiber) => {
      const exit = fiber.pollUnsafe()
      return exit?._tag === "Success" ? exit.value.code : undefined
    })

  it.effect("end the connections that they concern, which get nothing more", () =>
    Effect.gen(function* () {
      const people = new Map([ada, person("bob"), person("eve"), person("root")].map((each) => [each.username, each]))
      const { hub, publish } = yield* make({ clientsMax: 9, rights: rightsOf(people), nodes })
      const join = (name: string) => hub.join({ principal: people.get(name) })
      const clients = [yield* join("ada"), yield* join("bob"), yield* join("eve"), yield* join("root")]
      for (const { outbox } of clients) outbox.take()
      yield* publish(event(1, "web"))
      yield* settle
      people.set("ada", person("ada", [{ nodes: ["db"] }]))
      people.delete("bob")
      people.set("eve", { ...person("eve"), limits: [...person("eve").limits] })
      people.delete("root")
      yield* hub.rightsChanged(new Set(["id-ada", "id-bob", "id-eve"]))
      const codes = yield* Effect.forEach(clients, closedBy)
      assert.deepStrictEqual(codes, [4005, 4004, undefined, undefined])
      yield* publish(event(2, "web"))
      yield* clients[0]?.subscribe({ logs: [logOf("db")] }) ?? Effect.void
      yield* settle
      assert.deepStrictEqual(
        clients.map((client) => client.outbox.take().length),
        [0, 0, 2, 2]
      )
      assert.deepInclude(yield* hub.counts, { connected: 2, slow: 0 })
    })
  )

  it.effect("are those of the moment of joining, whatever they were before", () =>
    Effect.gen(function* () {
      const people = new Map([["ada", ada]])
      const { hub } = yield* make({ rights: rightsOf(people), nodes })
      const now = yield* hub.join({ principal: person("ada") })
      assert.notInclude(texts(now).join(), "nightly")
      people.clear()
      const gone = yield* hub.join({ principal: ada })
      assert.deepStrictEqual([yield* closedBy(gone), texts(gone)], [4004, []])
    })
  )

  it.effect("also by the passing of time are seen within a heartbeat, and at a subscription", () =>
    Effect.gen(function* () {
      const people = new Map([["ada", ada]])
      const { followed, hub } = yield* make({ rights: rightsOf(people) })
      const silent = yield* hub.join({ principal: ada })
      const asking = yield* hub.join({ principal: ada })
      people.clear()
      yield* asking.subscribe({ logs: [logOf("web")] })
      assert.deepStrictEqual([yield* closedBy(asking), yield* closedBy(silent)], [4004, undefined])
      assert.deepStrictEqual(yield* followed, [])
      yield* TestClock.adjust(10_000)
      assert.strictEqual(yield* closedBy(silent), 4004)
    })
  )

  it.effect("make another stream, so that nobody is resumed into a picture with holes", () =>
    Effect.gen(function* () {
      const people = new Map([["ada", person("ada")]])
      const { hub, publish } = yield* make({
        clientsMax: 99,
        clientsPerUserMax: 99,
        eventsKept: 9,
        rights: rightsOf(people),
        nodes
      })
      const greet = (one: Client) =>
        Effect.map(
          Effect.sync(() => texts(one)),
          ([hello = "", ...rest]) => ({
            stream: /"stream":"(\w+)"/.exec(hello)?.[1],
            resumed: hello.includes('"resumed":true'),
            rest
          })
        )
      const whole = yield* greet(yield* hub.join({ principal: people.get("ada") }))
      people.set("ada", ada)
      yield* hub.rightsChanged(new Set(["id-ada"]))
      const limited = yield* greet(yield* hub.join({ principal: ada }))
      assert.notStrictEqual(limited.stream, whole.stream)
      yield* publish(event(1, "web"), event(2, "db"))
      yield* settle
      const back = (stream: string | undefined) => Effect.flatMap(hub.join({ principal: ada, since: 0, stream }), greet)
      const own = yield* back(limited.stream)
      assert.deepStrictEqual([own.resumed, own.rest], [true, [JSON.stringify(event(1, "web"))]])
      assert.isFalse((yield* back(whole.stream)).resumed)
      assert.isFalse((yield* back(undefined)).resumed)
      people.set("ada", person("ada"))
      assert.isTrue((yield* back(whole.stream)).resumed)
      // It may have seen less when it knew that event.
      assert.isFalse((yield* back(undefined)).resumed)
      assert.isTrue((yield* Effect.flatMap(hub.join({ since: 0 }), greet)).resumed)
    })
  )
})

describe("a hub short of memory", () => {
  it.effect("gives up the events that it keeps, and admits nobody for as long as it is told", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make({ clientsMax: 9 })
      yield* publish(event(1), event(2))
      yield* settle
      yield* hub.shed
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 1 })), ["hello", "snapshot 2"])
      yield* publish(event(3))
      yield* settle
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 2 })), ["hello resumed", "node.status 3"])
    })
  )
})
