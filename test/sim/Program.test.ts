/** What programs ask of their run: interruptions at any step, code that takes long, invariants, and things in time. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Ref, Scope } from "effect"
import * as Sim from "../../sim/Sim.ts"

const valueOf = <A>(program: Effect.Effect<A, unknown, Sim.RunContext>, options: Sim.RunOptions = {}): A => {
  const { exit, message } = Sim.run(program, options)
  if (exit === undefined || Exit.isFailure(exit)) throw new Error(message)
  return exit.value
}

const seeds = (count: number) => Array.from({ length: count }, (_, seed) => seed)

describe("interruptSometime", () => {
  const length = 8
  /** Counts its steps; each is one operation. */
  const stepwise = (done: { steps: number }) =>
    Effect.forEach(
      Array.from({ length }, (_, i) => i),
      () => Effect.sync(() => ++done.steps),
      { discard: true }
    )

  it("hits every step, from before the first to after the last, and sometimes none", () => {
    const after = new Map<number, number>()
    let untouched = 0
    for (const seed of seeds(600)) {
      const done = { steps: 0 }
      const { exit, faults } = Sim.run(Sim.interruptSometime(stepwise(done), { withinSteps: 30 }), { seed })
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      if (faults.has("interrupted")) after.set(done.steps, (after.get(done.steps) ?? 0) + 1)
      else {
        untouched++
        assert.strictEqual(done.steps, length)
      }
    }
    const hit = Array.from(after.keys()).toSorted((a, b) => a - b)
    assert.includeMembers(hit, [0, 1, 2, 3, 4, 5, 6, 7])
    assert.isAbove(untouched, 20)
  })

  it("gives how the effect ended, and the program goes on", () => {
    const endings = new Set<string>()
    for (const seed of seeds(100)) {
      const exit = valueOf(Sim.interruptSometime(stepwise({ steps: 0 }), { withinSteps: 20 }), { seed })
      endings.add(Exit.isSuccess(exit) ? "done" : exit.cause.reasons.map(({ _tag }) => _tag).join())
    }
    assert.sameMembers([...endings], ["done", "Interrupt"])
    const failed = valueOf(Sim.interruptSometime(Effect.fail("no"), { withinSteps: 0 }))
    assert.deepStrictEqual(failed, Exit.fail("no"))
  })

  it("never interrupts where there are no steps to do it in", () => {
    for (const seed of seeds(50)) {
      const { exit, faults } = Sim.run(Sim.interruptSometime(stepwise({ steps: 0 }), { withinSteps: 0 }), { seed })
      assert.deepStrictEqual([faults.size, exit?._tag], [0, "Success"])
    }
  })

  it("reaches an effect that waits while others run, and one that is alone", () => {
    const busy = Effect.gen(function* () {
      yield* Effect.forkChild(Effect.forEach(seeds(100), () => Effect.yieldNow))
      return yield* Sim.interruptSometime(Effect.never, { withinSteps: 60 })
    })
    const exits = seeds(100).map((seed) => Sim.run(busy, { seed }))
    const interrupted = exits.filter(({ faults }) => faults.has("interrupted"))
    assert.isAbove(interrupted.length, 60)
    for (const { outcome } of interrupted) assert.strictEqual(outcome, "done")
    for (const { faults, outcome } of exits) assert.strictEqual(outcome === "deadlock", !faults.has("interrupted"))
  })

  it("lets finalizers run, and uninterruptible regions end", () => {
    const kinds = new Set<string>()
    for (const seed of seeds(400)) {
      const log: Array<string> = []
      const say = (word: string) => Effect.sync(() => void log.push(word))
      const work = Effect.gen(function* () {
        yield* Effect.acquireRelease(say("acquired"), () => Effect.andThen(Effect.sleep(2), say("released")))
        yield* Effect.uninterruptible(Effect.all([say("begun"), Effect.yieldNow, say("between"), say("ended")]))
        yield* say("last")
      }).pipe(Effect.scoped)
      Sim.run(Sim.interruptSometime(work, { withinSteps: 40 }), { seed })
      const text = log.join(" ")
      assert.match(text, /^(?:acquired (?:begun between ended (?:last )?)?released)?$/)
      kinds.add(text)
    }
    assert.strictEqual(kinds.size, 4)
  })

  it("is shrunk to the fewest steps that show it", () => {
    const program = Effect.gen(function* () {
      const done = { steps: 0 }
      yield* Sim.interruptSometime(stepwise(done), { withinSteps: 1_000 })
      if (done.steps > 0 && done.steps < length) return yield* Effect.die("cut in the middle")
    })
    const { failure } = Sim.check(program, { runs: 5_000 })
    assert.isTrue(failure?.minimal)
    assert.deepStrictEqual(
      failure?.shrunk?.deviations.map(({ stream }) => stream),
      ["faults"]
    )
  })
})

