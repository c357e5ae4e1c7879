/**
 * P2, further, over followed logs, hub and sessions by themselves: what clients get of the logs that they follow.
 *
 * Method: a modelled node prints lines to two logs of one program, cut within characters, loses some of them on the way
 * to whoever follows, and breaks off; meanwhile clients follow these logs, let go of them, take them again and read
 * late, over outboxes and a bus with little room; in most runs they join the hub directly, without a connection. The
 * oracle is that of the scenario with real supervisords.
 */
import { Cause, Effect, Queue, Stream } from "effect"
import type { Fiber } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import { formatLogId, type LogChannel, type LogId } from "../../core/domain/Log.ts"
import { ConnectionLost, NodeError } from "../../core/domain/NodeError.ts"
import type { LogPiece } from "../../core/fleet/NodeDriver.ts"
import { draw } from "../../sim/Draw.ts"
import * as FollowedLogs from "../oracles/FollowedLogs.ts"
import type { HubClient } from "../peers/HubClient.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as HubStage from "../stages/HubStage.ts"

const channels = ["stdout", "stderr"] as const satisfies ReadonlyArray<LogChannel>

const idOf = (channel: LogChannel): LogId => ({ node: "web", group: "app", name: "api", channel })

// Mostly one: to follow a log takes more steps than all else that a client does.
const logsOf = fc.constantFrom<ReadonlyArray<LogChannel>>(["stdout"], ["stdout"], ["stderr"], channels, [])

const wish = fc.record({ afterMs: fc.constantFrom(0, 100, 200), logs: logsOf })

const client = fc.record({
  pauseMs: fc.constantFrom(0, 0, 500),
  wishes: fc.oneof({ weight: 2, arbitrary: fc.tuple(wish) }, { weight: 1, arbitrary: fc.tuple(wish, wish) })
})

const workload = fc.record({
  outboxFramesMax: fc.constantFrom(64, 3, 2),
  policy: fc.constantFrom("disconnect", "dropOldest"),
  // With little room pieces are lost.
  queueEventsMax: fc.constantFrom(1_000, 1),
  steps: fc.array(
    fc.record({
      afterMs: fc.constantFrom(0, 50, 150),
      channel: fc.constantFrom("stdout", "stdout", "stderr"),
      act: fc.constantFrom("print", "print", "cut", "lose", "lose", "break")
    }),
    { minLength: 1, maxLength: 3 }
  ),
  isDirect: fc.constantFrom(true, true, false),
  clients: fc.oneof({ weight: 5, arbitrary: fc.tuple(client) }, { weight: 1, arbitrary: fc.tuple(client, client) })
})
type Plan = ReturnType<typeof workload.generate>["value"]

const utf8 = new TextEncoder()

/** Newest bytes that whoever begins to follow gets; they may begin within a character. */
const newestBytes = 20

/** A log of the modelled node: what was printed to it, and who follows it. */
class Log {
  readonly files = [0]
  readonly followers = new Set<Queue.Queue<LogPiece, NodeError>>()
  text = ""
  private readonly channel: LogChannel
  private lines = 0

  constructor(channel: LogChannel) {
    this.channel = channel
  }

  /** The newest part and then what is printed. */
  readonly follow = Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.map(Queue.unbounded<LogPiece, NodeError>(), (queue) => {
          const newest = utf8.encode(this.text).slice(-newestBytes)
          if (newest.length > 0) Queue.offerUnsafe(queue, { _tag: "Bytes", bytes: newest })
          this.followers.add(queue)
          return queue
        }),
        (queue) => Effect.sync(() => void this.followers.delete(queue))
      ),
      Stream.fromQueue
    )
  )

  act(what: Plan["steps"][number]["act"]): void {
    if (what === "break") {
      const lost = new NodeError({ operation: "followLog", reason: new ConnectionLost({ detail: "broken" }) })
      for (const queue of this.followers) Queue.failCauseUnsafe(queue, Cause.fail(lost))
      return
    }
    const line = `${this.channel} ${++this.lines} é世\n`
    this.text += line
    const bytes = utf8.encode(line)
    const at = what === "cut" ? bytes.length - 3 : bytes.length
    for (const part of [bytes.slice(0, at), bytes.slice(at)]) {
      if (part.length > 0) this.tell(what === "lose" ? { _tag: "Gap" } : { _tag: "Bytes", bytes: part })
    }
  }

  private tell(piece: LogPiece): void {
    for (const queue of this.followers) Queue.offerUnsafe(queue, piece)
  }
}
type Logs = Readonly<Record<LogChannel, Log>>

