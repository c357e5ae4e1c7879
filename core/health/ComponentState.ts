/**
 * The one rule by which the status of every component follows from what it reports:
 *
 * - `healthy` becomes `degraded` with `degradedAfter` errors that were not made good, even with successes between;
 * - `healthy` or `degraded` becomes `failing` with `failingAfter` errors in a row;
 * - one success makes `failing` `degraded`;
 * - errors are made good, and `degraded` becomes `healthy`, by `healthyAfter` successes in a row, or by any success
 *   once `quietMs` have passed since the last error;
 * - a component that knows itself how it is says so, and is that at once;
 * - `failed` is final, whatever is reported, until the component is registered again, which makes it `healthy`.
 */
import type { ComponentStatus } from "../domain/ConsoleEvent.ts"

export interface ComponentRules {
  readonly degradedAfter: number
  readonly failingAfter: number
  readonly healthyAfter: number
  readonly quietMs: number
}

export const rulesDefault: ComponentRules = { degradedAfter: 1, failingAfter: 5, healthyAfter: 3, quietMs: 60_000 }

export interface ComponentState {
  readonly status: ComponentStatus
  /** Since it became known. */
  readonly errors: number
  readonly errorsInARow: number
  readonly successesInARow: number
  /** Errors that were not made good. */
  readonly errorsOpen: number
  readonly lastError: { readonly atMs: number; readonly message: string } | undefined
}

export type ComponentReport =
  | { readonly _tag: "Registered" }
  | { readonly _tag: "Succeeded"; readonly nowMs: number }
  | { readonly _tag: "Errored"; readonly nowMs: number; readonly message: string }
  | { readonly _tag: "Assessed"; readonly nowMs: number; readonly message: string; readonly status: AssessedStatus }
  | { readonly _tag: "Failed"; readonly nowMs: number; readonly message: string }

/** What a component can find itself to be. */
export type AssessedStatus = Exclude<ComponentStatus, "failed">

export const fresh: ComponentState = {
  status: "healthy",
  errors: 0,
  errorsInARow: 0,
  successesInARow: 0,
  errorsOpen: 0,
  lastError: undefined
}

/** The state after a report. */
export const step = (state: ComponentState, report: ComponentReport, rules: ComponentRules): ComponentState => {
  switch (report._tag) {
    case "Registered":
      return state.status === "failed" ? { ...fresh, errors: state.errors, lastError: state.lastError } : state
    case "Succeeded":
      return state.status === "failed" ? state : succeed(state, report.nowMs, rules)
    case "Errored": {
      const next = addError(state, report)
      return state.status === "failed" ? next : { ...next, status: statusAfterError(next, rules) }
    }
    case "Assessed":
      return state.status === "failed" ? state : assess(state, report)
    case "Failed":
      return { ...addError(state, report), status: "failed" }
  }
}

const assess = (
  state: ComponentState,
  report: { readonly nowMs: number; readonly message: string; readonly status: AssessedStatus }
): ComponentState => {
  if (report.status === "healthy") {
    return { ...state, status: "healthy", errorsInARow: 0, errorsOpen: 0, successesInARow: state.successesInARow + 1 }
  }
  // From bad to less bad is no further error.
  const isRelief = report.status === "degraded" && state.status === "failing"
  return { ...(isRelief ? state : addError(state, report)), status: report.status }
}

const succeed = (state: ComponentState, nowMs: number, rules: ComponentRules): ComponentState => {
  const successesInARow = state.successesInARow + 1
  const isQuiet = state.lastError === undefined || nowMs - state.lastError.atMs >= rules.quietMs
  const isGood = successesInARow >= rules.healthyAfter || isQuiet
  const next = { ...state, errorsInARow: 0, successesInARow, errorsOpen: isGood ? 0 : state.errorsOpen }
  if (state.status === "failing") return { ...next, status: "degraded" }
  return state.status === "degraded" && isGood ? { ...next, status: "healthy" } : next
}

const addError = (
  state: ComponentState,
  { message, nowMs }: { readonly message: string; readonly nowMs: number }
): ComponentState => ({
  ...state,
  errors: state.errors + 1,
  errorsInARow: state.errorsInARow + 1,
  errorsOpen: state.errorsOpen + 1,
  successesInARow: 0,
  lastError: { atMs: nowMs, message }
})

const statusAfterError = (state: ComponentState, rules: ComponentRules): ComponentStatus => {
  if (state.errorsInARow >= rules.failingAfter) return "failing"
  return state.status === "healthy" && state.errorsOpen >= rules.degradedAfter ? "degraded" : state.status
}
