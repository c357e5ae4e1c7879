/** What the accounts promise of a database, on SQLite and on PostgreSQL as they are. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, type Layer, type Scope } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import * as NodeSqlite from "../../../runtime/NodeSqlite.ts"
import * as Postgres from "../../../runtime/Postgres.ts"
import { itPostgres } from "../../support/RealPostgres.ts"
import { temporaryFolder } from "../../support/TemporaryFolder.ts"
import { addUser, type AccountsService, knowledge, login, origin, startConsoleOn, verdict } from "./AccountsWorld.ts"

type Sql = Layer.Layer<SqlClient.SqlClient, SqlError.SqlError>

/** A test on both; each has a database of its own. */
const onBoth = <E>(name: string, body: (sql: Sql) => Effect.Effect<void, E, Scope.Scope>) => {
  it.live(`${name}, on SQLite`, () =>
    Effect.scoped(
      Effect.flatMap(temporaryFolder, (folder) => body(NodeSqlite.layer({ filename: join(folder, "test.db") })))
    )
  )
  itPostgres(`${name}, on PostgreSQL`, (url) => body(Postgres.layer({ url, connectionsMax: 3 })))
}

const many = { options: { usersMax: 100, tokensMax: 100 } }

/** Two consoles that see soon what the other one has changed. */
const shared = { ...many, surroundings: { isShared: true, reloadIntervalMs: 20 } }

const names = (accounts: AccountsService) =>
  Effect.map(accounts.users, (users) => users.map(({ username }) => username))

const seen = <A, E>(look: Effect.Effect<A, E>, holds: (value: A) => boolean): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    for (;;) {
      const value = yield* look
      if (holds(value)) return value
      yield* Effect.sleep(10)
    }
  })

describe("stored accounts", () => {
  onBoth("are the same after a restart", (sql) =>
    Effect.gen(function* () {
      const wanted = { nodes: ["wéb-*", "日本"], programs: ["app:*"] }
      const { before, grants, secret, told } = yield* Effect.scoped(
        Effect.gen(function* () {
          const accounts = yield* startConsoleOn(sql, many)
          yield* addUser(accounts, "ada", "admin")
          yield* addUser(accounts, "Ada", "viewer")
          yield* accounts.changeUser("Ada", { limits: wanted, disabled: true })
          yield* addUser(accounts, "gone")
          yield* accounts.removeUser("gone")
          const first = yield* login(accounts)
          const second = yield* accounts.refresh(first.refreshToken, { ...origin, userAgent: "ägent 🦀 'x' \"y\"" })
          const expiresMs = (yield* Clock.currentTimeMillis) + 1e11
          const token = { name: "ci 🦀", role: "operator", limits: wanted, expiresMs } as const
          const made = yield* accounts.createToken(second.principal, token)
          return { before: yield* knowledge(accounts), grants: [first, second], secret: made.secret, told: made.token }
        })
      )
      const accounts = yield* startConsoleOn(sql, many)
      assert.strictEqual(yield* knowledge(accounts), before)
      assert.deepStrictEqual((yield* accounts.user("Ada")).limits, wanted)
      assert.deepStrictEqual(
        (yield* accounts.tokens).map(({ name }) => name),
        [told.name]
      )
      for (const { accessToken } of grants) {
        assert.strictEqual((yield* accounts.authenticate(accessToken)).username, "ada")
      }
      assert.strictEqual((yield* accounts.authenticate(secret)).actor, "ada/ci 🦀")
      const [, last] = grants
      if (last === undefined) return assert.fail("there was a session")
      assert.strictEqual(yield* verdict(accounts.refresh(last.refreshToken, origin)), "in")
      assert.strictEqual(yield* verdict(login(accounts, "gone")), yield* verdict(login(accounts, "nobody")))
    })
  )

  onBoth("lose no change of two consoles that change them at the same time", (sql) =>
    Effect.gen(function* () {
      const one = yield* startConsoleOn(sql, shared)
      const other = yield* startConsoleOn(sql, shared)
      const added = Array.from({ length: 8 }, (_, index) => `user-${index}`)
      yield* Effect.forEach(added, (name, index) => addUser(index % 2 === 0 ? one : other, name), {
        concurrency: "unbounded",
        discard: true
      })
      for (const accounts of [one, other]) {
        assert.includeMembers([...(yield* seen(names(accounts), ({ length }) => length === 9))], added)
      }
      assert.strictEqual(yield* knowledge(one), yield* knowledge(other))
      assert.strictEqual(yield* verdict(addUser(other, "user-0")), "UsernameTaken")

      const grant = yield* login(one, "user-1")
      yield* seen(other.sessions("user-1"), ({ length }) => length === 1)
      assert.strictEqual(yield* verdict(other.authenticate(grant.accessToken)), "in")
      yield* other.changeUser("user-1", { disabled: true })
      yield* seen(verdict(one.authenticate(grant.accessToken)), (so) => so !== "in")
      assert.notStrictEqual(yield* verdict(login(one, "user-1")), "in")
    })
  )

  onBoth("are as before when a change fails", (sql) =>
    Effect.gen(function* () {
      let isBroken = false
      const accounts = yield* startConsoleOn(sql, {
        between: (database) => ({
          ...database,
          transaction: (operation, use) =>
            database.transaction(operation, (client) =>
              // After all that the change has written, within its transaction.
              Effect.tap(use(client), () =>
                isBroken ? Effect.asVoid(client`INSERT INTO users (id) VALUES ('half')`) : Effect.void
              )
            )
        })
      })
      yield* addUser(accounts, "ada")
      const before = yield* knowledge(accounts)
      isBroken = true
      assert.include(["Conflict", "Failed"], yield* verdict(addUser(accounts, "eve")))
      assert.include(["Conflict", "Failed"], yield* verdict(accounts.changeUser("ada", { role: "admin" })))
      isBroken = false
      assert.strictEqual(yield* knowledge(accounts), before)
      assert.strictEqual(yield* knowledge(yield* startConsoleOn(sql)), before)
      yield* addUser(accounts, "eve")
      assert.strictEqual(yield* verdict(login(accounts, "eve")), "in")
    })
  )
})
