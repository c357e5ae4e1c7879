/** Endpoints about API tokens, for administrators. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Limits, Role } from "../domain/Access.ts"
import { ApiTokenView } from "../domain/Account.ts"
import {
  accessErrors,
  AccountConflict,
  DatabaseTimeout,
  Internal,
  InvalidRequest,
  PayloadTooLarge,
  UnknownTokenBody,
  UnknownUserBody,
  UnsupportedMediaType
} from "./ErrorBody.ts"
import { done } from "./NoAnswer.ts"
import { RouteAccess } from "./RouteAccess.ts"

const expiry = "expected a time as ISO 8601 with its zone, such as 2030-01-31T12:00:00Z"

const NewToken = Schema.Struct({
  name: Schema.String.check(
    Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,62}$/, {
      message: 'expected a name of 1 to 63 letters, digits, spaces, ".", "_", "@" and "-"'
    })
  ),
  role: Role,
  limits: Schema.optionalKey(Limits),
  expires: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/, { message: expiry })
    ).annotate({ description: "Left out, it does not end by itself" })
  )
})

export class TokensApi extends HttpApiGroup.make("tokens")
  .add(
    HttpApiEndpoint.get("list", "/tokens", {
      success: Schema.Struct({ tokens: Schema.Array(ApiTokenView) }),
      error: [...accessErrors, Internal]
    })
      .annotate(OpenApi.Summary, "All API tokens")
      .annotate(OpenApi.Description, "Without their secrets, which are nowhere."),
    HttpApiEndpoint.post("create", "/tokens", {
      payload: NewToken,
      success: Schema.Struct({ ...ApiTokenView.fields, secret: Schema.String }).annotate({
        httpApiStatus: 201,
        description: "The token; `secret` goes into `Authorization: Bearer` and is shown this once."
      }),
      error: [
        ...accessErrors,
        InvalidRequest,
        UnknownUserBody,
        AccountConflict,
        PayloadTooLarge,
        UnsupportedMediaType,
        Internal,
        DatabaseTimeout
      ]
    })
      .annotate(OpenApi.Summary, "Make an API token")
      .annotate(
        OpenApi.Description,
        "It belongs to whoever asks, who has to be logged in, and never has more rights than its owner has at the time."
      ),
    HttpApiEndpoint.delete("remove", "/tokens/:id", {
      params: {
        id: Schema.String.check(
          Schema.isPattern(/^[A-Za-z0-9_-]{1,64}$/, { message: "expected the id of an API token" })
        )
      },
      success: done,
      error: [...accessErrors, InvalidRequest, UnknownTokenBody, Internal, DatabaseTimeout]
    })
      .annotate(OpenApi.Summary, "Remove an API token")
      .annotate(OpenApi.Description, "It lets nobody in any more, at once.")
  )
  .prefix("/api")
  .annotate(RouteAccess, "admin")
  .annotate(OpenApi.Description, "Tokens by which programs use the console.") {}
