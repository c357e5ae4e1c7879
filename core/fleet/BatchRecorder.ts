/**
 * Who is told of each item of a batch that was begun and has ended: the activity log, where there is one. An item waits
 * for nobody: a fiber of its own hands the records over, many at a time.
 */
import { Cause, Context, Effect, Fiber, Queue } from "effect"
import type { BatchItem, OperationKind } from "../domain/Operation.ts"
import type { BatchEvent, BatchState } from "./BatchState.ts"

export interface EndedItem {
  /** Number of the batch. */
  readonly batch: number
  readonly kind: OperationKind
  readonly item: BatchItem
}

export type RecordItem = (ended: EndedItem) => Effect.Effect<void>

/** Asked at the submission of a batch, by the fiber of whoever submits; gives what is told of its items. */
export const BatchRecorder = Context.Reference<Effect.Effect<RecordItem>>("core/fleet/BatchRecorder", {
  defaultValue: () => Effect.succeed(() => Effect.void)
})

/** Records that wait to be handed over; twice the items of the largest batch. */
const waitingMax = 20_000

/** Records that are handed over at once. */
const atOnce = 200

/** At the end, the longest wait for what is not handed over yet. */
const closeMsMax = 3_000

/** What an event has ended of the items that were under way. */
export const endedItems = (before: BatchState, after: BatchState, event: BatchEvent): ReadonlyArray<BatchItem> => {
  const changed = event._tag === "ItemEnded" ? [event.index] : event._tag === "Cancelled" ? before.items.keys() : []
  const ended: Array<BatchItem> = []
  for (const index of changed) {
    const item = after.items[index]
    if (before.items[index]?.state === "running" && item !== undefined && item.state !== "running") ended.push(item)
  }
  return ended
}

/** The recorder of the surroundings, behind a bounded queue. What waits at the end of the scope is handed over then. */
export const make = Effect.gen(function* () {
  const recorder = yield* BatchRecorder
  const records = yield* Queue.dropping<Effect.Effect<void>, Cause.Done>(waitingMax)
  let dropped = 0
  const hand = Effect.gen(function* () {
    const some = yield* Queue.takeBetween(records, 1, atOnce)
    const lost = dropped
    dropped = 0
    if (lost > 0) yield* Effect.logWarning(`${lost} items of batches ended too fast to be recorded`)
    yield* Effect.all(some, { concurrency: "unbounded", discard: true })
  })
  const handing = yield* hand.pipe(
    Effect.forever,
    Effect.catchIf(Cause.isDone, () => Effect.void),
    Effect.withSpan("Batches.record"),
    Effect.forkScoped
  )
  yield* Effect.addFinalizer(() =>
    Effect.andThen(Queue.end(records), Effect.timeoutOption(Effect.interruptible(Fiber.await(handing)), closeMsMax))
  )
  return {
    /** For a batch that is submitted by this fiber. */
    ofSubmission: recorder,
    /** Synchronous. */
    offerUnsafe: (record: RecordItem, ended: EndedItem): void => {
      if (!Queue.offerUnsafe(records, record(ended))) dropped++
    }
  }
})

export type BatchRecords = Effect.Success<typeof make>
