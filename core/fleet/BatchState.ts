/**
 * The state of a batch and its pure transitions: which items begin next by its mode, when it stops early, what its
 * timeout and its cancellation do, and when it is over. Whoever holds it (Batches) begins the items it is told to.
 *
 * A batch is over when no item is pending or running. Nothing begins after its time is up, also when the event that
 * says so is late. Times are the console's, in milliseconds.
 */
import { DateTime } from "effect"
import type {
  BatchItem,
  BatchItemState,
  BatchMode,
  BatchStatus,
  BatchSummary,
  BatchView,
  OperationKind
} from "../domain/Operation.ts"
import type { Selected } from "./Selection.ts"

export interface BatchPlan {
  readonly id: number
  readonly kind: OperationKind
  /** Who asked for it; undefined when the console did. */
  readonly by?: string | undefined
  readonly mode: BatchMode
  /** Items under way at the same time; of a rolling batch, items in a wave. */
  readonly concurrency: number
  /** No item begins after so many that did not end well; undefined: all begin. */
  readonly failuresMax: number | undefined
  /** By the wall clock, for people. */
  readonly startedAtMs: number
  /** By the monotonic clock, as all other times here. */
  readonly startedMs: number
  readonly endsMs: number
}

export interface BatchState {
  readonly plan: BatchPlan
  readonly items: ReadonlyArray<BatchItem>
  /** Its turn has come. */
  readonly isBegun: boolean
  /** Items from here on have not begun. */
  readonly next: number
  readonly running: number
  /** Items that did not end `done` or `unchanged`. */
  readonly failures: number
  readonly isStoppedEarly: boolean
  readonly isTimeUp: boolean
  readonly isCancelled: boolean
  readonly endedMs: number | undefined
}

/** How an item ended. */
export interface ItemEnd extends Pick<BatchItem, "detail" | "limit" | "took_ms"> {
  readonly state: Exclude<BatchItemState, "pending" | "running" | "skipped">
}

export type BatchEvent =
  | { readonly _tag: "Began"; readonly nowMs: number }
  | { readonly _tag: "ItemEnded"; readonly index: number; readonly end: ItemEnd; readonly nowMs: number }
  | { readonly _tag: "TimeUp"; readonly nowMs: number }
  | { readonly _tag: "Cancelled"; readonly why: string; readonly nowMs: number }

export interface Transition {
  readonly state: BatchState
  /** Items to begin, by their place. */
  readonly begin: ReadonlyArray<number>
}

/** A batch of these processes, none of them begun. */
export const make = (plan: BatchPlan, selected: ReadonlyArray<Selected>): BatchState => ({
  plan,
  items: selected.map(({ group, name, node }) => ({ node, group, name, state: "pending", detail: "" })),
  isBegun: false,
  next: 0,
  running: 0,
  failures: 0,
  isStoppedEarly: false,
  isTimeUp: false,
  isCancelled: false,
  endedMs: undefined
})

export const isOver = ({ endedMs }: BatchState): boolean => endedMs !== undefined

/** Takes in an event. A batch that is over stays as it is; an item that is not under way cannot end. */
export const step = (state: BatchState, event: BatchEvent): Transition => {
  if (isOver(state)) return { state, begin: [] }
  const { nowMs } = event
  const taken = take(state, event)
  const timed = nowMs >= taken.plan.endsMs && hasMore(taken) ? timeUp(taken) : taken
  const stopped = hasFailed(timed) ? stopEarly(timed) : timed
  const { begin, state: begun } = beginMore(stopped)
  return { state: hasMore(begun) ? begun : { ...begun, endedMs: nowMs }, begin }
}

const hasMore = ({ items, next, running }: BatchState): boolean => running > 0 || next < items.length

const take = (state: BatchState, event: BatchEvent): BatchState => {
  switch (event._tag) {
    case "Began":
      return { ...state, isBegun: true }
    case "ItemEnded":
      return itemEnded(state, event.index, event.end)
    case "TimeUp":
      return timeUp(state)
    case "Cancelled":
      return cancelled(state, event.why)
  }
}

