/** What a program leaves behind is named, with who took it; what was given back, or died with its host, is not. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Pool, Ref, Result, Semaphore, Stream } from "effect"
import * as Sim from "../../sim/Sim.ts"

const source = readFileSync(new URL(import.meta.url), "utf8").split("\n")

/** `file:line` of the first line with this text. */
const at = (text: string): string => `Leaks.test.ts:${source.findIndex((line) => line.includes(text)) + 1}:`

const hold = (kind: string, what: string) => Effect.map(Sim.RunContext, (context) => context.hold(kind, what))

/** The leaks of one run, which then is a failure, or none. */
const leaksOf = (program: Effect.Effect<unknown, unknown, Sim.RunContext>, seed = 0): ReadonlyArray<string> => {
  const { leaks, message, outcome } = Sim.run(program, { seed, leaks: "fail" })
  assert.strictEqual(outcome, leaks.length > 0 ? "failed" : "done", message)
  if (leaks.length > 0) {
    const [first, ...lines] = message.split("\n")
    assert.strictEqual(first, `leaked: ${leaks.length} left over after the program ended`)
    assert.deepStrictEqual(
      lines,
      leaks.slice(0, 20).map((leak) => `  ${leak}`)
    )
  }
  return leaks
}

const seeds = Array.from({ length: 100 }, (_, seed) => seed)

describe("a leak is", () => {
  it("a detached fiber that still waits, with where it was started and what it waits in", () => {
    const program = Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      yield* Effect.forkDetach(Effect.withSpan(Deferred.await(gate), "patient"))
      yield* Effect.forkDetach(Effect.sleep("1 hour"))
    })
    for (const seed of seeds.slice(0, 20)) {
      const [second = "", first = "", ...rest] = leaksOf(program, seed).toSorted((a, b) => a.length - b.length)
      assert.deepStrictEqual(rest, [])
      assert.match(first, /^fiber \d in patient/)
      assert.include(first, `waits in Deferred.await at ${at('withSpan(Deferred.await(gate), "patient")')}`)
      assert.include(first, `started at ${at('withSpan(Deferred.await(gate), "patient")')}`)
      assert.include(second, `started at ${at('forkDetach(Effect.sleep("1 hour"))')}`)
    }
  })

  it("a resource that nobody gave back, with the fiber that took it", () => {
    const program = Effect.gen(function* () {
      yield* hold("connection", "console:80")
      const taker = Effect.fn("taker")(function* () {
        yield* hold("file", "/var/lib/state")
      })
      yield* Fiber.join(yield* Effect.forkChild(taker()))
    })
    for (const seed of seeds.slice(0, 20)) {
      const [connection, file = "", ...rest] = leaksOf(program, seed)
      assert.deepStrictEqual([connection, rest], ["connection console:80, taken by fiber 0", []])
      assert.match(file, /^file \/var\/lib\/state, taken by fiber 1 in taker \(.*Leaks\.test\.ts/)
    }
  })

  it("cut off in a long report, but counted", () => {
    const program = Effect.forEach(seeds.slice(0, 30), () => Effect.forkDetach(Effect.never))
    const { leaks, message } = Sim.run(program, { leaks: "fail" })
    assert.strictEqual(leaks.length, 30)
    assert.match(message, /\n {2}and 10 more$/)
  })

  it("a fiber that is still about to sleep after others have come to rest", () => {
    const program = Effect.forkDetach(Effect.andThen(Effect.yieldNow, Effect.sleep(1)))
    for (const seed of seeds) assert.strictEqual(leaksOf(program, seed).length, 1)
  })

  it("only looked for when it is wanted, and never hides another failure", () => {
    const program = Effect.andThen(hold("file", "x"), Effect.forkDetach(Effect.never))
    assert.deepStrictEqual([Sim.run(program).outcome, Sim.run(program).leaks], ["done", []])
    const failing = Sim.run(Effect.andThen(program, Effect.fail("first of all")), { leaks: "fail" })
    assert.deepStrictEqual([failing.message, failing.leaks.length], ["failed: first of all", 2])
  })

  it("replayed from its token when leaks are looked for again", () => {
    const program = Effect.forkDetach(Effect.withSpan(Effect.never, "left"))
    const { message, token } = Sim.run(program, { leaks: "fail", seed: 3 })
    assert.strictEqual(Result.getOrThrow(Sim.replay(program, token, { leaks: "fail" })).message, message)
    assert.isTrue(Result.isFailure(Sim.replay(program, token)))
  })
})

