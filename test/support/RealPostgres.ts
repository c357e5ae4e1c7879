/**
 * A real PostgreSQL for tests: a database of their own on the server of MUSTER_POSTGRES_URL, or else on the one that
 * listens on 127.0.0.1:5432 and trusts the user postgres; dropped when the scope ends.
 *
 * Where no server answers, the tests that need it are skipped, and say so in their name; with MUSTER_REQUIRE_ALL=1 they
 * fail instead. These tests use the real clock.
 */
import { randomUUID } from "node:crypto"
import { connect } from "node:net"
import { PgClient } from "@effect/sql-pg"
import { it } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import { Reactivity } from "effect/reactivity"
import type { SqlError } from "effect/sql"

const serverUrl = process.env["MUSTER_POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres"

const answerMsMax = 2_000

/** Whether something takes connections on the port of the server. */
const answers = (url: URL): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: url.hostname, port: url.port === "" ? 5432 : Number(url.port) })
    const end = (isThere: boolean) => {
      socket.destroy()
      resolve(isThere)
    }
    socket.setTimeout(answerMsMax, () => end(false))
    socket.on("connect", () => end(true))
    socket.on("error", () => end(false))
  })

/** Why there is no server for the tests; undefined when there is one. */
export const missing: string | undefined = (await answers(new URL(serverUrl)))
  ? undefined
  : `no PostgreSQL answers on ${new URL(serverUrl).host}`

/** Makes a database and gives its URL. */
export const database: Effect.Effect<Redacted.Redacted, SqlError.SqlError, Scope.Scope> = Effect.gen(function* () {
  const name = `muster_test_${randomUUID().replaceAll("-", "")}`
  yield* Effect.acquireRelease(administer(`CREATE DATABASE ${name}`), () =>
    Effect.orDie(administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
  )
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return Redacted.make(url.toString())
})

const administer = (statement: string): Effect.Effect<void, SqlError.SqlError> =>
  Effect.scoped(
    Effect.flatMap(PgClient.make({ url: Redacted.make(serverUrl), maxConnections: 1 }), (sql) =>
      Effect.asVoid(sql.unsafe(statement).unprepared)
    )
  ).pipe(Effect.provide(Reactivity.layer))

/** A test against a database of its own, on the real clock. Skipped by name, or failing, where there is no server. */
export const itPostgres = <E>(
  name: string,
  body: (url: Redacted.Redacted) => Effect.Effect<void, E, Scope.Scope>,
  timeoutMs?: number
): void => {
  const isSkipped = missing !== undefined && process.env["MUSTER_REQUIRE_ALL"] !== "1"
  const test = () =>
    missing === undefined
      ? Effect.scoped(Effect.flatMap(database, body))
      : Effect.die(`MUSTER_REQUIRE_ALL=1, but ${missing}`)
  return isSkipped ? it.skip(`${name} [skipped: ${missing}]`) : it.live(name, test, timeoutMs)
}

/** Ends all sessions of a database, as an administrator does. */
export const breakConnections = (url: Redacted.Redacted): Effect.Effect<void, SqlError.SqlError> => {
  const name = new URL(Redacted.value(url)).pathname.slice(1)
  return administer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
}
