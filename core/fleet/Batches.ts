/**
 * Batches: one operation on many processes, over a bounded number at a time, in a mode (parallel, rolling, canary),
 * with a result for each, live progress, a timeout of their own around those of their operations, and cancellation.
 *
 * What happens when is decided by BatchState. A batch is a job of a pool of its own: its operations are fibers of the
 * job and end with it. Beside the job, one fiber a batch watches its clock and tells of its changes (`batch.changed`);
 * changes that come while one is being told are told as one. Time counts from the asking, the wait for a turn included.
 *
 * Whoever makes the current request acts on what that one sees and is shown no other items; for one who sees none of
 * its items there is no such batch.
 */
import { Cause, Clock, Context, Deferred, Effect, Exit, FiberMap, FiberSet, Layer, Queue, Ref, Schema } from "effect"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import { CurrentPrincipal, isUnlimited, NotPermitted } from "../domain/Access.ts"
import type { Principal } from "../domain/Access.ts"
import type { NodeError } from "../domain/NodeError.ts"
import { batchLimits } from "../domain/Operation.ts"
import type { BatchItem, BatchRequest, BatchView, OperationRequest, OperationResult } from "../domain/Operation.ts"
import * as JobPool from "../jobs/JobPool.ts"
import type { Job, JobRefused } from "../jobs/JobPool.ts"
import * as BatchRecorder from "./BatchRecorder.ts"
import type { BatchRecords, RecordItem } from "./BatchRecorder.ts"
import * as BatchSight from "./BatchSight.ts"
import * as BatchState from "./BatchState.ts"
import type { BatchEvent, BatchPlan, ItemEnd } from "./BatchState.ts"
import { Fleet } from "./Fleet.ts"
import type { UnknownNode, UnknownProcess } from "./Fleet.ts"
import { seenSnapshot } from "./FleetSight.ts"
import type { BudgetExceeded } from "../resources/FiberBudget.ts"
import { Registry } from "./Registry.ts"
import { select } from "./Selection.ts"
import type { Selected } from "./Selection.ts"

export class UnknownBatch extends Schema.TaggedError<UnknownBatch>()("UnknownBatch", { id: Schema.Int }) {}

/** No process matches what was selected, or more than a batch may have. */
export class BadSelection extends Schema.TaggedError<BadSelection>()("BadSelection", {
  reason: Schema.Literals(["nothing", "too many"]),
  items: Schema.Int,
  itemsMax: Schema.Int
}) {}

export class Batches extends Context.Service<
  Batches,
  {
    /** Begins a batch and gives it as it is then; with `wait`, when it is over; with `dry_run`, with all pending. */
    readonly submit: (request: BatchRequest) => Effect.Effect<BatchView, BadSelection | JobRefused>
    /** Those under way and the newest of those that are over, newest first. */
    readonly all: Effect.Effect<ReadonlyArray<BatchView>>
    readonly get: (id: number) => Effect.Effect<BatchView, UnknownBatch>
    /**
     * Cancels what has not ended; gives the batch as it is then. One that is over stays as it is. Only whoever
     * submitted it may, and an administrator without limits.
     */
    readonly cancel: (id: number) => Effect.Effect<BatchView, UnknownBatch | NotPermitted>
  }
>()("core/fleet/Batches") {}

export interface BatchesOptions {
  /** Operations of a batch at the same time, unless it states another number. */
  readonly concurrency: number
  /** Of a batch that states none. */
  readonly timeoutMs: number
  readonly runningMax: number
  readonly waitingMax: number
  /** Batches that are over and can still be looked at. */
  readonly kept: number
}

interface Entry {
  readonly request: OperationRequest
  readonly records: BatchRecords
  readonly record: RecordItem
  readonly submitter: Principal | undefined
  readonly state: Ref.Ref<BatchState.BatchState>
  /** Says that there is something to tell; several changes are one. */
  readonly changed: Queue.Queue<void>
  readonly over: Deferred.Deferred<void>
}

