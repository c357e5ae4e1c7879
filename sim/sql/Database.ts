/**
 * A simulated database server: real SQLite in memory, and sessions that clients open over a wire.
 *
 * Models: transactions as SQLite has them on a file in WAL mode (see `Sqlite`), each session with its own; one writer
 * at a time, others wait up to the busy timeout, and which of those who wait is next is up to the schedule; latency in
 * both directions of each round trip; a disk that outlives every client and is full or read-only when a scenario says
 * so; and rules that faults install. CURRENT_TIMESTAMP and random() follow the run (see `Unpredictable`).
 * Does not model: users and passwords, TLS, the bytes of the wire, a limit of sessions, statements that take long by
 * themselves, a server that loses or damages what it acknowledged.
 *
 * Rules are asked for each request on its way (`phase: "request"`) and for its reply (`phase: "reply"`):
 * - `delay`: later. `fail`: a request is answered with that failure of SQLite in place of being done; a reply says it
 *   although the statement was done.
 * - `reset`, `refuse`, `corrupt`: the session ends there and then, with a rollback. At the request of a COMMIT nothing
 *   was committed; at its reply it was, and the client does not know. At a request to connect: connection refused.
 * - `drop`: nothing arrives; the client gives up after its answer timeout, and the server ends the session then.
 *
 * A scenario builds the layer outside of the hosts that crash.
 */
import { Clock, Context, Effect, FiberSet, Layer, Result, type Scope } from "effect"
import { Signal } from "../net/Signal.ts"
import { RunContext } from "../RunContext.ts"
import { make as makeRules, type Rule } from "../Rules.ts"
import { Patience } from "./Patience.ts"
import { type Point, type Server, Session } from "./Session.ts"
import type { Table } from "./Engine.ts"
import { Sqlite } from "./Sqlite.ts"
import { SqliteFailure } from "./SqliteFailure.ts"
import { decodeValue, encodeValue, type SqliteValue } from "./SqliteValue.ts"

export interface DatabaseOptions {
  readonly latencyMsMin: number
  readonly latencyMsMax: number
  /** How long a statement waits for the transaction that writes before it fails with SQLITE_BUSY. */
  readonly busyTimeoutMs: number
  /**
   * Statements that made what is committed at the start, before any client. They must not depend on a clock or on
   * chance; the same list is not carried out twice.
   */
  readonly prepared: ReadonlyArray<string>
}

const defaults: DatabaseOptions = { latencyMsMin: 1, latencyMsMax: 5, busyTimeoutMs: 5_000, prepared: [] }

/** Sessions that wait for the server to notice them. */
const arrivalsMax = 128

export class Database extends Context.Service<
  Database,
  {
    /** A session for a client on a host, not yet connected. The caller closes it. */
    readonly open: (host: string, options: { readonly answerTimeoutMs: number }) => Effect.Effect<Session>
    /** Adds a rule until the scope closes. */
    readonly rule: (rule: Rule<Point>) => Effect.Effect<void, never, Scope.Scope>
    /**
     * The host has crashed: its sessions end, and what they have not committed is gone. Of what was under way, the
     * server may still have got everything, a COMMIT too; that is a choice of the run.
     */
    readonly crash: (host: string) => Effect.Effect<void>
    /** Ends all sessions; nobody gets in for `downMs`. What is committed stays. */
    readonly restart: (options?: { readonly downMs?: number }) => Effect.Effect<void>
    /** The disk has room for so many pages of 4096 bytes until the scope closes; never less than there are. */
    readonly limitPages: (pages: number) => Effect.Effect<void, never, Scope.Scope>
    /** Nothing can be written until the scope closes. */
    readonly readOnly: Effect.Effect<void, never, Scope.Scope>
    /** A statement from outside of the simulated world, for checks: at once, and no fault gets in its way. */
    readonly look: (
      sql: string,
      params?: ReadonlyArray<SqliteValue>
    ) => Effect.Effect<ReadonlyArray<Readonly<Record<string, SqliteValue>>>, SqliteFailure>
    /** Sessions that the server has. */
    readonly sessions: Effect.Effect<number>
  }
>()("muster/sim/sql/Database") {
  static readonly layer = (options: Partial<DatabaseOptions> = {}): Layer.Layer<Database, never, RunContext> =>
    Layer.effect(Database, make({ ...defaults, ...options }))
}

const describe = ({ host, operation, phase, session, sql }: Point): string =>
  `${phase} of ${host}#${session}: ${operation === "execute" ? sql.replace(/\s+/g, " ").slice(0, 60) : operation}`

