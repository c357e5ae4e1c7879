/**
 * The world of scenarios that go into the database alone: the console's database, its component health and its bus,
 * over a simulated server. What is really asked of the server is watched from there.
 */
import { Context, Effect, Layer, type Scope, Stream } from "effect"
import { SqlClient, type SqlConnection } from "effect/sql"
import type { ConsoleParts } from "../core/Console.ts"
import { Components } from "../core/health/Components.ts"
import { Database } from "../core/storage/Database.ts"
import type { DatabaseOptions } from "../core/storage/DatabaseOptions.ts"
import { migrations } from "../core/storage/Migrations.ts"
import type { RunContext } from "../sim/RunContext.ts"
import { Database as Server } from "../sim/sql/Database.ts"
import * as SimSql from "../sim/sql/SimSql.ts"
import { preparedDatabase } from "./PreparedDatabase.ts"
import { violated, type Violation } from "./Property.ts"
import { consoleOptions } from "./World.ts"

export interface DatabaseWorld {
  readonly database: Database["Service"]
  readonly components: Components["Service"]
  readonly server: Server["Service"]
  /** The same pool that the database uses. */
  readonly sql: SqlClient.SqlClient
}

export interface DatabaseWorldOptions {
  readonly parts: ConsoleParts
  readonly options: DatabaseOptions
  readonly pool: { readonly connectionsMax: number; readonly acquireTimeoutMs: number }
  /** The tables are there from an earlier start, and do not have to be made first; see `PreparedDatabase`. */
  readonly isPrepared?: boolean
  /** The start is told so, and does not look: for scenarios that are about what comes after it. */
  readonly isKnown?: boolean
  /** In place of the console's own, where nobody looks at how its components are. */
  readonly components?: Layer.Layer<Components>
}

/** Writers wait for each other at the server; a database that says so is not away. */
export const busyTimeoutMs = 1_000

/** Nobody takes events but the bus itself. */
const bus = { ...consoleOptions.bus, workers: 1 }

/** What looks at prepared tables would find. */
const found = { version: Object.keys(migrations).length }
const telling: SqlConnection.Connection = {
  execute: () => Effect.succeed([found]),
  executeRaw: () => Effect.succeed([found]),
  executeUnprepared: () => Effect.succeed([found]),
  executeValues: () => Effect.succeed([[found.version]]),
  executeValuesUnprepared: () => Effect.succeed([[found.version]]),
  executeStream: () => Stream.make(found)
}

/** The first transaction, which is that of the start, is told that the tables are there; all others are real. */
const knowing = (client: SqlClient.SqlClient): SqlClient.SqlClient => {
  const { transactionService, withTransaction } = client
  const first: SqlClient.SqlClient["withTransaction"] = (effect) => {
    Object.assign(client, { withTransaction })
    return Effect.provideService(effect, transactionService, [telling, 0])
  }
  return Object.assign(client, { withTransaction: first })
}

/** Builds it; it lasts until the scope closes. `before` happens when the server is there and the console is not. */
export const make = Effect.fnUntraced(function* (
  { components, isKnown = false, isPrepared = false, options, parts, pool }: DatabaseWorldOptions,
  before: (server: Server["Service"]) => Effect.Effect<void, never, RunContext | Scope.Scope> = () => Effect.void
): Effect.fn.Return<DatabaseWorld, Violation, RunContext | Scope.Scope> {
  const there = yield* Layer.build(
    Server.layer({ busyTimeoutMs, ...(isPrepared ? { prepared: preparedDatabase } : {}) })
  )
  const server = Context.get(there, Server)
  yield* before(server)
  const real = SimSql.layer({ ...pool, answerTimeoutMs: options.statementTimeoutMs })
  const client = isKnown
    ? Layer.provide(Layer.effect(SqlClient.SqlClient, Effect.map(SqlClient.SqlClient, knowing)), real)
    : real
  const layer = parts
    .database(options)
    .pipe(
      Layer.provideMerge(client),
      Layer.provideMerge(components ?? Layer.provide(parts.components, parts.bus(bus))),
      Layer.provide(Layer.succeedContext(there))
    )
  const services = yield* Effect.catch(Layer.build(layer), ({ message }) => violated(`it does not start: ${message}`))
  return {
    database: Context.get(services, Database),
    components: Context.get(services, Components),
    server,
    sql: Context.get(services, SqlClient.SqlClient)
  }
})
