/**
 * Oracle: operations and batches as the events tell of them, against what their processes really were. Pure.
 *
 * Of each operation two events tell: it began, and it ended. One that ended well must have been right: at some moment
 * between the two its process really was as was asked for. What a batch says never goes back, never is more at a time
 * than it may be, and adds up.
 */
import { DateTime } from "effect"
import type { FleetEvent } from "../../core/domain/FleetEvent.ts"
import type { BatchSummary, BatchView, OperationKind } from "../../core/domain/Operation.ts"
import { formatId } from "../../core/domain/Process.ts"
import { isStopped } from "../../core/domain/ProcessState.ts"
import type { ProcessState } from "../../core/domain/ProcessState.ts"

/** A process as it really was at a moment. */
export interface Sample {
  readonly atMs: number
  /** `node/group:name` */
  readonly process: string
  readonly state: ProcessState
  /** 0 while nothing runs. */
  readonly pid: number
}

type Started = Extract<FleetEvent, { readonly type: "operation.started" }>
type Finished = Extract<FleetEvent, { readonly type: "operation.finished" }>

/** What is wrong with the operations that these events tell of, all of which must be over; undefined for nothing. */
export const wrongOperation = (
  events: ReadonlyArray<FleetEvent>,
  samples: ReadonlyArray<Sample>
): string | undefined => {
  const open = new Map<number, Started>()
  const known = new Set<number>()
  for (const event of events) {
    if (event.type === "operation.started") {
      if (known.has(event.operation)) return `operation ${event.operation} began twice`
      known.add(event.operation)
      open.set(event.operation, event)
    }
    if (event.type !== "operation.finished") continue
    const started = open.get(event.operation)
    if (started === undefined) return `operation ${event.operation} ended and was not under way`
    open.delete(event.operation)
    const wrong = wrongEnd(started, event, samples)
    if (wrong !== undefined) return `operation ${event.operation}, ${describe(started)} (${event.detail}): ${wrong}`
  }
  const [left] = open.values()
  return left === undefined ? undefined : `operation ${left.operation}, ${describe(left)}, never ended`
}

const describe = (event: Started): string => `${event.kind} of ${nameOf(event)}`

const nameOf = (event: Started | Finished): string => `${event.node}/${formatId(event)}`

const wrongEnd = (started: Started, finished: Finished, samples: ReadonlyArray<Sample>): string | undefined => {
  if (describe(started) !== `${finished.kind} of ${nameOf(finished)}`)
    return `ended as ${finished.kind} of ${nameOf(finished)}`
  if (finished.outcome !== "done" && finished.outcome !== "unchanged") return undefined
  const wanted = statesAfter[started.kind]
  if (wanted === undefined) return undefined
  const [fromMs, toMs] = [timeOf(started), timeOf(finished)]
  const seen = samples.filter(({ atMs, process }) => process === nameOf(started) && atMs >= fromMs && atMs <= toMs)
  if (!seen.some(({ state }) => wanted(state))) {
    return `says ${finished.outcome}, and it was ${seen.map(({ state }) => state).join(" ")}`
  }
  const [first, last] = [seen.at(0), seen.at(-1)]
  const isOld = first !== undefined && first.pid !== 0 && first.pid === last?.pid
  return started.kind === "restart" && isOld
    ? `says ${finished.outcome}, and process ${first.pid} still runs`
    : undefined
}

const timeOf = ({ at }: FleetEvent): number => DateTime.toEpochMillis(DateTime.makeUnsafe(at))

const isStarted = (state: ProcessState): boolean => state === "RUNNING" || state === "EXITED"

const statesAfter: Readonly<Partial<Record<OperationKind, (state: ProcessState) => boolean>>> = {
  stop: isStopped,
  start: isStarted,
  restart: isStarted
}

/** What is wrong with what the events tell of a batch that ended like this; undefined for nothing. */
export const wrongBatch = (
  events: ReadonlyArray<FleetEvent>,
  view: BatchView,
  concurrency: number
): string | undefined => {
  const told = events.flatMap((event) =>
    event.type === "batch.changed" && event.batch.id === view.id ? event.batch : []
  )
  const last = told.at(-1)
  if (last === undefined) return "no event tells of it"
  let ended = 0
  for (const summary of told) {
    if (sum(summary) !== view.items.length) return `${counts(summary)} are not ${view.items.length} items`
    if ((summary.counts["running"] ?? 0) > concurrency)
      return `${counts(summary)} are more than ${concurrency} at a time`
    const now = sum(summary) - (summary.counts["pending"] ?? 0) - (summary.counts["running"] ?? 0)
    if (now < ended) return `${counts(summary)} came after ${ended} that had ended`
    ended = now
  }
  const after = told.findIndex(({ status }) => status !== "running")
  if (after < told.length - 1) return `an event came after it was ${told[after]?.status ?? "over"}`
  const shown = `${view.status} ${counts(view)}`
  if (`${last.status} ${counts(last)}` !== shown)
    return `it is ${shown}, the last event says ${last.status} ${counts(last)}`
  return wrongItems(view)
}

const sum = ({ counts: all }: BatchSummary): number => Object.values(all).reduce((total, count) => total + count, 0)

const counts = ({ counts: all }: BatchSummary): string =>
  Object.entries(all)
    .map(([state, count]) => `${count} ${state}`)
    .toSorted()
    .join(", ")

const wrongItems = (view: BatchView): string | undefined => {
  const states = new Map<string, number>()
  for (const { state } of view.items) states.set(state, (states.get(state) ?? 0) + 1)
  const listed = counts({ ...view, counts: Object.fromEntries(states) })
  if (listed !== counts(view)) return `its items are ${listed}, its counts ${counts(view)}`
  const isWell = view.items.every(({ state }) => state === "done" || state === "unchanged")
  if (isWell !== (view.status === "done")) return `it is ${view.status} with ${listed}`
  return view.stopped_early && !states.has("skipped") ? `it was stopped early with ${listed}` : undefined
}
