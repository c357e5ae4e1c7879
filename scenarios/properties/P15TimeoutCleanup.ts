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
import type { Batches } from "../../core/fleet/Batches.ts"
import type { Fleet } from "../../core/fleet/Fleet.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as LifecycleMutants from "../mutants/LifecycleMutants.ts"
import * as OperationMutants from "../mutants/OperationMutants.ts"
import * as NodeCalls from "../oracles/NodeCalls.ts"
import type { SupervisordPoint } from "../peers/Supervisord.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as FleetStage from "../stages/FleetStage.ts"
import * as World from "../World.ts"

const operation = fc.record({
  atMs: fc.nat(1_000),
  kind: fc.constantFrom("start", "stop", "restart", "signal", "clear_log"),
  name: fc.constantFrom("api", "job"),
  // Given up by whoever asked, at some step from then on.
  givenUp: fc.boolean()
})
const batch = fc.record({ atMs: fc.nat(1_000), cancelAfterMs: fc.nat(2_000) })

const workload = fc.record({
  how: fc.constantFrom("hang", "slow", "broken off", "http500", "reply lost"),
  deadlineMs: fc.integer({ min: 100, max: 3_000 }),
  operations: fc.array(operation, { minLength: 1, maxLength: 2 }),
  batch: fc.option(batch, { freq: 2 }),
  /** Operates on the same processes again. */
  again: fc.boolean()
})

const smallOperation = fc.record({
  atMs: fc.nat(200),
  kind: fc.constantFrom("stop", "stop", "stop", "restart", "start", "signal", "clear_log"),
  name: fc.constant("api"),
  givenUp: fc.boolean()
})
const smallBatch = fc.record({ atMs: fc.nat(200), cancelAfterMs: fc.nat(1_000) })

/** Mostly one operation, and seldom a batch. */
const smallWorkload = fc.record({
  how: fc.constantFrom("hang", "slow", "mute", "broken off", "http500", "reply lost"),
  deadlineMs: fc.constantFrom(100, 400, 1_200),
  operations: fc.oneof(
    { weight: 12, arbitrary: fc.tuple(smallOperation) },
    { weight: 1, arbitrary: fc.tuple(smallOperation, smallOperation) }
  ),
  batch: fc.oneof({ weight: 31, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: smallBatch }),
  again: fc.constantFrom(false, false, false, true)
})

type Large = ReturnType<typeof workload.generate>["value"]
type Small = ReturnType<typeof smallWorkload.generate>["value"]
type Plan = Large | Small

const requestOf = (kind: Plan["operations"][number]["kind"]) =>
  kind === "signal" ? ({ kind, signal: "HUP" } as const) : ({ kind } as const)

/** What the claim needs of a console, or of its fleet alone; its node is `web`. */
interface Subject {
  readonly fleet: Fleet["Service"]
  readonly batches: Batches["Service"] | undefined
  /** The trouble, until the scope closes. */
  readonly trouble: Effect.Effect<void, never, Scope.Scope>
  /** Steps of the run within which operations are given up. */
  readonly withinSteps: number
  readonly lookEveryMs: number
}

const ask = Effect.fnUntraced(function* (
  { fleet, withinSteps }: Subject,
  deadlineMs: number,
  plan: Plan["operations"][number]
) {
  yield* Effect.sleep(plan.atMs)
  const asked = fleet.operate(requestOf(plan.kind), "web", { group: "app", name: plan.name })
  if (!plan.givenUp) {
    const isOver = yield* Effect.timeoutOption(Effect.ignore(asked), deadlineMs + endsMs)
    return yield* holds(isOver._tag === "Some", () => `${plan.kind} of app:${plan.name} does not end`)
  }
  const exit = yield* interruptSometime(asked, { withinSteps })
  if (Exit.hasInterrupts(exit)) yield* sometimes("an operation was given up")
})

/** An operation that was cut off still tells of its end. */
const endsMs = 5_000

const cancelled = Effect.fnUntraced(function* ({ batches }: Subject, plan: NonNullable<Plan["batch"]>) {
  if (batches === undefined) return
  yield* Effect.sleep(plan.atMs)
  const begun = yield* batches
    .submit({ operation: { kind: "restart" }, select: [{ node: "web" }] })
    .pipe(Effect.catchTag(["BadSelection", "JobRefused"], Effect.die))
  yield* Effect.sleep(plan.cancelAfterMs)
  const after = yield* Effect.orDie(batches.cancel(begun.id))
  yield* holds(after.status !== "running", () => "a batch that was cancelled is still running")
})

