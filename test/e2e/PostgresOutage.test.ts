/** A console on a PostgreSQL that is stopped and killed under load, and started again. */
import { join } from "node:path"
import { writeFileSync } from "node:fs"
import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Checks from "../../runtime/real/kill/Checks.ts"
import { begin, load, newWorld, password, randomOf } from "../../runtime/real/kill/Load.ts"
import { ask, at, isDone, listAt } from "../../runtime/real/kill/Requests.ts"
import { eventually } from "../core/local/RealProcesses.ts"
import { itOwnPostgres, type OwnPostgres } from "../support/OwnPostgres.ts"
import { start } from "../support/RealConsole.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

const database = {
  acquireMs: 500,
  statementMs: 800,
  transactionMs: 1_200,
  healthMs: 250,
  retries: 2,
  retryMsMax: 100
} as const

/** Two looks of the probe that take as long as they may, and a moment for a machine that is busy. */
const shownMsMax = 2 * (database.healthMs + (database.retries + 1) * (database.healthMs + database.retryMsMax)) + 2_000

/**
 * A request that changes something waits for its turn among the others, has its transaction, a connection for it and
 * the ends of it that cannot be interrupted, and then its entry in the activity log, each with a limit of its own.
 */
const answerMsMax = 10_000

/** On top of that, of what waits for processes. */
const operationMsMax = 10_000

const limitOf = ({ path }: { readonly path: string }): number =>
  /\/(?:processes|batches)\b/.test(path) ? answerMsMax + operationMsMax : answerMsMax

const configuration = (form: number): string => `
[poll]
interval = "${form === 0 ? 200 : 300}ms"
[auth]
login_failures_per_account = 1000
login_failures_per_address = 100000
[operations]
start_timeout = "${operationMsMax}ms"
stop_timeout = "${operationMsMax}ms"
restart_timeout = "${operationMsMax}ms"
batch_timeout = "${operationMsMax}ms"
[database]
acquire_timeout = "${database.acquireMs}ms"
statement_timeout = "${database.statementMs}ms"
transaction_timeout = "${database.transactionMs}ms"
health_interval = "${database.healthMs}ms"
retries_max = ${database.retries}
retry_delay = "20ms"
retry_delay_max = "${database.retryMsMax}ms"
breaker_failures = 3
breaker_open = "200ms"
${["steady", "ticker", "worker"]
  .map(
    (name) => `
[[programs]]
name = "${name}"
group = "app"
command = "sh -c 'while :; do echo ${name}; sleep 0.5; done'"
startsecs = 0
stopwaitsecs = 2`
  )
  .join("\n")}
`

const get = (url: string, path: string, token?: string) => Effect.promise(() => ask(url, { path, token }))

const componentOf = (body: unknown, name: string) =>
  listAt(body, "components").find((each) => at(each, "name") === name)

/** What the health says of the database: its status, and that of the answer. */
const health = (url: string, token?: string) =>
  Effect.map(get(url, "/health", token), ({ body, status }) => ({
    status,
    database: at(componentOf(body, "database"), "status"),
    waiting: at(componentOf(body, "activity"), "detail", "waiting")
  }))

const within = Effect.fnUntraced(function* <E, R>(what: string, msMax: number, wait: Effect.Effect<unknown, E, R>) {
  const startedMs = performance.now()
  yield* wait
  const tookMs = performance.now() - startedMs
  assert.isBelow(tookMs, msMax, `${what} took ${tookMs} ms`)
})

const isAway = ({ database: status, status: code }: { database: unknown; status: number }) =>
  status === "failing" && code === 503
const isBack = ({ database: status, status: code }: { database: unknown; status: number }) =>
  status === "healthy" && code === 200

/** Says what was answered otherwise than it may be, too late or not at all. */
const newWatch = () => {
  const bad: Array<string> = []
  const counts = new Map<number, number>()
  const codes = new Set([0, 500, 501, 502])
  return {
    bad,
    counts,
    longestMs: 0,
    answers(
      answer: { readonly status: number; readonly body: unknown },
      request: { readonly method?: string; readonly path: string },
      tookMs: number
    ) {
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1)
      this.longestMs = Math.max(this.longestMs, tookMs)
      if (codes.has(answer.status) || tookMs > limitOf(request)) {
        bad.push(`${request.path}: ${answer.status} after ${tookMs} ms: ${JSON.stringify(answer.body)}`)
      }
    }
  }
}

