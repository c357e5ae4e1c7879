/** Runs are determined by their seed, reach the orders that Effect allows, and end in one of five ways. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Ref, Result, Semaphore } from "effect"
import * as Sim from "../../sim/Sim.ts"
import { lostUpdate } from "./LostUpdate.ts"

const keptUpdate = Effect.gen(function* () {
  const counter = yield* Ref.make(0)
  const increment = Ref.update(counter, (n) => n + 1)
  yield* Effect.all([increment, increment], { concurrency: 2 })
  if ((yield* Ref.get(counter)) !== 2) return yield* Effect.die("an update was lost")
})

/** Which results a program has over many seeds. */
const outcomes = <A>(program: Effect.Effect<A, never, Sim.RunContext>, runs = 300) => {
  const seen = new Set<string>()
  const checked = Sim.check(
    Effect.tap(program, (value) => Effect.sync(() => seen.add(JSON.stringify(value)))),
    { runs }
  )
  assert.isUndefined(checked.failure)
  return Array.from(seen).toSorted()
}

const letters = (fork: (append: (letter: string) => Effect.Effect<void>) => Effect.Effect<unknown>) =>
  Effect.suspend(() => {
    let text = ""
    const append = (letter: string) =>
      Effect.sync(() => {
        text += letter
      })
    return Effect.map(fork(append), () => text)
  })

describe("a run", () => {
  it("is the same for the same seed, also after others in between", () => {
    const hashes = () => Array.from({ length: 20 }, (_, seed) => Sim.run(lostUpdate, { seed }).traceHash)
    const first = hashes()
    Sim.check(keptUpdate, { runs: 50 })
    assert.deepStrictEqual(hashes(), first)
    assert.isAbove(new Set(first).size, 2)
  })

  it("is the same in a fresh process", () => {
    const file = fileURLToPath(new URL("./LostUpdate.ts", import.meta.url))
    const { stderr, stdout } = spawnSync(process.execPath, [file], { encoding: "utf8" })
    assert.strictEqual(stderr, "")
    assert.deepStrictEqual(
      stdout.trim().split("\n"),
      Array.from({ length: 20 }, (_, seed) => Sim.run(lostUpdate, { seed }).token)
    )
  })

  it("differs between seeds", () => {
    const many = Effect.all(
      Array.from({ length: 5 }, () => Effect.yieldNow),
      { concurrency: "unbounded" }
    )
    assert.isAbove(Sim.check(many, { runs: 200 }).distinctTraces, 100)
  })

  it("keeps its schedule when a draw of data is added", () => {
    const schedule = (draw: boolean, seed: number) => {
      const append = (letter: string) => Effect.sync(() => (draw ? letter : letter.toUpperCase()))
      const program = Effect.gen(function* () {
        const context = yield* Sim.RunContext
        if (draw) context.choose("data", 100)
        yield* Effect.all([append("a"), append("b"), append("c")], { concurrency: "unbounded" })
      })
      return Sim.run(program, { seed, record: true }).deviations.filter(({ stream }) => stream === "schedule")
    }
    const seeds = Array.from({ length: 20 }, (_, seed) => seed)
    assert.isAbove(seeds.filter((seed) => schedule(false, seed).length > 0).length, 5)
    for (const seed of seeds) assert.deepStrictEqual(schedule(true, seed), schedule(false, seed))
  })

  it("is the same whether a fiber of Effect's own runtime starts it or not", async () => {
    const run = (seed: number) => Sim.run(lostUpdate, { seed, record: true })
    for (const seed of [0, 1, 2, 3]) {
      await Effect.runPromise(Effect.yieldNow)
      assert.deepStrictEqual(await Effect.runPromise(Effect.sync(() => run(seed))), run(seed))
    }
  })

  it("refuses wrong options and names the field", () => {
    assert.throws(() => Sim.run(Effect.void, { seed: 0.5 }), RangeError, "seed is 0.5")
    assert.throws(() => Sim.run(Effect.void, { stepsMax: 0 }), RangeError, "stepsMax is 0")
    assert.throws(() => Sim.check(Effect.void, { runs: Number.NaN }), RangeError, "runs is NaN")
    assert.throws(() => Sim.check(Effect.void, { seed: 2 ** 53 }), RangeError, "seed is 9007199254740992")
  })

  it("cannot be nested, and another can start afterwards", () => {
    const outer = Sim.run(Effect.sync(() => Sim.run(Effect.void)))
    assert.strictEqual(outer.outcome, "failed")
    assert.include(outer.message, "cannot be nested")
    assert.strictEqual(Sim.run(Effect.void).outcome, "done")
  })

  it("reports any value that a program fails with", () => {
    const cycle: Record<string, unknown> = {}
    cycle["self"] = cycle
    for (const value of [cycle, { big: 1n }, Object.create(null), Symbol("s"), undefined]) {
      const { message, outcome } = Sim.run(Effect.fail(value))
      assert.strictEqual(outcome, "failed")
      assert.match(message, /^failed: ./)
      const child = Effect.gen(function* () {
        yield* Fiber.await(yield* Effect.forkChild(Effect.die(value)))
      })
      assert.strictEqual(Sim.run(child).defects.length, 1)
    }
  })
})

