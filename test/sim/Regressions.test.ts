/** Programs that once showed the core of the simulator wrong. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Ref } from "effect"
import { PreventSchedulerYield } from "effect/Scheduler"
import * as fc from "fast-check"
import * as Sim from "../../sim/Sim.ts"

const seeds = Array.from({ length: 200 }, (_, seed) => seed)
const isCrashed = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some((reason) => reason._tag === "Fail" && reason.error instanceof Sim.Host.Crashed)

const valuesOf = <A>(program: Effect.Effect<A, unknown, Sim.RunContext>) =>
  new Set(
    seeds.map((seed) => {
      const { exit, message } = Sim.run(program, { seed, stepsMax: 100_000 })
      if (exit === undefined || Exit.isFailure(exit)) return message.split("\n")[0]?.replace(/\d+/g, "#")
      return JSON.stringify(exit.value)
    })
  )

describe("Host", () => {
  it("a crash from the host itself ends the crash: actions run, run gives Crashed", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const log: Array<string> = []
      yield* host.onCrash(Effect.sync(() => void log.push("disk")))
      const exit = yield* Effect.exit(
        host.run(
          Effect.andThen(
            host.crash,
            Effect.sync(() => void log.push("zombie"))
          )
        )
      )
      return [isCrashed(exit), ...log]
    }).pipe(Effect.scoped)
    assert.deepStrictEqual([...valuesOf(program)], ['[true,"disk"]'])
  })

  it("a run that is being interrupted when the host crashes ends", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const run = yield* Effect.forkChild(host.run(Effect.onInterrupt(Effect.never, () => Effect.sleep(10))))
      yield* Effect.sleep(1)
      const interrupter = yield* Effect.forkChild(Fiber.interrupt(run))
      yield* Effect.sleep(1)
      yield* host.crash
      yield* Fiber.join(interrupter)
      return "ended"
    })
    assert.deepStrictEqual([...valuesOf(program)], ['"ended"'])
  })

  it("an effect whose run gave Crashed never starts afterwards", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const state = { isCrashed: false, zombies: 0 }
      const body = Effect.sync(() => {
        if (state.isCrashed) state.zombies++
      })
      const run = yield* Effect.forkChild(Effect.exit(host.run(body)))
      yield* Effect.yieldNow
      yield* host.crash
      state.isCrashed = true
      const exit = yield* Fiber.join(run)
      yield* Effect.sleep(5)
      return isCrashed(exit) ? state.zombies : 0
    })
    assert.deepStrictEqual([...valuesOf(program)], ["0"])
  })

  it("a run that was interrupted leaves no orphan, however early the interruption came", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const state = { ran: false }
      const body = Effect.andThen(
        Effect.sleep(5),
        Effect.sync(() => void (state.ran = true))
      )
      const run = yield* Effect.forkChild(host.run(body))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(run)
      yield* Effect.sleep(20)
      return state.ran
    })
    assert.deepStrictEqual([...valuesOf(program)], ["false"])
  })
})

describe("a fiber that ends its own host", () => {
  it("stops before its next step", () => {
    const program = Effect.gen(function* () {
      const run = yield* Sim.RunContext
      const log: Array<string> = []
      const body = Effect.gen(function* () {
        run.enterHost(run.newHost("box"))
        yield* Effect.sync(() => run.killHost(1))
        yield* Effect.sync(() => void log.push("zombie"))
      })
      yield* Effect.forkDetach(body)
      yield* Effect.sleep(1)
      return log.length
    })
    assert.deepStrictEqual([...valuesOf(program)], ["0"])
  })
})

describe("Shrink", () => {
  const shrunk = (program: Effect.Effect<unknown, unknown, Sim.RunContext>, options: Sim.CheckOptions = {}) => {
    const { failure } = Sim.check(program, { runs: 50, ...options })
    assert.isDefined(failure)
    return failure
  }

  it("a large value is lowered to the smallest in few candidates", () => {
    const failure = shrunk(
      Effect.flatMap(Sim.choose("workload", 1_000_000), (n) => (n >= 600_000 ? Effect.die("large") : Effect.void))
    )
    assert.deepStrictEqual(
      failure.shrunk?.deviations.map(({ value }) => value),
      [600_000]
    )
    assert.isTrue(failure.minimal)
    assert.isBelow(failure.candidates, 200)
  })

  it("a generated integer is lowered to the smallest", () => {
    let last = 0
    const failure = shrunk(
      Effect.flatMap(Sim.draw(fc.integer({ min: 0, max: 999 })), (n) => {
        if (n < 600) return Effect.void
        last = n
        return Effect.die("large")
      })
    )
    assert.deepStrictEqual([last, failure.minimal], [600, true])
  })

  it("lists of numbers in the message may get shorter", () => {
    const program = Effect.gen(function* () {
      const list: Array<number> = []
      const length = yield* Sim.choose("workload", 9)
      for (let i = 0; i < length; i++) list.push(yield* Sim.choose("workload", 10))
      if (length >= 2) return yield* Effect.die(`bad list ${JSON.stringify(list)}`)
    })
    assert.strictEqual(shrunk(program).shrunk?.message, "died: bad list [0,0]")
  })

  it("a leak is shrunk", () => {
    const program = Effect.gen(function* () {
      const n = yield* Sim.choose("workload", 50)
      if (n >= 2) yield* Effect.forkDetach(Effect.never)
    })
    const failure = shrunk(program, { leaks: "fail" })
    assert.deepStrictEqual(
      failure.shrunk?.deviations.map(({ value }) => value),
      [2]
    )
  })
})

describe("Program", () => {
  it("slowCode inside slowCode leaves the outer one in force", () => {
    const program = Effect.gen(function* () {
      yield* Sim.slowCode({ num: 1, den: 2 })
      yield* Effect.scoped(Sim.slowCode({ num: 1, den: 2 }))
      return yield* Effect.timeoutOption(
        Effect.forEach(seeds.slice(0, 10), () => Effect.yieldNow),
        10
      )
    }).pipe(
      Effect.map(({ _tag }) => _tag),
      Effect.scoped
    )
    assert.isTrue(valuesOf(program).has('"None"'))
  })

  it("an invariant that throws fails the run, and Sim.run does not throw", () => {
    const program = Effect.gen(function* () {
      yield* Sim.always("it is fine", () => {
        throw new Error("broken check")
      })
      yield* Effect.sleep(1)
    }).pipe(Effect.scoped)
    const { message, outcome } = Sim.run(program)
    assert.strictEqual(outcome, "failed")
    assert.include(message, "broken check")
  })

  it("a told line that throws does not make the program look nondeterministic", () => {
    const program = Effect.gen(function* () {
      yield* Sim.tell(() => {
        throw new Error("telling")
      })
      return yield* Effect.fail("the real failure")
    })
    assert.notInclude(Sim.check(program, { runs: 3 }).failure?.message, "depends on something outside")
  })

  it("choose refuses a bound that is none", () => {
    for (const n of [Number.NaN, Infinity, 0.5, 2 ** 33]) {
      assert.include(Sim.run(Sim.choose("workload", n)).message, String(n))
    }
  })

  it("eventually does not accept what came true too late", () => {
    const program = Effect.gen(function* () {
      const done = yield* Ref.make(false)
      yield* Effect.forkChild(Effect.andThen(Effect.sleep(1_040), Ref.set(done, true)))
      yield* Sim.eventually({ what: "it is done", within: 1_000, look: Ref.get(done), until: (isDone) => isDone })
    })
    assert.include(Sim.run(program).message, "not within 1000 ms: it is done")
  })

  it("eventually tells any value that it saw last", () => {
    const program = Sim.eventually({ what: "n is 2", within: 10, look: Effect.succeed(1n), until: () => false })
    assert.include(Sim.run(program).message, "not within 10 ms: n is 2; last seen: 1")
  })

  it("Sim.fault is told, as RunContext.fault says", () => {
    const { told } = Sim.run(Sim.fault("disk full"), { record: true })
    assert.isTrue(told.some(({ text }) => text.includes("disk full")))
  })
})

describe("Reports", () => {
  it("a story of one line has one line", () => {
    const program = Effect.forEach(seeds, (n) =>
      Effect.andThen(
        Sim.tell(() => `turn ${n}`),
        Effect.sleep(1)
      )
    )
    const run = Sim.run(program, { record: true })
    assert.isAtMost(Sim.story(run, { linesMax: 1 }).split("\n").length, 2)
    assert.isAtMost(Sim.story(run, { linesMax: 0 }).split("\n").length, 2)
  })

  it("the name of a function is the same in each process: no query of the module loader", () => {
    const stuck = Effect.fn("stuck")(function* () {
      return yield* Effect.never
    })
    assert.notInclude(Sim.run(stuck()).message, "?")
  })

  it("a wait at a latch is named", () => {
    const program = Effect.flatMap(Latch.make(false), (latch) => latch.await)
    assert.match(Sim.run(program).message, /fiber 0.* waits in Latch/)
  })

  it("a leaked sleep says that it sleeps", () => {
    const { message } = Sim.run(Effect.forkDetach(Effect.sleep("1 hour")), { leaks: "fail" })
    assert.match(message, /waits in Effect\.sleep/)
  })
})

describe("the limit of steps", () => {
  it("holds where a program forbids its fibers to yield", () => {
    const spin = Effect.provideService(Effect.forever(Effect.sleep(1)), PreventSchedulerYield, true)
    assert.strictEqual(Sim.run(spin, { stepsMax: 1_000 }).outcome, "step-limit")
  })
})

describe("bad input", () => {
  it("a shard that is none is refused by its field", () => {
    for (const shard of [
      { index: 3, count: 3 },
      { index: -1, count: 3 },
      { index: 0, count: 0 },
      { index: 0, count: Number.NaN }
    ]) {
      assert.throws(() => Sim.check(Effect.void, { runs: 5, shard }), RangeError, "shard")
    }
  })

  it("the last seeds that there are can be asked for, or are refused at once", () => {
    let done = 0
    assert.throws(
      () => Sim.check(Effect.void, { seed: Number.MAX_SAFE_INTEGER, runs: 10, onRun: (n) => (done = n) }),
      RangeError
    )
    assert.strictEqual(done, 0)
  })

  it("until that is none is refused by its name", () => {
    const { token } = Sim.run(Effect.yieldNow)
    assert.throws(() => Sim.replay(Effect.yieldNow, token, { until: Number.NaN }), RangeError, "until")
  })

  it("maxRuns that is none is refused by its name", () => {
    assert.throws(() => Sim.explore(Effect.void, { preemptions: 1, maxRuns: 0 }), RangeError, "maxRuns")
  })
})
