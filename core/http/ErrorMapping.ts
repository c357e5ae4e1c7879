/** The one mapping from the typed errors of the console's services to the one shape of the API's errors (R7.2). */
import { Effect } from "effect"
import type { NodeError } from "../domain/NodeError.ts"
import type { BadSelection, UnknownBatch } from "../fleet/Batches.ts"
import type { UnknownNode, UnknownProcess } from "../fleet/Fleet.ts"
import type { JobRefused } from "../jobs/JobPool.ts"
import { errorBody } from "./ErrorBody.ts"
import type { ErrorCode, ErrorParts } from "./ErrorBody.ts"
import type { BudgetExceeded } from "../resources/FiberBudget.ts"
import { errorResponse, withRetryAfter } from "./ErrorResponse.ts"
import { overloaded } from "./RequestBudget.ts"

/** Fails with the body of an error. */
export const fail = <const Code extends ErrorCode>(parts: ErrorParts<Code>) =>
  Effect.flatMap(errorBody(parts), Effect.fail)

/** `unknown_node`, 404. */
const unknownNode = (error: UnknownNode) =>
  fail({ code: "unknown_node", message: "there is no such node", details: { node: error.node } })

/** `unknown_process`, 404. */
const unknownProcess = ({ group, name, node }: UnknownProcess) =>
  fail({ code: "unknown_process", message: "the node has no such process", details: { node, group, name } })

/** `unknown_batch`, 404. */
const unknownBatch = ({ id }: UnknownBatch) =>
  fail({
    code: "unknown_batch",
    message: "there is no such batch; those that are over are kept for a while only",
    details: { id }
  })

/** `nothing_selected` or `too_many_selected`, 409: the request is sound, but not for the fleet as it is. */
const badSelection = ({ items, itemsMax, reason }: BadSelection) =>
  reason === "nothing"
    ? fail({ code: "nothing_selected", message: "no process matches what was selected" })
    : fail({
        code: "too_many_selected",
        message: `${items} processes match, and a batch has at most ${itemsMax}`,
        details: { items, items_max: itemsMax }
      })

/** `too_many_batches` or `shutting_down`, 503. */
const jobRefused = (cause: JobRefused) =>
  cause.reason === "full"
    ? fail({
        code: "too_many_batches",
        message: `${cause.runningMax} batches run and ${cause.waitingMax} wait already`,
        details: { running_max: cause.runningMax, waiting_max: cause.waitingMax },
        cause
      })
    : fail({ code: "shutting_down", message: "the console is shutting down", cause })

/**
 * A node that could not be asked or refused. The message is Muster's own wording; of the node's it holds no more than
 * the text of a fault. An open circuit is a response of its own, since it has a header more.
 */
const nodeError = (cause: NodeError) => {
  const { message, reason } = cause
  switch (reason._tag) {
    case "Fault":
      return fail({ code: "node_refused", message, details: { fault: reason.name, fault_code: reason.code } })
    case "Unsupported":
      return fail({ code: "node_unsupported", message, cause })
    case "Unreachable":
    case "ConnectionLost":
      return fail({ code: "node_unreachable", message, cause })
    case "Unauthorized":
      return fail({ code: "node_unauthorized", message, cause })
    case "HttpStatus":
    case "TooLarge":
    case "Malformed":
      return fail({ code: "node_invalid_reply", message, cause })
    case "WrongIdentity":
      return fail({ code: "node_wrong_identity", message, cause })
    case "ShuttingDown":
      return fail({ code: "node_shutting_down", message, cause })
    case "Busy":
      return fail({ code: "node_busy", message, cause })
    case "CircuitOpen": {
      const details = { retry_after_ms: reason.retryAfterMs }
      return Effect.map(
        errorResponse({ code: "node_circuit_open", message, details, cause }),
        withRetryAfter(reason.retryAfterMs)
      )
    }
    case "TimedOut":
      return fail({ code: "node_timeout", message, cause })
  }
}

/** Maps what a look at the fleet can fail with. */
export const lookErrors = <A, R>(look: Effect.Effect<A, UnknownNode | UnknownProcess, R>) =>
  Effect.catchTags(look, { UnknownNode: unknownNode, UnknownProcess: unknownProcess })

/** Maps what a look at a node can fail with. */
export const nodeLookErrors = <A, R>(look: Effect.Effect<A, UnknownNode, R>) =>
  Effect.catchTags(look, { UnknownNode: unknownNode })

/** Maps what a conversation with a node can fail with. */
export const nodeErrors = <A, R>(talk: Effect.Effect<A, UnknownNode | NodeError, R>) =>
  Effect.catchTags(talk, { UnknownNode: unknownNode, NodeError: nodeError })

/** Maps what an operation on a process can fail with. */
export const processErrors = <A, R>(
  operation: Effect.Effect<A, UnknownNode | UnknownProcess | NodeError | BudgetExceeded, R>
) =>
  Effect.catchTags(operation, {
    UnknownNode: unknownNode,
    UnknownProcess: unknownProcess,
    NodeError: nodeError,
    BudgetExceeded: overloaded
  })

/** Maps what the beginning of a batch can fail with. */
export const submitErrors = <A, R>(submit: Effect.Effect<A, BadSelection | JobRefused, R>) =>
  Effect.catchTags(submit, { BadSelection: badSelection, JobRefused: jobRefused })

/** Maps what a look at a batch can fail with. */
export const batchErrors = <A, R>(look: Effect.Effect<A, UnknownBatch, R>) =>
  Effect.catchTags(look, { UnknownBatch: unknownBatch })
