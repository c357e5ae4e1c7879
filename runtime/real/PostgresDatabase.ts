/**
 * A database of one's own on the PostgreSQL server of MUSTER_POSTGRES_URL, or else on the one that listens on
 * 127.0.0.1:5432 and trusts the user postgres; dropped when the scope ends.
 */
import { randomUUID } from "node:crypto"
import { connect } from "node:net"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted, type Scope } from "effect"
import { Reactivity } from "effect/reactivity"
import type { SqlError } from "effect/sql"

const serverUrl = process.env["MUSTER_POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres"

const answerMsMax = 2_000

/** Whether something takes connections on the port of the server. */
const answers = (url: URL): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = connect({ host: url.hostname, port: url.port === "" ? 5432 : Number(url.port) })
    const end = (isThere: boolean) => {
      socket.destroy()
      resume(Effect.succeed(isThere))
    }
    socket.setTimeout(answerMsMax, () => end(false))
    socket.on("connect", () => end(true))
    socket.on("error", () => end(false))
  })

/** Why there is no server; undefined when there is one. */
export const whyMissing: Effect.Effect<string | undefined> = Effect.suspend(() => {
  const url = new URL(serverUrl)
  return Effect.map(answers(url), (isThere) => (isThere ? undefined : `no PostgreSQL answers on ${url.host}`))
})

/** Makes a database and gives its URL. */
export const database: Effect.Effect<Redacted.Redacted, SqlError.SqlError, Scope.Scope> = Effect.gen(function* () {
  const name = `muster_real_${randomUUID().replaceAll("-", "")}`
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

/** Ends all sessions of a database, as an administrator does. */
export const breakConnections = (url: Redacted.Redacted): Effect.Effect<void, SqlError.SqlError> => {
  const name = new URL(Redacted.value(url)).pathname.slice(1)
  return administer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
}