interface Submission {
  readonly planned: Omit<BatchPlan, "id">
  readonly selected: ReadonlyArray<Selected>
  readonly operation: OperationRequest
  readonly submitter: Principal | undefined
}

interface Accepted extends Entry {
  readonly job: Job<void, never>
}

/** An operation ends with its batch by itself. One that did not is given up after this time. */
const graceMs = 1_000

/** At its end the console waits so long for the last changes of its batches to be told. */
const closeMsMax = 1_000

export const layer = (options: BatchesOptions): Layer.Layer<Batches, never, Fleet | Registry> =>
  Layer.effect(
    Batches,
    Effect.gen(function* () {
      const fleet = yield* Fleet
      const batches = yield* makeBatches(options, fleet)
      /** The batch, and what is seen of it. */
      const find = Effect.fnUntraced(function* (id: number) {
        const entry = batches.entries.get(id)
        const view = entry === undefined ? undefined : yield* viewOf(entry)
        if (entry === undefined || view === undefined) return yield* new UnknownBatch({ id })
        return { entry, view }
      })
      return Batches.of({
        submit: Effect.fn("Batches.submit")(function* (request) {
          const submitter = yield* CurrentPrincipal
          const selected = select(seenSnapshot(submitter, yield* fleet.snapshot), request.select)
          const items = selected.length
          const { itemsMax } = batchLimits
          if (items === 0) return yield* new BadSelection({ reason: "nothing", items, itemsMax })
          if (items > itemsMax) return yield* new BadSelection({ reason: "too many", items, itemsMax })
          const planned: Omit<BatchPlan, "id"> = {
            ...plan(request, options, yield* monotonicMs, yield* Clock.currentTimeMillis),
            by: submitter?.actor
          }
          if (request.dry_run === true) {
            return { ...BatchState.view(BatchState.make({ ...planned, id: 0 }, selected)), status: "planned" }
          }
          const { operation } = request
          const entry = yield* Effect.uninterruptible(batches.accept({ planned, selected, operation, submitter }))
          // Whoever stops waiting does not stop the batch.
          if (request.wait === true) yield* Deferred.await(entry.over)
          return BatchState.view(yield* Ref.get(entry.state))
        }),
        all: Effect.suspend(() =>
          Effect.map(Effect.forEach([...batches.entries.values()].toReversed(), viewOf), (views) =>
            views.filter((view) => view !== undefined)
          )
        ),
        get: (id) => Effect.map(find(id), ({ view }) => view),
        cancel: Effect.fn("Batches.cancel")(function* (id) {
          const { entry } = yield* find(id)
          if (!mayCancel(yield* CurrentPrincipal, entry.submitter)) {
            const message = "only whoever submitted a batch may cancel it, and an administrator without limits"
            return yield* new NotPermitted({ message })
          }
          yield* apply(entry, cancelled("cancelled"))
          yield* entry.job.cancel
          return (yield* viewOf(entry)) ?? (yield* new UnknownBatch({ id }))
        })
      })
    })
  )

/** What whoever makes the current request sees of it; undefined for nothing. */
const viewOf = (entry: Entry): Effect.Effect<BatchView | undefined> =>
  Effect.zipWith(CurrentPrincipal, Ref.get(entry.state), (principal, state) =>
    BatchSight.viewFor(principal, BatchState.view(state))
  )

/** The console itself may. One who submitted by a token is the user behind it. */
const mayCancel = (principal: Principal | undefined, submitter: Principal | undefined): boolean =>
  principal === undefined ||
  (principal.role === "admin" && isUnlimited(principal)) ||
  (submitter !== undefined && principal.userId === submitter.userId && principal.username === submitter.username)

const plan = (
  request: BatchRequest,
  options: BatchesOptions,
  nowMs: number,
  startedAtMs: number
): Omit<BatchPlan, "id"> => {
  const { concurrency = options.concurrency, mode = "parallel", timeout_ms: timeoutMs = options.timeoutMs } = request
  return {
    kind: request.operation.kind,
    mode,
    concurrency,
    failuresMax: request.stop_after_failures ?? (mode === "parallel" ? undefined : 1),
    startedAtMs,
    startedMs: nowMs,
    endsMs: nowMs + timeoutMs
  }
}

