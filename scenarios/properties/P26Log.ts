/**
 * P26 over the activity log by itself, with its database: every attempt that is handed in has exactly one entry, as it
 * was; whoever is answered while the database is well finds it on disk at that moment; as many are missing as the log
 * says it has lost; a search finds what matches, page by page or all at once; and what is too old or too much goes.
 *
 * Method: a few attempts at once, some of whose callers go away, while the database is well, slow, loses answers or is
 * away, with room for everything that waits or for next to nothing. Afterwards one way to read them is compared with
 * what was handed in.
 */
import { Context, Effect, Exit, Layer, type Scope, Stream } from "effect"
import * as fc from "fast-check"
import * as ActivityLog from "../../core/activity/ActivityLog.ts"
import type { ActivityFilter } from "../../core/activity/ActivityLog.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import type { Attempt } from "../../core/domain/ActivityEntry.ts"
import { Database } from "../../core/storage/Database.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as DatabaseWorld from "../DatabaseWorld.ts"
import * as ActivityEntries from "../oracles/ActivityEntries.ts"
import { preparedDatabase } from "../PreparedDatabase.ts"
import { eventually, holds } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as AccountsStage from "../stages/AccountsStage.ts"
import * as PlainSql from "../stages/PlainSql.ts"
import { consoleOptions } from "../World.ts"

const actors = ["vera", "olga"] as const
const outcomes = ["done", "failed", "denied", "timeout"] as const
const actions = ["processes.operate", "users.change"] as const

const lasts = ["by page", "all", "what is kept", "not at all"] as const

const troubles = ["slow", "answers lost", "away", "away and no room"] as const

/** How it is read at the end; what is asked while there is trouble is mostly read when there is none. */
const course = fc.oneof(
  { weight: 5, arbitrary: fc.record({ trouble: fc.constant("none" as const), last: fc.constantFrom(...lasts) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      trouble: fc.constantFrom(...troubles),
      last: fc.constantFrom<(typeof lasts)[number]>("not at all", "not at all", "not at all", "all")
    })
  }
)

const workload = fc.record({
  course,
  attempts: fc.array(
    fc.record({
      atMs: fc.constantFrom(0, 0, 3, 300),
      actor: fc.constantFrom(...actors),
      action: fc.constantFrom(...actions),
      outcome: fc.constantFrom(...outcomes),
      detail: fc.constantFrom(undefined, "100%", "Stop\u202e"),
      goes: fc.constantFrom(false, false, false, true)
    }),
    { minLength: 2, maxLength: 2 }
  ),
  filter: fc.record(
    {
      actor: fc.constantFrom(...actors),
      outcome: fc.constantFrom(...outcomes),
      action: fc.constantFrom(...actions),
      text: fc.constantFrom("%", "0%", "STOP", "\u202e", "operate")
    },
    { requiredKeys: [] }
  ),
  limit: fc.integer({ min: 1, max: 3 })
})
type Drawn = ReturnType<typeof workload.generate>["value"]
type Plan = Omit<Drawn, "course"> & Drawn["course"]

/** One that was handed in; of a caller who went away it is not known whether it was. */
interface Handed {
  readonly attempt: Attempt
  readonly isCertain: boolean
}

/** What is committed, as it is seen from outside. */
type Outside = Pick<DatabaseWorld.DatabaseWorld["server"], "look">

interface Scene {
  /** The server; undefined when there is no trouble with it. */
  readonly server: DatabaseWorld.DatabaseWorld["server"] | undefined
  readonly outside: Outside
  readonly log: ActivityLog.ActivityLog["Service"]
  readonly plan: Plan
}

const awayMs = 2_000
/** Two writes, one behind the other, take less than a log waits that has not heard of the database yet. */
const slowMs = 450

/** Of what is kept, the most. */
const entriesMax = 1

/** Old entries are looked for once in a minute. */
const keptAfterMs = 61_000