/** Takes the database away for a while, however that goes, and gives it back. */
const outage = (server: OwnPostgres, url: string, token: string, away: OwnPostgres["stop"]) =>
  Effect.gen(function* () {
    yield* away
    yield* within("the outage in the health", shownMsMax, eventually(health(url, token), isAway))
    assert.isTrue(isDone(yield* get(url, "/api/nodes/local/processes", token)))
    // Some of what is attempted meanwhile has to wait in memory.
    yield* eventually(health(url, token), ({ waiting }) => Number(waiting) > 0)
    assert.isTrue(isDone(yield* get(url, "/api/auth/me", token)))
    yield* server.start
    yield* within("the recovery in the health", shownMsMax, eventually(health(url, token), isBack))
  })

describe("a console whose PostgreSQL goes away under load", () => {
  itOwnPostgres(
    "keeps what it acknowledged, answers in time, shows it, and recovers",
    (server) =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const config = join(folder, "muster.toml")
        writeFileSync(config, configuration(0))
        yield* server.createDatabase("one")
        const watch = newWatch()
        const world = newWorld({
          folder,
          random: randomOf(5),
          configuration,
          answers: (...args) => watch.answers(...args)
        })
        const env = {
          MUSTER_ADMIN_PASSWORD: password,
          MUSTER_AUTH_ANONYMOUS_ROLE: "none",
          MUSTER_DATABASE_URL: server.url("one"),
          XDG_RUNTIME_DIR: folder
        }
        const console = yield* start({ config, env })
        const { url } = console
        const token = yield* Effect.promise(() => begin(url, world))
        let isOver = false
        const working = yield* Effect.forkChild(
          Effect.promise(() => load({ url, token, world, isOver: () => isOver })),
          { startImmediately: true }
        )
        const answered = (count: number) => {
          const enough = world.answered + count
          return Effect.repeat(Effect.sleep(20), { until: () => world.answered >= enough })
        }
        yield* answered(20)
        yield* outage(server, url, token, server.stop)
        yield* answered(20)
        yield* outage(server, url, token, server.kill)
        yield* answered(20)
        isOver = true
        yield* Fiber.join(working)

        assert.deepStrictEqual(watch.bad, [])
        assert.isAbove(watch.counts.get(503) ?? 0, 0)
        yield* eventually(health(url, token), ({ waiting }) => waiting === 0)
        assert.strictEqual((yield* console.stop("SIGTERM")).code, 0)
        // What one console remembers, the next one has to find.
        const next = yield* start({ config, env })
        const wrong = yield* Effect.promise(() => Checks.accounts(next.url, token, world))
        const missing = yield* Effect.promise(() => Checks.activity(next.url, token, world))
        assert.deepStrictEqual([...wrong, ...missing], [])
      }),
    180_000
  )

  itOwnPostgres(
    "serves the fleet when it starts meanwhile, and lets people in when the database is there",
    (server) =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const config = join(folder, "muster.toml")
        writeFileSync(config, configuration(0))
        yield* server.createDatabase("one")
        yield* server.stop
        const { stop, url } = yield* start({
          config,
          env: {
            MUSTER_ADMIN_PASSWORD: password,
            MUSTER_AUTH_ANONYMOUS_ROLE: "operator",
            MUSTER_DATABASE_URL: server.url("one"),
            XDG_RUNTIME_DIR: folder
          }
        })
        assert.isTrue(isDone(yield* get(url, "/health/live")))
        yield* eventually(health(url), isAway)
        yield* eventually(get(url, "/api/nodes/local/processes"), ({ body }) => listAt(body, "processes").length === 3)
        const login = { method: "POST", path: "/api/auth/login", body: { username: "admin", password } } as const
        const refused = yield* Effect.promise(() => ask(url, login))
        assert.deepStrictEqual([refused.status, at(refused.body, "code")], [503, "database_unavailable"])
        const restart = { method: "POST", path: "/api/nodes/local/processes/app/steady/restart", body: {} } as const
        const restarted = yield* Effect.promise(() => ask(url, restart))
        assert.isTrue(isDone(restarted))

        yield* server.start
        yield* within("the recovery in the health", shownMsMax, eventually(health(url), isBack))
        const granted = yield* eventually(
          Effect.promise(() => ask(url, login)),
          isDone
        )
        const token = at(granted.body, "token")
        assert.isString(token)
        const found = yield* get(url, `/api/activity?request_id=${restarted.requestId}`, String(token))
        assert.deepStrictEqual(
          listAt(found.body, "entries").map((entry) => at(entry, "action")),
          ["processes.operate"]
        )
        assert.strictEqual((yield* stop("SIGTERM")).code, 0)
      }),
    180_000
  )
})
