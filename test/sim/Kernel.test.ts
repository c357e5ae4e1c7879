/** Interruption, shared state, the virtual clock and the seeded services, under every schedule that is drawn. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Deferred,
  Effect,
  Fiber,
  FiberHandle,
  FiberMap,
  FiberSet,
  Metric,
  Pool,
  PubSub,
  Queue,
  Random,
  Ref,
  Schedule,
  Scope,
  Semaphore,
  Stream,
  SynchronizedRef,
  TxRef,
  Exit
} from "effect"
import { PreventSchedulerYield } from "effect/Scheduler"
import * as Sim from "../../sim/Sim.ts"

/** What went wrong in the first run that did not end well, if any. */
const problem = <A, E>(program: Effect.Effect<A, E, Sim.RunContext>, runs = 300) =>
  Sim.check(program, { runs }).failure?.message

const expect = (condition: boolean, message: () => string) =>
  Effect.suspend(() => (condition ? Effect.void : Effect.die(message())))

/** The value of a program that must end well. */
const valueOf = <A, E>(program: Effect.Effect<A, E, Sim.RunContext>, seed = 0): A => {
  const { exit, message } = Sim.run(program, { seed, stepsMax: 10_000_000 })
  if (exit === undefined || Exit.isFailure(exit)) throw new Error(message)
  return exit.value
}

describe("interruption", () => {
  it("is never lost, however early it comes", () => {
    for (const startImmediately of [false, true]) {
      assert.isUndefined(
        problem(Effect.flatMap(Effect.forkChild(Effect.never, { startImmediately }), Fiber.interrupt), 1_000)
      )
    }
  })

  it("runs the finalizer of whatever was acquired, at any moment", () => {
    const program = Effect.gen(function* () {
      const count = { acquired: 0, released: 0 }
      const resource = Effect.acquireRelease(
        Effect.andThen(
          Effect.sync(() => ++count.acquired),
          Effect.yieldNow
        ),
        () =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => ++count.released)
          )
      )
      const fiber = yield* Effect.forkChild(Effect.scoped(Effect.andThen(resource, Effect.sleep(3))))
      const afterMs = yield* Sim.choose("workload", 5)
      if (afterMs > 0) yield* Effect.sleep(afterMs)
      yield* Fiber.interrupt(fiber)
      if (count.acquired === 1) yield* Sim.sometimes("acquired")
      else yield* Sim.sometimes("too early")
      yield* expect(count.acquired === count.released, () => JSON.stringify(count))
    })
    const { failure, sometimes } = Sim.check(program, { runs: 500 })
    assert.isUndefined(failure?.message)
    assert.sameMembers(Array.from(sometimes.keys()), ["acquired", "too early"])
  })

  it("waits for an uninterruptible region", () => {
    const program = Effect.gen(function* () {
      const steps = yield* Ref.make(0)
      const step = Ref.update(steps, (n) => n + 1)
      const region = Effect.uninterruptible(Effect.all([step, Effect.yieldNow, step, Effect.sleep(2), step]))
      const fiber = yield* Effect.forkChild(region)
      yield* Effect.sleep(1)
      yield* Fiber.interrupt(fiber)
      yield* expect((yield* Ref.get(steps)) === 3, () => "the region was cut short")
    })
    assert.isUndefined(problem(program))
  })

  it("loses no permit and no pooled item of those who wait", () => {
    const program = Effect.gen(function* () {
      const permit = yield* Semaphore.make(1)
      let live = 0
      yield* Effect.gen(function* () {
        const pool = yield* Pool.make({
          acquire: Effect.acquireRelease(
            Effect.sync(() => ++live),
            () => Effect.sync(() => --live)
          ),
          size: 1
        })
        const use = Effect.scoped(Effect.andThen(Pool.get(pool), permit.withPermits(1)(Effect.sleep(1))))
        const fibers = yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkChild(use))
        yield* Effect.forEach(fibers.slice(1, 3), (fiber) => Effect.forkChild(Fiber.interrupt(fiber)))
        yield* Effect.forEach(fibers, Fiber.await)
        yield* use
      }).pipe(Effect.scoped)
      yield* expect(live === 0, () => `${live} items are left`)
    })
    assert.isUndefined(problem(program, 500))
  })
})

