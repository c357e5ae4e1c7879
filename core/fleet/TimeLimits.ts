/**
 * Nested times: a program's own inside its operation's, that inside its batch's. All are moments of the monotonic
 * clock, in milliseconds. Pure.
 */
import type { TimeLimit } from "../domain/Operation.ts"

/** When each time is up; a limit that does not apply is undefined. */
export interface TimeLimits {
  readonly program: number | undefined
  readonly operation: number
  readonly batch: number | undefined
}

/** The moment at which an operation is cut off, whatever the program's own times are. */
export const cutOffMs = ({ batch = Infinity, operation }: Omit<TimeLimits, "program">): number =>
  Math.min(operation, batch)

/** Which time is up first; of two at the same moment, the inner one. */
export const firstUp = ({ batch = Infinity, operation, program = Infinity }: TimeLimits): TimeLimit =>
  program <= operation && program <= batch ? "program" : operation <= batch ? "operation" : "batch"
