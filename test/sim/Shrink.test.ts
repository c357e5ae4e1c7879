/**
 * What shrinking promises, looked at from outside: the shrunk run fails in the same way, nothing can be left out of it
 * or lowered, and it comes again from its token.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, Random, Ref, Result, Semaphore } from "effect"
import * as fc from "fast-check"
import { guided } from "../../sim/Guide.ts"
import { execute } from "../../sim/Run.ts"
import { failureClass, shrink } from "../../sim/Shrink.ts"
import * as Sim from "../../sim/Sim.ts"
import { pct } from "../../sim/strategies/Pct.ts"
import { randomWalk } from "../../sim/strategies/RandomWalk.ts"
import { bugs } from "./bugs/Bugs.ts"
import { lostUpdate } from "./LostUpdate.ts"

type Program = Effect.Effect<unknown, unknown, Sim.RunContext>
type Run = Sim.RunResult<unknown, unknown>

/** Alike for a reader: the same end, and the same words but for numbers. */
const isAlike = (a: Run, b: Run): boolean => {
  const words = ({ message }: Run) => message.replace(/\d+/g, "#")
  if (a.outcome !== b.outcome) return false
  return a.outcome === "deadlock" || a.outcome === "step-limit" || words(a) === words(b)
}

/** The run that these deviations lead to, what is not met again being left out. */
const led = (program: Program, { drawn, seed }: Run, deviations: ReadonlyArray<Sim.Deviation>): Run => {
  const { source, strategy } = guided(deviations, drawn.data === 0 ? undefined : seed)
  return execute(program, { seed, strategy, source, record: "deviations", stepsMax: 100_000 })
}

interface Shrunk {
  readonly failure: Sim.Failure<unknown, unknown>
  readonly shrunk: Run
}

const shrunkOf = (program: Program, options: Sim.CheckOptions = {}): Shrunk => {
  const { failure } = Sim.check(program, { runs: 10_000, ...options })
  assert.isDefined(failure, "no failure was found")
  const { shrunk } = failure
  assert.isDefined(shrunk, failure.message)
  return { failure, shrunk }
}

/** All that shrinking promises of any failure. */
const assertShrunk = (program: Program, { failure, shrunk }: Shrunk) => {
  assert.isTrue(isAlike(failure, shrunk), `${failure.message} became ${shrunk.message}`)
  assert.isTrue(failure.minimal)
  assert.isAtMost(shrunk.deviations.length, failure.deviations.length)
  const { deviations } = shrunk
  assert.isTrue(isAlike(led(program, shrunk, deviations), shrunk), "its own deviations do not lead to it")
  const free = deviations.filter(({ stream }) => stream !== "data")
  for (const left of free) {
    const rest = deviations.filter((other) => other !== left)
    assert.isFalse(isAlike(led(program, shrunk, rest), shrunk), `${JSON.stringify(left)} can be left out`)
  }
  for (const target of free) {
    if (target.stream === "schedule" || target.value < 2) continue
    const lower = deviations.map((other) => (other === target ? { ...other, value: other.value - 1 } : other))
    assert.isFalse(isAlike(led(program, shrunk, lower), shrunk), `${JSON.stringify(target)} can be lowered`)
  }
  for (let time = 0; time < 2; time++) {
    const again = Result.getOrThrow(Sim.replay(program, shrunk.token))
    assert.deepStrictEqual(
      [again.traceHash, again.message, again.steps],
      [shrunk.traceHash, shrunk.message, shrunk.steps]
    )
  }
}

/** Values that the shrunk run drew from the workload. */
const drawnValues = ({ deviations }: Run, stream: Sim.Stream) =>
  deviations.filter((deviation) => deviation.stream === stream).map(({ value }) => value)

describe("a shrunk run", () => {
  for (const bug of bugs) {
    it(`of ${bug.name} has nothing that could be left out`, () => {
      assertShrunk(bug.buggy, shrunkOf(bug.buggy))
    })
  }

  it("of a lost update has one turn, and of a lock order too", () => {
    assert.strictEqual(shrunkOf(lostUpdate).shrunk.deviations.length, 1)
  })
})

