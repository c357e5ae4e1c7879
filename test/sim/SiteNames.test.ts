/**
 * Where operations were built, and by which function of Effect. This leans on the inside of Effect: when a new version
 * of it makes the names vanish, these tests say which.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, PubSub, Queue, Ref, Semaphore, SynchronizedRef } from "effect"
import * as Sim from "../../sim/Sim.ts"
import { siteOf, withSites } from "../../sim/Sites.ts"

const source = readFileSync(new URL(import.meta.url), "utf8").split("\n")

/** What a recorded run did, by name, with the lines of this file. */
const operationsOf = (program: Effect.Effect<unknown, unknown, Sim.RunContext>) => {
  const { outcome, trace } = Sim.run(program, { record: true })
  assert.strictEqual(outcome, "done")
  return trace.flatMap(({ operations }) => operations)
}

describe("an operation is named by the function that the program called", () => {
  const ref = Ref.makeUnsafe(0)
  const synchronized = SynchronizedRef.makeUnsafe(0)

  const named: ReadonlyArray<readonly [name: RegExp, make: () => Effect.Effect<unknown, unknown, Sim.RunContext>]> = [
    [/^Ref\.get$/, () => Ref.get(ref)],
    [/^Ref\.make$/, () => Ref.make(0)],
    [/^Ref/, () => Ref.set(ref, 1)],
    [/^Ref/, () => Ref.update(ref, (n) => n + 1)],
    [/^SynchronizedRef/, () => SynchronizedRef.updateEffect(synchronized, (n) => Effect.succeed(n + 1))],
    [/^Deferred\.make$/, () => Deferred.make<void>()],
    [
      /^Deferred\.await$/,
      () => Effect.flatMap(Deferred.make<void>(), (gate) => Effect.raceFirst(Deferred.await(gate), Effect.sleep(1)))
    ],
    [/^Deferred/, () => Effect.flatMap(Deferred.make<void>(), (gate) => Deferred.succeed(gate, undefined))],
    [/^Queue\.(?:bounded|make)$/, () => Queue.bounded<number>(1)],
    [/^Queue$/, () => Effect.flatMap(Queue.bounded<number>(1), (queue) => Queue.offer(queue, 1))],
    [
      /^Queue$/,
      () =>
        Effect.flatMap(Queue.unbounded<number>(), (queue) => Effect.andThen(Queue.offer(queue, 1), Queue.take(queue)))
    ],
    [/^PubSub/, () => Effect.flatMap(PubSub.unbounded<number>(), (hub) => PubSub.publish(hub, 1))],
    [/^Semaphore\.make$/, () => Semaphore.make(1)],
    [/^Semaphore/, () => Effect.flatMap(Semaphore.make(1), (permits) => permits.withPermits(1)(Effect.void))],
    [
      /^Fiber\.join$|^Effect\.fiberJoin$/,
      () => Effect.flatMap(Effect.forkChild(Effect.sleep(1)), (fiber) => Fiber.join(fiber))
    ],
    [
      /^Fiber\.interrupt$|^Effect\.fiberInterrupt$/,
      () => Effect.flatMap(Effect.forkChild(Effect.never), (fiber) => Fiber.interrupt(fiber))
    ],
    [/^Effect\.sleep$/, () => Effect.sleep(1)],
    [/^Effect\.clockWith$/, () => Effect.clockWith((clock) => clock.currentTimeMillis)]
  ]

  for (const [name, make] of named) {
    it(`as in ${make.toString().replace(/\s+/g, " ").slice(6, 90)}`, () => {
      const operations = operationsOf(Effect.suspend(make))
      const names = operations.map(({ what }) => what)
      assert.isTrue(
        names.some((what) => name.test(what)),
        `expected ${name.source} among ${names.join(", ")}: has Effect changed inside?`
      )
    })
  }

  it("with its line in the program, the one place in it that is not Effect's", () => {
    const line = source.findLastIndex((text) => text.includes("const looked = Ref.get(ref)")) + 1
    const program = Effect.suspend(() => {
      const looked = Ref.get(ref)
      return looked
    })
    const [site] = operationsOf(program)
    assert.isDefined(site)
    assert.strictEqual(site.what, "Ref.get")
    assert.match(site.at, new RegExp(`^SiteNames\\.test\\.ts:${line}:\\d+$`))
    assert.isTrue(site.place.endsWith(`/test/sim/${site.at}`), site.place)
  })
})

describe("noting sites", () => {
  const prototype: unknown = Object.getPrototypeOf(Effect.sync(() => 0))
  const keys = () => (prototype instanceof Object ? Reflect.ownKeys(prototype).length : -1)

  it("leaves Effect and the stack's limit as they were, also when the body throws", () => {
    const before = [keys(), Error.stackTraceLimit]
    assert.throws(
      () =>
        withSites(() => {
          assert.strictEqual(keys(), Number(before[0]) + 1)
          throw new Error("out")
        }),
      "out"
    )
    assert.deepStrictEqual([keys(), Error.stackTraceLimit], before)
  })

  it("inside of itself ends with the outer one", () => {
    const [outer, inner] = withSites(() => {
      const nested = withSites(() => Effect.sync(() => 1))
      return [Effect.sync(() => 2), nested]
    })
    assert.isDefined(outer)
    assert.isDefined(inner)
    for (const operation of [outer, inner]) assert.isDefined(siteOf(operation))
    assert.isUndefined(siteOf(Effect.sync(() => 3)))
  })

  it("does not change what operations do, nor how a run goes", () => {
    const program = Effect.gen(function* () {
      const ref = yield* Ref.make(1)
      const fibers = yield* Effect.forEach([1, 2, 3], (n) => Effect.forkChild(Ref.update(ref, (m) => m * 10 + n)))
      yield* Fiber.joinAll(fibers)
      return yield* Ref.get(ref)
    })
    for (let seed = 0; seed < 50; seed++) {
      const [plain, recorded] = [Sim.run(program, { seed }), Sim.run(program, { seed, record: true })]
      assert.strictEqual(recorded.traceHash, plain.traceHash)
      assert.deepStrictEqual(recorded.exit, plain.exit)
    }
  })
})
