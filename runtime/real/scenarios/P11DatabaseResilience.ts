/**
 * P11 and P12: while the database is away every request is answered in a bounded time, the health shows it, and what
 * was acknowledged is there when it is back, once.
 *
 * PostgreSQL behind a wire that is held, refused and reset, under the load of many users; and SQLite on a disk that is
 * full for a while. What is not here is left out, and said.
 */
import { Effect, Fiber, Redacted } from "effect"
import { holds, violated } from "../../../scenarios/Property.ts"
import type { Weather } from "../WireProxy.ts"
import { between, type Episode, NotHere, RealWorldError } from "../Episode.ts"
import { eventually } from "../Eventually.ts"
import * as Checks from "../kill/Checks.ts"
import { begin, load, newWorld, password } from "../kill/Load.ts"
import { at, isDone, listAt } from "../kill/Requests.ts"
import { loadPrograms } from "../LoadPrograms.ts"
import { database, whyMissing } from "../PostgresDatabase.ts"
import type { Scenario } from "../Scenario.ts"
import * as Settings from "../Settings.ts"
import * as SmallDisk from "../SmallDisk.ts"
import * as WireProxy from "../WireProxy.ts"
import { converges, ends, health, jsonOf, make, type World } from "../World.ts"

const { timesMs } = Settings

/** A turn among others, a transaction, its connection, its entry in the activity log: each with a limit of its own. */
const answerMsMax = 10_000

/** On top of that, of what waits for processes. */
const operationMsMax = 10_000

/** Two looks of the probe that take as long as they may. */
const shownWithinMs = 4 * (timesMs.databaseHealth + timesMs.statement) + timesMs.slack

const outages: ReadonlyArray<readonly [string, Partial<Weather>]> = [
  ["partition", { holdsToServer: true, holdsToClient: true }],
  ["cut to the client", { holdsToClient: true }],
  ["refuse", { refuses: true }]
]

const failed = (cause: unknown) => new RealWorldError({ message: String(cause) })

const databaseBecomes = (world: World, isAway: boolean) =>
  eventually({
    what: `the health shows the database as ${isAway ? "away" : "there"}`,
    withinMs: shownWithinMs,
    look: Effect.map(health(world), (shown) => shown?.components.find(({ name }) => name === "database")?.status),
    until: (status) => (status === "failing" || status === "failed") === isAway && status !== undefined
  })

/** How many entries of the activity log wait for the database. */
const waiting = (world: World) =>
  Effect.map(health(world), (shown) => shown?.components.find(({ name }) => name === "activity")?.detail?.["waiting"])

/** What was answered otherwise than it may be, too late or not at all. */
const newWatch = (episode: Episode) => {
  const bad: Array<string> = []
  return {
    bad,
    answers: (
      { body, status }: { readonly status: number; readonly body: unknown },
      { path }: { readonly path: string },
      tookMs: number
    ) => {
      episode.note("load", { path, status, tookMs: Math.round(tookMs), code: at(body, "code") })
      if (status === 503) episode.sometimes("refused while the database was away")
      const isOfProcesses = /\/(?:processes|batches)\b/.test(path)
      const isLate = tookMs > (isOfProcesses ? answerMsMax + operationMsMax : answerMsMax)
      if (isLate || [0, 500, 501, 502].includes(status)) {
        bad.push(`${path}: ${status} after ${Math.round(tookMs)} ms: ${JSON.stringify(body)}`)
      }
    }
  }
}

/** The wire to the database is spoilt for a while; the console serves on, shows it, and recovers. */
const outage = (world: World, wire: WireProxy.WireProxy, [kind, weather]: (typeof outages)[number]) =>
  Effect.gen(function* () {
    const { caller, episode, token } = world
    episode.fault(kind, "database")
    yield* wire.become(weather)
    yield* wire.reset
    yield* databaseBecomes(world, true)
    episode.sometimes("an outage was shown")
    const nodes = yield* caller.ask({ path: "/api/nodes", token })
    yield* holds(
      nodes.status === 200 && nodes.tookMs < timesMs.slack,
      () => `nodes: ${nodes.status} ${nodes.tookMs} ms`
    )
    yield* Effect.sleep(between(episode, 0, 800))
    yield* wire.become({})
    yield* databaseBecomes(world, false)
  })

