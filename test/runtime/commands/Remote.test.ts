/** The commands against a running console, as a user types them. */
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { BatchItem, BatchRequest, BatchView } from "../../../core/domain/Operation.ts"
import { BadSelection, UnknownBatch } from "../../../core/fleet/Batches.ts"
import { UnknownNode } from "../../../core/fleet/Fleet.ts"
import { processIn } from "../../core/fleet/Processes.ts"
import { batch, node } from "../../core/http/FakeServices.ts"
import { matches } from "../../../runtime/commands/Patterns.ts"
import { muster, serve } from "./FakeConsole.ts"

const cases = <A>(table: ReadonlyArray<A>, check: (each: A) => Effect.Effect<void>) =>
  Effect.forEach(table, check, { discard: true })

describe("a console that", () => {
  it.live("cannot be reached is told in one line, and the status is 1", () =>
    Effect.gen(function* () {
      const { err, out, status } = yield* muster(["nodes", "--url", "http://127.0.0.1:1"])
      assert.deepStrictEqual([status, out], [1, []])
      assert.strictEqual(err.length, 1)
      assert.match(err[0] ?? "", /^cannot reach a console at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/)
    })
  )

  it.live("is none is told as such", () =>
    Effect.gen(function* () {
      const url = yield* Effect.acquireRelease(
        Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
          const server = createServer((socket) => {
            socket.on("error", () => {})
            socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"))
          })
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            const port = typeof address === "object" && address !== null ? address.port : 0
            resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close: () => server.close() }))
          })
        }),
        ({ close }) => Effect.sync(close)
      )
      const { err, status } = yield* muster(["nodes", "--url", url.url])
      assert.strictEqual(status, 1)
      assert.match(err.join("\n"), /does not answer as a console/)
    })
  )

  it.live("is named wrongly is wrong usage", () =>
    cases(["nonsense", "ftp://x", "http://user:secret@host"], (url) =>
      Effect.gen(function* () {
        const { err, status } = yield* muster(["nodes", "--url", url])
        assert.strictEqual(status, 2)
        assert.match(err.join("\n"), /^--url /)
        assert.notInclude(err.join("\n"), "secret")
      })
    )
  )
})

const nodes = Effect.succeed([
  node("web-1", { environment: "prod", identity: { identifier: "s", version: "4.2.5", pid: 1 } }),
  node("db", { status: "down", stale: true, reason: { code: "Unreachable", message: "away\u001b[2J\nreally" } })
])

const fleet = {
  nodes,
  node: (name: string) =>
    name === "web-1" ? Effect.succeed(node(name)) : Effect.fail(new UnknownNode({ node: name })),
  processes: (name: string) =>
    Effect.succeed([
      processIn("RUNNING", { name: `${name}-api`, description: "pid 100, \u202euptime" }),
      processIn("FATAL", { name: "w", pid: 0 })
    ])
}

