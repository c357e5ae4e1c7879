/** A token brings its run back, shrunk or not, and says what is wrong when it cannot. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Ref, Result } from "effect"
import * as Sim from "../../sim/Sim.ts"
import { parseToken } from "../../sim/Token.ts"
import { bugs } from "./bugs/Bugs.ts"
import { lostUpdate } from "./LostUpdate.ts"

const random = Sim.plannerNamed("random")

const replayed = <A, E>(program: Effect.Effect<A, E, Sim.RunContext>, token: string, options: Sim.ReplayOptions = {}) =>
  Result.getOrThrow(Sim.replay(program, token, options))

const refusal = (program: Effect.Effect<unknown, unknown, Sim.RunContext>, token: string, options = {}): string =>
  Result.getOrThrow(Result.flip(Sim.replay(program, token, options))).message

/** Steps between which the program is said to differ. */
const partedAt = (message: string): number => Number(/(?:between steps|after step) (\d+)/.exec(message)?.[1] ?? -1)

const assertSameRun = (a: Sim.RunResult<unknown, unknown>, b: Sim.RunResult<unknown, unknown>) =>
  assert.deepStrictEqual(
    [a.outcome, a.message, a.steps, a.decisions, a.virtualMs, a.traceHash],
    [b.outcome, b.message, b.steps, b.decisions, b.virtualMs, b.traceHash]
  )

describe("100 of 100 failing tokens", () => {
  const names = ["lost update", "lock order", "stale cache", "double close", "refund and ship"]
  const programs = bugs.filter(({ name }) => names.includes(name))

  it("replay, and so do those of the shrunk runs, in which nothing else went wrong", () => {
    assert.strictEqual(programs.length, names.length)
    assert.isDefined(random)
    let replays = 0
    for (const { buggy, name } of programs) {
      for (let found = 0, seed = 0; found < 20; found++) {
        const { failure }: Sim.CheckResult<void, unknown> = Sim.check(buggy, {
          runs: 10_000,
          seed,
          planner: random,
          name
        })
        assert.isDefined(failure)
        assert.isDefined(failure.shrunk)
        seed = failure.seed + 1
        assertSameRun(replayed(buggy, failure.token, { name }), failure)
        assertSameRun(replayed(buggy, failure.shrunk.token, { name }), failure.shrunk)
        assert.strictEqual(failure.shrunk.outcome, failure.outcome)
        replays++
      }
    }
    assert.strictEqual(replays, 100)
  })
})

describe("a replay", () => {
  const drawing = Effect.gen(function* () {
    const faults: Array<number> = []
    for (let i = 0; i < 4; i++) faults.push(yield* Sim.choose("faults", 4), yield* Sim.choose("workload", 50))
    yield* Effect.sleep(yield* Random.nextIntBetween(1, 1_000))
    yield* lostUpdate
    return faults
  })

  it("has the values, the time and the story of the run, by any strategy", () => {
    for (const name of ["random", "pct-3-40", "list-AA", "pct-1-1"]) {
      const strategy = Sim.strategyNamed(name)
      assert.isDefined(strategy)
      for (let seed = -10; seed < 10; seed++) {
        const run = Sim.run(drawing, { seed, strategy, record: true })
        const again = replayed(drawing, run.token)
        assertSameRun(again, run)
        assert.deepStrictEqual(again.deviations, run.deviations)
        assert.deepStrictEqual(again.trace, run.trace)
        assert.strictEqual(Sim.story(again), Sim.story(run))
      }
    }
  })

  it("stops where it is told to, and is then not compared with the end", () => {
    const run = Sim.run(drawing, { seed: 4 })
    const until = 10
    const part = replayed(drawing, run.token, { until })
    assert.deepStrictEqual([part.outcome, part.steps], ["step-limit", until])
    assertSameRun(replayed(drawing, run.token, { until: run.steps + 100 }), run)
  })

  it("of the largest and the smallest seed is the same", () => {
    for (const seed of [Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 2 ** 32, -1, -0]) {
      const run = Sim.run(drawing, { seed })
      assertSameRun(replayed(drawing, run.token), run)
    }
  })

  it("takes any name into the token and asks for the same one", () => {
    const { token } = Sim.run(Effect.yieldNow, { name: "a b/c.d äöü" })
    assert.strictEqual(Result.getOrThrow(parseToken(token)).name, "a-b/c-d----")
    assert.strictEqual(replayed(Effect.yieldNow, token, { name: "a b/c.d äöü" }).outcome, "done")
    assert.include(refusal(Effect.yieldNow, token, { name: "else" }), "is of a-b/c-d----, not of else")
  })
})

