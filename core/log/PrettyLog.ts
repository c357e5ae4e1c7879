/**
 * An entry of the log for people at a terminal: one line, and one more for each error behind it, indented. Nothing that
 * is logged can steer the terminal or pass for a line of its own.
 */
import type { Logger } from "effect"
import { entryOf } from "./LogEntry.ts"
import type { EntryOptions } from "./LogEntry.ts"
import { bounded, LogText } from "./LogText.ts"
import { escapeText } from "./Sanitise.ts"

export interface PrettyOptions extends EntryOptions {
  readonly colours: boolean
}

const colourByLevel: Readonly<Record<string, string>> = {
  FATAL: "\u001b[31;1m",
  ERROR: "\u001b[31m",
  WARN: "\u001b[33m",
  INFO: "\u001b[32m",
  DEBUG: "\u001b[36m",
  TRACE: "\u001b[90m"
}
const faint = "\u001b[90m"
const plain = "\u001b[0m"

const levelWidth = "ERROR".length

const safe = (text: string): string => escapeText(bounded(text))

/** The lines, with line feeds between them and none at the end. Pure. */
export const formatPretty = (logged: Logger.Options<unknown>, options: PrettyOptions): string => {
  const entry = entryOf(logged, options)
  const paint = (colour: string, text: string) => (options.colours ? `${colour}${text}${plain}` : text)
  const texts = new LogText()
  const request = entry.requestId === undefined ? [] : [["request_id", entry.requestId] as const]
  const context = [...request, ...entry.annotations].map(
    ([name, value]) =>
      `${safe(name)}=${texts
        .fields([[name, value]], 1)
        .slice(1, -1)
        .replace(/^"(?:[^"\\]|\\.)*":/, "")}`
  )
  const spans = entry.spansMs.map(([label, ms]) => `${safe(label)}=${ms}ms`)
  const level = paint(colourByLevel[entry.level] ?? "", entry.level.padEnd(levelWidth))
  const head = `${paint(faint, entry.time)} ${level} ${safe(entry.message)}`
  const rest = [...context, ...spans].join(" ")
  const lines = entry.cause.flatMap(({ message, name, stack }) => [
    `    ${name === undefined ? "" : `${safe(name)}: `}${safe(message)}`,
    ...(stack === undefined || stack === "" ? [] : stack.split("\n").map((line) => paint(faint, `      ${safe(line)}`)))
  ])
  return [rest === "" ? head : `${head} ${paint(faint, rest)}`, ...lines].join("\n")
}