describe("a run that is led by all of its deviations", () => {
  /** Tasks of Effect's own, several resumptions in one step, and timers of one instant. */
  const busy = Effect.gen(function* () {
    const queue = yield* Queue.bounded<number>(1)
    const permits = yield* Semaphore.make(2)
    const gate = yield* Deferred.make<void>()
    const take = permits.withPermits(1)(Effect.timeoutOption(Queue.take(queue), 5))
    const takers = yield* Effect.forEach([1, 2, 3, 4], () =>
      Effect.forkChild(Effect.andThen(Deferred.await(gate), take))
    )
    yield* Effect.forkChild(Effect.andThen(Effect.sleep(5), Deferred.succeed(gate, undefined)))
    yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Effect.andThen(Effect.sleep(5), Queue.offer(queue, 1))))
    yield* Effect.forEach(takers.slice(2), (taker) =>
      Effect.forkChild(Effect.andThen(Effect.sleep(10), Fiber.interrupt(taker)))
    )
    yield* Effect.forEach(takers, Fiber.await)
  })

  it("is the same run, however it was scheduled", () => {
    const differing: Array<string> = []
    const programs = [
      ...bugs.map(({ buggy, name }) => ({ program: buggy, name, runs: 6 })),
      { program: busy, name: "busy", runs: 150 }
    ]
    for (const { name, program, runs } of programs) {
      for (const strategy of [randomWalk, pct(3, 40)]) {
        for (let seed = 0; seed < runs; seed++) {
          const run = Sim.run(program, { seed, strategy, record: true })
          const again = led(program, run, run.deviations)
          if (again.traceHash !== run.traceHash) differing.push(`${name} ${strategy.name} ${seed}`)
        }
      }
    }
    assert.deepStrictEqual(differing, [])
  })
})

describe("values shrink", () => {
  const drawList = Effect.gen(function* () {
    const length = yield* Sim.choose("workload", 12)
    const list: Array<number> = []
    for (let i = 0; i < length; i++) list.push(yield* Sim.choose("workload", 100))
    return list
  })
  const sum = (list: ReadonlyArray<number>) => list.reduce((a, b) => a + b, 0)

  it("to the smallest list, with the smallest sum", () => {
    const program = Effect.flatMap(drawList, (list) => (sum(list) > 50 ? Effect.die("too much") : Effect.void))
    const found = shrunkOf(program)
    assertShrunk(program, found)
    const [length = 0, ...values] = drawnValues(found.shrunk, "workload")
    assert.strictEqual(length, values.length)
    assert.strictEqual(sum(values), 51)
  })

  it("to the items that matter, wherever they stood", () => {
    const program = Effect.flatMap(drawList, (list) =>
      list.filter((n) => n % 10 === 7).length >= 2 ? Effect.die("two sevens") : Effect.void
    )
    const found = shrunkOf(program)
    assertShrunk(program, found)
    const [length, ...values] = drawnValues(found.shrunk, "workload")
    assert.strictEqual(length, 2)
    for (const value of values) assert.strictEqual(value % 10, 7)
  })

  it("of generated workloads, to few operations", () => {
    const operations = fc.array(fc.record({ kind: fc.constantFrom("get", "put", "cut"), key: fc.nat(9) }), {
      maxLength: 10
    })
    let last = ""
    const program = Effect.flatMap(Sim.draw(operations), (all) => {
      if (all.filter(({ kind }) => kind === "cut").length < 2) return Effect.void
      last = JSON.stringify(all)
      return Effect.die("two cuts")
    })
    const found = shrunkOf(program)
    assert.isTrue(found.failure.minimal)
    assert.strictEqual(Result.getOrThrow(Sim.replay(program, found.shrunk.token)).traceHash, found.shrunk.traceHash)
    assert.strictEqual(last, '[{"kind":"cut","key":0},{"kind":"cut","key":0}]')
  })

  it("to the one fault among many that matters", () => {
    const program = Effect.gen(function* () {
      for (let i = 0; i < 40; i++) {
        const fails = yield* Sim.chance("faults", { num: 1, den: 3 })
        if (fails && i === 17) return yield* Effect.die("the write of the index failed")
      }
    })
    const found = shrunkOf(program)
    assertShrunk(program, found)
    assert.deepStrictEqual(
      found.shrunk.deviations.map(({ at, stream }) => [stream, at]),
      [["faults", 17]]
    )
  })

  it("together with the schedule", () => {
    const program = Effect.gen(function* () {
      const counter = yield* Ref.make(0)
      const increment = Effect.flatMap(Ref.get(counter), (n) => Ref.set(counter, n + 1))
      const times = yield* Sim.choose("workload", 8)
      yield* Effect.all(
        Array.from({ length: times }, () => increment),
        { concurrency: "unbounded" }
      )
      if ((yield* Ref.get(counter)) !== times) return yield* Effect.die("an update was lost")
    })
    const found = shrunkOf(program)
    assertShrunk(program, found)
    assert.deepStrictEqual(drawnValues(found.shrunk, "workload"), [2])
    assert.strictEqual(found.shrunk.deviations.length, 2)
  })
})