describe("slowCode", () => {
  /** Ten switches, and no time in them. */
  const work = Effect.forEach(seeds(10), () => Effect.yieldNow, { discard: true })
  const inTime = Effect.map(Effect.timeoutOption(work, "1 second"), Option.isSome)

  it("lets a timeout fire although the work could go on, and without it never", () => {
    const slow = Effect.scoped(Effect.andThen(Sim.slowCode({ num: 1, den: 4 }), inTime))
    const values = new Set(seeds(200).map((seed) => valueOf(slow, { seed })))
    assert.strictEqual(values.size, 2)
    assert.isTrue(seeds(200).every((seed) => valueOf(inTime, { seed })))
    const none = Effect.scoped(Effect.andThen(Sim.slowCode({ num: 0, den: 4 }), inTime))
    assert.isTrue(seeds(50).every((seed) => valueOf(none, { seed })))
  })

  it("ends with its scope", () => {
    const program = Effect.andThen(Effect.scoped(Sim.slowCode({ num: 1, den: 1 })), inTime)
    assert.isTrue(seeds(100).every((seed) => valueOf(program, { seed })))
  })

  it("is counted when it strikes, and shrinks away where it does not matter", () => {
    const program = Effect.gen(function* () {
      yield* Sim.slowCode({ num: 1, den: 8 })
      const isInTime = yield* inTime
      return yield* Effect.fail(isInTime ? "in time" : "late")
    }).pipe(Effect.scoped)
    for (const message of ["in time", "late"]) {
      const found = seeds(50)
        .map((seed) => Sim.check(program, { runs: 1, seed }).failure)
        .find((failure) => failure?.message === `failed: ${message}`)
      assert.isDefined(found)
      assert.strictEqual(found.shrunk?.faults.get("slow code") ?? 0, message === "late" ? 1 : 0)
    }
  })
})

describe("always", () => {
  it("stops the run at the switch at which the invariant broke, and names it", () => {
    const program = Effect.gen(function* () {
      const seen = { n: 0, late: 0 }
      yield* Sim.always("n stays small", () => (seen.n > 2 ? `n is ${seen.n}` : undefined))
      for (let i = 0; i < 10; i++) {
        seen.n++
        yield* Effect.sleep(1)
      }
    }).pipe(Effect.scoped)
    const { exit, message, outcome, token, virtualMs } = Sim.run(program)
    assert.deepStrictEqual(
      [outcome, message, virtualMs, exit],
      ["failed", "always: n stays small: n is 3", 2, undefined]
    )
    const replayed = Sim.replay(program, token)
    assert.strictEqual(replayed._tag, "Success")
  })

  it("runs nothing of the program after that, in any schedule", () => {
    let late = 0
    const program = Effect.gen(function* () {
      const seen = { isBroken: false }
      yield* Sim.always("it is whole", () => (seen.isBroken ? "it is broken" : undefined))
      const breaker = Effect.andThen(
        Effect.sleep(1),
        Effect.sync(() => void (seen.isBroken = true))
      )
      const other = Effect.andThen(
        Effect.sleep(2),
        Effect.sync(() => ++late)
      )
      yield* Effect.ensuring(
        Effect.all([breaker, other], { concurrency: "unbounded" }),
        Effect.sync(() => ++late)
      )
    }).pipe(Effect.scoped)
    for (const seed of seeds(200))
      assert.strictEqual(Sim.run(program, { seed }).message, "always: it is whole: it is broken")
    assert.strictEqual(late, 0)
  })

  it("sees a state that only lasts from one switch to the next", () => {
    const program = Effect.gen(function* () {
      const state = { isBetween: false }
      yield* Sim.always("never in between", () => (state.isBetween ? "in between" : undefined))
      const move = Effect.gen(function* () {
        state.isBetween = true
        yield* Effect.yieldNow
        state.isBetween = false
      })
      yield* Effect.all([move, Effect.yieldNow], { concurrency: "unbounded" })
    }).pipe(Effect.scoped)
    assert.include(Sim.check(program, { runs: 1 }).failure?.message, "never in between")
  })

  it("is not looked at once its scope is closed", () => {
    let looks = 0
    const program = Effect.gen(function* () {
      const scope = yield* Scope.make()
      const rule = Sim.always("quiet", () => {
        looks++
        return undefined
      })
      yield* Scope.provide(scope)(rule)
      yield* Effect.sleep(1)
      yield* Scope.close(scope, Exit.void)
      const before = looks
      yield* Effect.forEach(seeds(20), () => Effect.sleep(1))
      return [before > 0, looks - before]
    })
    assert.deepStrictEqual(valueOf(program), [true, 0])
  })

  it("looks at each of several, and tells the first that broke", () => {
    const program = Effect.gen(function* () {
      yield* Sim.always("one", () => undefined)
      yield* Sim.always("two", () => "broken")
      yield* Sim.always("three", () => "broken too")
      yield* Effect.sleep(1)
    }).pipe(Effect.scoped)
    assert.strictEqual(Sim.run(program).message, "always: two: broken")
  })
})

