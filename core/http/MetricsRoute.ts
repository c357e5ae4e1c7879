/**
 * `/metrics`: the numbers of the whole console, for Prometheus. Somebody who sees a part of the fleet only is refused:
 * they name all nodes.
 */
import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { CurrentPrincipal, isUnlimited } from "../domain/Access.ts"
import { MetricsPage } from "../metrics/MetricsPage.ts"
import { errorResponse } from "./ErrorResponse.ts"
import { metricsPath } from "./Routes.ts"

const contentType = "text/plain; version=0.0.4; charset=utf-8"

/** The route; who may ask at all is decided by the authentication. */
export const layer = HttpRouter.use((router) =>
  Effect.flatMap(MetricsPage, ({ page }) =>
    router.add(
      "GET",
      metricsPath,
      Effect.flatMap(CurrentPrincipal, (principal) =>
        principal !== undefined && !isUnlimited(principal)
          ? errorResponse({
              code: "forbidden",
              message: "the metrics are of the whole fleet, and you see a part of it"
            })
          : Effect.map(page, (text) => HttpServerResponse.text(text, { contentType }))
      )
    )
  )
)