/** The real database is there for runs in which there is trouble with it. */
const storeFor = Effect.fnUntraced(function* (
  parts: ConsoleParts,
  { trouble }: Plan
): Effect.fn.Return<
  Omit<Scene, "log" | "plan"> & { readonly database: Database["Service"] },
  Violation,
  RunContext | Scope.Scope
> {
  if (trouble === "none") {
    const { client, look } = yield* PlainSql.make(preparedDatabase)
    const outside: Outside = { look: (sql, params) => Effect.sync(() => look(sql, params)) }
    return { server: undefined, outside, database: AccountsStage.databaseOf(client) }
  }
  const { database, server } = yield* DatabaseWorld.make({
    parts,
    // The health of the database is of no concern here.
    options: { ...consoleOptions.database, healthIntervalMs: 120_000 },
    pool: { connectionsMax: 2, acquireTimeoutMs: 5_000 },
    isPrepared: true,
    isKnown: true,
    components: AccountsStage.components
  })
  return { server, outside: server, database }
})

const build = Effect.fnUntraced(function* (
  parts: ConsoleParts,
  plan: Plan
): Effect.fn.Return<Scene, Violation, RunContext | Scope.Scope> {
  const { database, ...store } = yield* storeFor(parts, plan)
  const built = yield* Layer.build(
    parts
      .activity({
        ...consoleOptions.activity,
        waitingMax: plan.trouble === "away and no room" ? 1 : 100,
        entriesMax: plan.last === "what is kept" ? entriesMax : 100
      })
      .pipe(Layer.provide(AccountsStage.components), Layer.provide(Layer.succeed(Database, database)))
  )
  return { ...store, log: Context.get(built, ActivityLog.ActivityLog), plan }
})

const disturb = Effect.fnUntraced(function* ({ plan: { trouble }, server }: Scene) {
  if (server === undefined) return
  const isInsert = (sql: string) => sql.startsWith("INSERT INTO activity")
  if (trouble === "slow") {
    yield* server.rule(({ phase, sql }) =>
      isInsert(sql) && phase === "request" ? { _tag: "delay", ms: slowMs } : { _tag: "pass" }
    )
  }
  if (trouble === "answers lost") {
    let isLost = false
    yield* server.rule(({ phase, sql }) => {
      if (isLost || !isInsert(sql) || phase !== "reply") return { _tag: "pass" }
      isLost = true
      return { _tag: "reset" }
    })
  }
  if (trouble === "away" || trouble === "away and no room") yield* server.restart({ downMs: awayMs })
})

/** What is wrong with the entries of an attempt; undefined when nothing is. */
const wrongWith = ({ attempt }: Handed, entries: ReadonlyArray<ActivityEntries.Entry>): string | undefined => {
  const own = entries.filter(({ requestId }) => requestId === attempt.request_id)
  const [entry] = own
  if (own.length !== 1 || entry === undefined) return `${attempt.request_id}: ${own.length} entries`
  return entry.actor === attempt.actor && entry.outcome === attempt.outcome
    ? undefined
    : `${attempt.request_id}: ${attempt.actor} ${attempt.outcome} is written as ${entry.actor} ${entry.outcome}`
}

const hand = Effect.fnUntraced(function* ({ log, outside, plan }: Scene, index: number) {
  const { action, actor, atMs, detail, goes, outcome } = plan.attempts[index] ?? fallback
  yield* Effect.sleep(atMs)
  const attempt: Attempt = { actor, action, outcome, request_id: `r${index}`, ...(detail ? { detail } : {}) }
  const handed: Handed = { attempt, isCertain: !goes }
  if (goes) {
    const exit = yield* interruptSometime(log.record(attempt), { withinSteps: 400 })
    return { attempt, isCertain: !Exit.hasInterrupts(exit) }
  }
  yield* log.record(attempt)
  if (plan.trouble === "none" || plan.trouble === "slow") {
    const wrong = wrongWith(handed, yield* Effect.orDie(ActivityEntries.read(outside)))
    yield* holds(wrong === undefined, () => `as it was answered, ${wrong}`)
  }
  return handed
})
const fallback: Plan["attempts"][number] = {
  atMs: 0,
  actor: "vera",
  action: "users.change",
  outcome: "done",
  detail: undefined,
  goes: false
}

