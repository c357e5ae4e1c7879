/** What the endpoints about the health of the console do. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { CurrentPrincipal } from "../domain/Access.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { Components } from "../health/Components.ts"
import { Api } from "./Api.ts"
import { healthReport, isUnhealthy, withoutDetail } from "./HealthReport.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fnUntraced(function* (handlers) {
    const fleet = yield* Fleet
    const components = yield* Components
    const full = Effect.zipWith(components.all, fleet.nodes, healthReport)
    const report = Effect.flatMap(CurrentPrincipal, (principal) =>
      principal === undefined ? Effect.map(full, withoutDetail) : full
    )
    return handlers.handleAll({
      live: () => Effect.succeed({ status: "alive" } as const),
      ready: () =>
        Effect.flatMap(report, (health) =>
          health.fleet.connecting > 0 || isUnhealthy(health) ? Effect.fail(health) : Effect.succeed(health)
        ),
      detail: () =>
        Effect.flatMap(report, (health) => (isUnhealthy(health) ? Effect.fail(health) : Effect.succeed(health)))
    })
  })
)
