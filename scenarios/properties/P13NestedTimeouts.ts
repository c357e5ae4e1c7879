/**
 * P13, nested timeouts (R6.1, R6.2): no operation outlives its own timeout, no batch outlives the batch timeout, and
 * each says which one hit.
 *
 * Method: nodes hang, answer late, lose replies or are well, programs take longer or shorter to stop than they have,
 * and in some runs the wall clock is set meanwhile; operations and batches with generated timeouts go over them. Each
 * answer must come within the time of its kind, each batch within its own, and the limit that an answer names must be
 * one that was really up by then.
 */
import { Effect, type Scope } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import type { BatchView, TimeLimit } from "../../core/domain/Operation.ts"
import type { Batches } from "../../core/fleet/Batches.ts"
import type { Fleet } from "../../core/fleet/Fleet.ts"
import { monotonicMs } from "../../core/MonotonicMs.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import * as WallClock from "../../sim/WallClock.ts"
import * as OperationMutants from "../mutants/OperationMutants.ts"
import * as Activities from "../oracles/Activities.ts"
import type { Sample } from "../oracles/Activities.ts"
import * as EventStream from "../oracles/EventStream.ts"
import { holds, violated } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as FleetStage from "../stages/FleetStage.ts"
import * as World from "../World.ts"
import * as P13Batches from "./P13Batches.ts"

const kinds = ["start", "stop", "restart"] as const

const trouble = fc.constantFrom("none", "none", "hang", "slow", "http500")

const workload = fc.record({
  deadlineMs: fc.record({
    start: fc.integer({ min: 300, max: 4_000 }),
    stop: fc.integer({ min: 300, max: 5_000 }),
    restart: fc.integer({ min: 300, max: 6_000 })
  }),
  nodes: fc.oneof({ weight: 2, arbitrary: fc.tuple(trouble) }, { weight: 1, arbitrary: fc.tuple(trouble, trouble) }),
  // From then on nothing that was begun is seen to end.
  spoilAfterMs: fc.nat(3_000),
  // The console's clock is set while things are under way.
  clock: fc.option(fc.record({ atMs: fc.nat(4_000), byMs: fc.constantFrom(-3_600_000, -1_000, 1_000, 3_600_000) })),
  stopTakesMs: fc.constantFrom(100, 2_500),
  operations: fc.array(
    fc.record({
      atMs: fc.nat(2_000),
      // Most on one process: what one leaves behind is where the next begins.
      node: fc.constantFrom(0, 0, 0, 1),
      name: fc.constantFrom("api", "api", "api", "job"),
      kind: fc.constantFrom(...kinds)
    }),
    { minLength: 1, maxLength: 2 }
  ),
  batch: fc.oneof(
    { weight: 2, arbitrary: fc.constant(null) },
    {
      weight: 1,
      arbitrary: fc.record({
        atMs: fc.nat(1_000),
        kind: fc.constantFrom(...kinds),
        mode: fc.constantFrom("parallel", "rolling", "canary"),
        concurrency: fc.integer({ min: 1, max: 3 }),
        timeoutMs: fc.integer({ min: 300, max: 5_000 })
      })
    }
  )
})

const smallFields = { atMs: fc.nat(500), node: fc.constant(0), name: fc.constant("api") }
const smallOperation = fc.record({
  ...smallFields,
  kind: fc.constantFrom("stop", "restart", "start")
})
/** What one leaves behind is where the next begins. */
const oneAfterAnother = fc.tuple(
  fc.record({ ...smallFields, atMs: fc.nat(200), kind: fc.constantFrom("stop", "restart") }),
  fc.record({ ...smallFields, atMs: fc.integer({ min: 100, max: 1_000 }), kind: fc.constantFrom("start", "restart") })
)
const noOperations = fc.constant<ReadonlyArray<ReturnType<typeof smallOperation.generate>["value"]>>([])
const noBatch = fc.constant(null)

/** One node, and on it an operation, one behind another, or a batch. */
const smallWorkload = fc.record({
  deadlineMs: fc.record({
    start: fc.constantFrom(300, 1_200),
    stop: fc.constantFrom(300, 1_500, 5_000),
    restart: fc.constantFrom(300, 2_500)
  }),
  nodes: fc.tuple(fc.constantFrom("none", "none", "hang", "hang", "slow", "http500")),
  spoilAfterMs: fc.nat(600),
  clock: fc.option(fc.record({ atMs: fc.nat(1_000), byMs: fc.constantFrom(-3_600_000, -1_000, 1_000, 3_600_000) }), {
    freq: 2
  }),
  stopTakesMs: fc.constantFrom(100, 2_500),
  work: fc.oneof(
    { weight: 9, arbitrary: fc.record({ operations: fc.tuple(smallOperation), batch: noBatch }) },
    { weight: 1, arbitrary: fc.record({ operations: oneAfterAnother, batch: noBatch }) },
    {
      weight: 2,
      arbitrary: fc.record({
        operations: noOperations,
        batch: fc.record({
          atMs: fc.nat(500),
          kind: fc.constantFrom(...kinds),
          mode: fc.constantFrom("parallel", "rolling", "canary"),
          concurrency: fc.integer({ min: 1, max: 2 }),
          timeoutMs: fc.constantFrom(300, 1_000, 3_000)
        })
      })
    }
  )
})

type Large = ReturnType<typeof workload.generate>["value"]
type Small = ReturnType<typeof smallWorkload.generate>["value"]
type Plan = Large | (Omit<Small, "work"> & Small["work"])

