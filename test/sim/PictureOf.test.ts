/** Pictures of recorded runs: where each event stands, what is left out, and that the same run gives the same bytes. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Ref, Schema } from "effect"
import { Picture } from "../../sim/Picture.ts"
import { pictureOf } from "../../sim/PictureOf.ts"
import { RunContext } from "../../sim/RunContext.ts"
import * as Sim from "../../sim/Sim.ts"

const canonical = Sim.strategyNamed("list-AA")

const recorded = (program: Effect.Effect<unknown, unknown, RunContext>, seed = 0) =>
  Sim.run(program, { seed, record: true, ...(canonical === undefined ? {} : { strategy: canonical }) })

const message = (from: string, to: string, text: string) =>
  RunContext.useSync((context) => context.tell(() => text, { kind: "message", from, to }))

const serving = Effect.fn("serving")(function* () {
  yield* message("web", "db", "web -> db: SELECT")
  yield* Effect.logInfo("served")
  yield* Effect.sleep(1_000)
})

/** A host that serves in a fiber of its own, and crashes. */
const crashing = Effect.gen(function* () {
  const host = yield* Sim.Host.make("web")
  const running = yield* Effect.forkChild(host.run(serving()))
  yield* Effect.sleep(100)
  yield* Sim.tell(() => "it has served for long enough")
  yield* Sim.fault("disk full")
  yield* host.crash
  return yield* Effect.fail(running.id > 0 ? "down" : "")
})

const lostUpdate = Effect.gen(function* () {
  const counter = yield* Ref.make(0)
  const increment = Effect.flatMap(Ref.get(counter), (n) => Ref.set(counter, n + 1))
  yield* Effect.all([increment, increment], { concurrency: 2 })
  if ((yield* Ref.get(counter)) !== 2) return yield* Effect.die("an update was lost")
})

/** Rounds of two fibers that wake each other, with a fault early on and a message in each tenth round. */
const long = (rounds: number) =>
  Effect.gen(function* () {
    yield* message("web", "db", "the first")
    yield* Sim.fault("disk full")
    for (let i = 0; i < rounds; i++) {
      const woken = yield* Deferred.make<void>()
      const waiting = yield* Effect.forkChild(Deferred.await(woken))
      yield* Effect.yieldNow
      yield* Deferred.succeed(woken, undefined)
      yield* Effect.yieldNow
      if (waiting.pollUnsafe() === undefined) yield* Effect.sleep(1)
      if (i % 10 === 0) yield* message("web", "db", `round ${i}`)
    }
    return yield* Effect.fail("over")
  })

const lanesOf = ({ lanes }: Picture) => lanes.map(({ host, kind, label }) => `${kind} ${label} of ${host}`)

/** `kind: lane -> lane: text` of each. */
const drawn = ({ events, lanes }: Picture, kinds: ReadonlyArray<string>) =>
  events.flatMap(({ kind, lane, text, to }) =>
    kinds.includes(kind)
      ? [`${kind}: ${lanes[lane]?.label}${to === undefined ? "" : ` -> ${lanes[to]?.label}`}: ${text}`]
      : []
  )

describe("the picture of a run", () => {
  it("has the fibers of each host below it, and each event on its lane", () => {
    const picture = pictureOf(recorded(crashing))
    const [main] = lanesOf(picture)
    assert.strictEqual(main, "fiber main of ")
    const [web, fiber, ...others] = lanesOf(picture).filter((lane) => !lane.endsWith(" of "))
    assert.deepStrictEqual([web, others], ["host web of web", ["host db of db"]])
    assert.match(fiber ?? "", /^fiber fiber \d+ \(serving\) of web$/)
    const told = drawn(picture, ["message", "log", "told", "fault"])
    assert.deepStrictEqual(told.slice(0, 1), ["message: web -> db: web -> db: SELECT"])
    assert.match(told[1] ?? "", /^log: fiber \d+ \(serving\): log info: served$/)
    assert.deepStrictEqual(told.slice(2), [
      "told: main: it has served for long enough",
      "fault: main: fault: disk full",
      "fault: web: fault: web crashes"
    ])
    const { events, lanes, message: why, omitted, outcome, steps } = picture
    assert.deepStrictEqual([outcome, why, omitted], ["failed", "failed: down", 0])
    for (const { lane, step, to = -1 } of events) {
      assert.isBelow(Math.max(lane, to), lanes.length)
      assert.isAtMost(step, steps)
    }
    const used = new Set(events.flatMap(({ lane, to = -1 }) => [lane, to]))
    assert.deepStrictEqual(
      lanes.flatMap((_, index) => (used.has(index) ? [] : [index])),
      []
    )
  })

  it("shows starts, and the turns of the schedule in the words of the story", () => {
    const { failure } = Sim.check(lostUpdate, { runs: 100 })
    assert.isDefined(failure)
    const { picture, shrunk, story } = failure
    assert.deepStrictEqual(drawn(picture, ["switch"]), ["switch: fiber 1 -> main: fiber 1 has to pause: main goes on"])
    assert.include(story, ">> fiber 1 has to pause: main goes on")
    assert.deepStrictEqual(drawn(picture, ["start"]), [
      "start: main -> fiber 1: main starts fiber 1",
      "start: main -> fiber 2: main starts fiber 2"
    ])
    assert.deepStrictEqual(
      [picture.token, picture.traceHash, picture.deviations, picture.message],
      [shrunk?.token, shrunk?.traceHash, 1, "died: an update was lost"]
    )
  })

  it("is that of the run as found when it was not shrunk", () => {
    const { failure } = Sim.check(lostUpdate, { runs: 100, shrink: false })
    assert.strictEqual(failure?.picture.token, failure?.token)
    assert.isDefined(failure)
  })

  it("is the same, byte by byte, for the same run", () => {
    const bytes = () => JSON.stringify(pictureOf(recorded(crashing, 3)))
    assert.strictEqual(bytes(), bytes())
    assert.deepStrictEqual(Schema.decodeUnknownSync(Picture)(JSON.parse(bytes())), pictureOf(recorded(crashing, 3)))
  })

  it("leaves out of a long run what says least, never faults, nor its end", () => {
    const run = recorded(long(300))
    const whole = pictureOf(run, { eventsMax: 100_000 })
    const picture = pictureOf(run, { eventsMax: 400 })
    assert.strictEqual(whole.omitted, 0)
    assert.isAbove(whole.events.length, 1_000)
    assert.deepStrictEqual([picture.events.length, picture.omitted], [400, whole.events.length - 400])
    assert.deepStrictEqual(drawn(picture, ["fault"]), drawn(whole, ["fault"]))
    assert.deepStrictEqual(drawn(picture, ["message"]), drawn(whole, ["message"]))
    const textsOf = ({ events }: Picture) => events.slice(-200).map(({ step, text }) => `${step} ${text}`)
    assert.deepStrictEqual(textsOf(picture), textsOf(whole))
    const idle = ({ events }: Picture) => events.filter(({ kind, text }) => kind === "stretch" && text === "").length
    assert.isBelow(idle(picture), idle(whole))
  })

  it("keeps the last messages even where hardly anything fits, and refuses a limit below 1", () => {
    const picture = pictureOf(recorded(long(300)), { eventsMax: 10 })
    const messages = drawn(picture, ["message"])
    assert.strictEqual(messages.at(-1), "message: web -> db: round 290")
    assert.strictEqual(messages[0], "message: web -> db: the first")
    assert.throws(() => pictureOf(recorded(long(1)), { eventsMax: 0 }), RangeError)
  })
})
