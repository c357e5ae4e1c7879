/** Stories as a reader gets them, word by word. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Ref, Semaphore } from "effect"
import * as Sim from "../../sim/Sim.ts"

const source = readFileSync(new URL(import.meta.url), "utf8").split("\n")

/** Where the first line with this text stands, as stories name it. */
const at = (text: string): string => {
  const index = source.findIndex((line) => line.includes(text))
  assert.isAtLeast(index, 0)
  return `(Story.test.ts:${index + 1})`
}

const failureOf = (program: Effect.Effect<unknown, unknown, Sim.RunContext>, options: Sim.CheckOptions = {}) => {
  const { failure } = Sim.check(program, { runs: 1_000, ...options })
  assert.isDefined(failure)
  return failure
}

/** The story of a run without any deviation. */
const canonical = (program: Effect.Effect<unknown, unknown, Sim.RunContext>, seed = 0) =>
  Sim.run(program, { seed, record: true, ...plain })

const canonicalStrategy = Sim.strategyNamed("list-AA")
const plain = canonicalStrategy === undefined ? {} : { strategy: canonicalStrategy }

describe("the story of", () => {
  it("a lost update tells who read, who had to pause and who wrote", () => {
    const lost = Effect.gen(function* () {
      const counter = yield* Ref.make(0)
      const read = Ref.get(counter)
      const increment = Effect.flatMap(read, (n) => Ref.set(counter, n + 1))
      yield* Effect.all([increment, increment], { concurrency: 2 })
      if ((yield* Ref.get(counter)) !== 2) return yield* Effect.die("an update was lost")
    })
    const [made, read, written, forked, looked] = [
      at("const counter = yield* Ref.make(0)"),
      at("const read = Ref.get(counter)"),
      at("const increment = Effect.flatMap(read"),
      at("yield* Effect.all([increment, increment]"),
      at("if ((yield* Ref.get(counter)) !== 2)")
    ]
    assert.deepStrictEqual(failureOf(lost).story.split("\n"), [
      `1. main: Ref.make ${made}, starts fiber 1 ${forked}`,
      `2. fiber 1: Ref.get ${read}`,
      "3. >> fiber 1 has to pause: main goes on",
      "4. main starts fiber 2",
      `5. fiber 2: Ref.get ${read}, Ref ${written}`,
      `6. fiber 1: Ref ${written}`,
      `7. main: Ref.get ${looked}`,
      "=> died: an update was lost"
    ])
  })

  it("a lock order tells which lock each fiber has, and how both wait in the end", () => {
    const locks = Effect.gen(function* () {
      const [a, b] = [yield* Semaphore.make(1), yield* Semaphore.make(1)]
      const there = Effect.fn("there")(function* () {
        yield* a.withPermit(b.withPermit(Effect.void))
      })
      const back = Effect.fn("back")(function* () {
        yield* b.withPermit(a.withPermit(Effect.void))
      })
      yield* Effect.all([there(), back()], { concurrency: 2 })
    })
    const [made, first, second, forked] = [
      at("const [a, b] = [yield* Semaphore.make(1)"),
      at("yield* a.withPermit(b.withPermit"),
      at("yield* b.withPermit(a.withPermit"),
      at("yield* Effect.all([there(), back()]")
    ]
    const { story } = failureOf(locks)
    const told = story.replace(/\(sim\/Story\.test\.ts[^)]*\)/g, "(..)").split("\n")
    assert.deepStrictEqual(told.slice(0, 6), [
      `1. main: Semaphore.make ${made} x2, starts fiber 1 ${forked}`,
      `2. fiber 1 (there): Semaphore.withPermit ${first}`,
      "3. >> fiber 1 (there) has to pause: main goes on",
      "4. main starts fiber 2 (back)",
      `5. fiber 2 (back): Semaphore.withPermit ${second} x2`,
      `6. fiber 1 (there): Semaphore.withPermit ${first}`
    ])
    assert.match(told[6] ?? "", /^=> deadlock after \d+ steps: 3 fibers wait, and no timer and no task is left$/)
    assert.match(told[8] ?? "", /^ {2}fiber 1 in there \(\.\.\), waits in Semaphore/)
    assert.match(told[9] ?? "", /^ {2}fiber 2 in back \(\.\.\), waits in Semaphore/)
  })

  it("a delivery tells the time, what was told and what was logged", () => {
    const delivery = Effect.gen(function* () {
      const isDelivered = yield* Ref.make(false)
      const courier = Effect.fn("courier")(function* () {
        yield* Effect.sleep("1 second")
        yield* Sim.tell(() => "the courier leaves")
        yield* Effect.logWarning("packed", 3)
        yield* Effect.sleep(500.4)
        yield* Ref.set(isDelivered, true)
      })
      yield* Effect.forkChild(courier())
      yield* Effect.sleep(1_500)
      if (!(yield* Ref.get(isDelivered))) return yield* Effect.fail("too late")
    })
    const [made, started, waited, slept, sleptOn, looked] = [
      at("const isDelivered = yield* Ref.make(false)"),
      at("yield* Effect.forkChild(courier())"),
      at("yield* Effect.sleep(1_500)"),
      at('yield* Effect.sleep("1 second")'),
      at("yield* Effect.sleep(500.4)"),
      at("if (!(yield* Ref.get(isDelivered)))")
    ]
    assert.deepStrictEqual(Sim.story(canonical(delivery)).split("\n"), [
      `1. main: Ref.make ${made}, starts fiber 1 ${started}, Effect.sleep ${waited}`,
      `2. fiber 1 (courier): Effect.sleep ${slept}`,
      "3. -- 1000 ms",
      `4. fiber 1 (courier) goes on: Effect.sleep ${sleptOn}`,
      "5. the courier leaves",
      "6. log warn: packed 3",
      "7. -- 1500 ms",
      `8. main: Ref.get ${looked}`,
      "=> failed: too late"
    ])
  })

  it("faults tells each where it struck", () => {
    const writes = Effect.gen(function* () {
      for (let i = 0; i < 3; i++) {
        if (yield* Sim.chance("faults", { num: 1, den: 4 })) {
          yield* Sim.fault("disk full")
          yield* Sim.tell(() => `disk full at write ${i}`)
          return yield* Effect.fail("a write was lost")
        }
        yield* Effect.sleep(10)
      }
    })
    const { faults, story } = failureOf(writes)
    assert.strictEqual(faults.get("disk full"), 1)
    assert.match(story, /^(?:.*\n)*\d\. disk full at write \d\n=> failed: a write was lost$/)
    const crash = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const run = yield* Effect.forkChild(Effect.exit(host.run(Effect.sleep(5))))
      yield* Effect.sleep(2)
      yield* host.crash
      yield* Fiber.join(run)
      yield* Sim.interruptSometime(Effect.never, { withinSteps: 1 })
    })
    const { story: told } = failureOf(Effect.andThen(crash, Effect.fail("end")))
    assert.match(told, /-- 2 ms\n[^-]*\d+\. fault: box crashes\n/)
  })

  it("an interruption by the kernel names the fiber", () => {
    const program = Effect.gen(function* () {
      const exit = yield* Sim.interruptSometime(Effect.withSpan(Effect.never, "patient"), { withinSteps: 12 })
      return yield* Effect.fail(exit._tag)
    })
    const runs = Array.from({ length: 50 }, (_, seed) => Sim.run(program, { seed, record: true }))
    const struck = runs.filter(({ faults }) => faults.has("interrupted"))
    assert.isAbove(struck.length, 10)
    for (const run of struck) assert.match(Sim.story(run), /\d\. fault: fiber 1.* is interrupted\n/)
    assert.isTrue(struck.some((run) => Sim.story(run).includes("fault: fiber 1 in patient")))
  })

  it("a swarm begins with what was drawn", () => {
    const program = Effect.andThen(Sim.swarm({ delay: [1, 20], loss: ["rare", "often"] }), Effect.fail("end"))
    const stories = new Set(
      Array.from({ length: 60 }, (_, seed) => Sim.story(Sim.run(program, { seed, record: true })).split("\n")[0])
    )
    assert.sameMembers(
      [...stories],
      ["off", "1", "20"].flatMap((delay) =>
        ["off", '"rare"', '"often"'].map((loss) => `drawn: delay: ${delay}, loss: ${loss}`)
      )
    )
  })

  it("a run that ends well says so", () => {
    assert.strictEqual(Sim.story(Sim.run(Effect.void, { record: true })), "=> it ends well after 1 steps")
  })
})

