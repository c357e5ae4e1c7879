/**
 * A client of the API, made from the same definition as the server: what it sends and gets has the types of the
 * endpoints. Whatever goes wrong is one typed error.
 */
import { Effect, type Redacted, Schema } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { transportReason } from "../supervisor/TransportReason.ts"
import { Api } from "./Api.ts"
import { ErrorBody } from "./ErrorBody.ts"
import { Health } from "./HealthApi.ts"

/** The console could not be reached: nothing of the request is known to have had an effect. */
export class ConsoleUnreachable extends Schema.TaggedError<ConsoleUnreachable>()("ConsoleUnreachable", {
  detail: Schema.String
}) {}

/** The console answered with an error of its own. */
export class ConsoleRefused extends Schema.TaggedError<ConsoleRefused>()("ConsoleRefused", { error: ErrorBody }) {}

/** The console says that it is not well, or not ready: an answer of the health endpoints. */
export class ConsoleUnwell extends Schema.TaggedError<ConsoleUnwell>()("ConsoleUnwell", { health: Health }) {}

/** What answered is no console, or one of another version. */
export class AnswerNotUnderstood extends Schema.TaggedError<AnswerNotUnderstood>()("AnswerNotUnderstood", {
  detail: Schema.String
}) {}

export type ClientError = ConsoleUnreachable | ConsoleRefused | ConsoleUnwell | AnswerNotUnderstood

export type Client = HttpApiClient.ForApi<typeof Api>

/**
 * A client of the console at this URL, over the `HttpClient` of the surroundings, in the name of whoever the token is
 * of. It has no timeouts of its own.
 */
export const make = (baseUrl: string, token?: Redacted.Redacted): Effect.Effect<Client, never, HttpClient.HttpClient> =>
  HttpApiClient.make(Api, {
    baseUrl,
    ...(token === undefined
      ? {}
      : { transformClient: HttpClient.mapRequest((request) => HttpClientRequest.bearerToken(request, token)) })
  })

/** What a call of the client fails with. */
export type Failure = ErrorBody | Health | HttpClientError.HttpClientError | Schema.SchemaError

/** The errors of a call of the client, as one of four. */
export const typed = <A, R>(call: Effect.Effect<A, Failure, R>): Effect.Effect<A, ClientError, R> =>
  Effect.mapError(call, clientError)

const clientError = (failure: Failure): ClientError => {
  if (Schema.isSchemaError(failure)) return new AnswerNotUnderstood({ detail: "its shape is another one" })
  if (!HttpClientError.isHttpClientError(failure)) {
    return failure.status === "error" ? new ConsoleRefused({ error: failure }) : new ConsoleUnwell({ health: failure })
  }
  switch (failure.reason._tag) {
    case "TransportError":
    case "InvalidUrlError":
      return new ConsoleUnreachable({ detail: transportReason(failure).detail })
    default:
      return new AnswerNotUnderstood({
        detail: failure.response === undefined ? failure.reason._tag : `HTTP status ${failure.response.status}`
      })
  }
}
