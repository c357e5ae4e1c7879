/** Following a log of the modelled supervisord over the simulated network, under many schedules. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Ref, Stream } from "effect"
import type { LogPiece } from "../../../core/fleet/NodeDriver.ts"
import * as SupervisorDriver from "../../../core/supervisor/SupervisorDriver.ts"
import * as Supervisord from "../../../scenarios/peers/Supervisord.ts"
import * as Network from "../../../sim/net/Network.ts"
import * as SimHttpClient from "../../../sim/net/SimHttpClient.ts"
import * as Sim from "../../../sim/Sim.ts"

const id = { group: "app", name: "api" }

interface Talk {
  readonly model: Supervisord.Supervisord
  readonly driver: SupervisorDriver.SupervisorDriver
  /** Follows in a fiber; `seen` is the text so far, a gap in it as `<gap>`. */
  readonly follow: Effect.Effect<
    { readonly seen: Effect.Effect<string>; readonly stop: Effect.Effect<void>; readonly end: Effect.Effect<string> },
    never
  >
  readonly print: (text: string) => Effect.Effect<void>
}

const shown = (piece: LogPiece) => (piece._tag === "Gap" ? "<gap>" : new TextDecoder().decode(piece.bytes))

const assertTalk = (conversation: (talk: Talk) => Effect.Effect<void, never, Sim.RunContext>, runs = 30) => {
  const ports = SimHttpClient.layer({ host: "console" }).pipe(Layer.provideMerge(Network.layer({ latencyMsMax: 5 })))
  const program = Effect.gen(function* () {
    const model = yield* Supervisord.make({
      host: "node",
      port: 9001,
      programs: [{ ...id, startSecs: 0, startRetries: 2, stopWaitSecs: 10, stopTakesMs: 10, runsForMs: undefined }]
    })
    const driver = yield* SupervisorDriver.make({
      url: "http://node:9001",
      deadlineMs: 5_000,
      replyBytesMax: 100_000,
      followGiveUpMs: 20_000
    })
    yield* Effect.sleep(100)
    const follow = Effect.gen(function* () {
      const text = yield* Ref.make("")
      const fiber = yield* Effect.forkChild(
        Effect.flip(
          Stream.runForEach(driver.followLog(id, "stdout"), (piece) =>
            Ref.update(text, (before) => before + shown(piece))
          )
        )
      )
      return {
        seen: Ref.get(text),
        stop: Fiber.interrupt(fiber),
        end: Effect.map(Fiber.join(fiber), ({ reason }) => reason._tag).pipe(Effect.orDie)
      }
    })
    yield* conversation({ model, driver, follow, print: (line) => model.print(id.group, id.name, line) })
  })
  const { failure } = Sim.check(program.pipe(Effect.scoped, Effect.provide(ports), Effect.orDie), {
    runs,
    leaks: "fail"
  })
  assert.strictEqual(failure?.message, undefined)
}

describe("following a log", () => {
  it("brings what is there and what is written, and ends with its reader", () =>
    assertTalk(({ follow, print }) =>
      Effect.gen(function* () {
        yield* print("one\n")
        const { seen, stop } = yield* follow
        yield* Effect.sleep(300)
        yield* print("two é\n")
        yield* Effect.sleep(300)
        assert.strictEqual(yield* seen, "one\ntwo é\n")
        yield* stop
      })
    ))

  it("can be interrupted at any moment", () =>
    assertTalk(
      ({ follow, print }) =>
        Effect.gen(function* () {
          yield* print("one\n")
          const { stop } = yield* follow
          yield* Effect.sleep(yield* Sim.choose("workload", 40))
          yield* stop
        }),
      60
    ))

  it("goes on after a lost connection without a gap and without anything twice", () =>
    assertTalk(({ follow, model, print }) =>
      Effect.gen(function* () {
        yield* print("the first line of the log, which is remembered\n")
        const { seen, stop } = yield* follow
        yield* Effect.sleep(300)
        yield* model.crash
        yield* Effect.sleep(500)
        yield* model.boot
        yield* Effect.sleep(300)
        yield* print("second\n")
        yield* Effect.sleep(40_000)
        assert.strictEqual(yield* seen, "the first line of the log, which is remembered\nsecond\n")
        yield* stop
      })
    ))

  it("tells of a gap when the log was truncated", () =>
    assertTalk(({ follow, model, print }) =>
      Effect.gen(function* () {
        yield* print("the first line of the log, which is remembered\n")
        const { seen, stop } = yield* follow
        yield* Effect.sleep(300)
        yield* model.truncateLog(id.group, id.name)
        yield* Effect.sleep(300)
        yield* print("anew\n")
        yield* Effect.sleep(5_000)
        assert.strictEqual(yield* seen, "the first line of the log, which is remembered\n<gap>anew\n")
        yield* stop
      })
    ))

  it("goes on with the new file after it was cleared", () =>
    assertTalk(({ driver, follow, print }) =>
      Effect.gen(function* () {
        yield* print("before\n")
        const { seen, stop } = yield* follow
        yield* Effect.sleep(300)
        yield* Effect.orDie(driver.clearLog(id))
        yield* print("after\n")
        yield* Effect.sleep(300)
        assert.strictEqual(yield* seen, "before\nafter\n")
        yield* stop
      })
    ))

  it("is given up when the node stays away", () =>
    assertTalk(({ follow, model }) =>
      Effect.gen(function* () {
        const { end } = yield* follow
        yield* Effect.sleep(300)
        yield* model.crash
        // A host that is gone is not told from a silent one before the connection is made anew.
        assert.include(["Unreachable", "TimedOut", "ConnectionLost"], yield* Effect.timeout(end, 120_000))
      }).pipe(Effect.orDie)
    ))
})
