/** The bus under every order of its fibers that the simulator draws. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import type { EventBusOptions } from "../../../core/bus/EventBus.ts"
import * as Sim from "../../../sim/Sim.ts"
import { event, label, make } from "./Events.ts"

const tight: Partial<EventBusOptions> = {
  workers: 2,
  queueEventsMax: { high: 1, normal: 2, low: 1 },
  handlerTimeoutMs: 1_000
}

const batches = 3
const batchEvents = 3
const writers = [1, 2, 3] as const

/** Publishes batches of its own numbers: 1000, 1001 .. for the first writer. */
const write = (publish: (seqs: ReadonlyArray<number>) => Effect.Effect<void>, writer: number) =>
  Effect.gen(function* () {
    for (let batch = 0; batch < batches; batch++) {
      yield* publish(Array.from({ length: batchEvents }, (_, i) => writer * 1000 + batch * batchEvents + i))
    }
  })

/** Three publishers, subscribers by one key and by many, one that dies now and then, one that hangs, one that goes. */
const busy = Effect.scoped(
  Effect.gen(function* () {
    const bus = yield* make(tight)
    const seen = { plain: new Array<number>(), keyed: new Array<number>(), mixed: new Array<number>() }
    const at = new Map<string, number>()
    const note = (into: Array<number>, name: string, key: string, seq: number) =>
      Effect.gen(function* () {
        const lane = `${name} ${key}`
        const now = (at.get(lane) ?? 0) + 1
        at.set(lane, now)
        if (now > 1) return yield* Effect.die(`${lane}: two at a time`)
        into.push(seq)
        yield* Effect.yieldNow
        at.set(lane, now - 1)
      })
    yield* bus.subscribe({ name: "plain", handle: (of) => note(seen.plain, "plain", "", Number(label(of))) })
    yield* bus.subscribe({
      name: "keyed",
      key: (of) => ("node" in of ? of.node : ""),
      handle: (of) => note(seen.keyed, "keyed", "node" in of ? of.node : "", Number(label(of)))
    })
    yield* bus.subscribe({
      name: "mixed",
      handle: (of) => {
        const seq = Number(label(of))
        seen.mixed.push(seq)
        return seq % 7 === 0 ? Effect.die("broken") : seq === 2004 ? Effect.never : Effect.void
      }
    })
    const going = yield* Scope.make()
    yield* bus.subscribe({ name: "going", handle: () => Effect.sleep(700) }).pipe(Scope.provide(going))
    const published: Array<number> = []
    const publish = (seqs: ReadonlyArray<number>) =>
      Effect.suspend(() => bus.publish(seqs.map((seq) => event(seq, `n${seq % 2}`)))).pipe(
        Effect.tap(() => Effect.sync(() => published.push(...seqs)))
      )
    const fibers = yield* Effect.forEach(writers, (writer) => Effect.forkChild(write(publish, writer)))
    if ((yield* Sim.choose("workload", 2)) === 1) yield* Effect.sleep(300)
    yield* Scope.close(going, Exit.void)
    yield* Fiber.joinAll(fibers)
    yield* Effect.sleep(5_000)
    const total = writers.length * batches * batchEvents
    const numbered = (name: string, got: ReadonlyArray<number>) =>
      got.length === total ? Effect.void : Effect.die(`${name} got ${got.length} of ${total} events`)
    yield* numbered("plain", seen.plain)
    yield* numbered("keyed", seen.keyed)
    yield* numbered("mixed", seen.mixed)
    // One order for all, batches in one piece.
    if (seen.mixed.join(" ") !== seen.plain.join(" ")) return yield* Effect.die("two subscribers saw two orders")
    for (const [i, seq] of seen.plain.entries()) {
      if (i % batchEvents > 0 && seq !== (seen.plain[i - 1] ?? 0) + 1)
        return yield* Effect.die(`torn: ${seen.plain.join(" ")}`)
    }
    for (const parity of [0, 1]) {
      const of = (seqs: ReadonlyArray<number>) => seqs.filter((seq) => seq % 2 === parity).join(" ")
      if (of(seen.keyed) !== of(seen.plain)) return yield* Effect.die(`key ${parity}: ${of(seen.keyed)}`)
    }
    const stats = yield* bus.stats
    if (stats.some(({ dropped }) => dropped > 0)) return yield* Effect.die("something was dropped")
    const mixed = stats.find(({ name }) => name === "mixed")
    const failed = seen.mixed.filter((seq) => seq % 7 === 0 || seq === 2004).length
    if (mixed?.failed !== failed || mixed.handled !== total - failed) {
      return yield* Effect.die(`mixed failed ${mixed?.failed} of ${failed}`)
    }
    if (mixed.blocked > 0) yield* Sim.sometimes("a publisher waited")
  })
)

/** Subscribers come and go, publishers are interrupted, handlers publish, and the bus may end at any moment. */
const restless = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const bus = yield* make(tight).pipe(Scope.provide(scope))
  let gone = 0
  const visitor = (name: string) =>
    Effect.gen(function* () {
      let isGone = false
      const own = yield* Scope.make()
      yield* bus
        .subscribe({
          name,
          handle: (of) =>
            Effect.suspend(() => {
              if (isGone) return Effect.die(`${name} is gone and handles ${label(of)}`)
              const seq = Number(label(of))
              return seq < 10_000 && seq % 3 === 0 ? bus.publish([event(10_000 + seq)]) : Effect.sleep(seq % 2)
            })
        })
        .pipe(Scope.provide(own))
      yield* Effect.sleep(yield* Sim.choose("workload", 4))
      yield* Scope.close(own, Exit.void)
      isGone = true
      gone++
    })
  const publishing = yield* Effect.forEach(writers, (writer) =>
    Effect.forkChild(
      Sim.interruptSometime(
        write((seqs) => bus.publish(seqs.map((seq) => event(seq))), writer),
        { withinSteps: 400 }
      )
    )
  )
  const visiting = yield* Effect.forEach(["a", "b", "c"], (name) => Effect.forkChild(visitor(name)))
  if ((yield* Sim.choose("workload", 2)) === 1) {
    yield* Scope.close(scope, Exit.void)
    yield* Sim.sometimes("the bus ended first")
  }
  yield* Fiber.awaitAll(publishing)
  yield* Fiber.joinAll(visiting)
  if (gone !== 3) return yield* Effect.die(`${gone} of 3 visitors went`)
  yield* Scope.close(scope, Exit.void)
})

describe("EventBus in the simulator", () => {
  it("loses nothing, keeps the order of each key, and isolates handlers that die or hang", () => {
    const { failure, runs, sometimes } = Sim.check(busy, { runs: 300, seed: 1, leaks: "fail" })
    assert.isUndefined(failure?.message, failure?.story)
    assert.strictEqual(runs, 300)
    assert.isAbove(sometimes.get("a publisher waited") ?? 0, 100)
  })

  it("comes to an end whoever goes, is interrupted, or publishes in a handler, and leaves nothing", () => {
    const { failure, runs } = Sim.check(restless, { runs: 500, seed: 1, leaks: "fail" })
    assert.isUndefined(failure?.message, failure?.story)
    assert.strictEqual(runs, 500)
  })
})
