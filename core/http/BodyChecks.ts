/** Bodies that are not worth reading, by the headers of their requests. */
import { ByteSize, Effect } from "effect"
import { HttpIncomingMessage, HttpServerRequest, type HttpServerResponse } from "effect/http"
import { errorResponse } from "./ErrorResponse.ts"
import { CurrentRequest } from "./RequestFacts.ts"
import { bodyBytesMax } from "./Routes.ts"

/** 413. */
export const payloadTooLarge: Effect.Effect<HttpServerResponse.HttpServerResponse> = errorResponse({
  code: "payload_too_large",
  message: `the request body is larger than ${bodyBytesMax} bytes`,
  details: { bytes_max: bodyBytesMax }
})

const notJson = errorResponse({
  code: "unsupported_media_type",
  message: "the request body has to be application/json"
})

/** Refuses what is too large, or no JSON where JSON is read; and bounds what is read of the rest. */
export const checkedBodies = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.gen(function* () {
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const { hasBody = false, isApi = false } = (yield* CurrentRequest).route ?? {}
    if (isApi && Number(headers["content-length"] ?? 0) > bodyBytesMax) return yield* payloadTooLarge
    const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase()
    if (hasBody && type !== undefined && type !== "application/json") return yield* notJson
    return yield* app
  }).pipe(Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(bodyBytesMax)))
