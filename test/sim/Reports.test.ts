/** What a report says of runs that wait, spin, differ the second time, or make no sense. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Latch, PubSub, Queue, Ref, Semaphore } from "effect"
import * as Sim from "../../sim/Sim.ts"

const source = readFileSync(new URL(import.meta.url), "utf8").split("\n")

/** `file:line` of the first line with this text. */
const at = (text: string): string => {
  const index = source.findIndex((line) => line.includes(text))
  assert.isAtLeast(index, 0, text)
  return `Reports.test.ts:${index + 1}:`
}

/** The line of a deadlock's report about the fiber in this function. */
const lineAbout = (name: string, message: string): string =>
  message.split("\n").find((line) => line.includes(` in ${name}`)) ?? message

describe("a deadlock names", () => {
  const deadlock = (waiter: Effect.Effect<unknown>) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.withSpan(waiter, "waiter"))
      yield* Fiber.await(fiber)
    })

  const kinds: ReadonlyArray<readonly [what: string, mark: string, waiter: Effect.Effect<unknown>]> = [
    ["Deferred.await", "Deferred.await(gate)", Effect.flatMap(Deferred.make<void>(), (gate) => Deferred.await(gate))],
    ["Queue", "", Effect.flatMap(Queue.bounded<void>(1), Queue.take)],
    [
      "Queue",
      "",
      Effect.flatMap(Queue.bounded<number>(1), (queue) => Effect.andThen(Queue.offer(queue, 1), Queue.offer(queue, 2)))
    ],
    ["Semaphore", "", Effect.flatMap(Semaphore.make(0), (permits) => permits.withPermits(1)(Effect.void))],
    ["Semaphore", "", Effect.flatMap(Semaphore.make(0), (permits) => permits.take(1))],
    [
      "PubSub",
      "",
      Effect.scoped(Effect.flatMap(Effect.flatMap(PubSub.unbounded<void>(), PubSub.subscribe), PubSub.take))
    ],
    ["Effect.fiberJoin", "", Effect.flatMap(Effect.forkChild(Effect.never), (never) => Fiber.join(never))]
  ]

  for (const [what, mark, waiter] of kinds) {
    it(`a fiber that waits in ${what}, and where it was started`, () => {
      const { message, outcome } = Sim.run(deadlock(waiter))
      assert.strictEqual(outcome, "deadlock")
      const line = lineAbout("waiter", message)
      assert.include(line, `waits in ${what}`)
      assert.include(line, `started at ${at('Effect.forkChild(Effect.withSpan(waiter, "waiter"))')}`)
      if (mark !== "") assert.include(line, `at ${at(mark)}`)
      assert.match(message, /fiber 0, waits in Effect\.fiberAwait at Reports\.test\.ts:\d+/)
    })
  }

  it("a fiber that waits at a latch, at least by its function and where it was started", () => {
    const latch = Effect.flatMap(Latch.make(false), (gate) => gate.await)
    const line = lineAbout("waiter", Sim.run(deadlock(latch)).message)
    assert.match(line, /^ {2}fiber 1 in waiter /)
    assert.include(line, `started at ${at('Effect.forkChild(Effect.withSpan(waiter, "waiter"))')}`)
  })

  it("every fiber that waits, counts them, and leaves out those that have ended", () => {
    const program = Effect.gen(function* () {
      const ended = yield* Effect.forkChild(Effect.void)
      yield* Fiber.await(ended)
      for (let i = 0; i < 30; i++) yield* Effect.forkChild(Effect.never)
      return yield* Effect.never
    })
    const lines = Sim.run(program).message.split("\n")
    assert.match(lines[0] ?? "", /^deadlock after \d+ steps: 31 fibers wait, and no timer and no task is left$/)
    assert.strictEqual(lines.length, 22)
    assert.strictEqual(lines[21], "  and 11 more")
    assert.notInclude(lines.join("\n"), "fiber 1 ")
    assert.notInclude(lines.join("\n"), "fiber 1,")
  })

  it("not what waits on a host that crashed", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      yield* Effect.forkChild(Effect.exit(host.run(Effect.withSpan(Effect.never, "dead"))))
      yield* Effect.sleep(1)
      yield* host.crash
      return yield* Effect.never
    })
    const { message } = Sim.run(program)
    assert.match(message, /: 1 fibers wait/)
    assert.notInclude(message, " in dead")
  })
})

describe("the step limit names", () => {
  it("those that spin, the busiest first, and not who waits", () => {
    const spin = (name: string, pauses: number) =>
      Effect.forever(Effect.forEach(Array.from({ length: pauses }), () => Effect.yieldNow, { discard: true })).pipe(
        Effect.withSpan(name)
      )
    const program = Effect.gen(function* () {
      yield* Effect.forkChild(Effect.withSpan(Effect.never, "waiting"))
      yield* Effect.forkChild(spin("left", 1))
      return yield* spin("right", 1)
    })
    for (const seed of [0, 1, 2]) {
      const [first, ...lines] = Sim.run(program, { seed, stepsMax: 5_000 }).message.split("\n")
      assert.strictEqual(first, "no end after 5000 steps; a larger stepsMax may help. Last to run:")
      assert.strictEqual(lines.length, 2)
      const steps = lines.map((line) => Number(/: (\d+) steps$/.exec(line)?.[1]))
      assert.strictEqual((steps[0] ?? 0) + (steps[1] ?? 0), 2_000)
      assert.isAtLeast(steps[0] ?? 0, steps[1] ?? 0)
      assert.sameMembers(
        lines.map((line) => / in (\w+) /.exec(line)?.[1]),
        ["left", "right"]
      )
    }
  })

  it("who goes round without ever yielding", () => {
    const round: Effect.Effect<never> = Effect.flatMap(Effect.void, () => Effect.suspend(() => round))
    for (const program of [round, Effect.forever(Effect.void), Effect.forever(Effect.sleep(1))]) {
      const { message, outcome } = Sim.run(Effect.withSpan(program, "round and round"), { stepsMax: 500 })
      assert.strictEqual(outcome, "step-limit")
      assert.match(message, /fiber 0 in round and round .*: 500 steps/)
    }
  })
})

