/**
 * What an endpoint adds to the entry of its request in the activity log: what neither the path nor the status tells.
 */
import { Effect } from "effect"
import type { ActivityOutcome } from "../domain/ActivityEntry.ts"
import type { BatchView, OperationRequest, OperationResult } from "../domain/Operation.ts"
import type { UpdateResult } from "../domain/Update.ts"
import { CurrentRequest } from "./RequestFacts.ts"

interface Note {
  readonly detail: string
  readonly outcome?: ActivityOutcome
}

/** Notes what a success is, in words. */
export const noted = <A, E, R>(effect: Effect.Effect<A, E, R>, noteOf: (result: A) => Note): Effect.Effect<A, E, R> =>
  Effect.tap(effect, (result) =>
    Effect.map(CurrentRequest, (facts) => {
      const { detail, outcome } = noteOf(result)
      facts.detail = detail
      facts.outcome = outcome
    })
  )

/** Notes what a request asks for, however it ends. */
export const notedAsked =
  (detail: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.andThen(
      Effect.map(CurrentRequest, (facts) => {
        facts.detail = detail
      }),
      effect
    )

/** What was asked of a process; never the characters that are sent to it. */
export const askedOperation = (request: OperationRequest): string => {
  switch (request.kind) {
    case "signal":
      return `signal ${request.signal}`
    case "stdin":
      return `stdin, ${request.chars.length} characters`
    default:
      return request.kind
  }
}

/** How an operation ended, by what was observed of the process. */
export const operationNote =
  (request: OperationRequest) =>
  ({ detail, outcome }: OperationResult): Note => ({
    detail: `${askedOperation(request)}: ${detail}`,
    outcome: outcome === "unchanged" ? "done" : outcome
  })

export const batchNote = ({ counts, id, kind, status }: BatchView): Note => {
  const items = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return { detail: `${status === "planned" ? "dry run of" : `batch ${id}:`} ${kind} of ${items}` }
}

/** Which groups an update changed. */
export const updateNote = ({ groups }: UpdateResult): Note => {
  const outcomes = new Set(groups.map(({ outcome }) => outcome))
  const detail = groups.map(({ change, group, outcome }) => `${change} ${group}: ${outcome}`).join(", ")
  const outcome = outcomes.has("timeout") ? "timeout" : outcomes.has("failed") ? "failed" : "done"
  return { detail: detail === "" ? "no group differs" : detail, outcome }
}