describe("a token of another program", () => {
  const steps = (count: number, last: Effect.Effect<void>) =>
    Effect.andThen(
      Effect.forEach(
        Array.from({ length: count }, (_, i) => i),
        () => Effect.all([Effect.yieldNow, Effect.yieldNow], { concurrency: 2 }),
        { discard: true }
      ),
      last
    )

  it("is refused with the step at which they part, and how either ended", () => {
    const { token } = Sim.run(steps(60, Effect.void), { seed: 2 })
    const early = refusal(steps(3, Effect.sleep(1)), token)
    const late = refusal(steps(50, Effect.sleep(1)), token)
    for (const message of [early, late]) {
      assert.match(message, /^this program differs from the one that made the token (?:between steps|after step) \d+/)
      assert.match(message, /it (?:ended \w+ after \d+ steps, the token's after \d+|goes on after \d+ steps)/)
    }
    assert.isAbove(partedAt(late), partedAt(early))
  })

  it("is refused although it ends the same way", () => {
    const add = (n: number) =>
      Effect.gen(function* () {
        const ref = yield* Ref.make(0)
        yield* Effect.forkChild(Ref.set(ref, n))
        for (let i = 0; i < n; i++) yield* Ref.get(ref)
      })
    const { token } = Sim.run(add(3))
    assert.strictEqual(replayed(add(3), token).outcome, "done")
    assert.include(refusal(add(4), token), "differs")
  })

  it("that fails where this one is mended, is refused, so that nobody takes it for fixed by the token", () => {
    const { failure } = Sim.check(lostUpdate, { runs: 200 })
    assert.isDefined(failure?.shrunk)
    const mended = Effect.gen(function* () {
      const counter = yield* Ref.make(0)
      const increment = Ref.update(counter, (n) => n + 1)
      yield* Effect.all([increment, increment], { concurrency: 2 })
    })
    for (const token of [failure.token, failure.shrunk.token]) assert.include(refusal(mended, token), "differs")
  })
})

describe("a token that is damaged", () => {
  const { failure } = Sim.check(lostUpdate, { runs: 200 })
  const token = failure?.shrunk?.token ?? ""

  it("is refused wherever a character is missing", () => {
    for (let i = 0; i < token.length; i++) {
      const text = token.slice(0, i) + token.slice(i + 1)
      const result = Sim.replay(lostUpdate, text)
      // The name is only compared where one is given.
      if (Result.isSuccess(result)) assert.isTrue(i >= 3 && i < 10, `without character ${i}: ${text}`)
      else assert.isAbove(result.failure.message.length, 20)
    }
  })

  it("is refused with what is known, where its strategy or its choices make no sense", () => {
    const parts = token.split(".")
    const withPart = (index: number, text: string) => parts.map((part, i) => (i === index ? text : part)).join(".")
    assert.include(refusal(lostUpdate, withPart(2, "magic")), "this version has portfolio, random, pct, systematic")
    assert.include(refusal(lostUpdate, withPart(2, "pct-0-0")), "strategy pct-0-0 is unknown")
    assert.include(refusal(lostUpdate, withPart(7, "A")), "its choices, cannot be read")
    assert.include(refusal(lostUpdate, ""), "is no token of this version")
    assert.include(refusal(lostUpdate, "m1.x.random.0.1.0123456789abcdef."), "is no token of this version")
  })
})
