/**
 * Why something failed, for a log line: each reason of a cause, and behind each the errors that it names as its own
 * cause, as a list with the outermost first.
 */
import type { Cause } from "effect"
import { read } from "./LogText.ts"

/** One error. `stack` is there for defects, whose place in the code is all that helps. */
export interface CauseEntry {
  readonly name?: string
  readonly message: string
  readonly stack?: string
}

/** Errors of one line, over all its reasons. */
export const causesMax = 16

/** The errors of a cause and of those that were logged along with the message. */
export const causeEntries = (
  cause: Cause.Cause<unknown>,
  errors: ReadonlyArray<Error> = []
): ReadonlyArray<CauseEntry> => {
  const entries: Array<CauseEntry> = []
  for (const error of errors) addChain(entries, error, true)
  for (const reason of cause.reasons) {
    if (reason._tag === "Interrupt") {
      const by = reason.fiberId === undefined ? "" : ` by #${reason.fiberId}`
      if (entries.length < causesMax) entries.push({ name: "Interrupt", message: `interrupted${by}` })
    } else if (reason._tag === "Die") {
      addChain(entries, reason.defect, true)
    } else {
      addChain(entries, reason.error, false)
    }
  }
  return entries
}

const addChain = (entries: Array<CauseEntry>, first: unknown, withStack: boolean): void => {
  const seen = new Set<unknown>()
  let error = first
  while (error !== undefined && error !== null && !seen.has(error) && entries.length < causesMax) {
    seen.add(error)
    entries.push(entryOf(error, withStack))
    error = causeOf(error)
  }
}

const entryOf = (error: unknown, withStack: boolean): CauseEntry => {
  if (!(error instanceof Error)) return { message: plain(error) }
  const name = read(() => error.name)
  const message = read(() => error.message) ?? ""
  const stack = withStack ? read(() => error.stack) : undefined
  return {
    ...(name === undefined ? {} : { name }),
    message,
    ...(stack === undefined ? {} : { stack: framesOf(stack) })
  }
}

/** The frames alone: what stands before them is name and message again. */
const framesOf = (stack: string): string =>
  stack
    .slice(0, stackCharactersMax)
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, framesMax)
    .map((line) => line.trim())
    .join("\n")

const stackCharactersMax = 16_384
const framesMax = 20

const plain = (error: unknown): string => {
  if (typeof error === "string") return error
  if (typeof error !== "object" || error === null) return String(error)
  const tag = read((): unknown => Reflect.get(error, "_tag"))
  const message = read((): unknown => Reflect.get(error, "message"))
  return [tag, message].filter((part) => part !== undefined).join(": ") || "<no error, but a value>"
}

const causeOf = (error: unknown): unknown => {
  if (typeof error !== "object" || error === null) return undefined
  let cause: unknown
  read(() => (cause = Reflect.get(error, "cause")))
  return cause
}