describe("a program that depends on something outside", () => {
  const assertUnstable = (program: Effect.Effect<unknown, unknown, Sim.RunContext>, runs = 50) => {
    const { failure } = Sim.check(program, { runs })
    assert.isDefined(failure)
    assert.strictEqual(failure.outcome, "failed")
    assert.include(failure.message, "the same seed and schedule gave another run the second time")
    assert.deepStrictEqual([failure.shrunk, failure.minimal], [undefined, false])
    assert.strictEqual(failure.story, `=> ${failure.message}`)
    return failure.message
  }

  it("is found out, with the first difference and both places", () => {
    let calls = 0
    const program = Effect.gen(function* () {
      const n = yield* Ref.make(0)
      if (++calls % 2 === 0) {
        yield* Ref.set(n, 1)
        yield* Effect.sleep(3)
        yield* Deferred.await(yield* Deferred.make<void>())
      } else {
        yield* Effect.sleep(5)
        yield* Ref.get(n)
      }
    })
    const message = assertUnstable(program)
    assert.match(message, /they part at step \d+/)
    const [once = "", then = ""] = message.split("\n").filter((line) => /^ {2}(?:once|then): /.test(line))
    const places = [
      at("yield* Ref.get(n)"),
      at("yield* Effect.sleep(3)"),
      at("yield* Deferred.await(yield*"),
      at("yield* Effect.sleep(5)")
    ]
    for (const line of [once, then])
      assert.isTrue(
        places.some((place) => line.includes(place)),
        line
      )
    assert.notStrictEqual(once.slice(8), then.slice(8))
  })

  it("by a global that it took before the run", () => {
    const { random } = Math
    assertUnstable(
      Effect.gen(function* () {
        for (let i = 0; i < 20; i++) if (random() < 0.5) yield* Effect.sleep(1)
      })
    )
  })

  it("by what earlier runs left in a module", () => {
    const seen = new Map<object, number>()
    assertUnstable(
      Effect.suspend(() => {
        seen.set({}, seen.size)
        return Effect.forEach(Array.from(seen.values()), () => Effect.yieldNow)
      })
    )
  })

  it("only by the values that it draws, or only by how it ends", () => {
    let calls = 0
    assertUnstable(
      Effect.flatMap(Sim.choose("workload", 1_000), () => Sim.choose("workload", ++calls % 2 === 0 ? 1_000 : 7))
    )
    let ends = 0
    const message = assertUnstable(Effect.suspend(() => (++ends % 2 === 0 ? Effect.fail("even") : Effect.void)))
    assert.include(message, "or how they ended")
  })

  it("but only once, is told so", () => {
    let calls = 0
    const program = Effect.suspend(() => (++calls === 1 ? Effect.sleep(1) : Effect.void))
    assert.include(assertUnstable(program), "done once more, both runs were equal")
  })

  it("through an escape that it hides, is named by the escape", () => {
    const program = Effect.gen(function* () {
      yield* Effect.ignoreCause(Effect.sync(() => Date.now()))
      yield* Effect.sleep(1)
    })
    const { failure } = Sim.check(program, { runs: 5 })
    assert.strictEqual(failure?.outcome, "escaped")
    assert.include(failure?.message, `through Date.now at`)
    assert.include(failure?.message, at("Effect.sync(() => Date.now())"))
  })
})

describe("bad input is refused by its name", () => {
  it("as an effect that throws while it is built, or is none", () => {
    const thrown = new Error("no such table")
    for (const program of [
      Effect.suspend((): Effect.Effect<void> => {
        throw thrown
      }),
      Effect.gen(function* () {
        yield* Effect.void
        throw thrown
      }),
      Effect.flatMap(Effect.sleep(1), (): Effect.Effect<void> => {
        throw thrown
      })
    ]) {
      const { exit, message, outcome } = Sim.run(program)
      assert.deepStrictEqual([outcome, message], ["failed", "died: no such table"])
      assert.deepStrictEqual(exit, Exit.die(thrown))
    }
  })

  it("and leaves nothing behind: the next run is as if there had been none", () => {
    const before = Sim.run(Effect.yieldNow).traceHash
    assert.throws(() => Sim.run(Effect.yieldNow, { seed: Number.NaN }), RangeError)
    assert.throws(() => Sim.run(Effect.yieldNow, { stepsMax: -1 }), RangeError)
    assert.strictEqual(Sim.run(Effect.yieldNow).traceHash, before)
    assert.isAbove(Date.now(), 0)
  })

  it("as a history whose answers come before their questions", () => {
    const model = { init: 0, step: (state: number) => state }
    const history = (calledAt: number, returnedAt: number) => [
      { client: "ann", input: "get", calledAt, returned: { at: returnedAt, output: 0 } }
    ]
    assert.throws(() => Sim.linearizable(model, history(5, 4)), RangeError, "ann returned at 4, before its call at 5")
    assert.throws(() => Sim.linearizable(model, history(Number.NaN, 4)), RangeError, "ann was called at NaN")
    assert.throws(() => Sim.linearizable(model, history(1, Number.NaN)), RangeError, "ann returned at NaN")
  })
})