const cancelled =
  (why: string) =>
  (nowMs: number): BatchEvent => ({ _tag: "Cancelled", why, nowMs })

const endOfConsole = "given up by the end of the console"

/** What became of a batch that was not over. */
const markStep = (before: BatchState.BatchState, after: BatchState.BatchState, event: BatchEvent): void => {
  if (BatchState.isOver(before)) return
  if (!before.isStoppedEarly && after.isStoppedEarly) Marks.reached("a batch stopped at its first failures")
  if (event._tag === "TimeUp") Marks.reached("the time of a batch was up")
  if (event._tag !== "Cancelled") return
  Marks.reached(
    event.why === endOfConsole ? "the console ended with a batch under way" : "a batch was cancelled half way"
  )
}

/** Takes in an event, and gives the items that are to begin. */
const apply = Effect.fnUntraced(function* (entry: Entry, event: (nowMs: number) => BatchEvent) {
  const happened = event(yield* monotonicMs)
  const stepped = Ref.modify(entry.state, (before) => {
    const after = BatchState.step(before, happened)
    markStep(before, after.state, happened)
    return [{ ...after, ended: BatchRecorder.endedItems(before, after.state, happened) }, after.state]
  })
  // Together: an item whose fiber is ended here would have ended without a record.
  const { begin, state } = yield* Effect.uninterruptible(
    Effect.tap(stepped, ({ ended: items, state: { plan: of } }) =>
      Effect.sync(() => {
        for (const item of items) entry.records.offerUnsafe(entry.record, { batch: of.id, kind: of.kind, item })
      })
    )
  )
  yield* Queue.offer(entry.changed, undefined)
  if (BatchState.isOver(state)) yield* Deferred.succeed(entry.over, undefined)
  return begin
})

/** The batches and their fibers. All end with the scope: what is under way then is cancelled. */
const makeBatches = Effect.fnUntraced(function* (options: BatchesOptions, fleet: Fleet["Service"]) {
  const registry = yield* Registry
  const { runningMax, waitingMax } = options
  const records = yield* BatchRecorder.make
  const pool = yield* JobPool.make({ name: "batches", runningMax, waitingMax })
  const watchers = yield* FiberSet.make<void>()
  const entries = new Map<number, Accepted>()
  let lastId = 0
  yield* Effect.addFinalizer(() =>
    Effect.forEach(entries.values(), (entry) => apply(entry, cancelled(endOfConsole))).pipe(
      Effect.andThen(Effect.timeoutOption(FiberSet.awaitEmpty(watchers), closeMsMax))
    )
  )

  const forget = Effect.fnUntraced(function* () {
    const over: Array<number> = []
    for (const [id, { state }] of entries) if (BatchState.isOver(yield* Ref.get(state))) over.push(id)
    for (const id of over.slice(0, Math.max(0, over.length - options.kept))) entries.delete(id)
  })

  const watch = Effect.fn("Batches.watch")(function* (entry: Entry, endsMs: number) {
    let isTimed = true
    for (;;) {
      const waitMs = isTimed ? Math.max(0, endsMs - (yield* monotonicMs)) : Infinity
      const change = yield* Effect.timeoutOption(Queue.take(entry.changed), waitMs)
      if (change._tag === "None") {
        isTimed = false
        yield* apply(entry, (nowMs) => ({ _tag: "TimeUp", nowMs }))
      }
      const state = yield* Ref.get(entry.state)
      yield* registry.tell({ type: "batch.changed", batch: BatchSight.summarise(state) })
      if (BatchState.isOver(state)) return yield* forget()
    }
  })

  const accept = Effect.fnUntraced(function* ({ operation: request, planned, selected, submitter }: Submission) {
    const id = ++lastId
    const entry: Entry = {
      request,
      records,
      record: yield* records.ofSubmission,
      submitter,
      state: yield* Ref.make(BatchState.make({ ...planned, id }, selected)),
      changed: yield* Queue.sliding<void>(1),
      over: yield* Deferred.make<void>()
    }
    const job = yield* pool.submit(`batch ${id}: ${request.kind}`, work(fleet, entry, planned.endsMs))
    const accepted: Accepted = { ...entry, job }
    entries.set(id, accepted)
    yield* Queue.offer(entry.changed, undefined)
    yield* FiberSet.run(watchers, watch(entry, planned.endsMs))
    // A job that was ended from outside, also one that never had its turn, leaves nothing pending or running.
    yield* FiberSet.run(watchers, Effect.andThen(job.await, apply(entry, cancelled("its job was ended"))))
    return accepted
  })
  return { entries, accept }
})

