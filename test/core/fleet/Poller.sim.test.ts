/** Pollers, guards and the registry under every order of their fibers that the simulator draws. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { EventBus } from "../../../core/bus/EventBus.ts"
import { type NodeError, Unreachable } from "../../../core/domain/NodeError.ts"
import type { ProcessInfo } from "../../../core/domain/Process.ts"
import * as NodeGuard from "../../../core/fleet/NodeGuard.ts"
import * as Poller from "../../../core/fleet/Poller.ts"
import * as Registry from "../../../core/fleet/Registry.ts"
import * as Sim from "../../../sim/Sim.ts"
import { make, refuse } from "./FakeDriver.ts"
import { processIn } from "./Processes.ts"

const options: Poller.PollOptions = { intervalMs: 200, jitter: 0.1, concurrency: 2, concurrencyDown: 1 }
const guardOptions: NodeGuard.GuardOptions = {
  callsMax: 2,
  callsWaitingMax: 4,
  breakerFailures: 2,
  breakerOpenMs: 300,
  breakerOpenMsMax: 600,
  deadlineMs: 1_000
}

const names = ["a", "b", "c", "d", "e", "f"]

const bus = Layer.succeed(EventBus, {
  publish: () => Effect.void,
  subscribe: () => Effect.void,
  stats: Effect.succeed([])
})

const polling = Effect.gen(function* () {
  const context = yield* Sim.RunContext
  const registry = Context.get(yield* Layer.build(Layer.provide(Registry.layer, bus)), Registry.Registry)
  const poller = yield* Effect.provideService(Poller.make(options), Registry.Registry, registry)
  let underWay = 0
  let isWell = false
  const { driver } = make({ process: processIn("RUNNING") })
  const processes: Effect.Effect<ReadonlyArray<ProcessInfo>, NodeError> = Effect.acquireUseRelease(
    Effect.sync(() => underWay++),
    () =>
      Effect.gen(function* () {
        const how = isWell ? 0 : yield* Sim.choose("faults", 5)
        if (how === 1) return yield* Effect.never
        if (how === 2) yield* Effect.sleep(700)
        if (how === 3) return yield* refuse(new Unreachable({ detail: "drawn" }))
        return [processIn("RUNNING")]
      }).pipe(Effect.provideService(Sim.RunContext, context)),
    () => Effect.sync(() => underWay--)
  )
  const limit = options.concurrency + options.concurrencyDown
  yield* Sim.always(`at most ${limit} polls are under way`, () =>
    underWay > limit ? `${underWay} are under way` : undefined
  )
  const scope = yield* Scope.make()
  const pollers = yield* Effect.forEach(names, (name) =>
    Effect.gen(function* () {
      const guard = yield* NodeGuard.make({ ...driver, processes }, guardOptions)
      const started = yield* poller.start({ name, environment: undefined, kind: "supervisord" }, guard)
      return { name, guard, ...started }
    }).pipe(Scope.provide(scope))
  )
  for (let i = 0; i < 6; i++) {
    yield* Effect.sleep(yield* Sim.choose("workload", 500))
    const one = pollers[yield* Sim.choose("workload", names.length)]
    if (one === undefined) continue
    if ((yield* one.guard.refusal) !== undefined) yield* Sim.sometimes("an open circuit")
    yield* Sim.interruptSometime(one.refresh, { withinSteps: 100 })
  }
  isWell = true
  yield* Sim.eventually({
    what: "every node is up",
    within: "10 seconds",
    look: registry.state,
    until: ({ nodes }) => Array.from(nodes.values()).every(({ status }) => status === "up")
  })
  // From here on a refresh takes no time to speak of.
  yield* Effect.timeout(
    Effect.forEach(pollers, ({ refresh }) => refresh, { concurrency: "unbounded" }),
    1_000
  )
  if ((yield* Sim.choose("workload", 2)) === 1) isWell = false
  yield* Effect.sleep(yield* Sim.choose("workload", 400))
  if (underWay > 0) yield* Sim.sometimes("it ended with a poll under way")
  yield* Scope.close(scope, Exit.void)
  if (underWay > 0) return yield* Effect.die(`${underWay} polls outlived their scope`)
  for (const { guard, name } of pollers) {
    const calls = yield* guard.calls
    if (calls.underWay + calls.waiting > 0) return yield* Effect.die(`a call to ${name} keeps its turn`)
  }
}).pipe(Effect.scoped)

describe("Poller in the simulator", () => {
  it("keeps its bound, comes back to every node, and ends with its scope", () => {
    const { failure, sometimes } = Sim.check(polling, { runs: 100, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.deepStrictEqual([...sometimes.keys()].toSorted(), ["an open circuit", "it ended with a poll under way"])
  })
})
