/** Oracle: `/health` of a console between nodes that are well says so, for every component and the whole. */
import { Effect } from "effect"
import { HttpClientResponse } from "effect/http"
import { Health } from "../../core/http/HealthApi.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { eventually } from "../Property.ts"
import type { Violation } from "../Property.ts"
import type { World } from "../World.ts"

/** Errors are made good by a minute of quiet at most, and a node that was away is asked again within half a minute. */
const healthyWithinMs = 120_000

/** Waits until the console is healthy again; call it when nothing disturbs it any more. */
export const healthyAgain = ({ http }: World): Effect.Effect<void, Violation, RunContext> =>
  Effect.asVoid(
    eventually({
      what: "every component is healthy",
      withinMs: healthyWithinMs,
      // Each look is a whole request: once a second will do.
      look: Effect.andThen(Effect.sleep(1_000), http.get("http://console/health")).pipe(
        Effect.flatMap(HttpClientResponse.schemaBodyJson(Health)),
        Effect.scoped,
        Effect.map(({ components, fleet, status }) =>
          [
            ...(status === "healthy" ? [] : [`the console is ${status}`]),
            ...(fleet.up === fleet.nodes ? [] : [`${fleet.up} of ${fleet.nodes} nodes are up`]),
            ...components
              .filter((component) => component.status !== "healthy")
              .map((component) => `${component.name} is ${component.status}: ${component.last_error?.message ?? ""}`)
          ].join("; ")
        ),
        // A console that does not answer is not healthy.
        Effect.catch((error) => Effect.succeed(`no answer: ${error.message}`))
      ),
      until: (wrong) => wrong === ""
    })
  )