describe("eventually", () => {
  const growing = Effect.gen(function* () {
    const n = yield* Ref.make(0)
    yield* Effect.forkChild(
      Effect.forever(
        Effect.andThen(
          Effect.sleep(100),
          Ref.update(n, (value) => value + 1)
        )
      )
    )
    return n
  })

  it("gives the value as soon as a look finds it", () => {
    const program = Effect.gen(function* () {
      const n = yield* growing
      const value = yield* Sim.eventually({
        what: "n is 3",
        within: "1 second",
        look: Ref.get(n),
        until: (seen) => seen === 3
      })
      return value
    })
    for (const seed of seeds(20)) {
      const { exit, virtualMs } = Sim.run(program, { seed })
      assert.deepStrictEqual(exit, Exit.succeed(3))
      assert.isAtLeast(virtualMs, 300)
      assert.isAtMost(virtualMs, 350)
    }
  })

  it("fails with what it waited for, how long, and what it saw last", () => {
    const program = Effect.gen(function* () {
      const n = yield* growing
      return yield* Sim.eventually({ what: "n is 99", within: 1_000, look: Ref.get(n), until: (seen) => seen === 99 })
    })
    const { exit, message, virtualMs } = Sim.run(program)
    assert.isTrue(exit !== undefined && Exit.isFailure(exit))
    assert.match(message, /^failed: not within 1000 ms: n is 99; last seen: (?:9|10)$/)
    assert.isAtLeast(virtualMs, 1_000)
    assert.isAtMost(virtualMs, 1_050)
    const error = valueOf(Effect.flip(program))
    assert.isTrue(error instanceof Sim.NotInTime)
  })

  it("takes nothing that a look has waited for until it was too late", () => {
    const look = Effect.as(Effect.sleep("1 hour"), "up")
    const program = Sim.eventually({ what: "it is up", within: "5 seconds", look, until: (seen) => seen === "up" })
    assert.strictEqual(Sim.run(program).message, "failed: not within 5000 ms: it is up; last seen: up")
  })

  it("looks at once, and passes on the failure of a look", () => {
    const at0 = Sim.run(Sim.eventually({ what: "", within: 0, look: Effect.succeed(1), until: () => true }))
    assert.deepStrictEqual([at0.exit, at0.virtualMs], [Exit.succeed(1), 0])
    const broken = Sim.eventually({ what: "", within: 10, look: Effect.fail("blind"), until: () => true })
    assert.strictEqual(Sim.run(broken).message, "failed: blind")
  })
})

it("marks, faults and told lines are where the program put them", () => {
  const program = Effect.gen(function* () {
    const gate = yield* Deferred.make<void>()
    const fiber = yield* Effect.forkChild(
      Effect.andThen(
        Deferred.await(gate),
        Sim.tell(() => "the gate is open")
      )
    )
    yield* Effect.sleep(7)
    yield* Sim.sometimes("opened")
    yield* Sim.fault("wind")
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(fiber)
  })
  for (const seed of seeds(20)) {
    const { faults, sometimes, told } = Sim.run(program, { seed, record: true })
    assert.deepStrictEqual([sometimes.get("opened"), faults.get("wind")], [1, 1])
    const lines = told.filter(({ text }) => text === "the gate is open")
    assert.deepStrictEqual(
      lines.map(({ atMs, fiber }) => [atMs, fiber]),
      [[7, 1]]
    )
  }
})
