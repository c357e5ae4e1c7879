import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import * as Console from "../../core/Console.ts"
import { preparedDatabase } from "../../scenarios/PreparedDatabase.ts"
import * as World from "../../scenarios/World.ts"
import * as Sim from "../../sim/Sim.ts"

/** What the console has to find again, without what differs from one first start to the next. */
const looks = {
  tables: "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name",
  versions: "SELECT version, name FROM schema_versions ORDER BY version",
  users: "SELECT username, role, limits, disabled, last_login_ms FROM users",
  keys: "SELECT length(id), length(secret) FROM signing_keys",
  changes: "SELECT id, version, length(change_id) FROM accounts_version",
  rest: `SELECT (SELECT COUNT(*) FROM sessions) AS sessions, (SELECT COUNT(*) FROM api_tokens) AS tokens,
    (SELECT COUNT(*) FROM activity) AS entries, (SELECT COUNT(*) FROM fleet_nodes) AS nodes`
} as const

/** Tables are the same whatever spaces they were written with. */
const spacesApart = (text: string): string => text.replace(/\s+/g, " ").replace(/ ?([(),]) ?/g, "$1")

/** What a world has in its database once it has started, and somebody has logged in. */
const found = (prepared: ReadonlyArray<string>) => {
  const program = Effect.gen(function* () {
    const { accounts, sql } = yield* World.make({ nodes: {}, parts: Console.parts, prepared })
    const seen = yield* Effect.forEach(Object.values(looks), (look) => sql.look(look))
    const { principal } = yield* accounts.login("admin", Redacted.make(World.adminPassword), {})
    return { text: spacesApart(JSON.stringify(seen, null, 1).replaceAll("\\n", " ")), role: principal.role }
  })
  const { exit, message } = Sim.run(Effect.scoped(program))
  return exit !== undefined && Exit.isSuccess(exit) ? exit.value : assert.fail(message)
}

describe("the prepared database", () => {
  it("is what the console makes at its first start", () => {
    assert.deepStrictEqual(found(preparedDatabase), found([]))
  })
})
