/**
 * P15, timeout cleanup (R6.4): after a timeout no socket, permit, fiber, timer or temporary file of the operation
 * remains.
 *
 * Method: operations with short limits run into nodes that hang, answer late or act without an answer, are given up by
 * their callers or cancelled with their batch. Then the nodes are well again and the console is at rest: nothing is
 * asked of a node that nobody waits for, no lock is held (the same operations go through at once), and the end of the
 * console leaves nothing.
 */
import { Effect, Exit, Scope } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import { interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as LifecycleMutants from "../mutants/LifecycleMutants.ts"
import * as OperationMutants from "../mutants/OperationMutants.ts"
import * as NodeCalls from "../oracles/NodeCalls.ts"
import type { SupervisordPoint } from "../peers/Supervisord.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

const workload = fc.record({
  how: fc.constantFrom("hang", "slow", "broken off", "http500", "reply lost"),
  deadlineMs: fc.integer({ min: 100, max: 4_000 }),
  operations: fc.array(
    fc.record({
      atMs: fc.nat(2_000),
      kind: fc.constantFrom("start", "stop", "restart", "signal", "clear_log"),
      name: fc.constantFrom("api", "job"),
      // Given up by whoever asked, at some step from then on.
      givenUp: fc.boolean()
    }),
    { minLength: 1, maxLength: 4 }
  ),
  batch: fc.option(fc.record({ atMs: fc.nat(1_000), cancelAfterMs: fc.nat(3_000) }))
})

type Plan = ReturnType<typeof workload.generate>["value"]

const requestOf = (kind: Plan["operations"][number]["kind"]) =>
  kind === "signal" ? ({ kind, signal: "HUP" } as const) : ({ kind } as const)

const ask = Effect.fnUntraced(function* (world: World.World, plan: Plan["operations"][number]) {
  yield* Effect.sleep(plan.atMs)
  const operation = world.fleet.operate(requestOf(plan.kind), "web", { group: "app", name: plan.name })
  if (!plan.givenUp) return yield* Effect.ignore(operation)
  const exit = yield* interruptSometime(operation, { withinSteps: 4_000 })
  if (Exit.hasInterrupts(exit)) yield* sometimes("an operation was given up")
})

const cancelled = Effect.fnUntraced(function* (world: World.World, plan: NonNullable<Plan["batch"]>) {
  yield* Effect.sleep(plan.atMs)
  const batch = yield* world.batches
    .submit({ operation: { kind: "restart" }, select: [{ node: "web" }] })
    .pipe(Effect.catchTag(["BadSelection", "JobRefused"], Effect.die))
  yield* Effect.sleep(plan.cancelAfterMs)
  const after = yield* Effect.orDie(world.batches.cancel(batch.id))
  yield* holds(after.status !== "running", () => "a batch that was cancelled is still running")
})

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const calls = NodeCalls.watch(parts)
  const { fleet } = World.consoleOptions
  const ms = plan.deadlineMs
  const deadlineMs = { start: ms, stop: ms, restart: ms, signal: ms, stdin: ms, clear_log: ms }
  const scope = yield* Scope.make()
  const world = yield* World.make({
    nodes: { web: [World.steady("app", "api"), World.steady("app", "job")] },
    options: {
      ...World.consoleOptions,
      fleet: { ...fleet, operations: { ...fleet.operations, deadlineMs } }
    },
    parts: calls.parts
  }).pipe(Scope.provide(scope))
  const web = world.supervisords["web"]
  if (web === undefined) return yield* Effect.die("the world has no node web")
  yield* Effect.sleep(2_500)
  const trouble = yield* Scope.make()
  if (plan.how !== "reply lost") yield* web.spoil(plan.how)
  else yield* web.rule((point) => (isChange(point) ? { _tag: "reset" } : { _tag: "pass" })).pipe(Scope.provide(trouble))
  yield* Effect.all(
    [
      ...plan.operations.map((operation) => ask(world, operation)),
      plan.batch === null ? Effect.void : cancelled(world, plan.batch)
    ],
    { concurrency: "unbounded", discard: true }
  )
  const asking = calls.all().find((call) => call.endedMs === undefined && !isPoll(call.method))
  if (asking !== undefined) return yield* violated(`${asking.method} is under way although nobody waits for it`)

  yield* Scope.close(trouble, Exit.void)
  yield* web.spoil("none")
  yield* eventually({
    what: "the node is up",
    withinMs: 60_000,
    look: Effect.orDie(world.fleet.node("web")),
    until: ({ breaker, status }) => status === "up" && breaker?.state === "closed"
  })
  // Whatever still held the lock of a process would keep this one waiting for its whole limit.
  for (const name of ["api", "job"]) {
    const again = yield* world.fleet
      .operate({ kind: "signal", signal: "HUP" }, "web", { group: "app", name })
      .pipe(Effect.result, Effect.timeoutOption(ms + onTimeMs))
    const isLate =
      again._tag === "None" ||
      (again.value._tag === "Success" && again.value.success.outcome === "timeout" && ms >= onTimeMs)
    yield* holds(!isLate, () => `app:${name} cannot be operated any more`)
  }
  yield* Scope.close(scope, Exit.void)
  yield* eventually({
    what: "no connection is left",
    withinMs: 5_000,
    look: world.network.openConnections,
    until: (open) => open === 0
  })
  yield* holds(calls.underWay() === 0, () => "a call outlived the console")
  yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
}, Effect.scoped)

/** A call of a node that is well takes less, its turn included. */
const onTimeMs = 1_000

/** The node has done it, and nobody is told. */
const isChange = ({ method, phase }: SupervisordPoint): boolean =>
  phase === "reply" && /^supervisor\.(?:start|stop)Process$/.test(method)

const isPoll = (method: string): boolean => method === "processes" || method === "identify"

export const P15: Property = {
  id: "P15",
  title: "timeout cleanup",
  requirements: ["R6.4"],
  marks: [
    "an operation was given up",
    "a command was given up half way",
    "a batch was cancelled half way",
    "the reply to a change was lost",
    "a change whose reply was lost had been made",
    "an operation waited for its turn"
  ],
  leaks: "fail",
  program,
  mutants: [LifecycleMutants.detachedCalls, OperationMutants.lockIsKept, OperationMutants.permitIsKept]
}
