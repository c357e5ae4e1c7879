/** In whose name the commands ask: sessions kept in a file, refreshed once for all, and what their user is told. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { readdirSync, readFileSync, statSync, chmodSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, type Scope } from "effect"
import { temporaryFolder } from "../../support/TemporaryFolder.ts"
import { muster } from "./FakeConsole.ts"

const password = "correct horse battery"

const Given = Schema.fromJsonString(
  Schema.Struct({ password: Schema.optionalKey(Schema.String), refresh_token: Schema.optionalKey(Schema.String) })
)

/** The part of a console that lets people in: an access token counts the refreshes, and so does a refresh token. */
class Doorkeeper {
  readonly refreshes: Array<string> = []
  readonly asked: Array<string | undefined> = []
  generation = 0
  /** How long an access token lasts, as it says; it is refused from the next refresh on. */
  lastsMs = 60_000
  isRevoked = false
  answerMs = 0

  private granted(response: ServerResponse) {
    const inMs = (ms: number) => new Date(Date.now() + ms).toISOString()
    const user = { username: "ada", actor: "ada", role: "admin", limits: [], via: "session" }
    send(response, 200, {
      token: `access-${this.generation}`,
      expires: inMs(this.lastsMs),
      refresh_token: `refresh-${this.generation}`,
      session_expires: inMs(3_600_000),
      csrf_token: "c",
      user
    })
  }

  handle(request: IncomingMessage, response: ServerResponse, body: string) {
    const given = Schema.decodeSync(Given)(body === "" ? "{}" : body)
    switch (request.url) {
      case "/api/auth/login":
        return given.password === password ? this.granted(response) : refuse(response)
      case "/api/auth/refresh": {
        this.refreshes.push(given.refresh_token ?? "")
        if (this.isRevoked || given.refresh_token !== `refresh-${this.generation}`) return refuse(response)
        this.generation++
        setTimeout(() => this.granted(response), this.answerMs)
        return
      }
      case "/api/auth/logout":
        response.writeHead(204).end()
        return
      default: {
        const token = request.headers.authorization
        this.asked.push(token)
        const isIn = token === `Bearer access-${this.generation}` || token === "Bearer mst_token"
        return isIn && !this.isRevoked ? send(response, 200, { nodes: [] }) : refuse(response)
      }
    }
  }
}

const send = (response: ServerResponse, status: number, body: unknown) => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}

const refuse = (response: ServerResponse) =>
  send(response, 401, { status: "error", message: "not authenticated", code: "unauthorized", request_id: "r" })

const serving = (keeper: Doorkeeper): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createServer((request, response) => {
        let body = ""
        request.on("data", (piece) => (body += String(piece)))
        request.on("end", () => keeper.handle(request, response, body))
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close: () => server.close() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ url }) => url))

/** Variables of this process until the scope closes. */
const variables = (values: Readonly<Record<string, string | undefined>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = Object.keys(values).map((name) => [name, process.env[name]] as const)
      assign(Object.entries(values))
      return before
    }),
    (before) => Effect.sync(() => assign(before))
  )

const assign = (values: ReadonlyArray<readonly [string, string | undefined]>) => {
  for (const [name, value] of values) {
    if (value === undefined) Reflect.deleteProperty(process.env, name)
    else process.env[name] = value
  }
}

const withKeeper = (
  body: (place: { readonly keeper: Doorkeeper; readonly url: string; readonly file: string }) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const keeper = new Doorkeeper()
    const url = yield* serving(keeper)
    yield* variables({ XDG_CONFIG_HOME: folder, MUSTER_PASSWORD: password, MUSTER_TOKEN: undefined })
    yield* body({ keeper, url, file: join(folder, "muster", "credentials.json") })
  }).pipe(Effect.scoped)

const nodes = (url: string) => muster(["nodes", "--url", url])

const loggedIn = (url: string) =>
  Effect.map(muster(["login", "--url", url, "--username", "ada"]), ({ err, out, status }) => {
    assert.deepStrictEqual([status, out, err], [0, [], [`muster: logged in at ${url} as ada, admin`]])
  })

