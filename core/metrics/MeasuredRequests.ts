/** Measures the answers of the HTTP server, by route and class of status. */
import { Effect } from "effect"
import type { Around } from "../http/Middleware.ts"
import { CurrentRequest } from "../http/RequestFacts.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import type { Measurements } from "./Measurements.ts"

/** Name of the route of the hub. */
const hubRoute = "hub.connect"

/** From here on an answer is a refusal. */
const firstErrorStatus = 400

/**
 * Around everything that answers, within the facts of the request. A WebSocket that was opened is no answer that took
 * as long as its session: the hub counts it.
 */
export const measuredRequests =
  ({ requestUnsafe }: Measurements["Service"]): Around =>
  (app) =>
    Effect.gen(function* () {
      const startMs = yield* monotonicMs
      const response = yield* app
      const { route } = yield* CurrentRequest
      const wasOpened = route?.name === hubRoute && response.status < firstErrorStatus
      if (!wasOpened) {
        requestUnsafe({ route: route?.name, status: response.status, tookMs: (yield* monotonicMs) - startMs })
      }
      return response
    })