describe("muster nodes", () => {
  it.live("prints aligned columns without control characters", () =>
    Effect.gen(function* () {
      const { out, status } = yield* muster(["nodes", "--url", yield* serve({ fleet })])
      assert.strictEqual(status, 0)
      assert.strictEqual(out.length, 3)
      const [head = "", web = "", db = ""] = out
      assert.match(head, /^NODE +ENVIRONMENT +STATUS +SINCE +PROCESSES +VERSION +REASON$/)
      for (const [column, text] of [
        ["ENVIRONMENT", "prod"],
        ["STATUS", "up"],
        ["PROCESSES", "1 RUNNING"],
        ["VERSION", "4.2.5"]
      ] as const) {
        assert.strictEqual(web.indexOf(text), head.indexOf(column))
      }
      assert.match(db, /down .* away\\u001b\[2J\\u000areally$/)
    })
  )

  it.live("prints what the API says as JSON, of an environment when asked", () =>
    Effect.gen(function* () {
      const { out } = yield* muster(["nodes", "--json", "--environment", "prod", "--url", yield* serve({ fleet })])
      assert.deepStrictEqual(JSON.parse(out.join("\n")), (yield* nodes).slice(0, 1))
    })
  )
})

describe("muster ps", () => {
  it.live("prints the processes of all nodes, and says what is not fresh", () =>
    Effect.gen(function* () {
      const { err, out, status } = yield* muster(["ps", "--url", yield* serve({ fleet })])
      assert.strictEqual(status, 0)
      assert.strictEqual(out.length, 5)
      assert.match(out[1] ?? "", /^web-1 {2}app:web-1-api {2}RUNNING {2}100 {2}10s {5}pid 100, \\u202euptime$/)
      assert.match(out[4] ?? "", /^db {5}app:w {10}FATAL$/)
      assert.deepStrictEqual(
        err.filter((line) => line !== ""),
        ["muster: db is down, away\\u001b[2J\\u000areally; what is shown of it is not fresh"]
      )
    })
  )

  it.live("refuses a node that is not there with status 2", () =>
    Effect.gen(function* () {
      const { err, out, status } = yield* muster(["ps", "nope", "--url", yield* serve({ fleet })])
      assert.deepStrictEqual([status, out], [2, []])
      assert.deepStrictEqual(err, ["there is no such node: nope"])
    })
  )
})

const item = (of: string, changes: Partial<BatchItem> = {}): BatchItem => {
  const [host = "", group = "", name = ""] = of.split(/[/:]/)
  return { node: host, group, name, state: "pending", detail: "", ...changes }
}

/** Batches over these processes that end, at the second look, as the test says. */
const fakeBatches = (
  processes: ReadonlyArray<string>,
  end: (items: ReadonlyArray<BatchItem>) => Partial<BatchView>
) => {
  const submitted: Array<BatchRequest> = []
  let looks = 0
  let last = batch()
  return {
    submitted,
    service: {
      submit: (request: BatchRequest) =>
        Effect.suspend(() => {
          submitted.push(request)
          const items = processes
            .map((each) => item(each))
            .filter((each) =>
              request.select.some((selector) =>
                (["node", "group", "name"] as const).every((field) => matches(selector[field] ?? "*", each[field]))
              )
            )
          if (items.length === 0) {
            return Effect.fail(new BadSelection({ reason: "nothing", items: 0, itemsMax: 9 }))
          }
          last = batch({ kind: request.operation.kind, items })
          return Effect.succeed(last)
        }),
      get: (id: number) =>
        Effect.suspend(() => {
          if (id !== last.id) return Effect.fail(new UnknownBatch({ id }))
          looks++
          if (looks === 2) last = { ...last, ...end(last.items) }
          return Effect.succeed(last)
        })
    }
  }
}

const fleetOf = ["web-1/app:api", "web-1/app:worker", "web-2/app:api", "web-1/web:web", "web-1/old:web", "web-2/b:x"]
const allDone = (items: ReadonlyArray<BatchItem>) => ({
  status: "done" as const,
  counts: { done: items.length },
  items: items.map((each) => ({ ...each, state: "done" as const, detail: "RUNNING", took_ms: 1_200 }))
})

describe("muster restart", () => {
  it.live("acts on what the patterns name and tells of each process", () =>
    Effect.gen(function* () {
      const { service, submitted } = fakeBatches(fleetOf, allDone)
      const url = yield* serve({ batches: service })
      const args = "restart web-*/app:* --mode rolling --concurrency 2 --stop-after 3 --timeout 5m --url"
      const { out, status } = yield* muster([...args.split(" "), url])
      assert.strictEqual(status, 0)
      assert.deepStrictEqual(submitted.at(-1), {
        operation: { kind: "restart" },
        select: [{ node: "web-*", group: "app", name: "*" }],
        mode: "rolling",
        concurrency: 2,
        stop_after_failures: 3,
        timeout_ms: 300_000
      })
      assert.deepStrictEqual(out, [
        "done       web-1/app:api  RUNNING (1.2 s)",
        "done       web-1/app:worker  RUNNING (1.2 s)",
        "done       web-2/app:api  RUNNING (1.2 s)",
        "restart, batch 7: 3 done"
      ])
    })
  )

  it.live("ends with status 1 when a process failed, and prints the result as JSON", () =>
    Effect.gen(function* () {
      const { service } = fakeBatches(fleetOf, (items) => ({
        status: "failed",
        counts: { failed: 1 },
        items: items.map((each) => ({ ...each, state: "failed", detail: "FATAL" }))
      }))
      const url = yield* serve({ batches: service })
      const { out, status } = yield* muster(["restart", "web-2/x", "--json", "--url", url])
      assert.strictEqual(status, 1)
      assert.include(JSON.parse(out.join("\n")), { id: 7, status: "failed" })
    })
  )

  it.live("understands a name alone when it is clear which process it is", () =>
    Effect.gen(function* () {
      const { service, submitted } = fakeBatches(fleetOf, allDone)
      const url = yield* serve({ batches: service })
      const selects = (pattern: string) =>
        Effect.gen(function* () {
          const { status } = yield* muster(["stop", pattern, "--dry-run", "--url", url])
          assert.strictEqual(status, 0)
          return submitted.at(-1)?.select
        })
      assert.deepStrictEqual(yield* selects("web-2/x"), [{ node: "web-2", group: "b", name: "x" }])
      assert.deepStrictEqual(yield* selects("web-1/web"), [{ node: "web-1", group: "web", name: "web" }])
      assert.deepStrictEqual(yield* selects("web-*/api"), [
        { node: "web-1", group: "app", name: "api" },
        { node: "web-2", group: "app", name: "api" }
      ])
      assert.deepStrictEqual(yield* selects("web-1/*"), [{ node: "web-1", name: "*" }])
      assert.isTrue(submitted.every((request) => request.dry_run))
    })
  )

  it.live("only lists with --dry-run", () =>
    Effect.gen(function* () {
      const { service } = fakeBatches(fleetOf, allDone)
      const { out, status } = yield* muster([
        "start",
        "web-1/app:*",
        "--dry-run",
        "--url",
        yield* serve({ batches: service })
      ])
      assert.deepStrictEqual([status, out], [0, ["NODE   PROCESS", "web-1  app:api", "web-1  app:worker"]])
    })
  )

  it.live("refuses what it does not understand with status 2, before anything is done", () =>
    Effect.gen(function* () {
      const { service, submitted } = fakeBatches([...fleetOf, "web-1/a:twice", "web-1/b:twice"], allDone)
      const url = yield* serve({ batches: service })
      yield* cases<readonly [ReadonlyArray<string>, RegExp]>(
        [
          [["restart", "web-1"], /"web-1" is no process, expected node\/group:name/],
          [["restart", "web-1/a/b"], /is no process/],
          [["restart", "web-9/app:api"], /no process matches what was selected/],
          [["restart", "web-1/app:api", "web-9/app:api"], /no process matches web-9\/app:api/],
          [["restart", "web-1/twice"], /web-1\/twice can be any of web-1\/a:twice, web-1\/b:twice/],
          [["restart", "web-1/app:api", "--concurrency", "0"], /--concurrency is 0/],
          [["restart", "web-1/app:api", "--timeout", "soon"], /--timeout is "soon"/],
          [["restart", "web-1/app:api", "--mode", "all"], /mode/],
          [["restart"], /process/],
          [["signal", "kill -9", "web-1/app:api"], /"kill -9" is no signal/]
        ],
        ([args, message]) =>
          Effect.gen(function* () {
            const { err, out, status } = yield* muster([...args, "--url", url])
            assert.deepStrictEqual([status, out.filter((line) => line !== "")], [2, []], args.join(" "))
            assert.match(err.join("\n"), message)
          })
      )
      assert.isTrue(submitted.every((request) => request.dry_run))
    })
  )
})

describe("muster signal", () => {
  it.live("sends the signal as it is named", () =>
    Effect.gen(function* () {
      const { service, submitted } = fakeBatches(fleetOf, allDone)
      const { status } = yield* muster(["signal", "HUP", "web-2/b:x", "--url", yield* serve({ batches: service })])
      assert.strictEqual(status, 0)
      assert.deepStrictEqual(submitted.at(-1)?.operation, { kind: "signal", signal: "HUP" })
    })
  )
})

describe("muster batches", () => {
  it.live("lists them, shows one, and cancels it", () =>
    Effect.gen(function* () {
      const cancelled: Array<number> = []
      const url = yield* serve({
        batches: {
          all: Effect.succeed([batch()]),
          get: (id) => (id === 7 ? Effect.succeed(batch()) : Effect.fail(new UnknownBatch({ id }))),
          cancel: (id) =>
            Effect.as(
              Effect.sync(() => cancelled.push(id)),
              batch({ id, status: "cancelled" })
            )
        }
      })
      const list = yield* muster(["batches", "--url", url])
      assert.match(list.out[1] ?? "", /^7 {6}restart {4}parallel {2}running {2}2026-01-01T00:00:00\.000Z {2}1 pending$/)
      assert.deepStrictEqual((yield* muster(["batches", "7", "--url", url])).out, [
        "pending    web/app:api",
        "restart, batch 7: 1 pending"
      ])
      assert.include((yield* muster(["batches", "7", "--cancel", "--url", url])).out.at(-1), "cancelled")
      assert.deepStrictEqual(cancelled, [7])
      const missing = yield* muster(["batches", "8", "--url", url])
      assert.strictEqual(missing.status, 2)
      assert.match(missing.err.join("\n"), /no such batch.*: 8$/)
    })
  )
})

describe("muster update", () => {
  const diff = { added: ["new"], changed: ["app"], removed: [] }

  it.live("shows what it would change, and what it has changed", () =>
    Effect.gen(function* () {
      const url = yield* serve({
        fleet: {
          reread: (name: string) => Effect.succeed(name === "same" ? { added: [], changed: [], removed: [] } : diff),
          update: () =>
            Effect.succeed({
              diff,
              groups: [
                { group: "app", change: "changed", outcome: "timeout", detail: "still stopping" },
                { group: "new", change: "added", outcome: "done", detail: "" }
              ],
              took_ms: 5
            } as const)
        }
      })
      const dry = yield* muster(["update", "web", "--dry-run", "--url", url])
      assert.deepStrictEqual([dry.status, dry.out], [0, ["GROUP  CHANGE", "new    added", "app    changed"]])
      assert.deepStrictEqual((yield* muster(["update", "same", "--dry-run", "--url", url])).out, ["nothing to change"])
      const done = yield* muster(["update", "web", "--url", url])
      assert.deepStrictEqual(
        [done.status, done.out],
        [1, ["GROUP  CHANGE   OUTCOME  DETAIL", "app    changed  timeout  still stopping", "new    added    done"]]
      )
    })
  )
})
