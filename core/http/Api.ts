/** The HTTP API of the console, as data: the server, the OpenAPI document and the typed client come from it. */
import { Context } from "effect"
import { HttpApi, OpenApi } from "effect/http-api"
import { ActivityApi } from "./ActivityApi.ts"
import { BatchesApi } from "./BatchesApi.ts"
import { ConfigApi } from "./ConfigApi.ts"
import { HealthApi } from "./HealthApi.ts"
import { NodesApi } from "./NodesApi.ts"
import { ProcessesApi } from "./ProcessesApi.ts"
import { RouteAccess } from "./RouteAccess.ts"
import { SessionsApi } from "./SessionsApi.ts"
import { withSecurity } from "./SecuritySchemes.ts"
import { TokensApi } from "./TokensApi.ts"
import { UsersApi } from "./UsersApi.ts"

/** A misspelt field must not silently mean its default; and all that is wrong is told at once. */
const strict = { onExcessProperty: "error", errors: "all" } as const

const groups = HttpApi.make("muster").add(
  NodesApi,
  ProcessesApi,
  BatchesApi,
  HealthApi,
  SessionsApi,
  UsersApi,
  TokensApi,
  ConfigApi,
  ActivityApi
)

const isPublic = (operationId: string): boolean => publicOperations.has(operationId)

const publicOperations: ReadonlySet<string> = (() => {
  const found = new Set<string>()
  HttpApi.reflect(groups, {
    onGroup: () => {},
    onEndpoint: ({ endpoint, group, mergedAnnotations }) => {
      if (Context.get(mergedAnnotations, RouteAccess) === "public")
        found.add(`${group.identifier}.${endpoint.identifier}`)
    }
  })
  return found
})()

export class Api extends groups
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
        "seconds of its node.",
      transform: (document) => withSecurity(document, isPublic)
    })
  ) {}
