/**
 * P13, nested timeouts (R6.1, R6.2): no operation outlives its own timeout, no batch outlives the batch timeout, and
 * each says which one hit.
 *
 * Method: nodes hang, answer late, lose replies or are well, programs take longer or shorter to stop than they have,
 * and in some runs the wall clock is set meanwhile; operations and batches with generated timeouts go over them. Each
 * answer must come within the time of its kind, each batch within its own, and the limit that an answer names must be
 * one that was really up by then.
 */
import { Effect } from "effect"
import * as fc from "fast-check"
import type { BatchView, OperationKind, TimeLimit } from "../../core/domain/Operation.ts"
import { monotonicMs } from "../../core/MonotonicMs.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as OperationMutants from "../mutants/OperationMutants.ts"
import { holds } from "../Property.ts"
import * as P13Batches from "./P13Batches.ts"
import type { Property, Violation } from "../Property.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import * as WallClock from "../../sim/WallClock.ts"
import * as World from "../World.ts"

const kinds = ["start", "stop", "restart"] as const

const workload = fc.record({
  deadlineMs: fc.record({
    start: fc.integer({ min: 300, max: 6_000 }),
    stop: fc.integer({ min: 300, max: 6_000 }),
    restart: fc.integer({ min: 300, max: 9_000 })
  }),
  nodes: fc.array(fc.constantFrom("none", "none", "hang", "slow", "http500"), { minLength: 2, maxLength: 2 }),
  // From then on nothing that was begun is seen to end.
  spoilAfterMs: fc.nat(3_000),
  // The console's clock is set while things are under way.
  clock: fc.option(fc.record({ atMs: fc.nat(4_000), byMs: fc.constantFrom(-3_600_000, -1_000, 1_000, 3_600_000) })),
  stopTakesMs: fc.constantFrom(100, 2_500, 9_000),
  operations: fc.array(
    fc.record({
      atMs: fc.nat(3_000),
      // Most on one process: what one leaves behind is where the next begins.
      node: fc.constantFrom(0, 0, 0, 1),
      name: fc.constantFrom("api", "api", "api", "job"),
      kind: fc.constantFrom(...kinds)
    }),
    { minLength: 2, maxLength: 3 }
  ),
  batch: fc.option(
    fc.record({
      atMs: fc.nat(2_000),
      kind: fc.constantFrom(...kinds),
      mode: fc.constantFrom("parallel", "rolling", "canary"),
      concurrency: fc.integer({ min: 1, max: 3 }),
      timeoutMs: fc.integer({ min: 300, max: 8_000 })
    }),
    { freq: 3 }
  )
})

type Plan = ReturnType<typeof workload.generate>["value"]

/** A timer and the answer behind it take no virtual time; this is for the wire of the last look under way. */
const slackMs = 250

/** Most requests are looks: fewer of them show as much of timeouts. */
const pollEveryMs = 5_000
const observeIntervalMs = 500

const timeouts: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const { fleet } = World.consoleOptions
  const deadlineMs = { ...fleet.operations.deadlineMs, ...plan.deadlineMs }
  const programs = ["api", "job"].map((name) => ({
    ...World.steady("app", name),
    stopTakesMs: plan.stopTakesMs,
    stopWaitSecs: 3
  }))
  const world = yield* World.make({
    nodes: Object.fromEntries(plan.nodes.map((_, i) => [`n${i}`, programs])),
    options: {
      ...World.consoleOptions,
      fleet: {
        ...fleet,
        poll: { ...fleet.poll, intervalMs: pollEveryMs },
        operations: { ...fleet.operations, deadlineMs, observeIntervalMs }
      }
    },
    parts
  })
  yield* Effect.sleep(2_500)
  const spoil = Effect.forEach(plan.nodes, (how, i) => world.supervisords[`n${i}`]?.spoil(how) ?? Effect.void)
  yield* Effect.all(
    [
      Effect.andThen(Effect.sleep(plan.spoilAfterMs), spoil),
      plan.clock === null
        ? Effect.void
        : Effect.andThen(Effect.sleep(plan.clock.atMs), WallClock.jump(plan.clock.byMs)),
      ...plan.operations.map((operation) => operate(world, plan, operation)),
      plan.batch === null ? Effect.void : runBatch(world, plan.batch, deadlineMs)
    ],
    { concurrency: "unbounded", discard: true }
  )
  yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
}, Effect.scoped)