describe("no leak is", () => {
  it("what was given back, once or more often", () => {
    const program = Effect.gen(function* () {
      const release = yield* hold("file", "x")
      release()
      release()
      yield* Effect.acquireRelease(hold("connection", "y"), (giveBack) => Effect.sync(giveBack))
    }).pipe(Effect.scoped)
    for (const seed of seeds) assert.deepStrictEqual(leaksOf(program, seed), [])
  })

  it("a permit that a stream or a pool of Effect drops with its semaphore", () => {
    const programs = [
      Stream.range(1, 3).pipe(Stream.flatMap(Stream.make, { concurrency: 2 }), Stream.runDrain),
      Stream.range(1, 3).pipe(Stream.mapEffect(Effect.succeed, { concurrency: 2, unordered: true }), Stream.runDrain),
      Effect.scoped(
        Effect.flatMap(Pool.make({ acquire: Effect.succeed(1), size: 2 }), (pool) => Effect.scoped(Pool.get(pool)))
      )
    ]
    for (const program of programs)
      for (const seed of seeds.slice(0, 20)) assert.deepStrictEqual(leaksOf(program, seed), [])
    const own = Effect.flatMap(Semaphore.make(2), (semaphore) => Semaphore.take(semaphore, 1))
    assert.deepStrictEqual(leaksOf(own), ["1 taken permits of a semaphore made by fiber 0"])
  })

  it("a fiber that is about to end, however many steps it still has", () => {
    const program = Effect.gen(function* () {
      const release = yield* hold("permit", "p")
      const work = Effect.forEach(seeds.slice(0, 10), () => Effect.yieldNow)
      yield* Effect.forkDetach(Effect.ensuring(work, Effect.sync(release)))
      const interrupted = yield* Effect.forkDetach(Effect.onInterrupt(Effect.never, () => work))
      yield* Effect.yieldNow
      yield* Effect.forkDetach(Fiber.interrupt(interrupted))
    })
    for (const seed of seeds) assert.deepStrictEqual(leaksOf(program, seed), [])
  })

  it("a child of a fiber that has ended", () => {
    const program = Effect.gen(function* () {
      yield* Effect.forkChild(Effect.never)
      yield* Effect.forkChild(Effect.ensuring(Effect.sleep(100), Effect.yieldNow))
      yield* Effect.scoped(Effect.forkScoped(Effect.never))
    })
    for (const seed of seeds) assert.deepStrictEqual(leaksOf(program, seed), [])
  })

  it("a timer that nobody waits for any more", () => {
    const program = Effect.gen(function* () {
      const left = yield* Ref.make(0)
      yield* Effect.timeoutOption(
        Ref.update(left, (n) => n + 1),
        "1 hour"
      )
      yield* Effect.race(Effect.sleep(1), Effect.sleep("1 day"))
    })
    for (const seed of seeds) {
      assert.deepStrictEqual(leaksOf(program, seed), [])
      assert.strictEqual(Sim.run(program, { seed, leaks: "fail" }).virtualMs, 1)
    }
  })

  it("what died with its host; what its host still has is one", () => {
    const program = (crashes: boolean) =>
      Effect.gen(function* () {
        const host = yield* Sim.Host.make("box")
        const server = Effect.gen(function* () {
          yield* hold("socket", "80")
          yield* Effect.forkDetach(Effect.withSpan(Effect.never, "accepting"))
        })
        yield* host.run(server)
        if (crashes) yield* host.crash
        yield* host.run(hold("file", "new"))
      })
    for (const seed of seeds.slice(0, 30)) {
      const crashed = leaksOf(program(true), seed)
      assert.strictEqual(crashed.length, 1)
      assert.match(crashed[0] ?? "", /^file new, taken by fiber \d/)
      const alive = leaksOf(program(false), seed).map((leak) => leak.replace(/ \d+.*/, ""))
      assert.deepStrictEqual(alive, ["fiber", "socket", "file new, taken by fiber"])
    }
  })
})
