/** The HTTP API of the console, as data: the server, the OpenAPI document and the typed client come from it. */
import { HttpApi, OpenApi } from "effect/http-api"
import { BatchesApi } from "./BatchesApi.ts"
import { HealthApi } from "./HealthApi.ts"
import { NodesApi } from "./NodesApi.ts"
import { ProcessesApi } from "./ProcessesApi.ts"

/** A misspelt field must not silently mean its default; and all that is wrong is told at once. */
const strict = { onExcessProperty: "error", errors: "all" } as const

export class Api extends HttpApi.make("muster")
  .add(NodesApi, ProcessesApi, BatchesApi, HealthApi)
  .annotate(HttpApi.PayloadParseOptions, strict)
  .annotate(HttpApi.QueryParseOptions, strict)
  .annotate(HttpApi.ParamsParseOptions, { errors: "all" })
  .annotateMerge(
    OpenApi.annotations({
      title: "Muster",
      version: "1",
      description:
        "A fleet console for supervisord. Live changes come over the WebSocket at /api/ws. Every error has one " +
        "shape; its code decides the status. Times with a date are ISO 8601, those of a process unix " +
        "seconds of its node."
    })
  ) {}