const operate = Effect.fnUntraced(function* (
  world: World.World,
  { deadlineMs, nodes }: Plan,
  { atMs, kind, name, node }: Plan["operations"][number]
): Effect.fn.Return<void, Violation, RunContext> {
  yield* Effect.sleep(atMs)
  const startedMs = yield* monotonicMs
  const target = `n${node % nodes.length}`
  const answer = yield* Effect.result(world.fleet.operate({ kind }, target, { group: "app", name }))
  const tookMs = (yield* monotonicMs) - startedMs
  const what = `${kind} of ${target} app:${name}`
  yield* holds(tookMs <= deadlineMs[kind] + slackMs, () => `${what} took ${tookMs} of ${deadlineMs[kind]} ms`)
  if (answer._tag === "Failure") return
  const { limit, outcome } = answer.success
  yield* holds((outcome === "timeout") === (limit !== undefined), () => `${what}: ${outcome} with limit ${limit}`)
  if (limit === undefined) return
  yield* sometimes(`the time of the ${limit} was up`)
  yield* holds(limit !== "batch", () => `${what} names the time of a batch that it does not belong to`)
  yield* saysTheRightOne(what, limit, tookMs, deadlineMs[kind])
})

/** The operation's own limit may be named when its time was up, and the program's when it was not. */
const saysTheRightOne = (what: string, limit: TimeLimit, tookMs: number, deadlineMs: number) =>
  limit === "operation"
    ? holds(
        tookMs >= deadlineMs - slackMs,
        () => `${what} ended after ${tookMs} ms and names its limit of ${deadlineMs}`
      )
    : holds(
        limit !== "program" || tookMs < deadlineMs + slackMs,
        () => `${what} ended after ${tookMs} ms by the program's time, beyond its own limit of ${deadlineMs}`
      )

const runBatch = Effect.fnUntraced(function* (
  world: World.World,
  { atMs, concurrency, kind, mode, timeoutMs }: NonNullable<Plan["batch"]>,
  deadlineMs: Readonly<Record<OperationKind, number>>
) {
  yield* Effect.sleep(atMs)
  const startedMs = yield* monotonicMs
  const view = yield* world.batches
    .submit({ operation: { kind }, select: [{}], mode, concurrency, timeout_ms: timeoutMs, wait: true })
    .pipe(Effect.catchTag(["BadSelection", "JobRefused"], Effect.die))
  const tookMs = (yield* monotonicMs) - startedMs
  yield* holds(tookMs <= timeoutMs + slackMs, () => `a batch took ${tookMs} of ${timeoutMs} ms`)
  yield* holds(view.status !== "running", () => "a batch that was waited for is still running")
  yield* checkItems(view, tookMs, timeoutMs, deadlineMs[kind])
})

const checkItems = Effect.fnUntraced(function* (
  view: BatchView,
  tookMs: number,
  timeoutMs: number,
  deadlineMs: number
) {
  for (const { detail, limit, name, node, state, took_ms = 0 } of view.items) {
    const what = `item ${node} ${name} (${state}, ${detail})`
    yield* holds(state !== "pending" && state !== "running", () => `${what} has not ended, but the batch has`)
    yield* holds(took_ms <= deadlineMs + slackMs, () => `${what} took ${took_ms} of ${deadlineMs} ms`)
    yield* holds(
      limit !== "operation" || took_ms >= deadlineMs - slackMs,
      () => `${what} names its own limit of ${deadlineMs} ms after ${took_ms}`
    )
    if (limit !== "batch") continue
    yield* sometimes("the time of the batch was up")
    yield* holds(
      tookMs >= timeoutMs - slackMs,
      () => `${what} names the batch's limit, after ${tookMs} of ${timeoutMs} ms`
    )
  }
  if (view.status !== "timeout") return
  yield* holds(tookMs >= timeoutMs - slackMs, () => `a batch says timeout after ${tookMs} of ${timeoutMs} ms`)
})

/** Now and then the deeper scenario, of which a run takes longer. */
const program: Property["program"] = (parts) =>
  Effect.flatMap(draw(fc.nat(5)), (which) => (which === 5 ? P13Batches.program(parts) : timeouts(parts)))

export const P13: Property = {
  id: "P13",
  title: "nested timeouts",
  requirements: ["R6.1", "R6.2", "R6.5"],
  marks: [
    "an operation waited for its turn",
    "a start met a process that was stopping",
    "the time of the program was up",
    "the time of the operation was up",
    "the time of the batch was up",
    "the time of a batch was up",
    "a batch was cancelled half way",
    "a batch stopped at its first failures",
    "an update removed a group"
  ],
  program,
  mutants: [
    OperationMutants.timeoutDoesNotInterrupt,
    OperationMutants.batchTimeForgotten,
    OperationMutants.namesTheWrongLimit,
    OperationMutants.doneUnseen
  ]
}