describe("the numbers of fibers", () => {
  it("do not depend on what Effect makes once in a process", () => {
    const program = Effect.scoped(
      Effect.gen(function* () {
        const handle = yield* FiberHandle.make()
        yield* FiberHandle.run(handle, Effect.never)
        yield* FiberHandle.run(handle, Effect.never, { onlyIfMissing: true })
        const set = yield* Effect.scoped(FiberSet.make())
        yield* FiberSet.run(set, Effect.never)
        const map = yield* Effect.scoped(FiberMap.make<string>())
        yield* FiberMap.run(map, "a", Effect.never)
        yield* Effect.all([Effect.yieldNow, Effect.yieldNow], { concurrency: 2 })
      })
    )
    assert.strictEqual(Sim.run(program).traceHash, Sim.run(program).traceHash)
  })
})

describe("shared state", () => {
  it("passes each message of a queue and of a hub once", () => {
    const program = Effect.gen(function* () {
      const queue = yield* Queue.bounded<number>(2)
      const hub = yield* PubSub.bounded<number>(2)
      const subscription = yield* PubSub.subscribe(hub)
      const numbers = [1, 2, 3, 4, 5, 6]
      const producer = Effect.forEach(numbers, (n) => Effect.andThen(Queue.offer(queue, n), PubSub.publish(hub, n)))
      const take = Effect.forEach([1, 2, 3], () => Queue.take(queue))
      const seen = Effect.forEach(numbers, () => PubSub.take(subscription))
      const all = Effect.all([producer, take, take, seen], { concurrency: "unbounded" })
      const [, first, second, published] = yield* all
      const taken = [...first, ...second].toSorted((a, b) => a - b)
      yield* expect(taken.join() === numbers.join(), () => `taken ${taken.join()}`)
      yield* expect(published.join() === numbers.join(), () => `seen ${published.join()}`)
    })
    assert.isUndefined(problem(Effect.scoped(program)))
  })

  it("keeps updates of SynchronizedRef and transactions whole", () => {
    const program = Effect.gen(function* () {
      const ref = yield* SynchronizedRef.make(0)
      const from = yield* TxRef.make(3)
      const to = yield* TxRef.make(0)
      const move = Effect.tx(
        Effect.gen(function* () {
          const left = yield* TxRef.get(from)
          yield* TxRef.set(from, left - 1)
          yield* TxRef.update(to, (n) => n + 1)
        })
      )
      const add = SynchronizedRef.updateEffect(ref, (n) => Effect.as(Effect.yieldNow, n + 1))
      const waiter = Effect.tx(Effect.flatMap(TxRef.get(to), (n) => (n < 3 ? Effect.txRetry : Effect.succeed(n))))
      yield* Effect.all([move, add, waiter, move, add, move], { concurrency: "unbounded" })
      const end = [yield* TxRef.get(from), yield* TxRef.get(to), yield* SynchronizedRef.get(ref)].join()
      yield* expect(end === "0,3,2", () => end)
    })
    assert.isUndefined(problem(program))
  })

  it("owns fibers in sets and maps, and streams end", () => {
    const program = Effect.gen(function* () {
      const set = yield* FiberSet.make<void, never>()
      for (const ms of [0, 2, 1]) yield* FiberSet.run(set, Effect.sleep(ms))
      yield* FiberSet.awaitEmpty(set)
      const map = yield* FiberMap.make<string>()
      const first = yield* FiberMap.run(map, "key", Effect.never)
      yield* FiberMap.run(map, "key", Effect.never)
      yield* Fiber.await(first)
      yield* FiberMap.remove(map, "key")
      yield* expect((yield* FiberMap.size(map)) === 0, () => "a fiber is left in the map")
      const squares = Stream.range(1, 4).pipe(Stream.mapEffect((n) => Effect.succeed(n * n), { concurrency: 2 }))
      const merged = yield* Stream.runCollect(Stream.merge(squares, Stream.fromIterable([100])))
      yield* expect(merged.length === 5, () => merged.join())
    })
    assert.isUndefined(problem(Effect.scoped(program)))
  })

  it("lets a region that forbids yielding wake others", () => {
    const program = Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const waiters = yield* Effect.forEach([1, 2], () => Effect.forkChild(Deferred.await(gate)))
      yield* Effect.provideService(
        Effect.andThen(Effect.sleep(1), Deferred.succeed(gate, undefined)),
        PreventSchedulerYield,
        true
      )
      yield* Fiber.joinAll(waiters)
    })
    assert.isUndefined(problem(program))
  })
})