/** A timer and the answer behind it take no virtual time; this is for the wire of the last look under way. */
const slackMs = 250

/** What the claim needs of a console, or of its fleet alone. */
interface Subject {
  readonly fleet: Fleet["Service"]
  readonly batches: Batches["Service"] | undefined
  readonly supervisords: Readonly<
    Record<string, { readonly spoil: (how: Plan["nodes"][number]) => Effect.Effect<void> }>
  >
  readonly errors: () => ReadonlyArray<string>
}

/** Most requests are looks: fewer of them show as much of timeouts. */
const pollEveryMs = 5_000
const observeIntervalMs = 1_000

const { fleet: fleetOptions } = World.consoleOptions

const optionsOf = (plan: Plan) => ({
  ...fleetOptions,
  poll: { ...fleetOptions.poll, intervalMs: pollEveryMs },
  operations: {
    ...fleetOptions.operations,
    deadlineMs: { ...fleetOptions.operations.deadlineMs, ...plan.deadlineMs },
    observeIntervalMs
  }
})

const claim = Effect.fnUntraced(function* (
  plan: Plan,
  subject: Subject
): Effect.fn.Return<void, Violation, RunContext> {
  const spoil = Effect.forEach(plan.nodes, (how, i) => subject.supervisords[`n${i}`]?.spoil(how) ?? Effect.void)
  yield* Effect.all(
    [
      Effect.andThen(Effect.sleep(plan.spoilAfterMs), spoil),
      plan.clock === null
        ? Effect.void
        : Effect.andThen(Effect.sleep(plan.clock.atMs), WallClock.jump(plan.clock.byMs)),
      ...plan.operations.map((operation) => operate(subject, plan, operation)),
      plan.batch === null ? Effect.void : runBatch(subject, plan.batch, plan.deadlineMs)
    ],
    { concurrency: "unbounded", discard: true }
  )
  yield* holds(subject.errors().length === 0, () => `the console logged errors: ${subject.errors().join("; ")}`)
})

const timeouts = Effect.fnUntraced(function* (
  parts: ConsoleParts
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  const plan = yield* draw(workload)
  const programs = ["api", "job"].map((name) => ({
    ...World.steady("app", name),
    startSecs: 0,
    stopTakesMs: plan.stopTakesMs,
    stopWaitSecs: 3
  }))
  const world = yield* World.make({
    nodes: Object.fromEntries(plan.nodes.map((_, i) => [`n${i}`, programs])),
    options: { ...World.consoleOptions, fleet: optionsOf(plan) },
    parts
  })
  yield* Effect.sleep(200)
  yield* claim(plan, world)
}, Effect.scoped)

/** Fleet and batches by themselves; what operations say is compared with what their processes were, too. */
const stagedTimeouts = Effect.fnUntraced(function* (
  parts: ConsoleParts
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  const { work, ...drawn } = yield* draw(smallWorkload)
  const plan = { ...drawn, ...work }
  const samples: Array<Sample> = []
  const stages: Array<FleetStage.FleetStage> = []
  const watched = EventStream.watch(P13Batches.sampled(parts, () => stages[0], samples))
  const options: FleetStage.FleetStageOptions = {
    parts: watched.parts,
    nodes: {
      n0: [{ ...World.steady("app", "api"), startSecs: 0, stopTakesMs: plan.stopTakesMs, stopWaitSecs: 1 }]
    },
    node: { deadlineMs: 5_000, slowMs: 700 },
    fleet: optionsOf(plan)
  }
  const stage =
    plan.batch === null
      ? { ...(yield* FleetStage.make(options)), batches: undefined }
      : yield* FleetStage.makeWithBatches(options)
  stages.push(stage)
  yield* Effect.sleep(20)
  yield* claim(plan, stage)
  // Events and samples are dated by the clock that is set.
  if (plan.clock !== null) return
  const wrong = Activities.wrongOperation(watched.published(), samples)
  if (wrong !== undefined) return yield* violated(wrong)
}, Effect.scoped)

const operate = Effect.fnUntraced(function* (
  subject: Subject,
  { deadlineMs, nodes }: Plan,
  { atMs, kind, name, node }: Plan["operations"][number]
): Effect.fn.Return<void, Violation, RunContext> {
  yield* Effect.sleep(atMs)
  const startedMs = yield* monotonicMs
  const target = `n${node % nodes.length}`
  const answer = yield* Effect.result(subject.fleet.operate({ kind }, target, { group: "app", name }))
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
  subject: Subject,
  { atMs, concurrency, kind, mode, timeoutMs }: NonNullable<Plan["batch"]>,
  deadlineMs: Plan["deadlineMs"]
) {
  yield* Effect.sleep(atMs)
  const startedMs = yield* monotonicMs
  if (subject.batches === undefined) return
  const view = yield* subject.batches
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
  Effect.flatMap(draw(fc.nat(7)), (which) => (which === 7 ? P13Batches.program(parts) : timeouts(parts)))

const focus: Property["program"] = (parts) =>
  Effect.flatMap(draw(fc.nat(31)), (which) => (which === 31 ? P13Batches.focus(parts) : stagedTimeouts(parts)))

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
  focus,
  mutants: [
    OperationMutants.timeoutDoesNotInterrupt,
    OperationMutants.batchTimeForgotten,
    OperationMutants.namesTheWrongLimit,
    OperationMutants.doneUnseen
  ]
}