/** The job of a batch: begins items as told and ends, with all of them, when the batch is over. */
const work = (fleet: Fleet["Service"], entry: Entry, endsMs: number): Effect.Effect<void> =>
  Effect.scoped(
    Effect.gen(function* () {
      const fibers = yield* FiberMap.make<number>()
      const { items } = yield* Ref.get(entry.state)
      const begin = (places: ReadonlyArray<number>): Effect.Effect<void> =>
        Effect.forEach(
          places,
          (index) => {
            const item = items[index]
            return item === undefined
              ? Effect.die(`batch has no item ${index}`)
              : FiberMap.run(fibers, index, run(index, item), { startImmediately: false })
          },
          { discard: true }
        )
      const run = (index: number, item: BatchItem): Effect.Effect<void> =>
        operate(fleet, entry.request, item, endsMs).pipe(
          Effect.flatMap((end) => apply(entry, (nowMs) => ({ _tag: "ItemEnded", index, end, nowMs }))),
          Effect.flatMap(begin)
        )
      yield* Effect.flatMap(
        apply(entry, (nowMs) => ({ _tag: "Began", nowMs })),
        begin
      )
      yield* Deferred.await(entry.over)
    })
  )

/** Runs the operation on an item; its end, also when it is an error or a defect. */
const operate = Effect.fnUntraced(function* (
  fleet: Fleet["Service"],
  request: OperationRequest,
  { group, name, node }: BatchItem,
  endsMs: number
) {
  const startedMs = yield* monotonicMs
  const exit = yield* fleet
    .operate(request, node, { group, name }, { batchEndsMs: endsMs })
    .pipe(Effect.timeoutOption(Math.max(0, endsMs - startedMs) + graceMs), Effect.exit)
  const tookMs = Math.round((yield* monotonicMs) - startedMs)
  if (Exit.isFailure(exit)) {
    const error = Cause.findErrorOption(exit.cause)
    if (error._tag === "Some") return failed(describe(error.value), tookMs)
    yield* Effect.logError("operation of a batch died", exit.cause)
    return failed("the console failed at it; its log tells more", tookMs)
  }
  return exit.value._tag === "Some" ? ended(exit.value.value) : unended(tookMs)
})

const ended = ({ detail, limit, outcome, took_ms }: OperationResult): ItemEnd => ({
  state: outcome,
  detail,
  took_ms,
  ...(limit === undefined ? {} : { limit })
})

const failed = (detail: string, tookMs: number): ItemEnd => ({ state: "error", detail, took_ms: tookMs })

const unended = (tookMs: number): ItemEnd => ({
  state: "timeout",
  limit: "batch",
  detail: "did not end with the time of the batch and was given up",
  took_ms: tookMs
})

const describe = (error: UnknownNode | UnknownProcess | NodeError | BudgetExceeded): string => {
  switch (error._tag) {
    case "UnknownNode":
      return "the fleet has no such node any more"
    case "UnknownProcess":
      return "the node has no such process any more"
    case "NodeError":
    case "BudgetExceeded":
      return error.message
  }
}
