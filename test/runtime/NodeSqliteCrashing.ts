/** A program that is killed in the middle of a transaction, after one that was acknowledged. Argument: the file. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as NodeSqlite from "../../runtime/NodeSqlite.ts"

const program = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY)`
  yield* sql.withTransaction(sql`INSERT INTO notes (id) VALUES (1)`)
  yield* sql.withTransaction(
    Effect.andThen(
      sql`INSERT INTO notes (id) VALUES (2)`,
      Effect.sync(() => process.kill(process.pid, "SIGKILL"))
    )
  )
})

await Effect.runPromise(program.pipe(Effect.provide(NodeSqlite.layer({ filename: process.argv[2] ?? "" }))))