/** Each has its entry, or is one of those that are lost. Gives those that are there, oldest first. */
const checkWritten = Effect.fnUntraced(function* ({ log, outside }: Scene, all: ReadonlyArray<Handed>) {
  const { lost } = yield* eventually({
    what: "nothing waits any more",
    withinMs: 20_000,
    look: log.counts,
    until: ({ waiting }) => waiting === 0
  })
  const entries = yield* Effect.orDie(ActivityEntries.read(outside))
  const wrong = all.flatMap((each) => wrongWith(each, entries) ?? [])
  const missing = all.filter(({ attempt }) => !entries.some(({ requestId }) => requestId === attempt.request_id))
  const certain = missing.filter(({ isCertain }) => isCertain).length
  yield* holds(
    wrong.length === missing.length && certain <= lost && lost <= missing.length,
    () => `${lost} are lost; ${wrong.join("; ")}`
  )
  return entries.flatMap(({ requestId }) => all.find(({ attempt }) => attempt.request_id === requestId)?.attempt ?? [])
})

/** As a person understands a search. */
const matches =
  (filter: ActivityFilter) =>
  ({ action, actor, detail = "", outcome }: Attempt): boolean => {
    const text = [actor, action, detail.replace("\u202e", "\\u{202e}")].join("\n").toLowerCase()
    const wanted = filter.text?.replace("\u202e", "\\u{202e}").toLowerCase() ?? ""
    return (
      (filter.actor ?? actor) === actor &&
      (filter.action ?? action) === action &&
      (filter.outcome ?? outcome) === outcome &&
      text.includes(wanted)
    )
  }

/** All pages, put together as the oldest first. */
const pages = Effect.fnUntraced(function* ({ log, plan: { filter, limit } }: Scene) {
  const found: Array<string> = []
  let before: number | undefined
  do {
    const page = yield* Effect.orDie(log.page(filter, { before, limit }))
    yield* holds(page.entries.length <= limit, () => `a page of ${limit} has ${page.entries.length} entries`)
    found.push(...page.entries.map((entry) => entry.request_id ?? "?"))
    before = page.before
  } while (before !== undefined)
  return found.toReversed()
})

const checkRead = Effect.fnUntraced(function* (scene: Scene, written: ReadonlyArray<Attempt>) {
  const { log, outside, plan } = scene
  const ids = (of: ReadonlyArray<Attempt>) => of.map((each) => each.request_id ?? "?").join()
  if (plan.last === "not at all") return
  if (plan.last === "what is kept") {
    yield* Effect.sleep(keptAfterMs)
    const kept = (yield* Effect.orDie(ActivityEntries.read(outside))).map(({ requestId }) => requestId).join()
    const expected = ids(written.slice(-entriesMax))
    yield* holds(kept === expected, () => `of ${ids(written)} the last is kept: ${kept}`)
    return yield* sometimes("entries that were too many were removed")
  }
  const expected = ids(written.filter(matches(plan.filter)))
  const found =
    plan.last === "by page"
      ? (yield* pages(scene)).join()
      : ids(yield* Effect.orDie(Stream.runCollect(log.all(plan.filter))))
  yield* holds(
    found === expected,
    () => `${plan.last}, ${JSON.stringify(plan.filter)}: ${found || "nothing"}, and there is ${expected || "nothing"}`
  )
  if (found !== "") yield* sometimes("a search found entries")
})

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const { course: drawn, ...rest } = yield* draw(workload)
  const plan: Plan = { ...rest, ...drawn }
  const scene = yield* build(parts, plan)
  const handing = Effect.forEach(plan.attempts, (_, index) => hand(scene, index), { concurrency: "unbounded" })
  const all = yield* Effect.scoped(Effect.andThen(disturb(scene), handing))
  yield* checkRead(scene, yield* checkWritten(scene, all))
}, Effect.scoped)
