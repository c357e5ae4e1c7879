/** What the accounts promise, one thing after another, on a simulated database and a virtual clock. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Redacted } from "effect"
import type { Credential } from "../../../core/domain/Access.ts"
import { Database } from "../../../sim/sql/Database.ts"
import * as SimSecrets from "../../../scenarios/ports/SimSecrets.ts"
import {
  addUser,
  adminPassword,
  agrees,
  holds,
  login,
  options,
  origin,
  otherPassword,
  password,
  startConsole,
  verdict
} from "./AccountsWorld.ts"

const minuteMs = 60_000

describe("Accounts, sessions", () => {
  it("lets in whoever logs in, by the token alone, until it expires", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada")
        const grant = yield* login(accounts)
        const principal = yield* accounts.authenticate(grant.accessToken)
        assert.deepInclude(principal, { username: "ada", actor: "ada", role: "operator" })
        assert.deepStrictEqual(principal, grant.principal)
        const nowMs = yield* Clock.currentTimeMillis
        yield* Effect.sleep(grant.accessExpiresMs - nowMs - 1)
        assert.strictEqual(yield* verdict(accounts.authenticate(grant.accessToken)), "in")
        yield* Effect.sleep(1)
        assert.strictEqual(yield* verdict(accounts.authenticate(grant.accessToken)), "expired")
        assert.deepStrictEqual((yield* accounts.counts).refused, { expired: 1 })
      })
    ))

  it("keeps secrets out of the database and of what it shows", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada")
        const grant = yield* login(accounts)
        const { secret } = yield* accounts.createToken(grant.principal, {
          name: "ci",
          role: "viewer",
          limits: {},
          expiresMs: undefined
        })
        yield* accounts.authenticate(secret)
        const database = yield* Database
        const tables = ["users", "sessions", "api_tokens"]
        const rows = yield* Effect.forEach(tables, (table) => database.look(`SELECT * FROM ${table}`))
        const shown = [yield* accounts.users, yield* accounts.sessions("ada"), yield* accounts.tokens]
        const all = JSON.stringify([rows, shown])
        for (const each of [password, grant.accessToken, grant.refreshToken, secret]) {
          assert.notInclude(all, Redacted.value(each))
          assert.notInclude(all, Redacted.value(each).slice(-20))
        }
        assert.notInclude(JSON.stringify(shown), "$scrypt")
        assert.notInclude(JSON.stringify(shown), grant.csrfToken)
        assert.strictEqual(accounts.csrfTokenUnsafe(sessionOf(grant.principal.credential)), grant.csrfToken)
      })
    ))

  it("goes on as long as it is refreshed, and ends when it is not", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada")
        let grant = yield* login(accounts)
        for (let i = 0; i < 4; i++) {
          yield* Effect.sleep(50 * minuteMs)
          assert.strictEqual(yield* verdict(accounts.authenticate(grant.accessToken)), "expired")
          grant = yield* accounts.refresh(grant.refreshToken, origin)
          assert.strictEqual(yield* verdict(accounts.authenticate(grant.accessToken)), "in")
        }
        const { credential } = grant.principal
        assert.isDefined(accounts.currentUnsafe(credential, grant.sessionExpiresMs - 1))
        assert.isUndefined(accounts.currentUnsafe(credential, grant.sessionExpiresMs))
        yield* Effect.sleep(60 * minuteMs)
        assert.include(["expired", "unknown"], yield* verdict(accounts.refresh(grant.refreshToken, origin)))
        yield* Effect.sleep(2 * minuteMs)
        const database = yield* Database
        assert.deepStrictEqual(yield* database.look("SELECT id FROM sessions"), [])
      })
    ))

  it("gives the same next token to two tabs, and ends the session of a thief", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada")
        const first = yield* login(accounts)
        const one = yield* accounts.refresh(first.refreshToken, origin)
        yield* Effect.sleep(9_000)
        const other = yield* accounts.refresh(first.refreshToken, origin)
        assert.strictEqual(Redacted.value(one.refreshToken), Redacted.value(other.refreshToken))
        assert.strictEqual(yield* verdict(accounts.authenticate(other.accessToken)), "in")
        yield* Effect.sleep(2_000)
        assert.strictEqual(yield* verdict(accounts.refresh(first.refreshToken, origin)), "revoked")
        for (const each of [one, other]) {
          assert.strictEqual(yield* verdict(accounts.authenticate(each.accessToken)), "revoked")
          assert.strictEqual(yield* verdict(accounts.refresh(each.refreshToken, origin)), "unknown")
        }
        yield* agrees(accounts)
      })
    ))

  it("knows a token that was replaced long ago", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada")
        const first = yield* login(accounts)
        const second = yield* accounts.refresh(first.refreshToken, origin)
        const third = yield* accounts.refresh(second.refreshToken, origin)
        const foreign = Redacted.make(Redacted.value(third.refreshToken).replace("msr_", "msr_AAAA").slice(0, 71))
        assert.strictEqual(yield* verdict(accounts.refresh(foreign, origin)), "unknown")
        assert.strictEqual(yield* verdict(accounts.authenticate(third.accessToken)), "in")
        assert.strictEqual(yield* verdict(accounts.refresh(first.refreshToken, origin)), "revoked")
        assert.strictEqual(yield* verdict(accounts.authenticate(third.accessToken)), "revoked")
      })
    ))

  it("ends the oldest when there are too many", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada")
        const grants = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7], () => Effect.delay(login(accounts), 5))
        const verdicts = yield* Effect.forEach(grants, ({ accessToken }) => verdict(accounts.authenticate(accessToken)))
        assert.deepStrictEqual(verdicts, ["revoked", "revoked", "in", "in", "in", "in", "in"])
        yield* agrees(accounts)
      })
    ))

  it("is over at once after a logout, and for all of them after their end", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada")
        const [one, two] = [yield* login(accounts), yield* login(accounts)]
        yield* accounts.logout(sessionOf(one.principal.credential))
        yield* accounts.logout(sessionOf(one.principal.credential))
        assert.strictEqual(yield* verdict(accounts.authenticate(one.accessToken)), "revoked")
        assert.strictEqual(yield* verdict(accounts.authenticate(two.accessToken)), "in")
        yield* accounts.endSessions("ada")
        assert.strictEqual(yield* verdict(accounts.authenticate(two.accessToken)), "revoked")
        yield* agrees(accounts)
      })
    ))
})

describe("Accounts, rights", () => {
  it("go by what the user is now, and tell those who watch before the answer", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        const { id } = yield* addUser(accounts, "ada")
        const told: Array<string> = []
        yield* accounts.onRightsChanged((ids) => Effect.sync(() => told.push([...ids].join(" "))))
        yield* accounts.onRightsChanged(() => Effect.die("a bug of a watcher"))
        const { accessToken } = yield* login(accounts)
        const role = Effect.map(accounts.authenticate(accessToken), (principal) => principal.role)
        yield* accounts.changeUser("ada", { role: "viewer" })
        assert.deepStrictEqual([yield* role, told], ["viewer", [id]])
        yield* accounts.changeUser("ada", { limits: { nodes: ["web-*"] } })
        assert.deepStrictEqual((yield* accounts.authenticate(accessToken)).limits, [{ nodes: ["web-*"] }])
        yield* accounts.changeUser("ada", { disabled: true })
        assert.strictEqual(yield* verdict(role), "revoked")
        assert.strictEqual(yield* verdict(login(accounts)), "disabled")
        yield* accounts.changeUser("ada", { disabled: false })
        assert.strictEqual(yield* verdict(role), "revoked")
        assert.strictEqual(yield* verdict(login(accounts)), "in")
        yield* accounts.removeUser("ada")
        assert.strictEqual(yield* verdict(login(accounts)), "unknown")
        assert.strictEqual(told.length, 5)
        yield* agrees(accounts)
      })
    ))

  it("of an API token are the lesser of its own and its owner's, and end with either", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada")
        const { principal } = yield* login(accounts)
        const expiresMs = (yield* Clock.currentTimeMillis) + minuteMs
        const make = (role: "viewer" | "admin") =>
          accounts.createToken(principal, { name: "ci", role, limits: { nodes: ["db"] }, expiresMs })
        const [lesser, greater] = [yield* make("viewer"), yield* make("admin")]
        assert.deepInclude(yield* accounts.authenticate(lesser.secret), {
          actor: "ada/ci",
          role: "viewer",
          limits: [{}, { nodes: ["db"] }]
        })
        assert.strictEqual((yield* accounts.authenticate(greater.secret)).role, "operator")
        yield* accounts.changeUser("ada", { disabled: true })
        assert.strictEqual(yield* verdict(accounts.authenticate(lesser.secret)), "disabled")
        yield* accounts.changeUser("ada", { disabled: false })
        yield* accounts.removeToken(lesser.token.id)
        assert.strictEqual(yield* verdict(accounts.authenticate(lesser.secret)), "unknown")
        assert.strictEqual(yield* verdict(accounts.removeToken(lesser.token.id)), "UnknownToken")
        yield* Effect.sleep(minuteMs)
        assert.strictEqual(yield* verdict(accounts.authenticate(greater.secret)), "expired")
        yield* Effect.sleep(2 * minuteMs)
        const [stored] = yield* (yield* Database).look("SELECT last_used_ms FROM api_tokens")
        assert.isAbove(Number(stored?.["last_used_ms"]), 0)
        yield* agrees(accounts)
      })
    ))

  it("are refused to every text that is none of its tokens", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        const table = [
          ["", "missing"],
          ["mst_", "malformed"],
          [`mst_${"A".repeat(43)}`, "unknown"],
          [`mst_${"A".repeat(44)}`, "malformed"],
          [`msr_${"A".repeat(67)}`, "malformed"],
          ["a.b.c", "malformed"],
          ["\u0000", "malformed"],
          ["x".repeat(1_000_000), "malformed"]
        ] as const
        for (const [text, reason] of table) {
          assert.strictEqual(yield* verdict(accounts.authenticate(Redacted.make(text))), reason, text.slice(0, 20))
        }
      })
    ))

  it("leave at least one administrator", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada", "admin")
        yield* accounts.changeUser("ada", { disabled: true })
        yield* accounts.changeUser("ada", { disabled: false, limits: { nodes: ["web-*"] } })
        // One with limits hands out no rights: nobody could give them back.
        for (const change of [{ disabled: true }, { role: "viewer" }, { limits: { programs: ["web"] } }] as const) {
          assert.strictEqual(yield* verdict(accounts.changeUser("admin", change)), "LastAdmin")
        }
        assert.strictEqual(yield* verdict(accounts.removeUser("admin")), "LastAdmin")
        assert.strictEqual(yield* verdict(accounts.changeUser("admin", { role: "admin" })), "in")
        yield* accounts.changeUser("ada", { limits: {} })
        assert.strictEqual(yield* verdict(accounts.removeUser("admin")), "in")
      })
    ))
})

describe("Accounts, passwords", () => {
  it("end all sessions but the one that is kept when they change", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada")
        const [one, two] = [yield* login(accounts), yield* login(accounts)]
        const change = (present: typeof password, next: typeof password) =>
          verdict(accounts.changeOwnPassword(one.principal, { present, next }, origin))
        assert.strictEqual(yield* change(otherPassword, otherPassword), "wrong password")
        assert.strictEqual(yield* change(password, Redacted.make("short")), "PasswordRefused")
        assert.strictEqual(yield* change(password, otherPassword), "in")
        assert.strictEqual(yield* verdict(accounts.authenticate(one.accessToken)), "in")
        assert.strictEqual(yield* verdict(accounts.authenticate(two.accessToken)), "revoked")
        assert.strictEqual(yield* verdict(login(accounts)), "wrong password")
        assert.strictEqual(yield* verdict(login(accounts, "ada", otherPassword)), "in")
        yield* accounts.changeUser("ada", { password })
        assert.strictEqual(yield* verdict(accounts.authenticate(one.accessToken)), "revoked")
        yield* agrees(accounts)
      })
    ))

  it("are hashed anew at a login when their parameters are outdated", () =>
    void holds(
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(startConsole(), (accounts) => addUser(accounts, "ada")))
        const accounts = yield* startConsole({ secrets: SimSecrets.layer({ today: { ln: 2, r: 1, p: 1 } }) })
        const logins = yield* Effect.all([verdict(login(accounts)), verdict(login(accounts))], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(logins, ["in", "in"])
        const rows = yield* (yield* Database).look("SELECT password_hash FROM users WHERE username = 'ada'")
        assert.match(String(rows[0]?.["password_hash"]), /^\$scrypt\$ln=2,/)
        assert.strictEqual(yield* verdict(login(accounts)), "in")
      }),
      { runs: 3 }
    ))

  it("may be wrong only so often, for a name that exists as for one that does not", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada")
        const tries = (username: string, address: string) =>
          Effect.forEach([1, 2, 3, 4], () => verdict(accounts.login(username, otherPassword, { address })))
        const refused = ["TooManyAttempts"]
        assert.deepStrictEqual(yield* tries("ada", "a"), [...thrice("wrong password"), ...refused])
        assert.deepStrictEqual(yield* tries("nobody", "b"), [...thrice("unknown"), ...refused])
        assert.strictEqual(yield* verdict(accounts.login("ada", password, { address: "c" })), "TooManyAttempts")
        yield* tries("x", "d")
        assert.deepStrictEqual(yield* tries("y", "d"), [...thrice("unknown"), ...refused])
        assert.strictEqual(yield* verdict(accounts.login("z", password, { address: "d" })), "TooManyAttempts")
        yield* Effect.sleep(5 * minuteMs)
        assert.strictEqual(yield* verdict(accounts.login("ada", password, { address: "d" })), "in")
      })
    ))

  it("take the same time for a name that exists as for one that does not", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole({ secrets: SimSecrets.layer({ hashMs: 100 }) })
        yield* addUser(accounts, "ada")
        yield* addUser(accounts, "eve")
        yield* accounts.changeUser("eve", { disabled: true })
        const took = (username: string, given: typeof password) =>
          Effect.gen(function* () {
            const startMs = yield* Clock.currentTimeMillis
            yield* verdict(accounts.login(username, given, { address: username }))
            return (yield* Clock.currentTimeMillis) - startMs
          })
        const long = Redacted.make("x".repeat(100_000))
        const all = [took("ada", otherPassword), took("nobody", password), took("eve", password), took("ada", long)]
        assert.deepStrictEqual(yield* Effect.all(all), [100, 100, 100, 100])
      })
    ))
})

describe("Accounts, first start", () => {
  it("makes an administrator, and tells a random password once", () =>
    void holds(
      Effect.gen(function* () {
        const told: Array<readonly [string, typeof password]> = []
        const settings = {
          surroundings: {
            firstPassword: undefined,
            tellFirstPassword: (username: string, given: typeof password) =>
              Effect.sync(() => void told.push([username, given]))
          }
        }
        const accounts = yield* startConsole(settings)
        const [[username, given] = ["", password]] = told
        assert.isAtLeast(Redacted.value(given).length, 20)
        assert.strictEqual((yield* login(accounts, username, given)).principal.role, "admin")
        yield* startConsole(settings)
        assert.strictEqual(told.length, 1)
      })
    ))

  it("takes the given password, and refuses to start with one against the policy", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        assert.strictEqual((yield* login(accounts, "admin", adminPassword)).principal.username, "admin")
        const firstPassword = Redacted.make("hunter2")
        const error = yield* Effect.flip(startConsole({ surroundings: { firstPassword } }))
        assert.include(error.message, "at least 12 characters")
        assert.notInclude(error.message, "hunter2")
      })
    ))
})

describe("Accounts, keys", () => {
  it("are replaced at their age, and what the one before signed is taken until it expires", () =>
    void holds(
      Effect.gen(function* () {
        const keyRotationMs = 60 * minuteMs
        const accounts = yield* startConsole({ options: { keyRotationMs } })
        yield* Effect.sleep(keyRotationMs - minuteMs)
        const before = yield* login(accounts, "admin", adminPassword)
        yield* Effect.sleep(5 * minuteMs)
        const after = yield* login(accounts, "admin", adminPassword)
        const kid = (grant: typeof before) => Redacted.value(grant.accessToken).split(".")[0]
        assert.notStrictEqual(kid(before), kid(after))
        assert.strictEqual(yield* verdict(accounts.authenticate(before.accessToken)), "in")
        const keys = Effect.flatMap(Database, (database) => database.look("SELECT id FROM signing_keys"))
        assert.strictEqual((yield* keys).length, 2)
        yield* Effect.sleep(options.accessTokenTtlMs + 3 * minuteMs)
        assert.strictEqual((yield* keys).length, 1)
        assert.strictEqual(yield* verdict(accounts.authenticate(before.accessToken)), "unknown")
      })
    ))

  it("are replaced once the database is back", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole({ options: { keyRotationMs: 10 * minuteMs } })
        const database = yield* Database
        yield* database.restart({ downMs: 30 * minuteMs })
        yield* Effect.sleep(29 * minuteMs)
        assert.strictEqual(yield* verdict(login(accounts, "admin", adminPassword)), "Unavailable")
        yield* Effect.sleep(5 * minuteMs)
        assert.strictEqual(yield* verdict(login(accounts, "admin", adminPassword)), "in")
        assert.strictEqual((yield* database.look("SELECT id FROM signing_keys")).length, 2)
        yield* agrees(accounts)
      })
    ))
})

describe("Accounts, tickets", () => {
  it("open once, within half a minute, for whoever still may", () =>
    void holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole({ options: { anonymousRole: "viewer" } })
        yield* addUser(accounts, "ada")
        const grant = yield* login(accounts)
        const issue = accounts.issueTicket(grant.principal)
        const [used, late, revoked] = [yield* issue, yield* issue, yield* issue]
        assert.strictEqual((yield* accounts.redeemTicket(used)).username, "ada")
        assert.strictEqual(yield* verdict(accounts.redeemTicket(used)), "unknown")
        yield* accounts.endSessions("ada")
        assert.strictEqual(yield* verdict(accounts.redeemTicket(revoked)), "revoked")
        yield* Effect.sleep(30_000)
        assert.strictEqual(yield* verdict(accounts.redeemTicket(late)), "unknown")
        const nobody = accounts.anonymous
        if (nobody === undefined) return yield* Effect.die("nobody is anonymous")
        assert.strictEqual((yield* accounts.redeemTicket(yield* accounts.issueTicket(nobody))).role, "viewer")
        yield* Effect.replicateEffect(accounts.issueTicket(nobody), 100)
        assert.strictEqual(yield* verdict(accounts.issueTicket(nobody)), "TooMany")
        assert.strictEqual(yield* verdict(issue), "in")
      })
    ))
})

const thrice = (text: string): ReadonlyArray<string> => [text, text, text]

const sessionOf = (credential: Credential): string => (credential._tag === "Session" ? credential.sessionId : "")