describe("races", () => {
  it("finds a lost update, and none where the update is atomic", () => {
    const { failure } = Sim.check(lostUpdate, { runs: 100 })
    assert.strictEqual(failure?.outcome, "failed")
    assert.include(failure?.message, "an update was lost")
    assert.isUndefined(Sim.check(keptUpdate, { runs: 2_000 }).failure)
  })

  it("finds a check that another fiber overtakes, and none under a permit", () => {
    const pool = (guard: (take: Effect.Effect<void>) => Effect.Effect<void>) =>
      Effect.gen(function* () {
        const free = yield* Ref.make(1)
        const take = Effect.gen(function* () {
          if ((yield* Ref.get(free)) > 0) yield* Ref.update(free, (n) => n - 1)
        })
        yield* Effect.all([guard(take), guard(take)], { concurrency: 2 })
        if ((yield* Ref.get(free)) < 0) return yield* Effect.die("taken twice")
      })
    assert.include(
      Sim.check(
        pool((take) => take),
        { runs: 200 }
      ).failure?.message,
      "taken twice"
    )
    const permit = Semaphore.makeUnsafe(1)
    assert.isUndefined(Sim.check(pool(permit.withPermits(1)), { runs: 1_000 }).failure)
  })

  it("finds a lock-order deadlock and names the fibers in it", () => {
    const transfers = (sorted: boolean) =>
      Effect.gen(function* () {
        const a = yield* Semaphore.make(1)
        const b = yield* Semaphore.make(1)
        const there = Effect.fn("there")(function* () {
          yield* a.withPermits(1)(b.withPermits(1)(Effect.void))
        })
        const back = Effect.fn("back")(function* () {
          yield* sorted ? there() : b.withPermits(1)(a.withPermits(1)(Effect.void))
        })
        yield* Effect.all([there(), back()], { concurrency: 2 })
      })
    const { failure } = Sim.check(transfers(false), { runs: 300 })
    assert.strictEqual(failure?.outcome, "deadlock")
    assert.include(failure?.message, "in there")
    assert.include(failure?.message, "in back")
    assert.include(failure?.message, "3 fibers wait")
    assert.isUndefined(Sim.check(transfers(true), { runs: 1_000 }).failure)
  })

  it("finds a signal that is missed because nobody waited yet", () => {
    const signal = Effect.gen(function* () {
      const ready = yield* Ref.make(false)
      const wakeUp = yield* Ref.make<Deferred.Deferred<void> | undefined>(undefined)
      const waiter = Effect.gen(function* () {
        if (yield* Ref.get(ready)) return
        const mine = yield* Deferred.make<void>()
        yield* Ref.set(wakeUp, mine)
        yield* Deferred.await(mine)
      })
      const signaller = Effect.gen(function* () {
        yield* Ref.set(ready, true)
        const waiting = yield* Ref.get(wakeUp)
        if (waiting !== undefined) yield* Deferred.succeed(waiting, undefined)
      })
      yield* Effect.all([waiter, signaller], { concurrency: 2 })
    })
    assert.strictEqual(Sim.check(signal, { runs: 200 }).failure?.outcome, "deadlock")
  })
})

