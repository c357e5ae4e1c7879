/** Joins, comebacks, slow clients, followed logs and the hub's end, all racing broadcasts, under many schedules. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import * as Sim from "../../../sim/Sim.ts"
import { client, event, logOf, logText, make } from "./FakeClient.ts"
import type { FakeClient, FakeHub } from "./FakeClient.ts"

const Frame = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.String,
    seq: Schema.optionalKey(Schema.Int),
    stream: Schema.optionalKey(Schema.String),
    resumed: Schema.optionalKey(Schema.Boolean),
    from: Schema.optionalKey(Schema.Unknown),
    to: Schema.optionalKey(Schema.Unknown),
    node: Schema.optionalKey(Schema.String)
  })
)
const decode = Schema.decodeUnknownSync(Frame)

const choose = (n: number) => Sim.choose("workload", n)

const eventsMax = 8

/** What a client knows after a connection: the number of the last event, and which stream that is of. */
interface Known {
  readonly last: number | undefined
  readonly stream: string | undefined
}

/** Follows what the connection brought; dies when an event is missing that nobody told of. */
const verify = (one: FakeClient, before: Known): Effect.Effect<Known, never, Sim.RunContext> =>
  Effect.gen(function* () {
    let { last, stream } = before
    let subscribed = ""
    for (const text of one.texts()) {
      if (text.startsWith("close ")) continue
      const frame = decode(text)
      if (frame.type === "hello") {
        stream = frame.stream
        yield* Sim.sometimes(frame.resumed === true ? "resumed" : "not resumed")
        if (frame.resumed !== true) last = undefined
      }
      if (frame.type === "subscribed") subscribed = text
      if (frame.type === "log" && !subscribed.includes(`"${frame.node}"`)) {
        return yield* Effect.die(`it follows no such log: ${text}`)
      }
      if (frame.type === "snapshot") last = frame.seq
      if (frame.type === "gap") {
        yield* Sim.sometimes("a gap")
        if (Number(frame.from) > (last ?? 0) + 1) return yield* Effect.die(`after ${last} came ${text}`)
        last = Number(frame.to)
      }
      if (frame.type === "node.status") {
        if (last === undefined || frame.seq !== last + 1) return yield* Effect.die(`after ${last} came ${text}`)
        last = frame.seq
      }
    }
    return { last, stream }
  })

const connection = (fake: FakeHub, known: Known) =>
  Effect.gen(function* () {
    const slowMs = (yield* choose(3)) * 2
    const one = yield* client({ onFrame: () => Effect.sleep(slowMs) })
    const { last: since, stream } = known
    const serving = yield* Effect.forkChild(
      fake.serve(one.socket, {}, since === undefined ? {} : { since, stream, address: "10.0.0.1" }).pipe(
        // Refused, closed, or cut off: all of them are ends.
        Effect.catchCause(() => Effect.void)
      )
    )
    yield* Effect.sleep(yield* choose(4))
    const logs = [[], [logOf("web")], [logOf("web"), logOf("nowhere")], [logOf("db")]][yield* choose(4)] ?? []
    if (logs.length > 0) yield* one.send(JSON.stringify({ type: "subscribe", logs }))
    yield* Effect.sleep(yield* choose(8))
    if ((yield* choose(2)) === 0) yield* one.send("no", "frame", "of the protocol")
    else yield* one.cut
    yield* Fiber.join(serving)
    return yield* verify(one, known)
  })

const visit = (fake: FakeHub) =>
  Effect.gen(function* () {
    yield* Effect.sleep(yield* choose(4))
    const known = yield* connection(fake, { last: undefined, stream: undefined })
    yield* connection(fake, known)
  })

const churn = Effect.scoped(
  Effect.gen(function* () {
    const fake = yield* make({
      outboxFramesMax: 2 + (yield* choose(3)),
      slowClientPolicy: (yield* choose(2)) === 0 ? "disconnect" : "dropOldest",
      eventsKept: 1 + (yield* choose(4)),
      followMs: yield* choose(3)
    })
    const publish = Effect.gen(function* () {
      for (let seq = 1; seq <= eventsMax; seq++) {
        yield* Effect.sleep(yield* choose(4))
        const isLost = (yield* choose(8)) === 7
        if (!isLost)
          yield* fake.publish(event(seq), logText(logOf("web"), `${seq}`, seq), logText(logOf("db"), "no", seq))
      }
    })
    const endsEarly = (yield* choose(3)) === 2
    const end = Effect.andThen(Effect.sleep(endsEarly ? yield* choose(20) : 200), fake.hub.close)
    yield* Effect.all([visit(fake), visit(fake), visit(fake), publish, end], { concurrency: "unbounded" })
    const counts = yield* fake.hub.counts
    const rest = { ...counts, followed: yield* fake.followed }
    const { connected, followed, joined, left, logs, sessions } = rest
    if (connected + sessions + logs + followed.length > 0 || joined !== left) {
      return yield* Effect.die(`the hub still holds something: ${JSON.stringify(rest)}`)
    }
    if (counts.refused > 0) yield* Sim.sometimes("refused at the end")
    if (counts.slow > 0) yield* Sim.sometimes("too slow")
  })
)

describe("the hub in the simulator", () => {
  it("loses nothing that it does not tell of, and holds nothing in the end", () => {
    const { failure, sometimes } = Sim.check(churn, { runs: 600, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.deepStrictEqual([...sometimes.keys()].toSorted(), [
      "a gap",
      "not resumed",
      "refused at the end",
      "resumed",
      "too slow"
    ])
  })
})
