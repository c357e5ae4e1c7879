/** The activity log over HTTP: what a request asks of it, and the files it gives. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { HttpClient, HttpRouter, HttpServerResponse } from "effect/http"
import type { ActivityFilter } from "../../../core/activity/ActivityLog.ts"
import { ActivityLog } from "../../../core/activity/ActivityLog.ts"
import { ActivityEntry } from "../../../core/domain/ActivityEntry.ts"
import { csvCell, exportBytes } from "../../../core/http/ActivityExport.ts"
import * as Network from "../../../sim/net/Network.ts"
import * as SimHttpClient from "../../../sim/net/SimHttpClient.ts"
import * as SimHttpServer from "../../../sim/net/SimHttpServer.ts"
import * as Sim from "../../../sim/Sim.ts"
import { DatabaseError } from "../../../core/storage/DatabaseError.ts"
import { ask, client } from "./FakeServices.ts"

const entry = (id: number, changes: Partial<ActivityEntry> = {}): ActivityEntry => ({
  id,
  at: "2026-01-01T00:00:00.000Z",
  actor: "ann",
  action: "processes.operate",
  outcome: "done",
  ...changes
})

const strict = { onExcessProperty: "error" } as const
const Page = Schema.Struct({ entries: Schema.Array(ActivityEntry), before: Schema.optionalKey(Schema.Int) })
const decodePage = Schema.decodeUnknownSync(Schema.fromJsonString(Page), strict)
const decodeLine = Schema.decodeUnknownSync(Schema.fromJsonString(ActivityEntry), strict)

interface Asked {
  readonly filter: ActivityFilter
  readonly before?: number | undefined
  readonly limit?: number
}

/** A log of these entries, and what it was asked for. */
const logOf = (entries: ReadonlyArray<ActivityEntry>, asked: Array<Asked> = []): Partial<ActivityLog["Service"]> => ({
  page: (filter, options) =>
    Effect.sync(() => {
      asked.push({ filter, ...options })
      return { entries, before: entries.at(-1)?.id }
    }),
  all: (filter) => {
    asked.push({ filter })
    return Stream.fromIterable(entries)
  }
})

describe("GET /api/activity", () => {
  it.effect("asks for what the query says, and answers with a page", () =>
    Effect.gen(function* () {
      const asked: Array<Asked> = []
      const http = yield* client({ activity: logOf([entry(8), entry(7, { node: "web" })], asked) })
      const path =
        "/api/activity?actor=ann&action=a&node=web&process=app:api&outcome=denied&request_id=r1&text=%27%25" +
        "&from=2026-01-01&to=2026-01-02T03:04:05%2B01:00&before=9&limit=1000"
      const { status, text } = yield* ask(http, path)
      assert.strictEqual(status, 200, text)
      assert.deepStrictEqual(decodePage(text), { entries: [entry(8), entry(7, { node: "web" })], before: 7 })
      assert.deepStrictEqual(asked, [
        {
          filter: {
            actor: "ann",
            action: "a",
            node: "web",
            process: "app:api",
            outcome: "denied",
            requestId: "r1",
            text: "'%",
            fromMs: Date.UTC(2026, 0, 1),
            toMs: Date.UTC(2026, 0, 2, 2, 4, 5)
          },
          before: 9,
          limit: 1000
        }
      ])
      yield* ask(http, "/api/activity")
      assert.strictEqual(asked[1]?.limit, 100)
    })
  )

  it.effect("refuses what makes no sense, field by field", () =>
    Effect.gen(function* () {
      const http = yield* client({ activity: logOf([]) })
      const table: ReadonlyArray<readonly [string, string]> = [
        ["limit=0", "query.limit"],
        ["limit=1001", "query.limit"],
        ["limit=x", "query.limit"],
        ["before=-1", "query.before"],
        ["outcome=good", "query.outcome"],
        ["from=yesterday", "query.from"],
        ["from=2026-13-01", "query.from"],
        ["to=2026-01-01T00:00:00", "query.to"],
        ["text=", "query.text"],
        [`text=${"x".repeat(201)}`, "query.text"],
        [`actor=${"x".repeat(257)}`, "query.actor"],
        ["user=ann", "query.user"]
      ]
      for (const [query, field] of table) {
        const { status, text } = yield* ask(http, `/api/activity?${query}`)
        assert.strictEqual(status, 400, query)
        assert.include(text, `"field":"${field}"`, query)
      }
      assert.strictEqual((yield* ask(http, "/api/activity/export")).status, 400)
      assert.strictEqual((yield* ask(http, "/api/activity/export?format=xml")).status, 400)
    })
  )

  it.effect("says that the database is away, for a page and for a file", () =>
    Effect.gen(function* () {
      const failing = Effect.fail(
        new DatabaseError({ operation: "ActivityLog.page", reason: "Unavailable", detail: "gone", retryAfterMs: 1500 })
      )
      const http = yield* client({ activity: { page: () => failing, all: () => Stream.fromEffect(failing) } })
      for (const path of ["/api/activity", "/api/activity/export?format=csv"]) {
        const { headers, status, text } = yield* ask(http, path)
        assert.deepStrictEqual([status, headers["retry-after"]], [503, "2"])
        assert.include(text, "database_unavailable")
        assert.notInclude(text, "gone")
      }
    })
  )
})

