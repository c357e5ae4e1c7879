/**
 * Oracle: what the console shows of nodes, against what they ever answered, over restarts of the console. Pure but for
 * the record that it keeps of answers.
 */
import { Clock, DateTime, Effect } from "effect"
import type { ConsoleParts } from "../../core/Console.ts"
import type { NodeView } from "../../core/domain/Node.ts"
import { formatId } from "../../core/domain/Process.ts"
import type { ProcessInfo } from "../../core/domain/Process.ts"
import { withDrivers } from "./NodeCalls.ts"

/** All processes of a node, as it answered once. */
export interface Answer {
  readonly atMs: number
  /** What it said, but for how long things have been so. */
  readonly text: string
}

export interface FleetTruth {
  /** The parts with every answer taken down. */
  readonly parts: ConsoleParts
  readonly answers: (node: string) => ReadonlyArray<Answer>
}

export const textOf = (processes: ReadonlyArray<ProcessInfo>): string =>
  processes
    .map((process) => `${formatId(process)} ${process.state} ${process.pid} ${process.start} ${process.stop}`)
    .toSorted()
    .join("; ")

export const watch = (parts: ConsoleParts): FleetTruth => {
  const answers = new Map<string, Array<Answer>>()
  return {
    parts: withDrivers((node, driver) => ({
      ...driver,
      processes: Effect.tap(driver.processes, (processes) =>
        Effect.map(Clock.currentTimeMillis, (atMs) => {
          const known = answers.get(node) ?? []
          known.push({ atMs, text: textOf(processes) })
          answers.set(node, known)
        })
      )
    }))(parts),
    answers: (node) => answers.get(node) ?? []
  }
}

/** A node as it was shown, with its processes, between two moments. */
export interface Shown {
  readonly view: NodeView
  readonly processes: string
  readonly sentMs: number
  readonly gotMs: number
}

export interface Expected {
  readonly answers: ReadonlyArray<Answer>
  /** When this run of the console began. */
  readonly startedMs: number
  readonly staleAfterMs: number
  /** What it must know at least: an answer of this time or later. */
  readonly knownMs: number | undefined
  /** What it showed before in this run. */
  readonly before: Shown | undefined
}

/** An answer counts when its node has also said who it is. */
const recordedWithinMs = 100

export const lastSeenMs = ({ last_seen: at }: NodeView): number | undefined =>
  at === undefined ? undefined : DateTime.toEpochMillis(DateTime.makeUnsafe(at))

/** What is wrong with what is shown; undefined for nothing. */
export const wrongWith = ({ gotMs, processes, sentMs, view }: Shown, expected: Expected): string | undefined => {
  const seenMs = lastSeenMs(view)
  const beforeMs = expected.before === undefined ? undefined : lastSeenMs(expected.before.view)
  if (view.status !== "up" && !view.stale) return `is ${view.status} and not stale`
  if (seenMs === undefined) {
    if (expected.knownMs !== undefined) return `lost what it had stored of ${expected.knownMs}`
    if (beforeMs !== undefined) return `lost what it showed of ${beforeMs}`
    return processes === "" && view.status !== "up" && view.recalled === undefined ? undefined : "was invented"
  }
  if (expected.knownMs !== undefined && seenMs < expected.knownMs) {
    return `shows ${seenMs}, older than what it had stored of ${expected.knownMs}`
  }
  if (beforeMs !== undefined && seenMs < beforeMs) return `went back from ${beforeMs} to ${seenMs}`
  const isAnswer = expected.answers.some(
    ({ atMs, text }) => atMs <= seenMs && seenMs <= atMs + recordedWithinMs && text === processes
  )
  if (!isAnswer) return `shows what it never answered by ${seenMs}: ${processes}`
  const isOld = seenMs < expected.startedMs
  if (isOld !== (view.recalled ?? false)) return `was seen ${isOld ? "before" : "since"} the start and does not say so`
  if (isOld && view.status === "up") return "is up and was not asked"
  if (!view.stale && gotMs - seenMs > expected.staleAfterMs + (gotMs - sentMs)) return `is fresh from ${seenMs}`
  return undefined
}
