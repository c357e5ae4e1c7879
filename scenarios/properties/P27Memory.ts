/**
 * P27, further, over what keeps the fleet over restarts, with the database and the registry: what nodes answered is
 * stored with its time, soon and at the end, and what is stored is shown as what it is until they answer again.
 *
 * Method: nodes answer and fail to answer, while the database may be away for a while; the table is looked at from
 * outside at any moment, as the next start of a console would find it after a crash, and after the end. Or rows are
 * there from before, and whatever is shown of nodes is held to them and to the answers.
 */
import { Clock, Effect, Exit, Layer, Logger, Scope } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import type { ProcessInfo } from "../../core/domain/Process.ts"
import { viewNode } from "../../core/fleet/FleetState.ts"
import { Registry } from "../../core/fleet/Registry.ts"
import { Database } from "../../core/storage/Database.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import type { SqliteValue } from "../../sim/sql/SqliteValue.ts"
import * as DatabaseWorld from "../DatabaseWorld.ts"
import * as FleetTruth from "../oracles/FleetTruth.ts"
import { runningAll } from "../peers/Reports.ts"
import { preparedDatabase } from "../PreparedDatabase.ts"
import { holds, violated } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as AccountsStage from "../stages/AccountsStage.ts"
import * as PlainSql from "../stages/PlainSql.ts"
import * as QuietBus from "../stages/QuietBus.ts"
import { consoleOptions } from "../World.ts"

const names = ["n0", "n1"] as const
const pids = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 2 })

const workload = fc.record({
  rows: fc.option(fc.record({ n0: fc.option(pids), n1: fc.option(pids) })),
  polls: fc.array(
    fc.record({ atMs: fc.nat(1_500), node: fc.constantFrom(...names), pids: fc.option(pids, { freq: 4 }) }),
    { minLength: 1, maxLength: 2 }
  ),
  outage: fc.oneof(
    { weight: 5, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.record({ atMs: fc.nat(1_500), downMs: fc.integer({ min: 100, max: 2_000 }) }) }
  ),
  looksAtMs: fc.array(fc.nat(3_500), { minLength: 1, maxLength: 2 })
})
type Plan = ReturnType<typeof workload.generate>["value"]

const saveEveryMs = 1_000

/** What changed is stored by then, if the database is well. */
const storedWithinMs = saveEveryMs + 200

const { fleet, memory } = consoleOptions

/** Rows are of so long before the start. */
const ageMs = 60_000

/** A database, and a look at what is committed in it. */
interface Store {
  readonly database: Database["Service"]
  readonly look: (
    sql: string,
    params?: ReadonlyArray<SqliteValue>
  ) => Effect.Effect<ReadonlyArray<Readonly<Record<string, SqliteValue>>>>
  readonly restart: (downMs: number) => Effect.Effect<void, never, RunContext>
}

interface Stage {
  readonly registry: Registry["Service"]
  readonly store: Store
  readonly answers: ReadonlyMap<string, Array<FleetTruth.Answer>>
  readonly startedMs: number
  readonly wasAway: boolean
}

const processesOf = (numbers: ReadonlyArray<number>): ReadonlyArray<ProcessInfo> => {
  const result = runningAll(numbers)
  return result._tag === "Answered" ? result.processes : []
}

/** The real database is there for runs in which it is away for a while. */
const storeFor = Effect.fnUntraced(function* (
  parts: ConsoleParts,
  { outage }: Plan
): Effect.fn.Return<Store, Violation, RunContext | Scope.Scope> {
  if (outage === null) {
    const { client, look } = yield* PlainSql.make(preparedDatabase)
    return {
      database: AccountsStage.databaseOf(client),
      look: (sql, params) => Effect.sync(() => look(sql, params)),
      restart: () => Effect.void
    }
  }
  const { database, server } = yield* DatabaseWorld.make({
    parts,
    options: consoleOptions.database,
    pool: { connectionsMax: 1, acquireTimeoutMs: 1_000 },
    isPrepared: true,
    isKnown: true,
    components: AccountsStage.components
  })
  return {
    database,
    look: (sql, params) => Effect.orDie(server.look(sql, params)),
    restart: (downMs) => server.restart({ downMs })
  }
})

