/** `muster backup` of a console that has much to do, and `muster restore` into another one, as they are typed. */
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { begin, load, newWorld, password, randomOf } from "../../runtime/real/kill/Load.ts"
import { ask, at, isDone, listAt } from "../../runtime/real/kill/Requests.ts"
import { type RealConsole, shell, start } from "../support/RealConsole.ts"
import { itPostgres } from "../support/RealPostgres.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

const configuration = (form: number): string => `
[poll]
interval = "${form === 0 ? 200 : 300}ms"
[auth]
login_failures_per_account = 1000
login_failures_per_address = 100000
${["steady", "ticker", "worker"]
  .map((name) => `[[programs]]\nname = "${name}"\ngroup = "app"\ncommand = "sleep 1000"\nstartsecs = 0\n`)
  .join("")}
`

/** A folder with a configuration, and a console and commands that keep what they keep there, or at the URL. */
const place = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const config = join(folder, "muster.toml")
  writeFileSync(config, configuration(0))
  return (database: string) => {
    const env = {
      MUSTER_ADMIN_PASSWORD: password,
      MUSTER_AUTH_ANONYMOUS_ROLE: "none",
      MUSTER_DATABASE_URL: database.includes(":") ? database : `sqlite:${join(folder, database)}`,
      XDG_RUNTIME_DIR: folder
    }
    const type = (line: string) =>
      Effect.map(shell(`cd '${folder}' && muster ${line} --config muster.toml`, env), ({ code, stderr, stdout }) => ({
        code,
        told: stderr.trim(),
        shown: stdout.trim()
      }))
    return { folder, type, start: start({ config, env }) }
  }
})

const get = (url: string, path: string, token: string) => Effect.promise(() => ask(url, { path, token }))

const loggedIn = (url: string) =>
  Effect.map(
    Effect.promise(() => ask(url, { method: "POST", path: "/api/auth/login", body: { username: "admin", password } })),
    ({ body }) => String(at(body, "token"))
  )

const addUser = (url: string, token: string, username: string) =>
  Effect.map(
    Effect.promise(() =>
      ask(url, { method: "POST", path: "/api/users", token, body: { username, password, role: "operator" } })
    ),
    (answer) => assert.isTrue(isDone(answer), JSON.stringify(answer.body))
  )

/** Names and roles. */
const usersOf = (url: string, token: string) =>
  Effect.map(get(url, "/api/users", token), ({ body }) =>
    listAt(body, "users").map((user) => `${String(at(user, "username"))} ${String(at(user, "role"))}`)
  )

/** Entries of the activity log that were there before this console began, newest first. */
const entriesBefore = (url: string, token: string, startMs: number) =>
  Effect.map(get(url, "/api/activity?limit=1000", token), ({ body }) =>
    listAt(body, "entries").filter((entry) => Date.parse(String(at(entry, "at"))) < startMs)
  )

type Place = Effect.Success<typeof place>

/** A backup of a console under load, its user `early` from before and `late` from after it, and what it has to hold. */
const backUp = Effect.fnUntraced(function* (where: Place, file: string) {
  const { folder, start: starting, type } = where("one.db")
  const console = yield* starting
  const { url } = console
  const world = newWorld({ folder, random: randomOf(3), configuration })
  const token = yield* Effect.promise(() => begin(url, world))
  yield* addUser(url, token, "early")
  let isOver = false
  const working = yield* Effect.forkChild(
    Effect.promise(() => load({ url, token, world, isOver: () => isOver })),
    { startImmediately: true }
  )
  yield* Effect.repeat(Effect.sleep(20), { until: () => world.answered >= 25 })
  const made = yield* type(`backup ${file}`)
  assert.deepInclude(made, { code: 0, told: "" })
  // The state of the fleet is stored now and then: a quick backup may come before the first time.
  assert.match(made.shown, new RegExp(`^${file}: \\d+ users, .*, \\d nodes? as last known; tables of version \\d+$`))
  yield* addUser(url, token, "late")
  const again = yield* type(`backup ${file}`)
  assert.deepStrictEqual(again, {
    code: 2,
    told: `muster: ${join(folder, file)} exists already; --force replaces it`,
    shown: ""
  })
  const used = yield* type(`restore ${file} --force`)
  assert.deepInclude(used, { code: 2, shown: "" })
  assert.match(used.told, /one\.db is in use: stop the console first$/)
  isOver = true
  yield* Fiber.join(working)
  assert.strictEqual((yield* console.stop("SIGTERM")).code, 0)
  return { folder, token }
})

/** What a console shows on a database that the backup was restored to. */
const holdsBackup = Effect.fnUntraced(function* (console: RealConsole, before: { readonly token: string }) {
  const startMs = Date.now()
  const { url } = console
  assert.strictEqual((yield* get(url, "/api/auth/me", before.token)).status, 401)
  const token = yield* loggedIn(url)
  const users = yield* usersOf(url, token)
  assert.includeMembers([...users], ["admin admin", "early operator", "keeper viewer"])
  assert.notInclude(users.join(), "late")
  // Of one moment: no entry of the log is missing among those that are there.
  const entries = (yield* entriesBefore(url, token, startMs)).map((entry) => Number(at(entry, "id"))).toReversed()
  assert.isAtLeast(entries.length, 25)
  assert.deepStrictEqual(
    entries,
    entries.map((_, index) => index + 1)
  )
  assert.isTrue(isDone(yield* get(url, "/api/nodes/local/processes", token)))
  yield* addUser(url, token, "later")
})

const nothingLeft = (folder: string) =>
  assert.deepStrictEqual(
    readdirSync(folder, { recursive: true })
      .map(String)
      .filter((name) => /muster-[0-9a-f]{16}/.test(name)),
    []
  )

describe("a backup of a console under load", () => {
  it.live(
    "comes back into a new console",
    () =>
      Effect.gen(function* () {
        const where = yield* place
        const before = yield* backUp(where, "saved.db")
        const { folder, start: starting, type } = where("two.db")
        const restored = yield* type("restore saved.db")
        assert.deepInclude(restored, { code: 0, told: "" })
        assert.match(restored.shown, /: restored \d+ users, .*; everybody has to log in again$/)
        yield* holdsBackup(yield* starting, before)
        nothingLeft(folder)
      }),
    180_000
  )

  itPostgres(
    "comes back into a console on PostgreSQL, and from there into SQLite",
    (database) =>
      Effect.gen(function* () {
        const where = yield* place
        const before = yield* backUp(where, "saved.db")
        const shared = where(Redacted.value(database))
        assert.deepInclude(yield* shared.type("restore saved.db"), { code: 0, told: "" })
        const console = yield* shared.start
        yield* holdsBackup(console, before)
        assert.deepInclude(yield* shared.type("backup shared.db"), { code: 0, told: "" })
        const used = yield* shared.type("restore saved.db --force")
        assert.deepStrictEqual([used.code, used.told], [2, "muster: a console uses the database: stop it first"])
        assert.strictEqual((yield* console.stop("SIGTERM")).code, 0)

        const own = where("three.db")
        assert.deepInclude(yield* own.type("restore shared.db"), { code: 0, told: "" })
        const { url } = yield* own.start
        const users = yield* usersOf(url, yield* loggedIn(url))
        assert.includeMembers([...users], ["early operator", "later operator"])
        nothingLeft(own.folder)
      }),
    180_000
  )
})