interface Follower {
  readonly name: string
  readonly client: HubClient
  readonly reading: Fiber.Fiber<number>
  /** The logs that it follows in the end. */
  readonly last: ReadonlyArray<LogChannel>
}

const follow = Effect.fnUntraced(function* (stage: HubStage.HubStage, name: string, plan: Plan["clients"][number]) {
  const connected = yield* stage.connect(name)
  const reading = yield* Effect.forkScoped(Effect.delay(connected.read, plan.pauseMs))
  for (const { afterMs, logs } of plan.wishes) {
    yield* Effect.sleep(afterMs)
    yield* connected.send(JSON.stringify({ type: "subscribe", topics: ["log"], logs: logs.map(idOf) }))
  }
  const follower: Follower = { name, client: connected, reading, last: plan.wishes.at(-1)?.logs ?? [] }
  return follower
})

/** What was broken off is followed again by then. */
const againMs = 1_500

/** By then the last line has come, or a reminder has shown that it was lost. */
const lastMs = 20_000

const checkFollower = Effect.fnUntraced(function* (follower: Follower, logs: Logs, seen: number) {
  const { client: connected, last, name, reading } = follower
  yield* eventually({
    what: `${name} gets the last line of ${last.join(" and ")}, or is told that text was lost`,
    withinMs: lastMs,
    // A piece takes a part of that, and the reminder that one was lost takes seconds.
    look: Effect.map(Effect.delay(connected.received, 500), (frames) =>
      reading.pollUnsafe() !== undefined ||
      last.every((channel) => FollowedLogs.hasLast(frames, idOf(channel), logs[channel], seen))
        ? "it is there"
        : FollowedLogs.summaryOf(frames)
    ),
    until: (what: string) => what === "it is there"
  })
  const frames = yield* connected.received
  const all = new Map(channels.map((channel) => [formatLogId(idOf(channel)), logs[channel]]))
  const wrong = FollowedLogs.wrongIn(frames, all)
  if (wrong !== undefined) return yield* violated(`${name}, ${wrong}; it got ${FollowedLogs.summaryOf(frames)}`)
  yield* FollowedLogs.mark(frames)
})

const optionsOf = ({ outboxFramesMax, policy, queueEventsMax }: Plan) => ({
  bus: { queueEventsMax: { high: 100, normal: 100, low: queueEventsMax } },
  hub: { slowClientPolicy: policy, outboxFramesMax },
  fleet: HubStage.polledOnce,
  // Nobody is silent here: there are no pings to take steps.
  session: { heartbeatIntervalMs: 600_000, heartbeatTimeoutMs: 1_200_000 },
  network: { latencyMsMax: 1, windowMessages: 2 }
})

const logProgram = Effect.fnUntraced(function* (parts: ConsoleParts) {
  const plan = yield* draw(workload)
  const logs: Logs = { stdout: new Log("stdout"), stderr: new Log("stderr") }
  const web = HubStage.followedNode("web", (_, channel) => logs[channel].follow)
  const stage = yield* HubStage.make({ ...optionsOf(plan), isDirect: plan.isDirect, parts, nodes: [web] })
  const [followers] = yield* Effect.all(
    [
      Effect.forEach(plan.clients, (each, i) => follow(stage, `client-${i}`, each), { concurrency: "unbounded" }),
      Effect.forEach(
        plan.steps,
        ({ act, afterMs, channel }) =>
          Effect.delay(
            Effect.sync(() => logs[channel].act(act)),
            afterMs
          ),
        { discard: true }
      )
    ],
    { concurrency: "unbounded" }
  )
  // All is well from here on: the line that is printed now has to arrive.
  yield* Effect.sleep(againMs)
  const seen = yield* Effect.forEach(followers, ({ client: { received } }) =>
    Effect.map(received, ({ length }) => length)
  )
  for (const channel of channels) logs[channel].act("print")
  for (const [i, follower] of followers.entries()) yield* checkFollower(follower, logs, seen[i] ?? 0)
  yield* holds(stage.errors().length === 0, () => `the console logged errors: ${stage.errors().join("; ")}`)
})

export const program: Property["program"] = (parts) =>
  HubStage.unclosed(Effect.catchTag(logProgram(parts), ["SocketError", "NetworkError", "NotAdmitted"], Effect.die))