describe("the virtual clock", () => {
  it("starts at its epoch and moves only by what the program waits for", () => {
    const read = Effect.all([Clock.currentTimeMillis, Clock.currentTimeNanos, Clock.monotonicTimeNanos])
    const epochMs = Date.UTC(2026, 0, 1)
    const [before, after] = valueOf(Effect.all([read, Effect.andThen(Effect.sleep("90 minutes"), read)]))
    const nanos = BigInt(epochMs) * 1_000_000n
    assert.deepStrictEqual(before, [epochMs, nanos, 0n])
    assert.deepStrictEqual(after, [epochMs + 5_400_000, nanos + 5_400_000_000_000n, 5_400_000_000_000n])
  })

  it("keeps retries, repetitions and timeouts to the millisecond", () => {
    const program = Effect.gen(function* () {
      const at: Array<number> = []
      const start = yield* Clock.currentTimeMillis
      const mark = Effect.map(Clock.currentTimeMillis, (ms) => at.push(ms - start))
      yield* Effect.ignore(
        Effect.retry(Effect.andThen(mark, Effect.fail("no")), { schedule: Schedule.exponential(100), times: 3 })
      )
      yield* Effect.repeat(mark, { schedule: Schedule.spaced(50), times: 2 })
      yield* Effect.timeoutOption(Effect.never, 1_000)
      yield* mark
      return at
    })
    for (const seed of [0, 1, 2]) {
      assert.deepStrictEqual(valueOf(program, seed), [0, 100, 300, 700, 700, 750, 800, 1_800])
    }
  })
})

describe("services", () => {
  it("draw randomness and ids from the seed", () => {
    const program = Effect.gen(function* () {
      const span = yield* Effect.currentSpan
      return [span.traceId, span.spanId, yield* Random.nextInt, yield* Random.next, yield* Random.nextIntBetween(0, 9)]
    }).pipe(Effect.withSpan("here"), Effect.orDie)
    assert.deepStrictEqual(valueOf(program, 4), valueOf(program, 4))
    assert.notDeepEqual(valueOf(program, 4), valueOf(program, 5))
    assert.match(String(valueOf(program)[0]), /^[0-9a-f]{32}$/)
  })

  it("count metrics from nothing in each run, and log nowhere", () => {
    const counter = Metric.counter("test/sim/runs")
    const program = Effect.gen(function* () {
      yield* Effect.logError("not to be seen")
      yield* Metric.update(counter, 1)
      return (yield* Metric.value(counter)).count
    })
    assert.deepStrictEqual([valueOf(program), valueOf(program, 1)], [1, 1])
  })
})