describe("both orders are reached", () => {
  const both = ['"ab"', '"ba"']

  it("of two children, however they are started", () => {
    const fork = (startImmediately: boolean) =>
      letters((append) =>
        Effect.gen(function* () {
          const a = yield* Effect.forkChild(append("a"), { startImmediately })
          const b = yield* Effect.forkChild(append("b"), { startImmediately })
          yield* Fiber.joinAll([a, b])
        })
      )
    assert.deepStrictEqual(outcomes(fork(false)), both)
    assert.deepStrictEqual(outcomes(fork(true)), both)
    assert.deepStrictEqual(
      outcomes(letters((append) => Effect.all([append("a"), append("b")], { concurrency: 2 }))),
      both
    )
  })

  it("of two timers of one instant, and only one order of two instants", () => {
    // The timer of a is always the older one.
    const timers = (later: number) =>
      letters((append) => {
        const a = Effect.andThen(Effect.sleep(5), append("a"))
        const b = Effect.sleep(1).pipe(Effect.andThen(Effect.sleep(later - 1)), Effect.andThen(append("b")))
        return Effect.all([a, b], { concurrency: 2 })
      })
    assert.deepStrictEqual(outcomes(timers(5)), both)
    assert.deepStrictEqual(outcomes(timers(6)), ['"ab"'])
  })

  it("of two waiters of one Deferred, and of the one who completes it", () => {
    const waiters = letters((append) =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const wait = (letter: string) => Effect.forkChild(Effect.andThen(Deferred.await(gate), append(letter)))
        const fibers = [yield* wait("a"), yield* wait("b")]
        yield* Effect.sleep(1)
        yield* Deferred.succeed(gate, undefined)
        yield* append("c")
        yield* Fiber.joinAll(fibers)
      })
    )
    assert.deepStrictEqual(outcomes(waiters), ['"abc"', '"acb"', '"bac"', '"bca"', '"cab"', '"cba"'])
  })

  it("of the two ends of a race in one instant", () => {
    const race = Effect.race(Effect.as(Effect.sleep(1), "a"), Effect.as(Effect.sleep(1), "b"))
    assert.deepStrictEqual(outcomes(race), ['"a"', '"b"'])
    const timeout = Effect.timeoutOption(Effect.sleep(1), 1).pipe(Effect.map((done) => done._tag))
    assert.deepStrictEqual(outcomes(timeout), ['"None"', '"Some"'])
  })
})

describe("the step limit", () => {
  const spin = Effect.gen(function* () {
    yield* Effect.forkChild(Effect.withSpan(Effect.forever(Effect.yieldNow), "busy"))
    yield* Effect.sleep("1 minute")
  })

  it("names the fiber that spins, and replays from its token", () => {
    for (const stepsMax of [10, 1_000, 5_000]) {
      const result = Sim.run(spin, { stepsMax, seed: 3 })
      assert.strictEqual(result.outcome, "step-limit")
      assert.strictEqual(result.steps, stepsMax)
      assert.include(result.message, "in busy")
      assert.strictEqual(Result.getOrThrow(Sim.replay(spin, result.token)).message, result.message)
    }
  })

  it("is exact where one fiber runs on the stack of another", () => {
    const work = Effect.forEach([1, 2, 3, 4, 5], () => Effect.void)
    const nested = Effect.forever(Effect.forkChild(work, { startImmediately: true }))
    for (let stepsMax = 1; stepsMax <= 200; stepsMax++) {
      const result = Sim.run(nested, { stepsMax, seed: 3 })
      assert.deepStrictEqual([result.outcome, result.steps], ["step-limit", stepsMax])
      assert.strictEqual(Result.getOrThrow(Sim.replay(nested, result.token)).token, result.token)
    }
  })

  it("lets a program take exactly as many steps as it needs", () => {
    const { steps } = Sim.run(lostUpdate, { seed: 7 })
    const outcome = (stepsMax: number) => Sim.run(lostUpdate, { seed: 7, stepsMax }).outcome
    assert.notStrictEqual(outcome(steps), "step-limit")
    assert.strictEqual(outcome(steps - 1), "step-limit")
  })
})