const make = Effect.fnUntraced(function* (options: DatabaseOptions) {
  const context = yield* RunContext
  const clock = yield* Clock.Clock
  // What is under way on the wire, and how long somebody waits, does not notice when the wall clock is set. Whole
  // milliseconds: a wait for the fraction of one might be over before the clock has moved.
  const nowMs = () => Math.floor(Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
  const wallMs = () => clock.currentTimeMillisUnsafe()
  const below = (n: number) => context.choose("data", n)
  const sqlite = new Sqlite({ nowMs: wallMs, below }, options.prepared)
  context.atEnd(() => sqlite.end())
  const sessions = new Set<Session>()
  let opened = 0
  let downUntilMs = -Infinity
  const latencyChoices = options.latencyMsMax - options.latencyMsMin + 1
  const server: Server = {
    sqlite,
    context,
    rules: yield* makeRules<Point>({ service: "database", describe }),
    latencyMs: () => options.latencyMsMin + context.choose("faults", latencyChoices),
    busyTimeoutMs: options.busyTimeoutMs,
    nowMs,
    freed: new Signal(),
    isDown: () => nowMs() < downUntilMs,
    patience: new Patience(nowMs, context),
    forget: (session) => void sessions.delete(session)
  }
  yield* Effect.forkScoped(server.patience.run)
  const serve = yield* servant
  yield* Effect.addFinalizer(() => Effect.forEach([...sessions], (each) => each.end("ECONNRESET"), { discard: true }))

  const open: Database["Service"]["open"] = (host, { answerTimeoutMs }) =>
    Effect.suspend(() => {
      const session = new Session(server, { host, number: ++opened, answerTimeoutMs })
      // Listed and handed over in one step: a host that crashes in between would leave a session that nobody serves.
      sessions.add(session)
      return Effect.as(serve(session) ? Effect.void : session.end("ECONNREFUSED"), session)
    })

  const crash = (host: string) =>
    Effect.gen(function* () {
      for (const session of [...sessions].filter((each) => each.host === host)) {
        yield* context.choose("faults", 2) === 0 ? session.end("ECONNRESET") : session.close
      }
    })

  const restart = ({ downMs = 0 }: { readonly downMs?: number } = {}) =>
    Effect.gen(function* () {
      context.tell(() => "database: restarts", { kind: "fault" })
      downUntilMs = nowMs() + downMs
      yield* Effect.forEach([...sessions], (session) => session.end("ECONNRESET"), { discard: true })
    })

  const limits: Array<number> = []
  const limited = () => sqlite.limitPages(limits.length === 0 ? undefined : Math.min(...limits))
  let readers = 0

  return Database.of({
    open,
    rule: server.rules.add,
    crash,
    restart,
    limitPages: (pages) =>
      during(
        () => void limits.push(pages),
        () => void limits.splice(limits.indexOf(pages), 1),
        limited
      ),
    readOnly: during(
      () => void readers++,
      () => void readers--,
      () => (sqlite.isReadOnly = readers > 0)
    ),
    look: (sql, params = []) => Effect.suspend(() => Effect.fromResult(look(sqlite, sql, params))),
    sessions: Effect.sync(() => sessions.size)
  })
})

/** Makes a change for as long as the scope is open, and applies what then holds. */
const during = (start: () => void, stop: () => void, apply: () => unknown): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      start()
      apply()
    }),
    () =>
      Effect.sync(() => {
        stop()
        apply()
      })
  )

/**
 * Serves sessions in fibers of the server, and of none of the hosts that open them: they go on when one crashes. The
 * function that this gives says whether there was room for one more.
 */
const servant = Effect.gen(function* () {
  const arrivals: Array<Session> = []
  const arrived = new Signal()
  const fibers = yield* FiberSet.make()
  const next = Effect.gen(function* () {
    const since = arrived.now
    const session = arrivals.shift()
    yield* session === undefined ? arrived.after(since) : FiberSet.run(fibers, session.serve)
  })
  yield* Effect.forkScoped(Effect.forever(next))
  return (session: Session): boolean => {
    if (arrivals.length >= arrivalsMax) return false
    arrivals.push(session)
    arrived.raise()
    return true
  }
})

const look = (sqlite: Sqlite, sql: string, params: ReadonlyArray<SqliteValue>) => {
  const connection = sqlite.open()
  const attempt = connection.attempt(
    sql,
    params.map((value) => encodeValue(value) ?? null)
  )
  connection.close()
  return attempt === "busy" ? Result.fail(SqliteFailure.of("SQLITE_BUSY")) : Result.map(attempt, rowsOf)
}

const rowsOf = ({ columns, rows }: Table) =>
  rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, decodeValue(row[i] ?? null, false)])))
