/** A database of PostgreSQL that is made for one run, and dropped after it. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"

/** One that needs no quoting. */
const name = /^[a-z_][a-z0-9_]{0,62}$/

const administer = (url: URL, statement: string): Promise<void> => {
  const server = new URL(url)
  server.pathname = "/postgres"
  return Effect.flatMap(PgClient.make({ url: Redacted.make(server.toString()), maxConnections: 1 }), (sql) =>
    Effect.asVoid(sql.unsafe(statement).unprepared)
  ).pipe(
    Effect.mapError(({ reason: { cause, message } }) => (cause instanceof Error ? cause : new Error(message))),
    Effect.scoped,
    Effect.provide(Reactivity.layer),
    Effect.runPromise
  )
}

/** Makes the database that the URL names; fails when it is there. Gives what drops it. */
export const make = async (text: string): Promise<() => Promise<void>> => {
  const url = URL.parse(text)
  const database = url?.pathname.slice(1) ?? ""
  if (url === null || !/^postgres(?:ql)?:$/.test(url.protocol) || !name.test(database)) {
    throw new Error("--database is no postgres://user@host/NAME, with a NAME of a-z, 0-9 and _")
  }
  await administer(url, `CREATE DATABASE ${database}`)
  return () => administer(url, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
}
