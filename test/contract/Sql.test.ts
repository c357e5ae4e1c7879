/** The contract of SQL clients, against the simulated database, SQLite on disk and PostgreSQL. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as NodeSqlite from "../../runtime/NodeSqlite.ts"
import * as Postgres from "../../runtime/Postgres.ts"
import * as Sim from "../../sim/Sim.ts"
import { Database } from "../../sim/sql/Database.ts"
import * as SimSql from "../../sim/sql/SimSql.ts"
import * as RealPostgres from "../support/RealPostgres.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"
import { acquireTimeoutMs, clientOf, sqlContract, type SqlWorld } from "./Sql.ts"

const connectionsMax = 3
const seeds = 5

const simulated: SqlWorld = {
  connectionsMax,
  test: (name, test) =>
    it(`${name}, in ${seeds} runs`, () => {
      const program = Effect.gen(function* () {
        const server = yield* Database
        const layer = Layer.provide(SimSql.layer({ connectionsMax, acquireTimeoutMs }), Layer.succeed(Database, server))
        const client = clientOf(layer)
        yield* Effect.scoped(
          test({ client, readOnlyClient: Effect.andThen(server.readOnly, client), breakConnections: server.restart() })
        )
      })
      const { failure } = Sim.check(Effect.provide(program, Database.layer()), { runs: seeds })
      assert.strictEqual(failure?.message, undefined)
    })
}

const nodeSqlite: SqlWorld = {
  connectionsMax: 1,
  test: (name, test) =>
    it.live(name, () =>
      Effect.scoped(
        Effect.flatMap(temporaryFolder, (folder) => {
          const filename = join(folder, "test.sqlite")
          const client = clientOf(NodeSqlite.layer({ filename, acquireTimeoutMs }))
          const readOnlyClient = clientOf(NodeSqlite.layer({ filename, acquireTimeoutMs, readOnly: true }))
          return test({ client, readOnlyClient, breakConnections: undefined })
        })
      )
    )
}

const postgres: SqlWorld = {
  connectionsMax,
  test: (name, test) =>
    RealPostgres.itPostgres(name, (url) => {
      const client = (to: Redacted.Redacted) => clientOf(Postgres.layer({ url: to, connectionsMax, acquireTimeoutMs }))
      const readOnlyUrl = new URL(Redacted.value(url))
      readOnlyUrl.searchParams.set("options", "-c default_transaction_read_only=on")
      return test({
        client: client(url),
        readOnlyClient: client(Redacted.make(readOnlyUrl.toString())),
        breakConnections: RealPostgres.breakConnections(url)
      })
    })
}

describe("SQL on the simulated database", () => {
  sqlContract(simulated)
})
describe("SQL on SQLite on disk", () => {
  sqlContract(nodeSqlite)
})
describe("SQL on PostgreSQL", () => {
  sqlContract(postgres)
})
