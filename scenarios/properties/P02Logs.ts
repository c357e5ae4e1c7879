/**
 * A part of P2: the text of logs that clients follow through the hub.
 *
 * Method: programs of one node print lines, cut within characters or flooding, to logs of which one is rotated and all
 * may be truncated; meanwhile connections are cut and the node crashes and comes up again; clients follow these logs,
 * let go of them, take them again, and read late, over outboxes with little room and a bus that has so little in some
 * runs that pieces are lost. What a client gets of a log
 * must be a run of what was printed there, with a note of a gap wherever something is missing, and none of a log that
 * it let go. When all is well again, what is printed last arrives, or the client is told that it was lost, and every
 * component is healthy.
 */
import { Effect, Exit, Scope } from "effect"
import type { Fiber } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import { formatLogId, type LogId } from "../../core/domain/Log.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import * as FollowedLogs from "../oracles/FollowedLogs.ts"
import { healthyAgain } from "../oracles/Health.ts"
import type { HubClient } from "../peers/HubClient.ts"
import type { Supervisord } from "../peers/Supervisord.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as World from "../World.ts"

const node = "web"
const followed = ["api/stdout", "api/stderr", "job/stdout"] as const
type Followed = (typeof followed)[number]

const logIds: Readonly<Record<Followed, LogId>> = {
  "api/stdout": { node, group: "app", name: "api", channel: "stdout" },
  "api/stderr": { node, group: "app", name: "api", channel: "stderr" },
  "job/stdout": { node, group: "app", name: "job", channel: "stdout" }
}

/** `job` has its log begun anew at this size. */
const rotatedBytes = 600