describe("a session of the commands", () => {
  it.live("is kept for its user alone, used, and ended", () =>
    withKeeper(({ file, keeper, url }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual((yield* nodes(url)).err, ["not logged in: muster login"])
        yield* loggedIn(url)
        assert.strictEqual(statSync(file).mode & 0o777, 0o600)
        assert.deepStrictEqual(readdirSync(join(file, "..")).toSorted(), ["credentials.json", "credentials.json.lock"])
        assert.notInclude(readFileSync(file, "utf8"), password)
        assert.strictEqual((yield* nodes(url)).status, 0)
        assert.strictEqual(keeper.asked.at(-1), "Bearer access-0")
        assert.strictEqual((yield* muster(["logout", "--url", url])).status, 0)
        assert.notInclude(readFileSync(file, "utf8"), "access-0")
        assert.deepStrictEqual((yield* nodes(url)).err, ["not logged in: muster login"])
      })
    )
  )

  it.live("is not begun by a wrong password, which nobody is shown", () =>
    withKeeper(({ url }) =>
      Effect.gen(function* () {
        yield* variables({ MUSTER_PASSWORD: "wrong password" })
        const { err, status } = yield* Effect.scoped(muster(["login", "--url", url, "--username", "ada"]))
        assert.deepStrictEqual([status, err], [1, ["wrong user name or password"]])
      }).pipe(Effect.scoped)
    )
  )

  it.live("is refreshed once by commands that come together", () =>
    withKeeper(({ keeper, url }) =>
      Effect.gen(function* () {
        keeper.lastsMs = 1_000
        keeper.answerMs = 100
        yield* loggedIn(url)
        keeper.lastsMs = 60_000
        const ran = yield* Effect.all(
          [1, 2, 3, 4].map(() => nodes(url)),
          { concurrency: "unbounded" }
        )
        for (const { err, status } of ran) assert.deepStrictEqual([status, err], [0, []])
        assert.deepStrictEqual(keeper.refreshes, ["refresh-0"])
      })
    )
  )

  it.live("is refreshed when its token is refused before its time", () =>
    withKeeper(({ keeper, url }) =>
      Effect.gen(function* () {
        yield* loggedIn(url)
        // Another command, on another machine, has got the next one: the file here does not know of it.
        const handle = keeper.handle.bind(keeper)
        keeper.handle = (request, response, body) => {
          if (request.headers.authorization !== "Bearer access-0") return handle(request, response, body)
          keeper.asked.push("stale")
          return refuse(response)
        }
        const ran = yield* Effect.all([nodes(url), nodes(url)], { concurrency: "unbounded" })
        for (const { err, status } of ran) assert.deepStrictEqual([status, err], [0, []])
        assert.deepStrictEqual(keeper.refreshes, ["refresh-0"])
      })
    )
  )

  it.live("that was ended is forgotten, and its user told", () =>
    withKeeper(({ file, keeper, url }) =>
      Effect.gen(function* () {
        yield* loggedIn(url)
        keeper.isRevoked = true
        assert.deepStrictEqual((yield* nodes(url)).err, ["not logged in any more: muster login"])
        assert.notInclude(readFileSync(file, "utf8"), "refresh-0")
        assert.deepStrictEqual((yield* nodes(url)).err, ["not logged in: muster login"])
      })
    )
  )

  it.live("gives way to MUSTER_TOKEN, and goes to no other console", () =>
    withKeeper(({ keeper, url }) =>
      Effect.gen(function* () {
        yield* loggedIn(url)
        const other = new Doorkeeper()
        assert.strictEqual((yield* nodes(yield* serving(other))).status, 1)
        assert.deepStrictEqual(other.asked, [undefined])
        yield* variables({ MUSTER_TOKEN: "mst_token" })
        assert.strictEqual((yield* nodes(url)).status, 0)
        assert.strictEqual(keeper.asked.at(-1), "Bearer mst_token")
        yield* variables({ MUSTER_TOKEN: "mst_other" })
        const told = (yield* nodes(url)).err
        assert.deepStrictEqual(told, ["the console lets nobody in by the token in MUSTER_TOKEN"])
      }).pipe(Effect.scoped)
    )
  )

  it.live("is not taken from a file that others can read", () =>
    withKeeper(({ file, url }) =>
      Effect.gen(function* () {
        yield* loggedIn(url)
        chmodSync(file, 0o644)
        assert.match((yield* nodes(url)).err.join(), /others can read it: chmod 600/)
      })
    )
  )
})
