/** Chance, time and the hash: the parts of a run that must be fair, ordered and the same again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { Choices, seeded, streams } from "../../sim/Choices.ts"
import { draw } from "../../sim/Draw.ts"
import { Prng } from "../../sim/Prng.ts"
import { RunContext } from "../../sim/RunContext.ts"
import * as Sim from "../../sim/Sim.ts"
import { Timers } from "../../sim/Timers.ts"
import { TraceHash } from "../../sim/TraceHash.ts"

describe("Prng", () => {
  it("is uniform, for near and for far seeds", () => {
    const buckets = 16
    const drawn = 16_000
    const chiSquare = (values: ReadonlyArray<number>) => {
      const counts = Array.from({ length: buckets }, () => 0)
      for (const value of values) counts[value] = (counts[value] ?? 0) + 1
      const expected = drawn / buckets
      return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    }
    const length = { length: drawn }
    // 15 degrees of freedom: 44.3 is passed once in 10,000.
    for (const seed of [0, 1, -1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const prng = new Prng(seed, 0)
      assert.isBelow(chiSquare(Array.from(length, () => prng.below(buckets))), 44.3)
    }
    assert.isBelow(chiSquare(Array.from(length, (_, seed) => new Prng(seed, 0).below(buckets))), 44.3)
    assert.isBelow(chiSquare(Array.from(length, (_, i) => new Prng(i * 2 ** 32, 1).below(buckets))), 44.3)
  })

  it("stays below its bound and differs between seeds and streams", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, n) => {
        const value = new Prng(seed, 0).below(n)
        assert.isTrue(Number.isInteger(value) && value >= 0 && value < n)
      })
    )
    const first = [0, 1, 2 ** 32].flatMap((seed) => [0, 1, 2, 3].map((stream) => new Prng(seed, stream).next()))
    assert.strictEqual(new Set(first).size, 12)
  })
})

describe("Choices", () => {
  const make = () =>
    new Choices({ source: seeded(9), hash: new TraceHash(), record: true, drawer: () => 3, pathOf: (n) => `0.${n}` })
  const drawn = streams.filter((stream) => stream !== "schedule")

  it("of one stream do not shift another", () => {
    for (const stream of drawn) {
      const quiet = make()
      const busy = make()
      const values = Array.from({ length: 20 }, () => quiet.choose(stream, 1_000))
      const disturbed = Array.from({ length: 20 }, () => {
        for (const other of drawn) if (other !== stream) busy.choose(other, 7)
        return busy.choose(stream, 1_000)
      })
      assert.deepStrictEqual(disturbed, values)
    }
  })

  it("differ between streams", () => {
    const choices = make()
    assert.strictEqual(new Set(drawn.map((stream) => choices.choose(stream, 2 ** 32))).size, drawn.length)
  })

  it("keep the deviations by stream and index, without the dull ones", () => {
    const choices = make()
    const values = Array.from({ length: 20 }, () => choices.choose("faults", 3))
    const expected = values.flatMap((value, index) =>
      value === 0 ? [] : [{ stream: "faults" as const, index, value, fiber: "0.3", at: index }]
    )
    assert.deepStrictEqual(choices.deviations, expected)
    assert.isBelow(expected.length, 20)
  })
})

describe("Timers", () => {
  it("come by time, then by age, without the cancelled ones", () => {
    const additions = fc.array(fc.record({ atMs: fc.nat(20), cancelled: fc.boolean() }), { maxLength: 60 })
    fc.assert(
      fc.property(additions, fc.nat(20), (added, nowMs) => {
        const timers = new Timers()
        const made = added.map(({ atMs }) => timers.add(atMs, 0, () => {}))
        for (const [i, { cancelled }] of added.entries()) {
          const timer = made[i]
          if (cancelled && timer !== undefined) timer.fire = undefined
        }
        const wanted = made
          .filter((_, i) => added[i]?.cancelled === false)
          .toSorted((a, b) => a.atMs - b.atMs || a.order - b.order)
        assert.strictEqual(timers.nextAt(), wanted[0]?.atMs)
        const taken: Array<number> = []
        for (let timer = timers.takeDue(nowMs); timer !== undefined; timer = timers.takeDue(nowMs)) {
          taken.push(timer.order)
        }
        const due = wanted.filter(({ atMs }) => atMs <= nowMs)
        assert.deepStrictEqual(
          taken,
          due.map(({ order }) => order)
        )
        assert.strictEqual(timers.nextAt(), wanted[due.length]?.atMs)
      })
    )
  })
})

describe("TraceHash", () => {
  it("changes with every pair and with their order", () => {
    const digest = (pairs: ReadonlyArray<readonly [number, number]>) => {
      const hash = new TraceHash()
      for (const [x, y] of pairs) hash.fold(x, y)
      return hash.digest
    }
    const pairs = fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 8 })
    fc.assert(
      fc.property(pairs, pairs, (a, b) => {
        assert.strictEqual(digest(a) === digest(b), JSON.stringify(a) === JSON.stringify(b))
      })
    )
  })

  it("marks each power of two once", () => {
    const hash = new TraceHash()
    for (const steps of [1, 3, 9]) {
      hash.fold(0, steps)
      if (steps >= hash.markDue) hash.mark(steps)
    }
    assert.strictEqual(hash.marks.length, 4)
    assert.strictEqual(hash.markDue, 16)
    assert.strictEqual(hash.marks[2], hash.marks[3])
  })
})

describe("draw", () => {
  const things = fc.record({
    n: fc.integer({ min: 3, max: 9 }),
    list: fc.array(fc.nat(), { minLength: 1 }),
    text: fc.string()
  })

  it("gives the same values for the same seed, in their ranges", () => {
    const seen = new Set<string>()
    const program = Effect.map(draw(things), (value) => {
      seen.add(JSON.stringify(value))
      return value.n >= 3 && value.n <= 9 && value.list.length > 0
    })
    const all = Effect.flatMap(program, (fits) => (fits ? Effect.void : Effect.die("out of range")))
    for (let seed = 0; seed < 50; seed++) assert.strictEqual(Sim.run(all, { seed }).outcome, "done")
    const { size } = seen
    for (let seed = 0; seed < 50; seed++) Sim.run(all, { seed })
    assert.strictEqual(seen.size, size)
    assert.isAbove(size, 40)
  })

  it("gives the smallest values when every choice is the dullest", () => {
    const dull = RunContext.of({
      choose: () => 0,
      chance: () => false,
      fault: () => {},
      reach: () => {},
      tell: () => {},
      note: () => {},
      hold: () => () => {},
      shiftWallClock: () => {},
      timer: () => () => {},
      atEnd: () => {},
      letTimersBeLate: () => () => {},
      interruptAfter: () => {},
      newHost: () => 1,
      enterHost: () => {},
      killHost: () => {},
      always: () => () => {},
      steps: () => 0,
      defects: () => []
    })
    const smallest = Effect.runSync(Effect.provideService(draw(things), RunContext, dull))
    assert.deepStrictEqual(smallest, { n: 3, list: [0], text: "" })
  })
})

describe("chance", () => {
  it("comes true as often as it says, never at none and always at all", () => {
    const hits = (num: number) => {
      let count = 0
      for (let seed = 0; seed < 2_000; seed++) {
        const { exit } = Sim.run(Sim.chance("faults", { num, den: 5 }), { seed })
        if (exit?._tag === "Success" && exit.value) count++
      }
      return count
    }
    assert.deepStrictEqual([hits(0), hits(5)], [0, 2_000])
    // Five standard deviations around 400.
    assert.isAtLeast(hits(1), 310)
    assert.isAtMost(hits(1), 490)
  })
})