describe("a cell of CSV", () => {
  const table: ReadonlyArray<readonly [string | number | undefined, string]> = [
    [undefined, ""],
    ["", ""],
    [12, "12"],
    ["plain", "plain"],
    ['a "b"', '"a ""b"""'],
    ["a,b", '"a,b"'],
    ["a\nb", '"a\nb"'],
    ["a\r\nb", '"a\r\nb"'],
    ["=1+1", "'=1+1"],
    ["+1", "'+1"],
    ["-1", "'-1"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["\t=1", "'\t=1"],
    ["\r=1", '"\'\r=1"'],
    ["＝1", "'＝1"],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
    ["a=1", "a=1"]
  ]
  for (const [value, cell] of table) {
    it(`of ${JSON.stringify(value)} is ${JSON.stringify(cell)}`, () => assert.strictEqual(csvCell(value), cell))
  }
})

describe("the export of the activity log", () => {
  const entries = [
    entry(1, { detail: 'say "hi", then\n=1' }),
    entry(2, { actor: "=cmd", node: "web", code: "forbidden" })
  ]

  it.effect("is CSV with a header line", () =>
    Effect.gen(function* () {
      const http = yield* client({ activity: logOf(entries) })
      const { headers, status, text } = yield* ask(http, "/api/activity/export?format=csv")
      assert.strictEqual(status, 200)
      assert.strictEqual(headers["content-type"], "text/csv; charset=utf-8")
      assert.strictEqual(headers["content-disposition"], 'attachment; filename="muster-activity.csv"')
      assert.strictEqual(
        text,
        "id,at,actor,address,action,node,process,outcome,code,detail,request_id\r\n" +
          '1,2026-01-01T00:00:00.000Z,ann,,processes.operate,,,done,,"say ""hi"", then\n=1",\r\n' +
          "2,2026-01-01T00:00:00.000Z,'=cmd,,processes.operate,web,,done,forbidden,,\r\n"
      )
    })
  )

  it.effect("is one object of JSON a line", () =>
    Effect.gen(function* () {
      const asked: Array<Asked> = []
      const http = yield* client({ activity: logOf(entries, asked) })
      const { headers, text } = yield* ask(http, "/api/activity/export?format=jsonl&actor=ann")
      assert.strictEqual(headers["content-disposition"], 'attachment; filename="muster-activity.jsonl"')
      assert.deepStrictEqual(
        text
          .trimEnd()
          .split("\n")
          .map((line) => decodeLine(line)),
        entries
      )
      assert.isTrue(text.endsWith("\n"))
      assert.isTrue(asked.some(({ filter, limit }) => limit === undefined && filter.actor === "ann"))
    })
  )

  it("comes over a network in pieces, and is read no further when its client has gone", () => {
    const program = Effect.gen(function* () {
      let read = 0
      const endless = Stream.tap(Stream.fromIterable(Array.from({ length: 50 }, (_, i) => entry(i))), () =>
        Effect.andThen(
          Effect.sync(() => read++),
          Effect.sleep(100)
        )
      )
      let closed = false
      const log = Layer.mock(ActivityLog, {
        page: () => Effect.succeed({ entries: [], before: undefined }),
        all: () =>
          Stream.ensuring(
            endless,
            Effect.sync(() => (closed = true))
          )
      })
      const network = yield* Layer.build(Network.layer({}))
      const served = Layer.unwrap(
        Effect.map(ActivityLog, ({ all }) =>
          HttpRouter.add("GET", "/export", HttpServerResponse.stream(exportBytes(all({}), "jsonl")))
        )
      )
      const server = HttpRouter.serve(served, { disableLogger: true, disableListenLog: true }).pipe(
        Layer.provide(SimHttpServer.layer({ host: "console", port: 80 })),
        Layer.provide(log)
      )
      yield* Effect.provideContext(Layer.build(server), network)
      const sides = yield* Effect.provideContext(Layer.build(SimHttpClient.layer({ host: "operator" })), network)
      const got = yield* HttpClient.get("http://console/export").pipe(
        Effect.flatMap((response) => Stream.runCollect(Stream.take(response.stream, 3))),
        Effect.scoped,
        Effect.provideContext(sides)
      )
      if (got.length !== 3) return yield* Effect.die(`got ${got.length} pieces`)
      yield* Effect.sleep(2_000)
      if (!closed || read > 20) return yield* Effect.die(`read ${read} after the client had gone`)
    })
    const { failure } = Sim.check(Effect.scoped(program), { runs: 20, seed: 1, leaks: "fail" })
    assert.strictEqual(failure?.message, undefined, failure?.story)
  })
})