const itemEnded = (state: BatchState, index: number, end: ItemEnd): BatchState => {
  const item = state.items[index]
  if (item?.state !== "running") return state
  const isWell = end.state === "done" || end.state === "unchanged"
  return {
    ...state,
    items: state.items.with(index, { ...item, ...end }),
    running: state.running - 1,
    failures: state.failures + (isWell ? 0 : 1)
  }
}

/** Items under way are left to end by themselves: their operations have the same end. */
const timeUp = (state: BatchState): BatchState => ({
  ...skip(state, "the time of the batch was up before it began"),
  isTimeUp: true
})

const stopEarly = (state: BatchState): BatchState =>
  state.next === state.items.length
    ? state
    : { ...skip(state, `never begun, because ${state.failures} before it did not end well`), isStoppedEarly: true }

const skip = (state: BatchState, detail: string): BatchState => ({
  ...state,
  items: state.items.map((item) => (item.state === "pending" ? { ...item, state: "skipped", detail } : item)),
  next: state.items.length
})

const cancelled = (state: BatchState, why: string): BatchState => ({
  ...state,
  items: state.items.map((item) => {
    if (item.state === "pending") return { ...item, state: "cancelled", detail: `${why} before it began` }
    if (item.state !== "running") return item
    const detail = `${why} while it was under way; what the node was asked before may still happen`
    return { ...item, state: "cancelled", detail }
  }),
  next: state.items.length,
  running: 0,
  isCancelled: true
})

/** Failures enough to stop; a canary that fails is always enough. */
const hasFailed = ({ failures, plan: { failuresMax = Infinity, mode }, items }: BatchState): boolean => {
  if (failures >= failuresMax) return true
  const canary = items[0]?.state
  return mode === "canary" && failures > 0 && canary !== "done" && canary !== "unchanged"
}

const beginMore = (state: BatchState): Transition => {
  const more = state.isBegun ? Math.min(places(state), state.items.length - state.next) : 0
  if (more <= 0) return { state, begin: [] }
  const begin = Array.from({ length: more }, (_, i) => state.next + i)
  const items = [...state.items]
  for (const index of begin) {
    const item = items[index]
    if (item !== undefined) items[index] = { ...item, state: "running", detail: "" }
  }
  return { state: { ...state, items, next: state.next + more, running: state.running + more }, begin }
}

/** How many items may begin now. */
const places = ({ next, plan: { concurrency, mode }, running }: BatchState): number => {
  switch (mode) {
    case "parallel":
      return concurrency - running
    case "rolling":
      return running === 0 ? concurrency : 0
    case "canary":
      if (next === 0) return 1
      return next === 1 && running > 0 ? 0 : concurrency - running
  }
}

const statusOf = (state: BatchState): BatchStatus => {
  if (!isOver(state)) return "running"
  if (state.isCancelled) return "cancelled"
  // Items that ended well at the very moment at which the time was up ended in time.
  if (state.isTimeUp && (state.failures > 0 || state.items.some((item) => item.state === "skipped"))) return "timeout"
  return state.failures > 0 ? "failed" : "done"
}

const isoTime = (ms: number): string => DateTime.formatIso(DateTime.makeUnsafe(ms))

/** How events show a batch. */
export const summarise = (state: BatchState): BatchSummary => {
  const { by, id, kind, mode, startedAtMs, startedMs } = state.plan
  const counts: Record<string, number> = {}
  for (const item of state.items) counts[item.state] = (counts[item.state] ?? 0) + 1
  const summary = {
    id,
    kind,
    mode,
    status: statusOf(state),
    stopped_early: state.isStoppedEarly,
    ...(by === undefined ? {} : { by }),
    counts,
    started: isoTime(startedAtMs)
  }
  return state.endedMs === undefined ? summary : { ...summary, ended: isoTime(startedAtMs + state.endedMs - startedMs) }
}

/** How the API shows a batch. */
export const view = (state: BatchState): BatchView => ({ ...summarise(state), items: state.items })
