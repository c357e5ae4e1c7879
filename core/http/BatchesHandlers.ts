/** What the endpoints about batches do. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { BatchRequest, BatchSummary, BatchView } from "../domain/Operation.ts"
import { Batches } from "../fleet/Batches.ts"
import { Api } from "./Api.ts"
import { batchErrors, submitErrors } from "./ErrorMapping.ts"
import { notPermitted } from "./LimitErrors.ts"
import { batchNote, noted } from "./Noted.ts"

/** A batch without its items, which can be many. */
const summaryOf = (batch: BatchView): BatchSummary => {
  const { items: _, ...summary } = batch
  return summary
}

export const layer = HttpApiBuilder.group(
  Api,
  "batches",
  Effect.fnUntraced(function* (handlers) {
    const batches = yield* Batches
    const submitted = (request: BatchRequest) => noted(batches.submit(request), batchNote)
    const cancelled = (id: number) => Effect.catchTag(batches.cancel(id), "NotPermitted", notPermitted)
    return handlers.handleAll({
      submit: ({ payload }) =>
        submitErrors(
          Effect.map(submitted(payload), (batch) =>
            payload.wait === true || payload.dry_run === true
              ? batch
              : HttpServerResponse.jsonUnsafe(batch, { status: 202, headers: { location: `/api/batches/${batch.id}` } })
          )
        ),
      list: () => Effect.map(batches.all, (all) => ({ batches: all.map(summaryOf) })),
      get: ({ params }) => batchErrors(batches.get(params.id)),
      cancel: ({ params }) => batchErrors(cancelled(params.id))
    })
  })
)
