/**
 * P12, transaction hygiene (R5.3): a transaction that times out, fails or is interrupted leaves no row, no lock and no
 * missing connection behind.
 *
 * Method: transactions that each write two rows and count one up, some of them too slow, some failing by themselves,
 * some given up at any step, while connections break, answers are lost (those of COMMITs too), the server restarts and
 * its disk is full or read-only. As soon as a caller is told, the rows are there both or not at all, as he was told;
 * what is counted equals what was acknowledged, and at most what nobody knows of. At rest every connection of the pool
 * can be had at once, and the end finds no transaction open.
 */
import { Cause, Effect, Exit, Fiber, Result } from "effect"
import type { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import { monotonicMs } from "../../core/MonotonicMs.ts"
import { DatabaseError } from "../../core/storage/DatabaseError.ts"
import { draw } from "../../sim/Draw.ts"
import { interruptSometime, Rules, sometimes } from "../../sim/Sim.ts"
import type { Point } from "../../sim/sql/Session.ts"
import * as DatabaseWorld from "../DatabaseWorld.ts"
import * as DatabaseMutants from "../mutants/DatabaseMutants.ts"
import * as AccountsStage from "../stages/AccountsStage.ts"
import { causeText, holds, type Property, type Violation, violated } from "../Property.ts"

const faults = ["reset", "commit reset", "commit silence", "delay", "restart", "full", "read-only"] as const

/** How much there is of what a run is made of. */
interface Size {
  /** How many there may be. */
  readonly asks: ReadonlyArray<number>
  readonly faults: fc.ArrayConstraints
  /** When something begins, at the latest. */
  readonly untilMs: number
  readonly connectionsMax: number
  /** Whether the database tells the health of the console how it is. */
  readonly hasHealth: boolean
  /** What of the rest is looked at in a run: all connections at once, a write, or both. */
  readonly rest: ReadonlyArray<"connections" | "write" | "both">
}

const large: Size = {
  asks: [2, 3, 4, 5, 6],
  faults: { maxLength: 2 },
  untilMs: 2_000,
  connectionsMax: 3,
  hasHealth: true,
  rest: ["both"]
}
const small: Size = {
  asks: [1, 1, 1, 2],
  faults: { maxLength: 1 },
  untilMs: 30,
  connectionsMax: 2,
  hasHealth: false,
  rest: ["connections", "write"]
}

const workloadOf = ({ asks, connectionsMax, faults: number, rest, untilMs }: Size) => {
  const one = fc.record({
    atMs: fc.nat(untilMs),
    how: fc.constantFrom("well", "well", "slow", "fails"),
    thinksMs: fc.nat(200),
    givenUp: fc.boolean()
  })
  return fc.record({
    rest: fc.constantFrom(...rest),
    connectionsMax: fc.integer({ min: 1, max: connectionsMax }),
    retriesMax: fc.integer({ min: 0, max: 3 }),
    asks: fc.oneof(...asks.map((length) => fc.array(one, { minLength: length, maxLength: length }))),
    faults: fc.array(
      fc.record({
        atMs: fc.nat(untilMs),
        forMs: fc.integer({ min: 100, max: 2_000 }),
        how: fc.constantFrom(...faults)
      }),
      number
    )
  })
}

type Plan = ReturnType<ReturnType<typeof workloadOf>["generate"]>["value"]

const workloads = { large: workloadOf(large), small: workloadOf(small) } as const
type Ask = Plan["asks"][number]

const fixed = {
  statementTimeoutMs: 1_500,
  transactionTimeoutMs: 2_000,
  retryDelayMs: 50,
  retryDelayMaxMs: 400,
  breakerFailures: 20,
  breakerOpenMs: 500,
  // Nobody looks at its health here.
  healthIntervalMs: 30_000
} as const

const acquireTimeoutMs = 1_000

const pagesFew = 1

/** What is counted up, in the database that runs begin with. */
const versionAtFirst = 1

const inject = Effect.fnUntraced(function* (
  server: DatabaseWorld.DatabaseWorld["server"],
  { atMs, forMs, how }: Plan["faults"][number]
) {
  yield* Effect.sleep(atMs)
  const rule = (verdict: Rules.Verdict, matches: (point: Point) => boolean) =>
    Effect.flatMap(Rules.withChance({ num: 1, den: 3 }, verdict, matches), server.rule)
  const isCommit = ({ operation }: Point) => operation === "commit"
  const lasting = Effect.gen(function* () {
    if (how === "restart") yield* server.restart({ downMs: forMs / 4 })
    if (how === "read-only") yield* server.readOnly
    if (how === "full") yield* server.limitPages(pagesFew)
    if (how === "reset") yield* rule({ _tag: "reset" }, () => true)
    if (how === "commit reset") yield* rule({ _tag: "reset" }, isCommit)
    if (how === "commit silence") yield* rule({ _tag: "drop" }, isCommit)
    if (how === "delay") yield* rule({ _tag: "delay", ms: 700 }, () => true)
    yield* Effect.sleep(forMs)
  })
  yield* Effect.scoped(lasting)
})

const statements = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, index: number, { how, thinksMs }: Ask) {
  const insert = (part: string) =>
    sql`INSERT INTO fleet_nodes (name, seen_ms, processes) VALUES (${`t${index}-${part}`}, 0, ${"x".repeat(5_000)})`
  yield* insert("a")
  yield* sql`UPDATE accounts_version SET version = version + 1`
  yield* Effect.sleep(how === "slow" ? 2 * fixed.transactionTimeoutMs : thinksMs)
  yield* insert("b")
  if (how === "fails") return yield* Effect.fail("on purpose" as const)
})

