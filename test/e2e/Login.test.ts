/** Everything by which people and scripts come into a real console, typed as they type it. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { shell, start } from "../support/RealConsole.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

const passwords = {
  admin: "the first administrator",
  vera: "Vera looks and no more",
  next: "another one for later"
} as const

/** A token that lasts ten seconds counts as over at once: each command refreshes its session. */
const configuration = `
[auth]
access_token_ttl = "10s"
[[programs]]
name = "steady"
command = "sleep 1000"
startsecs = 0
`

const place = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const config = join(folder, "muster.toml")
  writeFileSync(config, configuration)
  const env = {
    MUSTER_ADMIN_PASSWORD: passwords.admin,
    MUSTER_AUTH_ANONYMOUS_ROLE: "none",
    MUSTER_DATABASE_URL: `sqlite:${join(folder, "muster.db")}`,
    XDG_RUNTIME_DIR: folder,
    HOME: folder
  }
  /** Somebody with a home of their own. */
  const person =
    (name: string, url: string) =>
    (line: string, more: Readonly<Record<string, string>> = {}) =>
      Effect.map(
        shell(line, { ...env, MUSTER_URL: url, XDG_CONFIG_HOME: join(folder, name), ...more }),
        ({ code, stderr, stdout }) => ({ code, told: stderr.trim(), shown: stdout.trim() })
      )
  return { config, env, person }
})

const notLoggedIn = { code: 1, told: "muster: not logged in: muster login", shown: "" }

describe("people at a real console", () => {
  it.live(
    "log in, do what their role allows, and log out",
    () =>
      Effect.gen(function* () {
        const { config, env, person } = yield* place
        const { url } = yield* start({ config, env })
        const [admin, vera] = [person("admin", url), person("vera", url)]
        assert.deepStrictEqual(yield* admin("muster ps"), notLoggedIn)
        assert.deepStrictEqual(yield* admin("echo 'a wrong password' | muster login"), {
          code: 1,
          told: "muster: wrong user name or password",
          shown: ""
        })
        assert.deepStrictEqual(yield* admin(`echo '${passwords.admin}' | muster login`), {
          code: 0,
          told: `muster: logged in at ${url} as admin, admin`,
          shown: ""
        })
        assert.deepStrictEqual(
          yield* admin("muster users add vera --role viewer", { MUSTER_NEW_PASSWORD: passwords.vera }),
          { code: 0, told: "", shown: "vera: added, viewer" }
        )
        assert.strictEqual((yield* vera("muster login --username vera", { MUSTER_PASSWORD: passwords.vera })).code, 0)

        // Both refresh the same session, which works once.
        const both = yield* vera(
          "muster ps >/dev/null & first=$!; muster nodes; second=$?; wait $first && exit $second"
        )
        assert.deepInclude(both, { code: 0, told: "" })
        assert.include(both.shown, "local")

        const stopping = yield* vera("muster stop local/steady:steady")
        assert.deepInclude(stopping, { code: 1, shown: "" })
        assert.match(stopping.told, /^muster: .*\boperator\b/)
        assert.match((yield* vera("muster users list")).told, /^muster: .*\badmin\b/)
        const denied = yield* admin("muster activity --outcome denied")
        const words = denied.shown.split("\n").map((line) => line.split(/ {2,}/).slice(1, 3).join(" "))
        assert.deepStrictEqual(words, [
          "ACTOR ACTION",
          "vera users.list",
          "vera batches.submit",
          "admin auth.login",
          "? nodes.list"
        ])

        assert.deepInclude(yield* admin("muster users disable vera"), { code: 0, shown: "vera: disabled" })
        assert.deepStrictEqual(yield* vera("muster ps"), {
          ...notLoggedIn,
          told: "muster: not logged in any more: muster login"
        })
        assert.deepStrictEqual(yield* vera("muster ps"), notLoggedIn)

        assert.deepInclude(yield* admin("muster logout"), { code: 0, told: `muster: logged out at ${url}` })
        assert.deepStrictEqual(yield* admin("muster ps"), notLoggedIn)
      }),
    180_000
  )

  it.live(
    "let scripts in by tokens, until these end",
    () =>
      Effect.gen(function* () {
        const { config, env, person } = yield* place
        const console = yield* start({ config, env })
        const admin = person("admin", console.url)
        assert.strictEqual((yield* admin(`echo '${passwords.admin}' | muster login`)).code, 0)
        const made = yield* admin("muster tokens create ci --role operator")
        const short = yield* admin("muster tokens create short --role viewer --expires 1s")
        assert.deepStrictEqual([made.code, short.code], [0, 0], short.told)
        const id = /token (\S+);/.exec(made.told)?.[1] ?? ""
        const ci = (line: string, token = made.shown) => person("ci", console.url)(line, { MUSTER_TOKEN: token })
        assert.deepInclude(yield* ci("muster restart local/steady:steady"), { code: 0, told: "" })
        assert.match((yield* ci("muster tokens list")).told, /^muster: .*\badmin\b/)
        const refused = {
          code: 1,
          told: "muster: the console lets nobody in by the token in MUSTER_TOKEN",
          shown: ""
        }
        assert.deepStrictEqual(yield* ci("muster ps", short.shown), refused)
        assert.deepInclude(yield* admin(`muster tokens remove ${id}`), { code: 0, shown: `${id}: removed` })
        assert.deepStrictEqual(yield* ci("muster ps"), refused)
        const did = yield* admin("muster activity --actor admin/ci --json")
        assert.match(did.shown, /"action": "batches.submit"/)
        assert.notInclude(did.shown, made.shown)
      }),
    180_000
  )

  it.live(
    "who are locked out get a new password from the machine itself, while no console runs",
    () =>
      Effect.gen(function* () {
        const { config, env, person } = yield* place
        const first = yield* start({ config, env })
        const admin = person("admin", first.url)
        assert.strictEqual((yield* admin("muster login", { MUSTER_PASSWORD: passwords.admin })).code, 0)
        const change = `muster password admin --config '${config}'`
        const running = yield* admin(change, { MUSTER_NEW_PASSWORD: passwords.next })
        assert.deepInclude(running, { code: 2, shown: "" })
        assert.match(running.told, /is in use: stop the console first$/)
        assert.strictEqual((yield* first.stop("SIGTERM")).code, 0)
        assert.match((yield* admin(change, { MUSTER_NEW_PASSWORD: "short" })).told, /^muster: .*12 characters/)
        assert.match(
          (yield* admin(change, { MUSTER_NEW_PASSWORD: passwords.next })).shown,
          /^admin, admin: has a new password/
        )

        const second = yield* start({ config, env: { ...env, MUSTER_SERVER_PORT: new URL(first.url).port } })
        assert.strictEqual(second.url, first.url)
        assert.strictEqual((yield* admin("muster ps")).told, "muster: not logged in any more: muster login")
        assert.strictEqual((yield* admin("muster login", { MUSTER_PASSWORD: passwords.admin })).code, 1)
        assert.strictEqual((yield* admin("muster login", { MUSTER_PASSWORD: passwords.next })).code, 0)
        assert.strictEqual((yield* admin("muster ps")).code, 0)
      }),
    180_000
  )
})