describe("a long story", () => {
  const long = Effect.gen(function* () {
    const gate = yield* Deferred.make<void>()
    yield* Effect.forkChild(Deferred.await(gate))
    for (let i = 0; i < 100; i++) {
      yield* Sim.tell(() => `turn ${i}`)
      yield* Effect.sleep(1)
    }
    return yield* Effect.fail("the end")
  })

  it("is told in at most so many lines and its end, with more of the end than of the beginning", () => {
    const run = canonical(long)
    for (const linesMax of [2, 3, 10, 40, 100]) {
      const lines = Sim.story(run, { linesMax }).split("\n")
      assert.strictEqual(lines.length, linesMax + 1)
      assert.strictEqual(lines.at(-1), "=> failed: the end")
      assert.include(lines.at(-2), "turn 99")
    }
    assert.strictEqual(Sim.story(run).split("\n").length, 41)
    const [first, ...rest] = Sim.story(run, { linesMax: 12 }).split("\n")
    assert.strictEqual(first, " 1. turn 0")
    const left = rest.findIndex((line) => /^ 4\. \.\. \d+ more \.\.$/.test(line))
    assert.strictEqual(left, 2)
  })

  it("is told whole where there is room", () => {
    const lines = Sim.story(canonical(long), { linesMax: 1_000 }).split("\n")
    const told = lines.filter((line) => / turn \d+$/.test(line))
    assert.strictEqual(told.length, 100)
    assert.isTrue(lines.some((line) => line.includes("Deferred.await")))
    assert.match(lines.at(-2) ?? "", /^\d+\. turn 99$/)
  })

  it("numbers its lines without a gap", () => {
    for (const linesMax of [10, 1_000]) {
      const lines = Sim.story(canonical(long), { linesMax }).split("\n").slice(0, -1)
      assert.deepStrictEqual(
        lines.map((line) => Number(/^ *(\d+)\. /.exec(line)?.[1])),
        lines.map((_, i) => i + 1)
      )
    }
  })
})

it("tells of no run that was not recorded", () => {
  const { births, deviations, switches, told, trace } = Sim.run(
    Effect.andThen(
      Sim.tell(() => "x"),
      Effect.log("y")
    )
  )
  assert.deepStrictEqual([births, deviations, switches, told, trace], [[], [], [], [], []])
})
