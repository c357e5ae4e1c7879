/** What a console logs in a run, for a scenario to look at. */
import { Logger } from "effect"
import { formatJson } from "../core/log/JsonLog.ts"
import { causeText } from "./Property.ts"

export interface CollectedLog {
  readonly logger: Logger.Logger<unknown, void>
  /** What was logged as an error so far. */
  readonly errors: ReadonlyArray<string>
  /** The lines so far, as they are written in production; none unless they are kept. */
  readonly lines: ReadonlyArray<string>
}

export const make = (keepsLines: boolean): CollectedLog => {
  const errors: Array<string> = []
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>((logged) => {
    const { cause, logLevel, message } = logged
    // Fibers are counted over the whole process: their numbers are not of this run.
    if (keepsLines) lines.push(formatJson(logged, { traces: false }).replace(/"fiber":"#\d+"/, '"fiber":"#0"'))
    if (logLevel === "Error" || logLevel === "Fatal") errors.push(`${String(message)} ${causeText(cause)}`.trim())
  })
  return { logger, errors, lines }
}