const claim = Effect.fnUntraced(function* (
  plan: Plan,
  calls: NodeCalls.NodeCalls,
  subject: Subject
): Effect.fn.Return<void, Violation, RunContext> {
  const { fleet, lookEveryMs, trouble: begin } = subject
  const trouble = yield* Scope.make()
  yield* Scope.provide(begin, trouble)
  yield* Effect.all(
    [
      ...plan.operations.map((each) => ask(subject, plan.deadlineMs, each)),
      plan.batch === null ? Effect.void : cancelled(subject, plan.batch)
    ],
    { concurrency: "unbounded", discard: true }
  )
  const asking = calls.all().find((call) => call.endedMs === undefined && !isPoll(call.method))
  if (asking !== undefined) return yield* violated(`${asking.method} is under way although nobody waits for it`)

  yield* Scope.close(trouble, Exit.void)
  yield* eventually({
    what: "the node is up",
    withinMs: 60_000,
    look: Effect.orDie(Effect.andThen(Effect.sleep(lookEveryMs), fleet.node("web"))),
    until: ({ breaker, status }) => status === "up" && breaker?.state === "closed"
  })
  // Whatever still held the lock of a process would keep this one waiting for its whole limit.
  const names = new Set(plan.again ? plan.operations.map(({ name }) => name) : [])
  for (const name of names) {
    const again = yield* fleet
      .operate({ kind: "signal", signal: "HUP" }, "web", { group: "app", name })
      .pipe(Effect.result, Effect.timeoutOption(plan.deadlineMs + onTimeMs))
    const isLate =
      again._tag === "None" ||
      (again.value._tag === "Success" && again.value.success.outcome === "timeout" && plan.deadlineMs >= onTimeMs)
    yield* holds(!isLate, () => `app:${name} cannot be operated any more`)
  }
})

const { fleet: fleetOptions } = World.consoleOptions

const deadlinesOf = ({ deadlineMs: ms }: Plan) => ({
  start: ms,
  stop: ms,
  restart: ms,
  signal: ms,
  stdin: ms,
  clear_log: ms
})

/** Most requests are looks: fewer of them show as much of what is left behind. */
const pollEveryMs = 5_000

/** Runs from its start. */
const running = (name: string) => ({ ...World.steady("app", name), startSecs: 0 })

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const calls = NodeCalls.watch(parts)
  const scope = yield* Scope.make()
  const world = yield* World.make({
    nodes: { web: [running("api"), running("job")] },
    options: {
      ...World.consoleOptions,
      fleet: {
        ...fleetOptions,
        poll: { ...fleetOptions.poll, intervalMs: pollEveryMs },
        operations: { ...fleetOptions.operations, deadlineMs: deadlinesOf(plan), observeIntervalMs: 1_000 }
      }
    },
    parts: calls.parts
  }).pipe(Scope.provide(scope))
  const { batches, fleet, supervisords } = world
  const web = supervisords["web"]
  if (web === undefined) return yield* Effect.die("the world has no node web")
  yield* Effect.sleep(200)
  const trouble =
    plan.how === "reply lost"
      ? web.rule((point) => (isChange(point) ? { _tag: "reset" } : { _tag: "pass" }))
      : Effect.acquireRelease(web.spoil(plan.how), () => web.spoil("none"))
  yield* claim(plan, calls, { fleet, batches, trouble, withinSteps: 4_000, lookEveryMs: 500 })
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

/** Fleet and batches by themselves. */
const focus: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(smallWorkload)
  const calls = NodeCalls.watch(parts)
  const scope = yield* Scope.make()
  const options: FleetStage.FleetStageOptions = {
    parts: calls.parts,
    nodes: { web: [running("api")] },
    node: { deadlineMs: 1_000, slowMs: 600 },
    fleet: {
      ...fleetOptions,
      poll: { ...fleetOptions.poll, intervalMs: pollEveryMs },
      guard: { ...fleetOptions.guard, deadlineMs: 1_500, breakerOpenMs: 1_000 },
      operations: { ...fleetOptions.operations, deadlineMs: deadlinesOf(plan), observeIntervalMs: 1_000 }
    }
  }
  const stage =
    plan.batch === null
      ? { ...(yield* Scope.provide(FleetStage.make(options), scope)), batches: undefined }
      : yield* Scope.provide(FleetStage.makeWithBatches(options), scope)
  const { batches, errors, fleet, supervisords } = stage
  const web = supervisords["web"]
  if (web === undefined) return yield* Effect.die("the stage has no node web")
  yield* Effect.sleep(50)
  const trouble = Effect.acquireRelease(web.spoil(plan.how), () => web.spoil("none"))
  yield* claim(plan, calls, { fleet, batches, trouble, withinSteps: 800, lookEveryMs: 2_500 })
  yield* Scope.close(scope, Exit.void)
  yield* holds(calls.underWay() === 0, () => "a call outlived the console")
  yield* holds(errors().length === 0, () => `the console logged errors: ${errors().join("; ")}`)
})

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
  focus,
  mutants: [LifecycleMutants.detachedCalls, OperationMutants.lockIsKept, OperationMutants.permitIsKept]
}
