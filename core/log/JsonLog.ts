/**
 * One line of JSON for each entry of the log (R10.5): time, level, message, then what is known of where it comes from.
 *
 * A line is a line whatever is logged: bounded, parseable, without characters that end a line anywhere or steer a
 * terminal, and without the secrets that can be told for such.
 */
import type { Logger } from "effect"
import { causesMax } from "./CauseText.ts"
import { entryOf } from "./LogEntry.ts"
import type { EntryOptions, LogEntry } from "./LogEntry.ts"
import { LogText } from "./LogText.ts"

/** Characters of the message, and of one error behind an entry. */
const messageMax = 8_000

/** The line, without its end. Pure. */
export const formatJson = (logged: Logger.Options<unknown>, options: EntryOptions): string =>
  format(entryOf(logged, options))

const format = (entry: LogEntry): string => {
  const texts = new LogText()
  const parts = [
    `"time":${texts.text(entry.time)}`,
    `"level":${texts.text(entry.level)}`,
    `"message":${texts.text(entry.message, messageMax)}`
  ]
  // What is short and always there comes before what may use up the bounds of the line.
  if (entry.requestId !== undefined) parts.push(`"request_id":${texts.text(entry.requestId)}`)
  parts.push(`"fiber":${texts.text(entry.fiber)}`)
  if (entry.trace !== undefined) {
    const { name, spanId, traceId } = entry.trace
    parts.push(`"trace_id":${texts.text(traceId)}`, `"span_id":${texts.text(spanId)}`, `"span":${texts.text(name)}`)
  }
  if (entry.cause.length > 0) parts.push(`"cause":[${causes(entry, texts).join(",")}]`)
  if (entry.annotations.length > 0) parts.push(`"context":${texts.fields(entry.annotations, 1)}`)
  if (entry.spansMs.length > 0) parts.push(`"spans_ms":${texts.fields(entry.spansMs, 1)}`)
  return `{${parts.join(",")}}`
}

const causes = ({ cause }: LogEntry, texts: LogText): ReadonlyArray<string> =>
  cause.slice(0, causesMax).map(({ message, name, stack }) => {
    const parts = [
      ...(name === undefined ? [] : [`"name":${texts.text(name)}`]),
      `"message":${texts.text(message, messageMax)}`,
      ...(stack === undefined || stack === "" ? [] : [`"stack":${texts.text(stack)}`])
    ]
    return `{${parts.join(",")}}`
  })
