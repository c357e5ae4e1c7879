/** Endpoints for orchestrators and people who ask how the console itself is. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { ComponentStatus } from "../domain/ConsoleEvent.ts"
import { accessErrors, Internal, publicErrors } from "./ErrorBody.ts"
import { RouteAccess } from "./RouteAccess.ts"

const Component = Schema.Struct({
  name: Schema.String,
  status: ComponentStatus,
  errors: Schema.optionalKey(Schema.Int.annotate({ description: "Since the console started" })),
  errors_in_a_row: Schema.optionalKey(Schema.Int.annotate({ description: "Since its last success" })),
  last_error: Schema.optionalKey(
    Schema.Struct({ at: Schema.String.annotate({ description: "ISO 8601" }), message: Schema.String })
  ),
  detail: Schema.optionalKey(Schema.Record(Schema.String, Schema.Union([Schema.Finite, Schema.String])))
}).annotate({ description: "Without a login no more than the name and the status" })

/** How the console is: as a whole, how many nodes it reaches, and each of its components. */
export const Health = Schema.Struct({
  status: ComponentStatus.annotate({
    description: "That of the worst component; at least `degraded` when a node is down"
  }),
  fleet: Schema.Struct({ nodes: Schema.Int, up: Schema.Int, down: Schema.Int, connecting: Schema.Int }),
  components: Schema.Array(Component)
})
export type Health = typeof Health.Type

const NotReady = Health.annotate({
  httpApiStatus: 503,
  identifier: "NotReady",
  description: "Not every node was asked yet, or a component is failing or has failed."
})

const Unhealthy = Health.annotate({
  httpApiStatus: 503,
  identifier: "Unhealthy",
  description: "A component is failing or has failed."
})

export class HealthApi extends HttpApiGroup.make("health")
  .add(
    HttpApiEndpoint.get("live", "/health/live", {
      success: Schema.Struct({ status: Schema.Literal("alive") }),
      error: publicErrors
    })
      .annotate(RouteAccess, "public")
      .annotate(OpenApi.Summary, "The console runs")
      .annotate(OpenApi.Description, "Always 200: an orchestrator restarts the console when this does not answer."),
    HttpApiEndpoint.get("ready", "/health/ready", { success: Health, error: [NotReady, ...accessErrors, Internal] })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "The console knows its fleet")
      .annotate(
        OpenApi.Description,
        "200 once every node was asked, reached or not, unless a component is failing or has failed; 503 otherwise."
      ),
    HttpApiEndpoint.get("detail", "/health", { success: Health, error: [Unhealthy, ...accessErrors, Internal] })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "State by component")
      .annotate(OpenApi.Description, "200 when healthy or degraded; 503 when a component is failing or has failed.")
  )
  .annotate(OpenApi.Description, "How the console itself is.") {}
