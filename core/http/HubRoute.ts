/** `GET /api/ws`: upgrades to the hub. Refusals happen before the upgrade and in the one error shape. */
import { Effect, Layer, Schema, SchemaIssue } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import { CurrentPrincipal } from "../domain/Access.ts"
import * as Heartbeat from "../hub/Heartbeat.ts"
import type { Client, Joining } from "../hub/Hub.ts"
import { Topic } from "../hub/Protocol.ts"
import type { CloseReason } from "../hub/Protocol.ts"
import { serve, withClient } from "../hub/Session.ts"
import type { SessionOptions } from "../hub/Session.ts"
import { joinRefused } from "./ErrorBody.ts"
import type { ErrorParts } from "./ErrorBody.ts"
import { errorResponse } from "./ErrorResponse.ts"
import { CurrentRequest } from "./RequestFacts.ts"
import { hubPath } from "./Routes.ts"

export const layer = (options: SessionOptions) =>
  Layer.unwrap(
    Effect.map(Heartbeat.make(options), (heartbeat) => HttpRouter.add("GET", hubPath, upgrade(heartbeat, options)))
  )

const upgrade = (heartbeat: Heartbeat.Heartbeat, options: SessionOptions) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    Effect.flatMap(readJoining(request), (joining) =>
      "code" in joining
        ? errorResponse(joining)
        : withClient(joining, {
            joined: (client) => serveOver(request.upgrade, client, heartbeat, options),
            refused: (error) => errorResponse(joinRefused(error))
          })
    )
  )

/** Who wants to join, or why the request does not ask for that. */
const readJoining = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest
): Effect.fn.Return<Joining | ErrorParts, never, HttpServerRequest.ParsedSearchParams> {
  if (request.headers["upgrade"]?.toLowerCase() !== "websocket") {
    return { code: "upgrade_required", message: "this is a WebSocket; send Upgrade: websocket" }
  }
  const asked = yield* Effect.result(readQuery)
  if (asked._tag === "Failure") return invalidQuery(asked.failure)
  const { address } = yield* CurrentRequest
  return { ...toJoining(asked.success), address, principal: yield* CurrentPrincipal }
})

/** Serves a client until its session ends. The response is for the log only, the connection has had its answer. */
const serveOver = <E>(
  upgraded: Effect.Effect<Socket.Socket, E>,
  client: Client,
  heartbeat: Heartbeat.Heartbeat,
  options: SessionOptions
) =>
  Effect.flatMap(upgraded, (socket) => serve(client, socket, heartbeat, options)).pipe(
    Effect.scoped,
    Effect.matchEffect({
      onSuccess: (ended) => logEnd(client, ended),
      // However the connection breaks, it is the end of this session and no error of the console.
      onFailure: (error) =>
        Socket.isSocketError(error) ? logEnd(client, { reason: error.message }) : Effect.fail(error)
    }),
    Effect.as(HttpServerResponse.empty())
  )

const logEnd = ({ id }: Client, how: Partial<CloseReason>) =>
  Effect.annotateLogs(Effect.logDebug("client gone"), { client: id, ...how })

const isTopic = Schema.is(Topic)

/** Other parameters are not looked at: they may be for somebody else, such as authentication. */
const Query = Schema.Struct({
  since: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^\d{1,15}$/, { message: "expected the number of the last event that is known" })
    )
  ),
  stream: Schema.optionalKey(Schema.String),
  topics: Schema.optionalKey(
    Schema.String.check(
      Schema.makeFilter((list) => list.split(",").every(isTopic) || `expected some of ${Topic.literals.join(",")}`)
    )
  ),
  nodes: Schema.optionalKey(Schema.String)
})

/** Made once: making it compiles the schema. */
const readQuery = HttpServerRequest.schemaSearchParams(Query)

const toJoining = ({ nodes, since, stream, topics }: typeof Query.Type): Joining => ({
  since: since === undefined ? undefined : Number(since),
  stream,
  subscription: {
    ...(topics === undefined ? {} : { topics: topics.split(",").filter(isTopic) }),
    ...(nodes === undefined ? {} : { nodes: nodes.split(",") })
  }
})

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

const invalidQuery = (error: Schema.SchemaError): ErrorParts => {
  const fields = formatIssues(error.issue).issues.map(({ message, path = [] }) => ({
    field: ["query", ...path.map(String)].join("."),
    message
  }))
  const message = `invalid query: ${fields.map(({ field }) => field).join(", ")}`
  return { code: "invalid_request", message, details: { fields } }
}