describe("size", () => {
  it("takes ten thousand fibers and deep recursion", () => {
    const countdown = (n: number): Effect.Effect<number> =>
      n === 0
        ? Effect.succeed(0)
        : Effect.map(
            Effect.suspend(() => countdown(n - 1)),
            (m) => m + 1
          )
    assert.strictEqual(valueOf(countdown(20_000)), 20_000)
    const many = Array.from({ length: 10_000 }, (_, i) => i)
    const program = Effect.gen(function* () {
      const fibers = yield* Effect.forEach(many, () => Effect.forkChild(Effect.sleep(1)))
      yield* Fiber.joinAll(fibers)
    })
    assert.strictEqual(Sim.run(program).outcome, "done")
  })

  it("forgets fibers that ended well and remembers those with a defect", () => {
    const program = Effect.gen(function* () {
      yield* Fiber.await(yield* Effect.forkChild(Effect.die("early")))
      const waiting = yield* Effect.forkChild(Effect.never)
      for (let i = 0; i < 5_000; i++) {
        yield* Fiber.join(yield* Effect.forkChild(Effect.void))
      }
      return yield* Fiber.join(waiting)
    })
    const result = Sim.run(program)
    assert.strictEqual(result.outcome, "deadlock")
    assert.include(result.message, "2 fibers wait")
    assert.deepStrictEqual(
      result.defects.map((defect) => defect.replace(/^fiber \d+/, "")),
      [": early"]
    )
  })

  it("does not grow with the number of fibers that a long run had", () => {
    setFlagsFromString("--expose-gc")
    const collect: unknown = runInNewContext("gc")
    assert.isFunction(collect)
    const heapMb = () => {
      if (typeof collect === "function") Reflect.apply(collect, undefined, [])
      return process.memoryUsage().heapUsed / 1e6
    }
    const forks = Effect.repeat(Effect.flatMap(Effect.forkChild(Effect.void), Fiber.join), { times: 15_000 })
    const grown = Effect.gen(function* () {
      yield* forks
      const before = heapMb()
      yield* forks
      yield* forks
      return heapMb() - before
    })
    // Keeping them takes 6 MB.
    assert.isBelow(valueOf(grown), 2)
  })
})

describe("scopes", () => {
  it("close every child, also one that never took a step", () => {
    const program = Effect.gen(function* () {
      const scope = yield* Scope.make()
      const child = yield* Effect.forkIn(Effect.never, scope)
      yield* Scope.close(scope, Exit.void)
      yield* expect(child.pollUnsafe() !== undefined, () => "the child outlived its scope")
    })
    assert.isUndefined(problem(program))
  })
})

describe("resumption", () => {
  /** Completing the deferred in the middle of an update lets the waiter change the same state on the same stack. */
  const reentrant = (update: (state: Ref.Ref<number>, wake: () => void) => Effect.Effect<void>) =>
    Effect.gen(function* () {
      const state = yield* Ref.make(0)
      const woken = yield* Deferred.make<void>()
      const waiter = yield* Effect.forkChild(
        Effect.andThen(
          Deferred.await(woken),
          Ref.update(state, (n) => n + 10)
        )
      )
      yield* Effect.sleep(1)
      yield* update(state, () => Deferred.doneUnsafe(woken, Exit.void))
      yield* Fiber.join(waiter)
      const seen = yield* Ref.get(state)
      yield* expect(seen === 11, () => `an update was lost: ${seen}`)
    })

  it("happens on the stack of the one that completes, as on Effect's own runtime", async () => {
    const careless = reentrant((state, wake) =>
      Ref.update(state, (n) => {
        wake()
        return n + 1
      })
    )
    const own = await Effect.runPromiseExit(careless)
    assert.isTrue(Exit.isFailure(own), "the bug shows on Effect's own runtime")
    assert.include(problem(careless), "an update was lost")
  })

  it("and later, in any order", () => {
    const careful = reentrant((state, wake) =>
      Effect.andThen(
        Ref.update(state, (n) => n + 1),
        Effect.sync(wake)
      )
    )
    assert.isUndefined(problem(careful, 2_000))
    const orders = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const order: Array<string> = []
      valueOf(
        Effect.gen(function* () {
          const woken = yield* Deferred.make<void>()
          const waiter = yield* Effect.forkChild(
            Effect.andThen(
              Deferred.await(woken),
              Effect.sync(() => order.push("w"))
            )
          )
          yield* Effect.sleep(1)
          yield* Deferred.succeed(woken, undefined)
          order.push("c")
          yield* Fiber.join(waiter)
        }),
        seed
      )
      orders.add(order.join(""))
    }
    assert.deepStrictEqual([...orders].toSorted(), ["cw", "wc"])
  })
})
