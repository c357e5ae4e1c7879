/** `GET /api/ws`: upgrades to the hub. Refusals happen before the upgrade and in the one error shape. */
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { withClient, serve } from "../hub/Session.ts"
import type { SessionOptions } from "../hub/Session.ts"
import { joinRefused } from "./ErrorBody.ts"
import { errorResponse } from "./ErrorMiddleware.ts"
import { hubPath } from "./Routes.ts"

export const layer = (options: SessionOptions) =>
  HttpRouter.add(
    "GET",
    hubPath,
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      if (request.headers["upgrade"]?.toLowerCase() !== "websocket") {
        return yield* errorResponse({
          code: "upgrade_required",
          message: "this is a WebSocket; send Upgrade: websocket"
        })
      }
      return yield* withClient((client) =>
        Effect.gen(function* () {
          const socket = yield* request.upgrade
          const ended = yield* serve(client, socket, options)
          yield* Effect.logDebug("client closed").pipe(Effect.annotateLogs({ client: client.id, ...ended }))
          return HttpServerResponse.empty()
        }).pipe(
          // However the connection breaks, it is the end of this session and no error of the console.
          Effect.catchTag("SocketError", (error) =>
            Effect.as(
              Effect.annotateLogs(Effect.logDebug("client gone"), { client: client.id, reason: error.message }),
              HttpServerResponse.empty()
            )
          ),
          Effect.scoped
        )
      ).pipe(Effect.catchTag("JoinRefused", (error) => errorResponse(joinRefused(error))))
    })
  )
