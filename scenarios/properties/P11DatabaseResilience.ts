/**
 * P11, database resilience (R5.1, R5.2, R5.4): transient failures are retried with growing, jittered, bounded delays;
 * permanent ones are not; exhaustion answers in bounded time.
 *
 * Method: calls that read, write, hold a connection or are wrong for good come beside each other on a small pool, while
 * the server refuses, breaks off, keeps silent, is locked or restarts for a while. Each attempt is watched where it is
 * made, and each pause compared with the rule; each call ends within its bound as a DatabaseError that fits. Once the
 * server is well again its health shows that within one interval, and every call goes well.
 */
import { Cause, Effect, Exit, Fiber, Result } from "effect"
import type { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import { monotonicMs } from "../../core/MonotonicMs.ts"
import { component } from "../../core/storage/Database.ts"
import { DatabaseError } from "../../core/storage/DatabaseError.ts"
import { draw } from "../../sim/Draw.ts"
import { Rules, sometimes } from "../../sim/Sim.ts"
import type { Point } from "../../sim/sql/Session.ts"
import * as DatabaseWorld from "../DatabaseWorld.ts"
import * as DatabaseMutants from "../mutants/DatabaseMutants.ts"
import { type Attempt, checkAttempts, isTriable, watched } from "../oracles/DatabaseAttempts.ts"
import { causeText, eventually, holds, type Property } from "../Property.ts"
import * as AccountsStage from "../stages/AccountsStage.ts"

const whats = ["read", "write", "wrong", "duplicate", "hold"] as const
const faults = ["refuse", "reset", "reply lost", "silence", "busy", "full", "restart", "read-only"] as const

/** How much there is of what a run is made of. */
interface Size {
  readonly calls: fc.ArrayConstraints
  readonly faults: fc.ArrayConstraints
  /** When something begins, at the latest. */
  readonly untilMs: number
  /** The longest that a fault lasts. */
  readonly faultMsMax: number
  /** The tables are there from an earlier start. */
  readonly isPrepared: boolean
  readonly connections: ReadonlyArray<number>
  /** Of so many runs the database is away at the start of one. */
  readonly awayEvery: number
  /** Of so many runs one is looked at by the health of its component too. */
  readonly healthEvery: number
  /** Calls at the end, for each connection, and how they may be made. */
  readonly againPerConnection: number
  readonly again: ReadonlyArray<"statement" | "transaction">
}

const large: Size = {
  calls: { minLength: 3, maxLength: 8 },
  faults: { minLength: 1, maxLength: 2 },
  untilMs: 4_000,
  faultMsMax: 3_000,
  isPrepared: false,
  connections: [1, 2, 3],
  awayEvery: 2,
  healthEvery: 1,
  againPerConnection: 2,
  again: ["transaction"]
}

const small: Size = {
  calls: { minLength: 1, maxLength: 2 },
  faults: { minLength: 1, maxLength: 1 },
  untilMs: 100,
  faultMsMax: 1_500,
  isPrepared: true,
  connections: [1, 1, 2],
  awayEvery: 16,
  healthEvery: 8,
  againPerConnection: 1,
  again: ["statement", "statement", "transaction"]
}

const oneIn = (n: number) => fc.nat(n - 1).map((drawn) => drawn === n - 1)

const workloadOf = ({ again, awayEvery, calls, connections, faultMsMax, faults: number, healthEvery, untilMs }: Size) =>
  fc.record({
    retriesMax: fc.integer({ min: 0, max: 5 }),
    retryDelayMs: fc.constantFrom(50, 100),
    retryDelayMaxMs: fc.constantFrom(100, 400, 1_600),
    statementTimeoutMs: fc.constantFrom(2_000, 4_000),
    breakerFailures: fc.constantFrom(3, 20),
    connectionsMax: fc.constantFrom(...connections),
    acquireTimeoutMs: fc.constantFrom(300, 800),
    awayAtStart: oneIn(awayEvery),
    hasHealth: oneIn(healthEvery),
    again: fc.constantFrom(...again),
    calls: fc.array(fc.record({ atMs: fc.nat(untilMs), what: fc.constantFrom(...whats) }), calls),
    faults: fc.array(
      fc.record({
        atMs: fc.nat((untilMs * 3) / 4),
        forMs: fc.integer({ min: 100, max: faultMsMax }),
        how: fc.constantFrom(...faults)
      }),
      number
    )
  })

type Plan = ReturnType<ReturnType<typeof workloadOf>["generate"]>["value"]

const fixed = { transactionTimeoutMs: 3_000, breakerOpenMs: 1_000, healthIntervalMs: 2_000 } as const

/** How long a call that holds its connection does so. */
const holdMs = 1_000

const isRead = ({ operation, sql }: Point): boolean => operation === "execute" && sql.startsWith("SELECT")

/** A fault for as long as it lasts. */
const inject = Effect.fnUntraced(function* (
  server: DatabaseWorld.DatabaseWorld["server"],
  { atMs, forMs, how }: Plan["faults"][number]
) {
  yield* Effect.sleep(atMs)
  const always = { num: 1, den: 1 }
  const half = { num: 1, den: 2 }
  const rule = (chance: Rules.Ratio, verdict: Rules.Verdict, matches: (point: Point) => boolean) =>
    Effect.flatMap(Rules.withChance(chance, verdict, matches), server.rule)
  const lasting = Effect.gen(function* () {
    if (how === "restart") yield* server.restart({ downMs: forMs })
    if (how === "read-only") yield* server.readOnly
    if (how === "refuse") {
      yield* server.restart()
      yield* rule(always, { _tag: "refuse" }, ({ operation }) => operation === "connect")
    }
    if (how === "reset") yield* rule(half, { _tag: "reset" }, ({ phase }) => phase === "request")
    if (how === "reply lost") yield* rule(half, { _tag: "reset" }, (point) => point.phase === "reply" && isRead(point))
    if (how === "silence") yield* rule(half, { _tag: "drop" }, () => true)
    if (how === "busy") yield* rule(half, { _tag: "fail", code: "SQLITE_BUSY" }, isStatement)
    if (how === "full") yield* rule(half, { _tag: "fail", code: "SQLITE_FULL" }, isStatement)
    yield* Effect.sleep(forMs)
  })
  yield* Effect.scoped(lasting)
})

/** Before it is done. */
const isStatement = ({ operation, phase }: Point): boolean => operation === "execute" && phase === "request"

const statement = (sql: SqlClient.SqlClient, what: Plan["calls"][number]["what"], key: string) => {
  switch (what) {
    case "read":
    case "hold":
      return sql`SELECT name FROM fleet_nodes`
    case "write":
      return sql`INSERT INTO fleet_nodes (name, seen_ms, processes) VALUES (${key}, 0, '[]')
        ON CONFLICT (name) DO UPDATE SET seen_ms = 1`
    case "duplicate":
      return sql`INSERT INTO accounts_version (id, version, change_id) VALUES (1, 0, '')`
    case "wrong":
      return sql`SELECT nothing FROM nowhere`
  }
}

interface Made {
  readonly what: string
  readonly kind: Plan["calls"][number]["what"]
  readonly attempts: ReadonlyArray<Attempt>
  readonly startedMs: number
  readonly endedMs: number
  readonly exit: Exit.Exit<unknown, unknown>
}

const call = Effect.fnUntraced(function* (
  { database }: DatabaseWorld.DatabaseWorld,
  index: number,
  { atMs, what: kind }: Plan["calls"][number]
) {
  yield* Effect.sleep(atMs)
  const attempts: Array<Attempt> = []
  const startedMs = yield* monotonicMs
  const key = `node-${index}`
  const use = (sql: SqlClient.SqlClient) => watched(attempts, statement(sql, kind, key))
  const holding = (sql: SqlClient.SqlClient) => Effect.andThen(use(sql), Effect.sleep(holdMs))
  const asked = kind === "hold" ? database.transaction(`hold ${key}`, holding) : database.run(`${kind} ${key}`, use)
  const exit: Exit.Exit<unknown, unknown> = yield* Effect.exit(asked)
  const made: Made = { what: `${kind} ${key}`, kind, attempts, startedMs, endedMs: yield* monotonicMs, exit }
  return made
})

/** What an interrupted statement waits for its answer, and some of the way. */
const slackMs = 1_200

const checkCall = Effect.fnUntraced(function* (made: Made, plan: Plan, options: DatabaseWorld.DatabaseWorldOptions) {
  const { attempts, endedMs, exit, kind, startedMs, what } = made
  const { acquireTimeoutMs } = options.pool
  const boundMs =
    kind === "hold"
      ? fixed.transactionTimeoutMs + acquireTimeoutMs + 2 * plan.statementTimeoutMs + slackMs
      : plan.statementTimeoutMs + slackMs
  const tookMs = endedMs - startedMs
  yield* holds(tookMs <= boundMs, () => `${what} took ${tookMs} ms, which may be ${boundMs}`)
  if (Exit.isSuccess(exit)) return
  const found = Cause.findError(exit.cause)
  const error = Result.isSuccess(found) ? found.success : undefined
  yield* holds(error instanceof DatabaseError, () => `${what} ends with ${causeText(exit.cause)}`)
  if (!(error instanceof DatabaseError)) return
  yield* sometimes(`a call ended ${error.reason}`)
  const last = attempts.at(-1)
  if (kind === "hold" || last === undefined) return
  const fits = fitting[last.outcome] ?? ["Failed"]
  // A connection may break at the very moment at which the time is over.
  const isLate = error.reason === "TimedOut" && tookMs >= plan.statementTimeoutMs
  yield* holds(isLate || fits.includes(error.reason), () => `${what} ends ${error.reason} after ${last.outcome}`)
  if (error.reason === "Exhausted") {
    const waitedMs = last.endedMs - last.startedMs
    yield* holds(waitedMs <= acquireTimeoutMs + 5, () => `${what} waited ${waitedMs} ms for a connection`)
  }
  const pauseMs = plan.retryDelayMaxMs
  const isRoom = attempts.length <= plan.retriesMax && endedMs + pauseMs < startedMs + plan.statementTimeoutMs
  yield* holds(
    !isTriable(last) || !isRoom || error.detail.includes("left alone"),
    () => `${what} was given up after ${attempts.length} attempts though ${last.outcome} may pass: ${error.message}`
  )
})

/** What a call may end as after an attempt that ended so. */
const fitting: Readonly<Record<string, ReadonlyArray<string>>> = {
  ConnectionError: ["Unavailable"],
  LockTimeoutError: ["TimedOut", "Unavailable"],
  UniqueViolation: ["Conflict"],
  // A full disk, or one that is read-only: the only ones here.
  UnknownError: ["Unwritable"],
  acquire: ["Exhausted"],
  "given up": ["TimedOut"]
}

const workloads = { large: workloadOf(large), small: workloadOf(small) } as const

const run = Effect.fnUntraced(function* (parts: ConsoleParts, plan: Plan, { againPerConnection, isPrepared }: Size) {
  const hasHealth = plan.hasHealth || plan.awayAtStart
  const options: DatabaseWorld.DatabaseWorldOptions = {
    parts,
    options: { ...plan, ...fixed },
    isPrepared,
    isKnown: isPrepared && !plan.awayAtStart,
    ...(hasHealth ? {} : { components: AccountsStage.components }),
    pool: { connectionsMax: plan.connectionsMax, acquireTimeoutMs: plan.acquireTimeoutMs }
  }
  const awayMs = 1_500
  const world = yield* DatabaseWorld.make(options, (server) =>
    plan.awayAtStart ? server.restart({ downMs: awayMs }) : Effect.void
  )
  if (plan.awayAtStart) yield* checkStart(world, awayMs)
  yield* world.database.ready
  const injecting = yield* Effect.forkChild(
    Effect.forEach(plan.faults, (fault) => inject(world.server, fault), { concurrency: "unbounded", discard: true })
  )
  const made = yield* Effect.forEach(plan.calls, (each, index) => call(world, index, each), {
    concurrency: "unbounded"
  })
  const pauses: Array<number> = []
  for (const each of made) {
    yield* checkCall(each, plan, options)
    if (each.kind === "hold") continue
    const found = yield* checkAttempts(each.what, each.attempts, options.options)
    pauses.push(...found.map(({ share }) => Math.round(share * 100)))
  }
  yield* checkJitter(pauses)
  yield* Effect.andThen(Fiber.join(injecting), checkWell(world, plan, { againPerConnection, hasHealth }))
}, Effect.scoped)

const programOf =
  (how: keyof typeof workloads): Property["program"] =>
  (parts) =>
    Effect.flatMap(draw(workloads[how]), (plan) => run(parts, plan, how === "large" ? large : small))

/** It is built all the same, says that it is not there yet, and refuses at once. */
const checkStart = Effect.fnUntraced(function* ({ components, database }: DatabaseWorld.DatabaseWorld, awayMs: number) {
  yield* sometimes("away at the start")
  const status = yield* database.status
  const [health] = yield* components.all
  yield* holds(status === "starting", () => `away at the start, it says ${status}`)
  yield* holds(health?.status === "failing", () => `away at the start, its health is ${health?.status}`)
  const startedMs = yield* monotonicMs
  const error = yield* Effect.flip(database.run("early", (sql) => sql`SELECT 1`)).pipe(
    Effect.catch(() => Effect.succeed(undefined))
  )
  const tookMs = (yield* monotonicMs) - startedMs
  yield* holds(
    error?.reason === "Unavailable" && tookMs < 10,
    () => `asked before it is ready, it says ${error?.reason} after ${tookMs} ms`
  )
  yield* eventually({
    what: "it is up when it can be reached",
    withinMs: awayMs + fixed.healthIntervalMs + 500,
    look: database.status,
    until: (now) => now === "up"
  })
})

/** Of so many pauses not all can be the same share of what they may be. A run without any chance draws the least. */
const pausesMin = 5

const checkJitter = (shares: ReadonlyArray<number>) =>
  holds(
    shares.length < pausesMin || new Set(shares).size > 1 || shares.every((share) => share <= 52),
    () => `all of ${shares.length} pauses are ${shares[0]} % of what they may be: they have no jitter`
  )

/** Health comes slowly. */
const lookEveryMs = 400

/** All faults are over. */
const checkWell = Effect.fnUntraced(function* (
  { components, database }: DatabaseWorld.DatabaseWorld,
  plan: Plan,
  { againPerConnection, hasHealth }: { readonly againPerConnection: number; readonly hasHealth: boolean }
) {
  // A connection that waits for the answer to a request that was lost before is given up.
  if (plan.faults.some(({ how }) => how === "silence")) yield* Effect.sleep(plan.statementTimeoutMs + slackMs)
  const health = hasHealth
    ? Effect.map(components.all, (all) => all.find(({ name }) => name === component)?.status)
    : Effect.succeed("not looked at")
  const well = hasHealth ? ["healthy", "degraded"] : ["not looked at"]
  yield* eventually({
    what: "its health shows that it is well again",
    // One probe that waits for an answer in vain, a pause, the next.
    withinMs: 2 * fixed.healthIntervalMs + plan.retryDelayMaxMs + 1_000,
    look: Effect.delay(
      Effect.map(
        Effect.all([database.status, health, database.counts]),
        ([status, shown, { breaker }]) => `${status}, ${shown}, circuit ${breaker}`
      ),
      lookEveryMs
    ),
    until: (seen) => well.some((shown) => seen === `up, ${shown}, circuit closed`)
  })
  const again = Array.from({ length: againPerConnection * plan.connectionsMax }, (_, index) =>
    database[plan.again === "statement" ? "run" : "transaction"](`again ${index}`, (sql) =>
      statement(sql, "write", `again-${index}`)
    )
  )
  const exits = yield* Effect.forEach(again, Effect.exit, { concurrency: "unbounded" })
  const bad = exits.find(Exit.isFailure)
  yield* holds(bad === undefined, () => `all is well, and a call ends with ${bad && causeText(bad.cause)}`)
})

export const P11: Property = {
  id: "P11",
  title: "database resilience",
  requirements: ["R5.1", "R5.2", "R5.4"],
  marks: [
    "the database was away at the start",
    "a statement was tried again",
    "the retries of a statement were used up",
    "a statement ran out of time",
    "no connection was free in time",
    "a commit had no answer",
    "the circuit of the database opened",
    "the health probe closed the circuit of the database"
  ],
  leaks: "fail",
  program: programOf("large"),
  focus: programOf("small"),
  mutants: [
    DatabaseMutants.permanentRetried,
    DatabaseMutants.retriesWithoutGrowth,
    DatabaseMutants.retriesWithoutEnd,
    DatabaseMutants.retriesWithoutJitter,
    DatabaseMutants.neverRetried,
    DatabaseMutants.healthLookedAtRarely,
    DatabaseMutants.exhaustedRetried
  ]
}