/** What the caller knows: all of it was done, none of it, or neither is certain. */
type Told = "done" | "not done" | "unknown"

const toldBy = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<Told, Violation> => {
  if (Exit.isSuccess(exit)) return Effect.succeed("done")
  if (Exit.hasInterrupts(exit)) return Effect.succeed("unknown")
  const found = Cause.findError(exit.cause)
  const error = Result.isSuccess(found) ? found.success : undefined
  if (error === "on purpose") return Effect.succeed("not done")
  if (!(error instanceof DatabaseError)) return violated(`a transaction ends with ${causeText(exit.cause)}`)
  return Effect.succeed(error.reason === "Unacknowledged" ? "unknown" : "not done")
}

const ask = Effect.fnUntraced(function* ({ database, server }: DatabaseWorld.DatabaseWorld, index: number, plan: Ask) {
  yield* Effect.sleep(plan.atMs)
  const startedMs = yield* monotonicMs
  const call = database.transaction(`Test.t${index}`, (sql) => statements(sql, index, plan))
  const exit: Exit.Exit<unknown, unknown> = plan.givenUp
    ? yield* interruptSometime(call, { withinSteps: 3_000 })
    : yield* Effect.exit(call)
  const tookMs = (yield* monotonicMs) - startedMs
  yield* holds(tookMs <= boundMs, () => `transaction ${index} took ${tookMs} ms, which may be ${boundMs}`)
  const told = yield* toldBy(exit)
  const rows = yield* look(server, `SELECT name FROM fleet_nodes WHERE name LIKE 't${index}-%' ORDER BY name`)
  const names = rows.map((row) => row["name"]).join()
  const isWhole = names === `t${index}-a,t${index}-b`
  yield* holds(isWhole || names === "", () => `transaction ${index} left half of its rows: ${names}`)
  yield* holds(!isWhole || told !== "not done", () => `transaction ${index} is there though ${describe(exit)}`)
  yield* holds(isWhole || told !== "done", () => `transaction ${index} went well and is not there`)
  yield* sometimes(`a transaction was ${told}`)
  return { isWhole, exit }
})

const describe = (exit: Exit.Exit<unknown, unknown>) => (Exit.isFailure(exit) ? causeText(exit.cause) : "done")