const step = fc.record({
  afterMs: fc.nat(400),
  log: fc.constantFrom(...followed),
  act: fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("print" as const), lines: fc.integer({ min: 1, max: 20 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("cut" as const), atBytes: fc.integer({ min: 1, max: 24 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("flood" as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("truncate" as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("cut connections" as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), downMs: fc.nat(15_000) }) }
  )
})

const workload = fc.record({
  outboxFramesMax: fc.constantFrom(64, 8, 2),
  policy: fc.constantFrom("disconnect", "dropOldest"),
  overflow: fc.constantFrom("dropLow", "wait", "dropOldest", "dropNewest"),
  windowMessages: fc.constantFrom(16, 1),
  steps: fc.array(step, { minLength: 3, maxLength: 8 }),
  clients: fc.array(
    fc.record({
      pauseMs: fc.constantFrom(0, 0, 3_000),
      wishes: fc.array(fc.record({ afterMs: fc.nat(1_500), logs: fc.subarray([...followed]) }), {
        minLength: 1,
        maxLength: 3
      })
    }),
    { minLength: 1, maxLength: 2 }
  )
})
type Plan = ReturnType<typeof workload.generate>["value"]
type Act = Plan["steps"][number]["act"]

const utf8 = new TextEncoder()

/** What was printed to a log; the owner of that. Only what goes into the file is taken down. */
class Log {
  readonly name: Followed
  text = ""
  files: ReadonlyArray<number> = [0]
  #lines = 0
  #size = 0

  constructor(name: Followed) {
    this.name = name
  }

  line(): string {
    return `${this.name} ${++this.#lines} é世界\n`
  }

  /** So many bytes were printed at once, with which these characters are complete. */
  took(text: string, bytes: number): void {
    this.text += text
    this.#size += bytes
    if (this.name === "job/stdout" && this.#size >= rotatedBytes) this.begunAnew()
  }

  begunAnew(): void {
    this.#size = 0
    this.files = [...this.files, this.text.length]
  }
}

/** Longer than supervisord waits between two looks at a log that is followed. */
const lookMs = 250

const isUp = ({ look }: Supervisord) =>
  Effect.map(look, (processes) => processes.length > 0 && processes.every(({ pid }) => pid !== 0))

const write = (web: Supervisord, log: Log, bytes: Uint8Array) => {
  const { channel, group, name } = logIds[log.name]
  return web.print(group, name, bytes, channel)
}

const print = Effect.fnUntraced(function* (web: Supervisord, log: Log, lines: number) {
  if (!(yield* isUp(web))) return
  const text = Array.from({ length: lines }, () => log.line()).join("")
  const bytes = utf8.encode(text)
  yield* write(web, log, bytes)
  log.took(text, bytes.length)
})

/** A line in two parts, the first of which may end within a character. */
const printCut = Effect.fnUntraced(function* (web: Supervisord, log: Log, atBytes: number) {
  if (!(yield* isUp(web))) return
  const line = log.line()
  const bytes = utf8.encode(line)
  const at = Math.min(atBytes, bytes.length - 1)
  const whole = new TextDecoder().decode(bytes.subarray(0, at), { stream: true })
  yield* write(web, log, bytes.subarray(0, at))
  log.took(whole, at)
  yield* Effect.sleep(lookMs)
  yield* write(web, log, bytes.subarray(at))
  log.took(line.slice(whole.length), bytes.length - at)
})

const floodLines = 1_000

const perform = Effect.fnUntraced(function* (world: World.World, web: Supervisord, log: Log, act: Act) {
  switch (act.do) {
    case "print":
      return yield* print(web, log, act.lines)
    case "flood":
      return yield* print(web, log, floodLines)
    case "cut":
      return yield* printCut(web, log, act.atBytes)
    case "truncate": {
      const { channel, group, name } = logIds[log.name]
      yield* web.truncateLog(group, name, channel)
      log.begunAnew()
      // A log that is as long as before at the next look cannot be told from one that only grew.
      return yield* Effect.sleep(lookMs)
    }
    case "cut connections":
      return void (yield* world.network.cut(({ from, to }) => from === node || to === node))
    case "crash":
      yield* web.crash
      yield* Effect.sleep(act.downMs)
      yield* web.boot
      return yield* Effect.sleep(lookMs)
  }
})

// Clients ---------------------------------------------------------------------------------------------------------------

interface Follower {
  readonly name: string
  readonly client: HubClient
  readonly reading: Fiber.Fiber<number>
  /** The logs that it follows in the end. */
  readonly last: ReadonlyArray<Followed>
}

const subscribe = (names: ReadonlyArray<Followed>): string =>
  JSON.stringify({ type: "subscribe", topics: ["log"], logs: names.map((name) => logIds[name]) })

const follow = Effect.fnUntraced(function* (world: World.World, name: string, plan: Plan["clients"][number]) {
  const client = yield* world.connect(name)
  const reading = yield* Effect.forkScoped(Effect.andThen(Effect.sleep(plan.pauseMs), client.read))
  for (const { afterMs, logs } of plan.wishes) {
    yield* Effect.sleep(afterMs)
    yield* client.send(subscribe(logs))
  }
  const follower: Follower = { name, client, reading, last: plan.wishes.at(-1)?.logs ?? [] }
  return follower
})

/** A try to follow that failed is made again after half a minute at most, and then goes by the node's own pace. */
const followedAgainMs = 90_000

const isThere = "it is there"

/** `seen`: frames that it had when that line was printed. */
const checkLast = ({ client, last, name, reading }: Follower, logs: Readonly<Record<Followed, Log>>, seen: number) =>
  Effect.forEach(
    last,
    (each) =>
      eventually({
        what: `${name} gets the last line of ${each}, or is told that text was lost`,
        withinMs: followedAgainMs,
        look: Effect.map(client.received, (frames) =>
          FollowedLogs.hasLast(frames, logIds[each], logs[each], seen) ? isThere : FollowedLogs.summaryOf(frames)
        ),
        until: (what: string) => what === isThere || reading.pollUnsafe() !== undefined
      }),
    { discard: true }
  )

const optionsOf = ({ outboxFramesMax, overflow, policy }: Plan, queueEventsMax: number) => ({
  ...World.consoleOptions,
  // Logs come without polls.
  fleet: { ...World.consoleOptions.fleet, poll: { ...World.consoleOptions.fleet.poll, intervalMs: 10_000 } },
  bus: {
    ...World.consoleOptions.bus,
    overflow,
    queueEventsMax: { ...World.consoleOptions.bus.queueEventsMax, low: queueEventsMax }
  },
  hub: { ...World.consoleOptions.hub, slowClientPolicy: policy, outboxFramesMax }
})

/** With room on the bus for so many pieces of logs. */
export const programWith = Effect.fnUntraced(function* (
  parts: ConsoleParts,
  queueEventsMax: number
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  const plan = yield* draw(workload)
  const world = yield* World.make({
    nodes: {
      [node]: [
        { ...World.steady("app", "api"), stderrLog: "auto" },
        { ...World.steady("app", "job"), logBytesMax: rotatedBytes }
      ]
    },
    network: { windowMessages: plan.windowMessages },
    options: optionsOf(plan, queueEventsMax),
    parts
  })
  const web = world.supervisords[node]
  if (web === undefined) return yield* Effect.die("there is no node")
  const logs = {
    "api/stdout": new Log("api/stdout"),
    "api/stderr": new Log("api/stderr"),
    "job/stdout": new Log("job/stdout")
  }
  const scope = yield* Scope.make()
  const followers = yield* Effect.forEach(plan.clients, (client, i) => follow(world, `client-${i}`, client), {
    concurrency: "unbounded"
  }).pipe(
    Scope.provide(scope),
    Effect.catchTag("SocketError", Effect.die),
    Effect.zipWith(
      Effect.forEach(plan.steps, ({ act, afterMs, log }) =>
        Effect.andThen(Effect.sleep(afterMs), perform(world, web, logs[log], act))
      ),
      (all) => all,
      { concurrent: true }
    )
  )
  // All is well from here on: the line that is printed now has to arrive.
  yield* eventually({ what: "the programs run", withinMs: 20_000, look: isUp(web), until: (up) => up })
  const seen = yield* Effect.forEach(followers, ({ client }) => Effect.map(client.received, ({ length }) => length))
  for (const log of Object.values(logs)) {
    yield* print(web, log, 1)
    // With a line that fills the file another one is begun, and nobody finds the line.
    if (log.files.at(-1) === log.text.length) yield* print(web, log, 1)
  }
  for (const [i, follower] of followers.entries()) {
    yield* checkLast(follower, logs, seen[i] ?? 0)
    const all = new Map(Object.values(logs).map((log) => [formatLogId(logIds[log.name]), log]))
    const frames = yield* follower.client.received
    const wrong = FollowedLogs.wrongIn(frames, all)
    if (wrong !== undefined)
      return yield* violated(`${follower.name}, ${wrong}; it got ${FollowedLogs.summaryOf(frames)}`)
  }
  for (const { client } of followers) yield* FollowedLogs.mark(yield* client.received)
  yield* healthyAgain(world)
  yield* Scope.close(scope, Exit.void)
  yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
}, Effect.scoped)

/** In half the runs so little that pieces are lost. */
const queueEventsMax = fc.oneof(fc.constant(1_000), fc.integer({ min: 1, max: 4 }))

export const program: Property["program"] = (parts) =>
  Effect.flatMap(draw(queueEventsMax), (room) => programWith(parts, room))
