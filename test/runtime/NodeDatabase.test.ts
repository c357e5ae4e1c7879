/** What the URL of a database gives: files for their owner alone, and a PostgreSQL that comes and goes. */
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs"
import { connect, createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import * as EventBus from "../../core/bus/EventBus.ts"
import * as Components from "../../core/health/Components.ts"
import * as Database from "../../core/storage/Database.ts"
import * as NodeDatabase from "../../runtime/NodeDatabase.ts"
import { itPostgres } from "../support/RealPostgres.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

const open = (url: string) =>
  Effect.map(Layer.build(Layer.fresh(NodeDatabase.layer({ url: Redacted.make(url) }))), (context) =>
    Context.get(context, SqlClient.SqlClient)
  )

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

const write = (sql: SqlClient.SqlClient) =>
  Effect.andThen(sql`CREATE TABLE a (b TEXT)`, sql`INSERT INTO a VALUES ('c')`)

const messageOf = <A>(effect: Effect.Effect<A, NodeDatabase.DatabaseUnusable, Scope.Scope>) =>
  Effect.scoped(Effect.match(effect, { onFailure: ({ message }) => message, onSuccess: () => "success" }))

describe("a database on a file", () => {
  it.live("is made with its folders for its owner alone, the files beside it too", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        chmodSync(folder, 0o755)
        const path = join(folder, "a", "b", "muster.db")
        yield* write(yield* open(`sqlite:${path}`))
        const modes = ["a", "a/b", "a/b/muster.db", "a/b/muster.db-wal", "a/b/muster.db-shm"].map((name) =>
          modeOf(join(folder, name))
        )
        assert.deepStrictEqual(modes, ["700", "700", "600", "600", "600"])
        assert.strictEqual(modeOf(folder), "755")
      })
    )
  )

  it.live("keeps the mode and the rows of a file that is there", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const path = join(yield* temporaryFolder, "muster.db")
        yield* Effect.scoped(Effect.flatMap(open(`sqlite:${path}`), write))
        chmodSync(path, 0o640)
        const sql = yield* open(`sqlite:${path}`)
        assert.strictEqual((yield* sql`SELECT b FROM a`).length, 1)
        assert.strictEqual(modeOf(path), "640")
      })
    )
  )

  it.live("is named when it cannot be used", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        writeFileSync(
          join(folder, "text"),
          "this is not a database, and longer than the header of one would have to be ".repeat(20)
        )
        mkdirSync(join(folder, "folder"))
        for (const name of ["text", "text/below.db", "folder"]) {
          assert.include(yield* messageOf(open(`sqlite:${join(folder, name)}`)), join(folder, name))
        }
      })
    )
  )

  it.live("may be in memory, and leaves no file then", () =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* write(yield* open("sqlite::memory:"))
        assert.isFalse(existsSync(":memory:"))
      })
    )
  )

  it.live("is refused by a wrong URL without a word of it", () =>
    Effect.gen(function* () {
      const message = yield* messageOf(open("postgres://user:hunter2@"))
      assert.match(message, /^database\.url: expected postgres:\/\/ with a host/)
      assert.notInclude(message, "hunter2")
    })
  )
})

/** Stands before a server, and can be away. */
class Gate {
  private readonly target: URL
  private server: Server | undefined
  private readonly sockets = new Set<Socket>()
  port = 0

  constructor(target: URL) {
    this.target = target
  }

  readonly open = Effect.callback<void>((resume) => {
    const server = createServer((client) => {
      const behind = connect({ host: this.target.hostname, port: Number(this.target.port || 5432) })
      for (const socket of [client, behind]) {
        this.sockets.add(socket)
        socket.on("error", () => socket.destroy())
        socket.on("close", () => this.sockets.delete(socket))
      }
      client.pipe(behind)
      behind.pipe(client)
    })
    this.server = server
    server.listen(this.port, "127.0.0.1", () => {
      const address = server.address()
      this.port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.void)
    })
  })

  readonly close = Effect.callback<void>((resume) => {
    if (this.server === undefined) return resume(Effect.void)
    this.server.close(() => resume(Effect.void))
    this.server = undefined
    for (const socket of this.sockets) socket.destroy()
  })
}

const options = {
  statementTimeoutMs: 1_000,
  transactionTimeoutMs: 2_000,
  retriesMax: 2,
  retryDelayMs: 10,
  retryDelayMaxMs: 100,
  breakerFailures: 3,
  breakerOpenMs: 60_000,
  healthIntervalMs: 100
}

const bus = EventBus.layer({
  workers: 1,
  queueEventsMax: { high: 10, normal: 10, low: 10 },
  overflow: "dropLow",
  handlerTimeoutMs: 1_000
})

describe("a database on a file for one console", () => {
  it.effect("is refused to a second one until the first has ended, and to nobody else", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "muster.db")
      const url = Redacted.make(`sqlite:${path}`)
      const alone = Layer.build(Layer.fresh(NodeDatabase.layer({ url, alone: true })))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* alone
          assert.strictEqual(
            yield* messageOf(alone),
            `database.url: another console uses ${path}; several need a PostgreSQL`
          )
          yield* Effect.scoped(Effect.flatMap(open(`sqlite:${path}`), write))
        })
      )
      assert.strictEqual(yield* messageOf(alone), "success")
      assert.strictEqual(modeOf(`${path}-console`), "600")
    }).pipe(Effect.scoped)
  )
})

describe("a database on PostgreSQL", () => {
  itPostgres("may be away at the start, and come, go and come back", (url) =>
    Effect.gen(function* () {
      const real = new URL(Redacted.value(url))
      const gate = new Gate(real)
      yield* Effect.acquireRelease(gate.open, () => gate.close)
      yield* gate.close
      const behind = new URL(real)
      behind.host = `127.0.0.1:${gate.port}`
      const services = yield* Database.layer(options).pipe(
        Layer.provide(NodeDatabase.layer({ url: Redacted.make(behind.toString()), acquireTimeoutMs: 500 })),
        Layer.provideMerge(Components.layer().pipe(Layer.provide(bus))),
        Layer.build
      )
      const database = Context.get(services, Database.Database)
      const health = Effect.map(Context.get(services, Components.Components).all, ([it]) => it?.status)
      const ask = Effect.match(
        database.run("Test.ask", (sql) => sql`SELECT 1`),
        { onFailure: ({ reason }) => reason, onSuccess: () => "success" }
      )
      const seen = Effect.all([database.status, health, ask])
      assert.deepStrictEqual(yield* seen, ["starting", "failing", "Unavailable"])
      yield* gate.open
      yield* Effect.timeout(database.ready, 5_000)
      assert.deepStrictEqual(yield* seen, ["up", "healthy", "success"])
      yield* gate.close
      yield* Effect.timeout(Effect.repeat(database.status, { until: (status) => status === "down" }), 5_000)
      assert.strictEqual(yield* ask, "Unavailable")
      yield* gate.open
      yield* Effect.timeout(Effect.repeat(database.status, { until: (status) => status === "up" }), 5_000)
      assert.strictEqual(yield* ask, "success")
    })
  )
})