const look = (server: DatabaseWorld.DatabaseWorld["server"], sql: string) =>
  // A statement of the scenario that is wrong would be its own mistake.
  Effect.orDie(server.look(sql))

/** All its time, then: a connection, a BEGIN or ROLLBACK that is not answered, a COMMIT that is not. */
const boundMs = fixed.transactionTimeoutMs + acquireTimeoutMs + 3 * fixed.statementTimeoutMs + 1_000

const run = Effect.fnUntraced(function* (parts: ConsoleParts, plan: Plan, { hasHealth }: Size) {
  const { connectionsMax, retriesMax } = plan
  const world = yield* DatabaseWorld.make({
    parts,
    options: { ...fixed, retriesMax },
    isPrepared: true,
    isKnown: !hasHealth,
    ...(hasHealth ? {} : { components: AccountsStage.components }),
    pool: { connectionsMax, acquireTimeoutMs }
  })
  const { database, server } = world
  yield* database.ready
  const injecting = yield* Effect.forkChild(
    Effect.forEach(plan.faults, (fault) => inject(server, fault), { concurrency: "unbounded", discard: true })
  )
  const ended = yield* Effect.forEach(plan.asks, (each, index) => ask(world, index, each), { concurrency: "unbounded" })
  yield* Fiber.join(injecting)
  // What was sent before may still wait for an answer.
  yield* Effect.sleep(fixed.statementTimeoutMs + acquireTimeoutMs)
  const done = ended.filter(({ isWhole }) => isWhole).length
  const [counter] = yield* look(server, "SELECT version FROM accounts_version")
  yield* holds(
    counter?.["version"] === versionAtFirst + done,
    () => `${done} transactions are there, and the count went from ${versionAtFirst} to ${String(counter?.["version"])}`
  )
  yield* checkRest(world, plan)
}, Effect.scoped)

const programOf =
  (how: keyof typeof workloads): Property["program"] =>
  (parts) =>
    Effect.flatMap(draw(workloads[how]), (plan) => run(parts, plan, how === "large" ? large : small))

/** Nobody asks, nothing fails: every connection can be had, and nothing is locked. */
const checkRest = Effect.fnUntraced(function* (
  { database, sql }: DatabaseWorld.DatabaseWorld,
  { connectionsMax, rest }: Plan
) {
  // The health probe takes one for a moment.
  const all = Effect.scoped(
    Effect.forEach(Array.from({ length: connectionsMax }), () => sql.reserve, {
      concurrency: "unbounded",
      discard: true
    })
  )
  const reserved = yield* Effect.result(rest === "write" ? Effect.void : all)
  if (Result.isFailure(reserved)) {
    return yield* violated(`at rest not all ${connectionsMax} connections can be had: ${reserved.failure.message}`)
  }
  if (rest === "connections") return
  const startedMs = yield* monotonicMs
  const written = yield* Effect.result(
    database.transaction("Test.rest", (client) => client`UPDATE accounts_version SET version = version + 1`)
  )
  const tookMs = (yield* monotonicMs) - startedMs
  yield* holds(
    Result.isSuccess(written) && tookMs < 200,
    () => `at rest a transaction took ${tookMs} ms and went ${Result.isSuccess(written) ? "well" : "wrong"}`
  )
})

export const P12: Property = {
  id: "P12",
  title: "transaction hygiene",
  requirements: ["R5.3"],
  marks: [
    "a transaction was not done",
    "a transaction was unknown",
    "a transaction ran out of time",
    "a statement was given up half way",
    "no connection was free in time",
    "the retries of a statement were used up"
  ],
  leaks: "fail",
  program: programOf("large"),
  focus: programOf("small"),
  mutants: [
    DatabaseMutants.commitRetried,
    DatabaseMutants.statementsByThemselves,
    DatabaseMutants.deadlineAroundCommit,
    DatabaseMutants.connectionLostOnInterruption
  ]
}