const make = Effect.fnUntraced(function* (
  parts: ConsoleParts,
  plan: Plan,
  scope: Scope.Scope
): Effect.fn.Return<Stage, Violation, RunContext | Scope.Scope> {
  const startedMs = yield* Clock.currentTimeMillis
  const answers = new Map<string, Array<FleetTruth.Answer>>(names.map((name) => [name, []]))
  const store = yield* storeFor(parts, plan)
  for (const name of names) {
    const numbers = plan.rows?.[name] ?? null
    if (numbers === null) continue
    const processes = processesOf(numbers)
    const atMs = startedMs - ageMs
    answers.get(name)?.push({ atMs, text: FleetTruth.textOf(processes) })
    const text = JSON.stringify(processes)
    yield* store.look("INSERT INTO fleet_nodes VALUES (?, ?, ?)", [name, atMs, text])
  }
  const kept = parts
    .memory({ ...memory, saveEveryMs })
    .pipe(
      Layer.provideMerge(parts.registry),
      Layer.provide(QuietBus.layer),
      Layer.provide(AccountsStage.components),
      Layer.provide(Layer.succeed(Database, store.database))
    )
  const services = yield* Effect.provide(Layer.buildWithScope(kept, scope), Logger.layer([]))
  const registry = yield* Effect.provideContext(Registry, services)
  for (const name of names) yield* registry.add({ name, environment: undefined, kind: "supervisord" })
  return { registry, store, answers, startedMs, wasAway: plan.outage !== null }
})

/** A node answers, or cannot be reached. */
const poll = Effect.fnUntraced(function* (
  { answers, registry }: Stage,
  { atMs, node, pids: numbers }: Plan["polls"][number]
) {
  yield* Effect.sleep(atMs)
  if (numbers === null) {
    return yield* registry.record(node, { _tag: "Failed", reason: { code: "Unreachable", message: "away" } })
  }
  const now = yield* Clock.currentTimeMillis
  answers.get(node)?.push({ atMs: now, text: FleetTruth.textOf(processesOf(numbers)) })
  yield* registry.record(node, runningAll(numbers))
})

/** Looks at what is shown of the nodes. */
const look = Effect.fnUntraced(function* (stage: Stage, shown: Map<string, FleetTruth.Shown>) {
  const { answers, registry, startedMs, wasAway } = stage
  const nowMs = yield* Clock.currentTimeMillis
  const { nodes } = yield* registry.state
  for (const name of names) {
    const node = nodes.get(name)
    if (node === undefined) return yield* violated(`${name} is not shown`)
    const view = viewNode(node, { nowMs, staleAfterMs: fleet.staleAfterMs })
    const now = {
      view,
      processes: FleetTruth.textOf(Array.from(node.processes.values())),
      sentMs: nowMs,
      gotMs: nowMs
    }
    const of = answers.get(name) ?? []
    const wrong = FleetTruth.wrongWith(now, {
      answers: of,
      startedMs,
      staleAfterMs: fleet.staleAfterMs,
      knownMs: wasAway ? undefined : of.findLast(({ atMs }) => atMs < startedMs)?.atMs,
      before: shown.get(name)
    })
    if (wrong !== undefined) return yield* violated(`${name}, ${JSON.stringify(view)}, ${wrong}`)
    shown.set(name, now)
    if (view.recalled === true) yield* sometimes("a node is shown as it was before the start")
  }
})

/** Looks at what is stored, as a console would find it that starts now. */
const lookIn = Effect.fnUntraced(function* ({ answers, startedMs, store, wasAway }: Stage, isOrderly: boolean) {
  const nowMs = yield* Clock.currentTimeMillis
  const rows = yield* store.look("SELECT name, seen_ms, processes FROM fleet_nodes")
  for (const name of names) {
    const of = answers.get(name) ?? []
    const row = rows.find((each) => each["name"] === name)
    const seenMs = row === undefined ? -Infinity : Number(row["seen_ms"])
    const isAnswer = of.some(({ atMs }) => atMs === seenMs)
    yield* holds(row === undefined || isAnswer, () => `${name} is stored as of ${seenMs}, when it did not answer`)
    const isChange = (i: number) => of[i]?.text !== of[i - 1]?.text
    const due = of.findLast(
      ({ atMs }, i) => atMs >= startedMs && (isOrderly || (atMs + storedWithinMs <= nowMs && isChange(i)))
    )
    const dueMs = wasAway ? -Infinity : (due?.atMs ?? -Infinity)
    const story = `${name} is stored as of ${seenMs}`
    yield* holds(seenMs >= dueMs, () => `${story}, and was to be as of ${dueMs} at ${nowMs}`)
    if (dueMs > -Infinity) yield* sometimes("an answer has to be stored")
  }
})

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const scope = yield* Scope.make()
  const stage = yield* make(parts, plan, scope)
  const shown = new Map<string, FleetTruth.Shown>()
  const { outage } = plan
  yield* Effect.all(
    [
      ...plan.polls.map((each) => poll(stage, each)),
      ...plan.looksAtMs.map((atMs) => Effect.delay(Effect.andThen(look(stage, shown), lookIn(stage, false)), atMs)),
      outage === null ? Effect.void : Effect.delay(stage.store.restart(outage.downMs), outage.atMs)
    ],
    { concurrency: "unbounded", discard: true }
  )
  yield* look(stage, shown)
  yield* Scope.close(scope, Exit.void)
  yield* lookIn(stage, true)
}, Effect.scoped)
