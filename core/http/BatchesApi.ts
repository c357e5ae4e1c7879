/** Endpoints about batches: one operation on many processes. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { BatchRequest, BatchSummary, BatchView } from "../domain/Operation.ts"
import {
  accessErrors,
  BadSelectionBody,
  BatchRefused,
  Internal,
  InvalidRequest,
  PayloadTooLarge,
  UnknownBatchBody,
  UnsupportedMediaType
} from "./ErrorBody.ts"
import { RouteAccess } from "./RouteAccess.ts"

const params = {
  id: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
    .annotate({ message: "expected the number of a batch" })
    .annotate({ description: "Number of the batch" })
}

const one = {
  params,
  success: BatchView,
  error: [...accessErrors, InvalidRequest, UnknownBatchBody, Internal]
} as const

export class BatchesApi extends HttpApiGroup.make("batches")
  .add(
    HttpApiEndpoint.post("submit", "/batches", {
      payload: BatchRequest,
      success: [
        BatchView.annotate({ httpApiStatus: 200, description: "It is over, or was a dry run." }),
        BatchView.annotate({ httpApiStatus: 202, description: "It has begun; `location` is where to look." })
      ],
      error: [
        ...accessErrors,
        InvalidRequest,
        BadSelectionBody,
        PayloadTooLarge,
        UnsupportedMediaType,
        Internal,
        BatchRefused
      ]
    })
      .annotate(RouteAccess, "operator")
      .annotate(OpenApi.Summary, "Do something to many processes")
      .annotate(
        OpenApi.Description,
        "Begins a batch over all processes that match one of `select`. 202 with the batch as it begins; with " +
          "`wait`, 200 with its result; with `dry_run`, 200 with what it would act on, and nothing is " +
          "done. Sent again it is another batch. It belongs to the console: a client that goes away ends nothing."
      ),
    HttpApiEndpoint.get("list", "/batches", {
      success: Schema.Struct({ batches: Schema.Array(BatchSummary) }),
      error: [...accessErrors, Internal]
    })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "Batches under way and the newest of those that are over")
      .annotate(OpenApi.Description, "Newest first, without their items."),
    HttpApiEndpoint.get("get", "/batches/:id", one)
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "A batch with the state of each of its processes")
      .annotate(OpenApi.Description, "Answers at once. Batches that are over are kept for a while."),
    HttpApiEndpoint.post("cancel", "/batches/:id/cancel", one)
      .annotate(RouteAccess, "operator")
      .annotate(OpenApi.Summary, "Cancel what has not ended of a batch")
      .annotate(
        OpenApi.Description,
        "Answers with the batch as it is then. What was done stays done. A batch that is over stays as it is, so " +
          "that this may be sent again."
      )
  )
  .prefix("/api")
  .annotate(OpenApi.Description, "One operation on many processes.") {}