const postgres = (episode: Episode) =>
  Effect.gen(function* () {
    const why = yield* whyMissing
    if (why !== undefined) return yield* new NotHere({ reason: why })
    const url = new URL(Redacted.value(yield* Effect.mapError(database, failed)))
    const wire = yield* Effect.mapError(
      WireProxy.make({ host: url.hostname, port: Number(url.port || 5432), countedAt: "client" }),
      failed
    )
    url.hostname = "127.0.0.1"
    url.port = String(wire.port)
    const world = yield* make(episode, { nodes: 1, database: url.toString(), programs: loadPrograms })
    const watch = newWatch(episode)
    const work = newWorld({
      folder: episode.folder,
      random: () => episode.random.below(2 ** 30) / 2 ** 30,
      configuration: () => Settings.textOf({ nodes: world.nodeTables, programs: loadPrograms }),
      answers: watch.answers
    })
    const consoleUrl = world.console().url
    const token = yield* Effect.tryPromise({ try: () => begin(consoleUrl, work), catch: failed })
    let isOver = false
    const working = yield* Effect.forkScoped(
      Effect.promise(() => load({ url: consoleUrl, token, world: work, isOver: () => isOver })),
      { startImmediately: true }
    )
    const left = episode.random.below(outages.length)
    for (const each of outages.filter((_, index) => index !== left)) {
      yield* Effect.sleep(between(episode, 300, 800))
      yield* outage(world, wire, each)
    }
    isOver = true
    yield* Fiber.join(working)
    if (watch.bad.length > 0) return yield* violated(`answers while the database was away: ${watch.bad.join("; ")}`)
    yield* converges(world)
    yield* eventually({
      what: "nothing waits for the activity log",
      withinMs: shownWithinMs,
      look: waiting(world),
      until: (entries) => entries === 0
    })
    yield* ends(world)
    yield* holds(wire.open() === 0, () => `${wire.open()} connections to the database are left`)
    // What one console remembers, the next one has to find.
    yield* world.startAgain
    const next = world.console().url
    const wrong = yield* Effect.tryPromise({
      try: async () => [...(await Checks.accounts(next, token, work)), ...(await Checks.activity(next, token, work))],
      catch: failed
    })
    if (wrong.length > 0) return yield* violated(`after the database was away: ${wrong.join("; ")}`)
    episode.sometimes("PostgreSQL kept all")
    yield* ends(world)
  })

/** Makes users until told otherwise; gives those that were acknowledged. */
const makeUsers = (world: World, prefix: string, count: number) =>
  Effect.gen(function* () {
    const { caller, token } = world
    const acknowledged: Array<string> = []
    for (let i = 0; i < count; i++) {
      const username = `${prefix}-${i}`
      const body = { username, password, role: "viewer" }
      const got = yield* caller.ask({ method: "POST", path: "/api/users", body, token })
      if (isDone({ ...got, body: undefined })) acknowledged.push(username)
      else {
        yield* holds(
          got.status === 503 || got.status === 504,
          () => `a new user on a full disk: ${got.status} ${got.body}`
        )
        world.episode.sometimes("refused on a full disk")
      }
      yield* holds(got.tookMs < answerMsMax, () => `a new user took ${Math.round(got.tookMs)} ms`)
    }
    return acknowledged
  })

const fullDisk = (episode: Episode) =>
  Effect.gen(function* () {
    const disk = yield* SmallDisk.make(episode.folder)
    const world = yield* make(episode, { nodes: 1, folder: disk.folder })
    const { caller, token } = world
    const before = yield* makeUsers(world, "before", 5)
    episode.fault("disk full", { bytes: yield* disk.fill })
    const meanwhile = yield* makeUsers(world, "meanwhile", 20)
    const nodes = yield* caller.ask({ path: "/api/nodes", token })
    yield* holds(nodes.status === 200, () => `the nodes on a full disk: ${nodes.status} ${nodes.body}`)
    yield* disk.free
    yield* converges(world)
    const after = yield* makeUsers(world, "after", 5)
    yield* holds(after.length === 5, () => `of 5 users ${after.length} were made after the disk was freed`)
    yield* ends(world)
    yield* world.startAgain
    yield* converges(world)
    const shown = listAt(jsonOf(yield* caller.ask({ path: "/api/users", token })), "users")
    const names = new Set(shown.map((user) => at(user, "username")))
    const lost = [...before, ...meanwhile, ...after].filter((name) => !names.has(name))
    yield* holds(lost.length === 0, () => `acknowledged and gone: ${lost.join()}`)
    const corrupt = Checks.integrity(disk.folder)
    yield* holds(corrupt.length === 0, () => corrupt.join())
    episode.sometimes("SQLite kept all")
    yield* ends(world)
  })

export const P11: Scenario = {
  properties: ["P11", "P12"],
  marks: ["an outage was shown", "refused while the database was away", "PostgreSQL kept all", "SQLite kept all"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const parts = [postgres(episode), fullDisk(episode)]
    const missing: Array<string> = []
    for (const run of parts) {
      yield* Effect.scoped(run).pipe(
        Effect.catchTag("NotHere", ({ reason }) => Effect.sync(() => void missing.push(reason)))
      )
    }
    if (missing.length === parts.length) return yield* new NotHere({ reason: missing.join("; ") })
    for (const reason of missing) episode.leftOut(reason)
  })
}