describe("check", () => {
  it("stops at the first failure and counts what it did", () => {
    const counted: Array<number> = []
    const checked = Sim.check(lostUpdate, { runs: 500, seed: 40, onRun: (done) => counted.push(done) })
    assert.strictEqual(checked.failure?.run, checked.runs)
    assert.deepStrictEqual(
      counted,
      counted.map((_, i) => i + 1)
    )
    assert.strictEqual(counted.length, checked.runs)
    assert.isAbove(checked.failure?.trace.length ?? 0, 0)
    assert.isAbove(checked.failure?.deviations.length ?? 0, 0)
  })

  it("adds up the places that were reached", () => {
    const program = Effect.andThen(Sim.sometimes("here"), Sim.sometimes("here"))
    assert.deepStrictEqual(Array.from(Sim.check(program, { runs: 3 }).sometimes), [["here", 6]])
  })

  it("says of a program that it depends on something outside", () => {
    let runs = 0
    const program = Effect.suspend(() => (++runs === 5 ? Effect.fail("fifth") : Effect.yieldNow))
    const { failure } = Sim.check(program, { runs: 10 })
    assert.include(failure?.message, "fifth")
    assert.include(failure?.message, "depends on something outside the simulation")
  })
})

describe("replay", () => {
  const { token = "" } = Sim.check(lostUpdate, { runs: 100 }).failure ?? {}

  it("does the same run again, recorded", () => {
    const result = Result.getOrThrow(Sim.replay(lostUpdate, token))
    assert.strictEqual(result.token, token)
    assert.include(result.message, "an update was lost")
    assert.isAbove(result.trace.length, 0)
  })

  it("says between which steps another program differs", () => {
    const late = (n: number) =>
      Effect.gen(function* () {
        yield* Effect.forEach(
          Array.from({ length: 100 }, (_, i) => i),
          (i) => (i === n ? Effect.all([Effect.yieldNow, Effect.yieldNow], { concurrency: 2 }) : Effect.yieldNow)
        )
      })
    const made = Sim.run(late(-1), { seed: 2 })
    const message = (program: Effect.Effect<unknown>) =>
      Result.getOrThrow(Result.flip(Sim.replay(program, made.token))).message
    const steps = (text: string) => Number(/(?:between steps|after step) (\d+)/.exec(text)?.[1] ?? -1)
    assert.isAbove(steps(message(late(80))), steps(message(late(5))))
    assert.include(message(Effect.void), "differs from the one that made the token")
    assert.include(message(Effect.void), "it ended done after")
    assert.include(message(Effect.forever(Effect.yieldNow)), "it goes on after")
  })

  it("refuses another name and an unknown strategy", () => {
    const refusal = (text: string, name?: string) =>
      Result.getOrThrow(Result.flip(Sim.replay(lostUpdate, text, name === undefined ? {} : { name }))).message
    assert.include(refusal(token, "other"), "is of program, not of other")
    assert.include(refusal(token.replace(/\.list-[^.]*\./, ".magic.")), "strategy magic is unknown; this version has")
    assert.include(refusal("m2.x.random.zzzzzzzzzzz.1.0123456789abcdef."), "seed")
  })
})
