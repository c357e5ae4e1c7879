/** Writes the activity log of the items of batches, in the name of whoever submitted the batch. */
import { Effect, Layer } from "effect"
import { ActivityLog } from "../activity/ActivityLog.ts"
import type { ActivityOutcome } from "../domain/ActivityEntry.ts"
import { CurrentPrincipal } from "../domain/Access.ts"
import type { BatchItemState } from "../domain/Operation.ts"
import { BatchRecorder } from "../fleet/BatchRecorder.ts"
import type { RecordItem } from "../fleet/BatchRecorder.ts"
import { RequestId } from "./ErrorBody.ts"
import { CurrentRequest } from "./RequestFacts.ts"

/** What is cancelled under way may still happen on its node. */
const outcomes: Readonly<Partial<Record<BatchItemState, ActivityOutcome>>> = {
  done: "done",
  unchanged: "done",
  failed: "failed",
  error: "failed"
}

const ofSubmission = ({ record }: ActivityLog["Service"]): Effect.Effect<RecordItem> =>
  Effect.gen(function* () {
    const principal = yield* CurrentPrincipal
    const { address } = yield* CurrentRequest
    const requestId = yield* RequestId
    return ({ batch, item, kind }) =>
      record({
        actor: principal?.actor ?? "console",
        ...(address === undefined ? {} : { address }),
        action: "batch.item",
        node: item.node,
        process: `${item.group}:${item.name}`,
        outcome: outcomes[item.state] ?? "timeout",
        detail: `batch ${batch}: ${kind}: ${item.detail}`,
        ...(requestId === "" ? {} : { request_id: requestId })
      })
  })

/** To be provided to the batches. */
export const layer: Layer.Layer<never, never, ActivityLog> = Layer.effect(
  BatchRecorder,
  Effect.map(ActivityLog, ofSubmission)
)