describe("a failure stays what it was", () => {
  const twoBugs = (order: "easy first" | "hard first") =>
    Effect.gen(function* () {
      const counter = yield* Ref.make(0)
      const increment = Effect.flatMap(Ref.get(counter), (n) => Ref.set(counter, n + 1))
      const size = yield* Sim.choose("workload", 8)
      yield* Effect.all([increment, increment], { concurrency: 2 })
      const isLost = (yield* Ref.get(counter)) !== 2
      if (order === "easy first" && size >= 5) return yield* Effect.die("five is too many")
      if (isLost) return yield* Effect.die("an update was lost")
      if (size >= 7) return yield* Effect.die("seven is too many")
    })

  it("where two bugs are in one program", () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      for (const order of ["easy first", "hard first"] as const) {
        const program = twoBugs(order)
        const run = Sim.run(program, { seed, record: true })
        if (run.outcome === "done") continue
        const found = shrink(program, run)
        assert.isDefined(found)
        assert.strictEqual(found.run.message, run.message)
        assert.isTrue(found.minimal)
        seen.add(run.message)
      }
    }
    assert.deepStrictEqual([...seen].toSorted(), [
      "died: an update was lost",
      "died: five is too many",
      "died: seven is too many"
    ])
  })

  it("where messages differ in numbers alone, and not where they differ in words", () => {
    const of = (message: string) => failureClass({ outcome: "failed", message, leaks: [] })
    assert.strictEqual(of('died: 3 of 17 at "a" in 0123abcdef'), of('died: 5 of -1.5 at "b c" in 99ffee0011'))
    assert.notStrictEqual(of("died: 3 lost"), of("died: 3 found"))
    assert.notStrictEqual(of("x"), failureClass({ outcome: "escaped", message: "x", leaks: [] }))
    assert.strictEqual(
      failureClass({ outcome: "deadlock", message: "a", leaks: [] }),
      failureClass({ outcome: "deadlock", message: "b", leaks: [] })
    )
  })

  it("with its seed where it depends on data", () => {
    const program = Effect.gen(function* () {
      const id = yield* Random.nextIntBetween(0, 1_000)
      const size = yield* Sim.choose("workload", 10)
      if (id % 7 === 3 && size >= 2) return yield* Effect.die("a rare id")
    })
    const found = shrunkOf(program)
    assertShrunk(program, found)
    assert.strictEqual(found.shrunk.seed, found.failure.seed)
    assert.deepStrictEqual(drawnValues(found.shrunk, "workload"), [2])
  })

  it("without data where any would do", () => {
    const program = Effect.gen(function* () {
      yield* Random.next
      const size = yield* Sim.choose("workload", 10)
      if (size >= 2) return yield* Effect.die("two")
    })
    const { shrunk } = shrunkOf(program)
    assert.deepStrictEqual(
      shrunk.deviations.map(({ stream, value }) => [stream, value]),
      [["workload", 2]]
    )
    assert.strictEqual(Result.getOrThrow(Sim.replay(program, shrunk.token)).traceHash, shrunk.traceHash)
  })

  it("when it is a deadlock", () => {
    const program = Effect.gen(function* () {
      const [a, b] = [yield* Semaphore.make(1), yield* Semaphore.make(1)]
      const extra = yield* Sim.choose("workload", 6)
      const both = (first: Semaphore.Semaphore, second: Semaphore.Semaphore) =>
        first.withPermits(1)(Effect.andThen(Effect.sleep(extra), second.withPermits(1)(Effect.void)))
      const bystanders = Array.from({ length: extra }, () => Effect.yieldNow)
      yield* Effect.all([both(a, b), both(b, a), ...bystanders], { concurrency: "unbounded" })
    })
    const found = shrunkOf(program)
    assertShrunk(program, found)
    assert.strictEqual(found.shrunk.outcome, "deadlock")
    assert.isAtMost(found.shrunk.deviations.length, 1)
  })

  it("when it has no end", () => {
    const program = Effect.gen(function* () {
      const flag = yield* Ref.make(false)
      const patience = yield* Sim.choose("workload", 5)
      const spin: Effect.Effect<void> = Effect.flatMap(Ref.get(flag), (isSet) =>
        isSet
          ? Effect.void
          : Effect.andThen(
              Effect.yieldNow,
              Effect.suspend(() => spin)
            )
      )
      const missed = Effect.gen(function* () {
        if (patience < 3) yield* Ref.set(flag, true)
      })
      yield* Effect.all([spin, missed], { concurrency: 2 })
    })
    const found = shrunkOf(program, { stepsMax: 2_000 })
    assert.strictEqual(found.shrunk.outcome, "step-limit")
    assert.deepStrictEqual(drawnValues(found.shrunk, "workload"), [3])
    assert.strictEqual(found.shrunk.deviations.length, 1)
    assert.strictEqual(Result.getOrThrow(Sim.replay(program, found.shrunk.token)).message, found.shrunk.message)
  })

  it("when an invariant broke, and when a host crashed on the way", () => {
    const program = Effect.gen(function* () {
      const saved = { n: 0, index: 0 }
      yield* Sim.always("the index follows", () => (saved.index > saved.n ? "it is ahead" : undefined))
      const host = yield* Sim.Host.make("box")
      const write = Effect.gen(function* () {
        saved.index++
        yield* Effect.yieldNow
        saved.n++
      })
      const pauseMs = yield* Sim.choose("workload", 20)
      const fiber = yield* Effect.forkChild(Effect.exit(host.run(Effect.andThen(Effect.sleep(pauseMs), write))))
      yield* host.crash
      yield* Fiber.join(fiber)
    }).pipe(Effect.scoped)
    const found = shrunkOf(program)
    assertShrunk(program, found)
    assert.strictEqual(found.shrunk.message, "always: the index follows: it is ahead")
  })
})

