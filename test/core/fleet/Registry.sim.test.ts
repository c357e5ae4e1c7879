/** The registry and the bus under every order of their fibers that the simulator draws. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Ref, Scope } from "effect"
import * as EventBus from "../../../core/bus/EventBus.ts"
import type { PollResult } from "../../../core/fleet/FleetState.ts"
import * as Registry from "../../../core/fleet/Registry.ts"
import * as Sim from "../../../sim/Sim.ts"
import { processIn } from "./Processes.ts"

const bus = EventBus.layer({
  workers: 4,
  queueEventsMax: { high: 10, normal: 10, low: 10 },
  overflow: "wait",
  handlerTimeoutMs: 600_000
})
const services = Registry.layer.pipe(Layer.provideMerge(bus))

const answered = (pid: number): PollResult => ({ _tag: "Answered", processes: [processIn("RUNNING", { pid })] })
const entry = (name: string) => ({ name, environment: undefined, kind: "supervisord" }) as const

/** Several pollers report at once, one of them is interrupted now and then. */
const churn = (registry: Registry.Registry["Service"]) =>
  Effect.forEach(
    [1, 2, 3],
    (writer) =>
      Effect.gen(function* () {
        const name = `node-${writer % 2}`
        for (let i = 0; i < 3; i++) {
          yield* registry.add(entry(name))
          const reporting = yield* Effect.forkChild(registry.record(name, answered(writer * 100 + i)))
          if ((yield* Sim.choose("workload", 3)) === 2) yield* Fiber.interrupt(reporting)
          else yield* Fiber.join(reporting)
          if ((yield* Sim.choose("workload", 3)) === 2) yield* registry.remove(name)
        }
      }),
    { concurrency: "unbounded", discard: true }
  )

const ordered = Effect.scoped(
  Effect.gen(function* () {
    const context = yield* Layer.build(services)
    const registry = Context.get(context, Registry.Registry)
    const seen = yield* Ref.make<ReadonlyArray<number>>([])
    const trouble = yield* Ref.make("")
    yield* Context.get(context, EventBus.EventBus).subscribe({
      name: "test",
      handle: (event) =>
        Effect.gen(function* () {
          if (!("seq" in event)) return
          // What is told has happened: nobody who follows the events may read a state from before them.
          const { seq } = yield* registry.state
          if (seq < event.seq) yield* Ref.set(trouble, `event ${event.seq} was told, the state is at ${seq}`)
          yield* Ref.update(seen, (all) => [...all, event.seq])
        })
    })
    yield* churn(registry)
    yield* Effect.sleep(1)
    const failure = yield* Ref.get(trouble)
    if (failure !== "") return yield* Effect.die(failure)
    const numbers = yield* Ref.get(seen)
    const { seq } = yield* registry.state
    if (numbers.length !== seq || numbers.some((number, i) => number !== i + 1))
      return yield* Effect.die(`${seq} events, told in the order ${numbers.join(" ")}`)
  })
)

/** More events than the bus holds, for a subscriber that gets stuck with the first. */
const stuck = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const context = yield* Layer.build(services).pipe(Scope.provide(scope))
  const registry = Context.get(context, Registry.Registry)
  const subscriber = yield* Scope.make()
  yield* Context.get(context, EventBus.EventBus)
    .subscribe({ name: "stuck", handle: () => Effect.never })
    .pipe(Scope.provide(subscriber))
  yield* registry.add(entry("web"))
  yield* registry.record("web", {
    _tag: "Answered",
    processes: Array.from({ length: 8 }, (_, i) => processIn("RUNNING", { name: `p${i}` }))
  })
  const writers = yield* Effect.forEach([1, 2, 3], (pid) => Effect.forkChild(registry.record("web", answered(pid))))
  yield* Effect.sleep(1_000)
  if (writers.every((writer) => writer.pollUnsafe() !== undefined)) return yield* Effect.die("nobody waited")
  if ((yield* registry.state).nodes.get("web")?.status !== "up") return yield* Effect.die("a read waited")
  const end = yield* Sim.choose("workload", 3)
  const ends = ["the subscriber", "the bus", "who waits"][end] ?? ""
  const ending = [Scope.close(subscriber, Exit.void), Scope.close(scope, Exit.void), Fiber.interruptAll(writers)][end]
  const ended = yield* Effect.andThen(ending ?? Effect.void, Fiber.awaitAll(writers)).pipe(Effect.timeoutOption(1_000))
  if (Option.isNone(ended)) return yield* Effect.die(`${ends} ends, and writers wait for ever`)
  yield* Sim.sometimes(`${ends} ended`)
  const closed = yield* Effect.timeoutOption(Scope.close(scope, Exit.void), 1_000)
  if (Option.isNone(closed)) return yield* Effect.die("the registry does not close")
})

/** Whoever caused an event is interrupted as it waits for its publication; the event is published all the same. */
const orphaned = Effect.scoped(
  Effect.gen(function* () {
    const context = yield* Layer.build(services)
    const registry = Context.get(context, Registry.Registry)
    const seen = yield* Ref.make<ReadonlyArray<number>>([])
    yield* Context.get(context, EventBus.EventBus).subscribe({
      name: "slow",
      handle: (event) =>
        Effect.andThen(Effect.sleep(10), "seq" in event ? Ref.update(seen, (all) => [...all, event.seq]) : Effect.void)
    })
    yield* Effect.forEach(
      Array.from({ length: 30 }, (_, i) => `node-${i}`),
      (name) => Sim.interruptSometime(registry.add(entry(name)), { withinSteps: 200 }),
      { concurrency: "unbounded" }
    )
    yield* Effect.sleep(1_000)
    const { seq } = yield* registry.state
    const numbers = yield* Ref.get(seen)
    if (seq < 30) yield* Sim.sometimes("one was interrupted before its turn")
    if (numbers.length !== seq || numbers.some((number, i) => number !== i + 1))
      return yield* Effect.die(`${seq} events, told in the order ${numbers.join(" ")}`)
  })
)

/** A poll of a node that is removed and added again while it is under way. */
const late = Effect.scoped(
  Effect.gen(function* () {
    const registry = Context.get(yield* Layer.build(services), Registry.Registry)
    const first = yield* registry.add(entry("web"))
    const polling = yield* Effect.forkChild(registry.record("web", answered(1), first))
    yield* registry.remove("web", first)
    yield* registry.add(entry("web"))
    yield* Fiber.join(polling)
    const status = (yield* registry.state).nodes.get("web")?.status
    if (status !== "connecting") return yield* Effect.die(`the new node is ${status}`)
  })
)

describe("Registry in the simulator", () => {
  it("publishes events in the order of their numbers, and none before the state has it", () => {
    const { failure, runs } = Sim.check(ordered, { runs: 300, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.strictEqual(runs, 300)
  })

  it("waits for a subscriber that is stuck, until it, the bus or who waits ends", () => {
    const { failure, sometimes } = Sim.check(stuck, { runs: 30, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.deepStrictEqual([...sometimes.keys()].toSorted(), [
      "the bus ended",
      "the subscriber ended",
      "who waits ended"
    ])
  })

  it("publishes events whose cause was interrupted", () => {
    const { failure, sometimes } = Sim.check(orphaned, { runs: 60, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.deepStrictEqual([...sometimes.keys()], ["one was interrupted before its turn"])
  })

  it("does not take a late poll of a node into another one of its name", () => {
    const { failure } = Sim.check(late, { runs: 60, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
  })
})
