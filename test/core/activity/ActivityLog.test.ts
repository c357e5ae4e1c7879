/** Reading and keeping the activity log, on SQLite and on PostgreSQL as they are. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, type Layer, Schema, type Scope, Stream } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { ActivityFilter, ActivityLog } from "../../../core/activity/ActivityLog.ts"
import { insertRows, removeBelow, removeOlder } from "../../../core/activity/ActivityRows.ts"
import { ActivityEntry } from "../../../core/domain/ActivityEntry.ts"
import type { Attempt } from "../../../core/domain/ActivityEntry.ts"
import * as NodeSqlite from "../../../runtime/NodeSqlite.ts"
import * as Postgres from "../../../runtime/Postgres.ts"
import { itPostgres } from "../../support/RealPostgres.ts"
import { attempt, make } from "./ActivityLogs.ts"
import type { Activities } from "./ActivityLogs.ts"

type Log = ActivityLog["Service"]
type Sql = Layer.Layer<SqlClient.SqlClient, SqlError.SqlError>

/** A test on both; each has a database of its own. */
const onBoth = <E>(name: string, body: (sql: Sql) => Effect.Effect<void, E, Scope.Scope>) => {
  it.live(`${name}, on SQLite`, () => Effect.scoped(body(NodeSqlite.layer({ filename: ":memory:" }))))
  itPostgres(`${name}, on PostgreSQL`, (url) => body(Postgres.layer({ url, connectionsMax: 3 })))
}

/** Whoever records does not wait for ever: on a busy machine some may be on their way when all have returned. */
const written = (log: Log) =>
  Effect.asVoid(Effect.repeat(Effect.andThen(Effect.yieldNow, log.counts), { until: ({ waiting }) => waiting === 0 }))

const recordAll = (log: Log, attempts: ReadonlyArray<Attempt>) =>
  Effect.andThen(Effect.forEach(attempts, log.record, { concurrency: "unbounded", discard: true }), written(log))

const detailsOf = (entries: ReadonlyArray<Attempt>) => entries.map(({ detail }) => detail)

/** All pages, one after another. */
const pages = (log: Log, filter: ActivityFilter, limit: number) =>
  Effect.gen(function* () {
    const found: Array<ReadonlyArray<ActivityEntry>> = []
    let before: number | undefined
    do {
      const page = yield* log.page(filter, { before, limit })
      found.push(page.entries)
      before = page.before
    } while (before !== undefined)
    return found
  })

/** Entries of the year 1970 stay too. */
const forever = { retentionMs: 1e14 }

const numbered = (count: number) => Array.from({ length: count }, (_, i) => attempt({ detail: `${i}` }))

const isEntry = Schema.is(ActivityEntry)

const full: Attempt = {
  actor: "ann/ci",
  address: "10.0.0.1",
  action: "processes.operate",
  node: "web-1",
  process: "app:api",
  outcome: "failed",
  code: "node_refused",
  detail: "restart",
  request_id: "r1"
}