describe("shrinking", () => {
  const noisy = Effect.gen(function* () {
    const queue = yield* Queue.unbounded<number>()
    const gate = yield* Deferred.make<void>()
    const workers = yield* Effect.forEach([1, 2, 3, 4], (n) =>
      Effect.forkChild(Effect.andThen(Effect.yieldNow, Queue.offer(queue, n)))
    )
    yield* Effect.forkChild(Deferred.succeed(gate, undefined))
    yield* Deferred.await(gate)
    const [first] = [yield* Queue.take(queue)]
    yield* Fiber.joinAll(workers)
    if (first === 4) return yield* Effect.die("the last came first")
  })

  it("gives up when the budget is spent, and says that it is not minimal", () => {
    const run = Array.from({ length: 500 }, (_, seed) => Sim.run(noisy, { seed, record: true })).find(
      ({ deviations, outcome }) => outcome !== "done" && deviations.length > 6
    )
    assert.isDefined(run)
    const whole = shrink(noisy, run)
    assert.isTrue(whole?.minimal)
    const cut = shrink(noisy, run, { candidatesMax: 4 })
    assert.deepStrictEqual([cut?.minimal, cut?.candidates], [false, 4])
    assert.strictEqual(cut?.run.message, run.message)
    assert.isBelow(whole?.run.deviations.length ?? Infinity, cut?.run.deviations.length ?? 0)
    const few = shrink(noisy, run, { candidateStepsMax: 1 })
    assert.deepStrictEqual([few?.minimal, few?.candidates], [false, 1])
  })

  it("gives nothing for a failure that does not come again", () => {
    let times = 0
    const once = Effect.suspend(() => (++times === 1 ? Effect.die("once") : Effect.void))
    const run = Sim.run(once, { record: true })
    assert.strictEqual(run.outcome, "failed")
    assert.isUndefined(shrink(once, run))
  })

  it("is the same twice", () => {
    const tokens = () => bugs.slice(4, 9).map(({ buggy }) => shrunkOf(buggy).shrunk.token)
    assert.deepStrictEqual(tokens(), tokens())
  })
})
