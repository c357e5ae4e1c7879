/** The registry and the bus under every order of their fibers that the simulator draws. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Ref, Scope } from "effect"
import * as EventBus from "../../../core/bus/EventBus.ts"
import type { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import { viewFleet } from "../../../core/fleet/FleetState.ts"
import type { PollResult } from "../../../core/fleet/FleetState.ts"
import * as Registry from "../../../core/fleet/Registry.ts"
import * as Sim from "../../../sim/Sim.ts"
import { processIn } from "./Processes.ts"

const services = Registry.layer.pipe(Layer.provideMerge(EventBus.layer))

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
    const subscription = yield* Context.get(context, EventBus.EventBus).subscribe
    const seen = yield* Ref.make<ReadonlyArray<FleetEvent>>([])
    const reading = yield* subscription.take.pipe(
      Effect.flatMap((event) =>
        Effect.gen(function* () {
          // What is told has happened: nobody who follows the events may read a state from before them.
          const { seq } = yield* registry.state
          if (seq < event.seq) return yield* Effect.die(`event ${event.seq} was told, the state is at ${seq}`)
          yield* Ref.update(seen, (all) => [...all, event])
        })
      ),
      Effect.forever,
      Effect.forkChild
    )
    yield* churn(registry)
    yield* Effect.sleep(1)
    const failure = reading.pollUnsafe()
    if (failure !== undefined) return yield* failure
    const numbers = (yield* Ref.get(seen)).map(({ seq }) => seq)
    const { seq } = viewFleet(yield* registry.state)
    if (numbers.length !== seq || numbers.some((number, i) => number !== i + 1))
      return yield* Effect.die(`${seq} events, told in the order ${numbers.join(" ")}`)
  })
)

/** More events than the bus holds, for a subscriber that takes none. */
const stuck = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const context = yield* Layer.build(services).pipe(Scope.provide(scope))
  const registry = Context.get(context, Registry.Registry)
  const bus = Context.get(context, EventBus.EventBus)
  const subscriber = yield* Scope.make()
  yield* bus.subscribe.pipe(Scope.provide(subscriber))
  yield* registry.add(entry("web"))
  yield* registry.record("web", {
    _tag: "Answered",
    processes: Array.from({ length: 998 }, (_, i) => processIn("RUNNING", { name: `p${i}` }))
  })
  const writers = yield* Effect.forEach([1, 2, 3], (pid) => Effect.forkChild(registry.record("web", answered(pid))))
  yield* Effect.sleep(1_000)
  if (writers.every((writer) => writer.pollUnsafe() !== undefined)) return yield* Effect.die("nobody waited")
  if ((yield* registry.state).nodes.get("web")?.status !== "up") return yield* Effect.die("a read waited")
  const ends = (yield* Sim.choose("workload", 2)) === 1 ? subscriber : scope
  yield* Scope.close(ends, Exit.void)
  const ended = yield* Effect.timeoutOption(Fiber.awaitAll(writers), 1_000)
  if (Option.isNone(ended)) return yield* Effect.die("writers wait for ever")
  yield* Sim.sometimes(ends === scope ? "the bus ended" : "the subscriber ended")
  yield* Scope.close(scope, Exit.void)
})

describe("Registry in the simulator", () => {
  it("publishes events in the order of their numbers, and none before the state has it", () => {
    const { failure, runs } = Sim.check(ordered, { runs: 300, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.strictEqual(runs, 300)
  })

  it("waits for a subscriber that is stuck, until it or the bus ends", () => {
    const { failure, sometimes } = Sim.check(stuck, { runs: 20, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.deepStrictEqual([...sometimes.keys()].toSorted(), ["the bus ended", "the subscriber ended"])
  })
})