describe("a page of the activity log", () => {
  onBoth("holds what was recorded, as it was", (sql) =>
    Effect.gen(function* () {
      const { log } = yield* make(sql)
      assert.deepStrictEqual(yield* log.page({}, { limit: 10 }), { entries: [], before: undefined })
      yield* log.record(full)
      yield* log.record(attempt())
      yield* written(log)
      const { before, entries } = yield* log.page({}, { limit: 10 })
      assert.isUndefined(before)
      assert.isTrue(entries.every(isEntry))
      assert.deepStrictEqual(
        entries.map(({ at: _at, id: _id, ...others }) => others),
        [attempt(), full]
      )
      const ageMs = (yield* DateTime.now).epochMilliseconds - Date.parse(entries[0]?.at ?? "")
      assert.isTrue(ageMs >= 0 && ageMs < 60_000)
    })
  )

  onBoth("leads to the next, while entries come", (sql) =>
    Effect.gen(function* () {
      const { log } = yield* make(sql)
      yield* recordAll(log, numbered(25))
      const first = yield* log.page({}, { limit: 10 })
      assert.strictEqual(first.entries.length, 10)
      assert.strictEqual(first.before, first.entries.at(-1)?.id)
      yield* recordAll(log, [attempt({ detail: "new" })])
      const second = yield* log.page({}, { before: first.before, limit: 10 })
      const third = yield* log.page({}, { before: second.before, limit: 10 })
      const seen = [first, second, third].flatMap(({ entries }) => detailsOf(entries))
      assert.deepStrictEqual(seen, detailsOf(numbered(25)).toReversed())
      assert.isUndefined(third.before)
      assert.deepStrictEqual(
        (yield* pages(log, {}, 13)).map(({ length }) => length),
        [13, 13]
      )
      const unbounded = yield* log.page({}, { limit: -5 })
      assert.strictEqual(unbounded.entries.length, 1)
    })
  )

  onBoth("goes through windows of ids, and over gaps", (sql) =>
    Effect.gen(function* () {
      const { database, log } = yield* make(sql)
      yield* recordAll(log, numbered(5))
      const [last] = (yield* log.page({}, { limit: 1 })).entries
      // The ids of the next are far away.
      const skip = (client: SqlClient.SqlClient) =>
        client.onDialectOrElse({
          pg: () => client`SELECT setval(pg_get_serial_sequence('activity', 'id'), 70000)`,
          orElse: () => client`UPDATE sqlite_sequence SET seq = 70000 WHERE name = 'activity'`
        })
      yield* database.run("skip", skip)
      yield* recordAll(log, numbered(3))
      assert.isAbove((yield* log.page({}, { limit: 1 })).entries[0]?.id ?? 0, 70_000)
      const found = yield* pages(log, {}, 2)
      const expected = [...detailsOf(numbered(5)), ...detailsOf(numbered(3))]
      assert.deepStrictEqual(
        found.flatMap((entries) => detailsOf(entries)),
        expected.toReversed()
      )
      assert.deepStrictEqual(detailsOf(yield* Stream.runCollect(log.all({}))), expected)
      assert.deepStrictEqual((yield* log.page({ actor: "bob" }, { limit: 9 })).entries, [])
      assert.strictEqual((yield* log.page({}, { before: last?.id, limit: 9 })).entries.length, 4)
    })
  )
})

const hostile = [
  "' OR 1=1 --",
  "'; DROP TABLE activity; --",
  '" OR ""="',
  "%",
  "_",
  "100%_!",
  "\\",
  "$1",
  "?",
  "a\u0000b",
  "a\nb",
  "\ud800",
  "\u202egnp",
  "é".repeat(500)
]

