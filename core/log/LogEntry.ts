/** What a logger is told, taken apart for the forms that a line can have. */
import { Context, LogLevel, Tracer } from "effect"
import type { Logger } from "effect"
import { CurrentLogAnnotations, CurrentLogSpans } from "effect/References"
import { causeEntries } from "./CauseText.ts"
import type { CauseEntry } from "./CauseText.ts"
import { LogText } from "./LogText.ts"

export interface LogEntry {
  /** ISO 8601. */
  readonly time: string
  readonly level: string
  readonly message: string
  readonly requestId: string | undefined
  readonly annotations: ReadonlyArray<readonly [string, unknown]>
  /** How long each has lasted, by label. */
  readonly spansMs: ReadonlyArray<readonly [string, number]>
  readonly fiber: string
  readonly trace: { readonly traceId: string; readonly spanId: string; readonly name: string } | undefined
  readonly cause: ReadonlyArray<CauseEntry>
}

export interface EntryOptions {
  /** Whether the ids of the span are told, which makes sense when spans go somewhere. */
  readonly traces: boolean
}

/** The annotation that has a field of its own. */
const requestIdKey = "request_id"

export const entryOf = (logged: Logger.Options<unknown>, { traces }: EntryOptions): LogEntry => {
  const { cause, date, fiber, logLevel } = logged
  const parts: ReadonlyArray<unknown> = Array.isArray(logged.message) ? logged.message : [logged.message]
  const errors = parts.filter((part) => part instanceof Error)
  const annotations = Object.entries(fiber.getRef(CurrentLogAnnotations))
  const requestId = annotations.find(([key]) => key === requestIdKey)?.[1]
  const nowMs = date.getTime()
  return {
    time: date.toISOString(),
    level: logLevel.toUpperCase(),
    message: messageOf(parts.filter((part) => !(part instanceof Error))),
    requestId: typeof requestId === "string" ? requestId : undefined,
    annotations: withOperation(
      annotations.filter(([key]) => key !== requestIdKey),
      logged
    ),
    spansMs: fiber.getRef(CurrentLogSpans).map(([label, sinceMs]) => [label, nowMs - sinceMs] as const),
    fiber: `#${fiber.id}`,
    trace: traces ? traceOf(fiber.context) : undefined,
    cause: causeEntries(cause, errors)
  }
}

/** The annotation that says what was done. */
const operationKey = "operation"

/**
 * What is logged as trouble says what was done (R7.4). Work of the console's own that has not said so by itself has a
 * span all the same, which is named for it.
 */
const withOperation = (
  annotations: LogEntry["annotations"],
  { fiber, logLevel }: Logger.Options<unknown>
): LogEntry["annotations"] => {
  if (!LogLevel.isGreaterThanOrEqualTo(logLevel, "Warn") || annotations.some(([key]) => key === operationKey)) {
    return annotations
  }
  const span = Context.getOption(fiber.context, Tracer.ParentSpan)
  return span._tag === "Some" && span.value._tag === "Span"
    ? [...annotations, [operationKey, span.value.name]]
    : annotations
}

/** Texts as they are, all else as JSON. */
const messageOf = (parts: ReadonlyArray<unknown>): string => {
  const texts = new LogText()
  return parts.map((part) => (typeof part === "string" ? part : (texts.value(part) ?? "undefined"))).join(" ")
}

const traceOf = (context: Context.Context<never>): LogEntry["trace"] => {
  const found = Context.getOption(context, Tracer.ParentSpan)
  if (found._tag === "None" || !found.value.sampled) return undefined
  const { spanId, traceId } = found.value
  return { traceId, spanId, name: found.value._tag === "Span" ? found.value.name : "" }
}