describe("a filter of the activity log", () => {
  const names = ["actor", "action", "node", "process", "requestId", "text"] as const

  onBoth("takes every text as text, and finds what was recorded of it", (sql) =>
    Effect.gen(function* () {
      const { log } = yield* make(sql)
      yield* recordAll(log, numbered(3))
      for (const [index, text] of hostile.entries()) {
        for (const name of [names[index % names.length] ?? "actor", "text" as const]) {
          const { entries } = yield* log.page({ [name]: text }, { limit: 10 })
          assert.deepStrictEqual(entries, [], `${name} = ${text}`)
        }
      }
      for (const text of hostile) {
        yield* log.record(attempt({ actor: text, action: text, node: text, process: text, request_id: text }))
        for (const name of names.slice(0, 5)) {
          const { entries } = yield* log.page({ [name]: text }, { limit: 10 })
          assert.strictEqual(entries.length, 1, `${name} = ${text}`)
        }
      }
      assert.strictEqual((yield* log.page({}, { limit: 100 })).entries.length, 3 + hostile.length)
    })
  )

  onBoth("finds text in any case and any field, and no wildcard", (sql) =>
    Effect.gen(function* () {
      const { log } = yield* make(sql)
      yield* recordAll(log, [
        attempt({ detail: "ÄRGER in Straße" }),
        attempt({ node: "Web-1", detail: "50% done_" }),
        attempt({ process: "app:API", address: "web-9", request_id: "web-9" })
      ])
      const found = (text: string) =>
        Effect.map(log.page({ text }, { limit: 10 }), ({ entries }) => entries.map(({ id }) => id))
      const ids = (yield* log.page({}, { limit: 10 })).entries.map(({ id }) => id).toReversed()
      const table: ReadonlyArray<readonly [string, ReadonlyArray<number>]> = [
        ["ärger", [0]],
        ["WEB-1", [1]],
        ["web-9", []],
        ["app:api", [2]],
        ["0% D", [1]],
        ["%", [1]],
        ["_", [1]],
        ["ann", [2, 1, 0]],
        ["ANN\nprocesses", []],
        ["!", []]
      ]
      for (const [text, which] of table) {
        assert.deepStrictEqual(
          yield* found(text),
          which.map((i) => ids[i] ?? 0),
          text
        )
      }
    })
  )

  onBoth("has to match whole, with all others, in its span of time", (sql) =>
    Effect.gen(function* () {
      const { database, log } = yield* make(sql, forever)
      const rows = [0, 1, 2, 3].map((i) => ({ uid: `u${i}`, atMs: i * 1000, attempt: attempt({ detail: `${i}` }) }))
      const [first, ...others] = rows
      assert.isDefined(first)
      if (first === undefined) return
      yield* database.run("rows", (client) => insertRows(client, [first, ...others]))
      // Written again, they are there once.
      yield* database.run("rows", (client) => insertRows(client, [first, ...others]))
      yield* recordAll(log, [full])
      const found = (filter: ActivityFilter) =>
        Effect.map(log.page(filter, { limit: 10 }), ({ entries }) => detailsOf(entries).join(" "))
      assert.strictEqual(yield* found({ fromMs: 1000, toMs: 3000 }), "2 1")
      assert.strictEqual(yield* found({ toMs: 3000, actor: "ann" }), "2 1 0")
      assert.strictEqual(yield* found({ actor: "an" }), "")
      assert.strictEqual(yield* found({ outcome: "failed", node: "web-1" }), "restart")
      assert.strictEqual(yield* found({ outcome: "done", node: "web-1" }), "")
    })
  )
})

describe("the whole activity log", () => {
  onBoth("is read page by page, up to where it was", (sql) =>
    Effect.gen(function* () {
      const { log } = yield* make(sql, { waitingMax: 2_000 })
      yield* recordAll(log, numbered(1_100))
      const one = yield* Stream.runHead(log.all({}))
      assert.strictEqual(one._tag === "Some" ? one.value.detail : "", "0")
      let read = 0
      const seen = yield* log.all({ actor: "ann" }).pipe(
        Stream.tap(() => (read++ % 500 === 0 ? log.record(attempt({ detail: "new" })) : Effect.void)),
        Stream.runCollect
      )
      assert.deepStrictEqual(detailsOf(seen), detailsOf(numbered(1_100)))
    })
  )
})

const rowsOf = ({ database }: Activities) =>
  Effect.map(
    database.run("rows", (sql) => sql<{ readonly detail: string }>`SELECT detail FROM activity ORDER BY id`),
    (rows) => rows.map(({ detail }) => detail).join(" ")
  )

describe("the retention of the activity log", () => {
  onBoth("removes the oldest, so many at a time", (sql) =>
    Effect.gen(function* () {
      const activities = yield* make(sql, forever)
      const { database, log } = activities
      const rows = [0, 1, 2, 3, 4, 5].map((i) => ({
        uid: `u${i}`,
        atMs: i * 1000,
        attempt: attempt({ detail: `${i}` })
      }))
      const [first, ...others] = rows
      if (first === undefined) return
      yield* database.run("rows", (client) => insertRows(client, [first, ...others]))
      assert.strictEqual(yield* database.run("old", (client) => removeOlder(client, 3000, 2)), 2)
      assert.strictEqual(yield* rowsOf(activities), "2 3 4 5")
      assert.strictEqual(yield* database.run("old", (client) => removeOlder(client, 3000, 2)), 1)
      const [newest] = (yield* log.page({}, { limit: 1 })).entries
      assert.strictEqual(yield* database.run("many", (client) => removeBelow(client, newest?.id ?? 0, 1)), 1)
      assert.strictEqual(yield* rowsOf(activities), "4 5")
    })
  )
})
