/** The HTTP API of the console, as data: the server, the OpenAPI document and the typed client come from it. */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { NodeView } from "../domain/Node.ts"
import { ProcessInfo } from "../domain/Process.ts"
import { OperationKind, OperationResult } from "../fleet/Operation.ts"
import {
  Internal,
  InvalidRequest,
  NodeFailed,
  NodeNotFound,
  NodeRefused,
  NodeShuttingDown,
  NodeTimeout,
  ProcessNotFound
} from "./ErrorBody.ts"

/** UTF-16 units of a name in a path. */
export const nameCharactersMax = 200

/** A name in a path: of a node, a group or a process. supervisord forbids `:` and `/` in names; so does Muster. */
const Name = Schema.String.check(
  Schema.isMinLength(1, { message: "expected a name, got nothing" }),
  Schema.isMaxLength(nameCharactersMax, { message: `expected a name of at most ${nameCharactersMax} characters` }),
  Schema.isPattern(/^[^\p{Cc}:/]*$/u, {
    description: "a name without control characters, : and /",
    message: "expected a name without control characters, : and /"
  })
)

/** The operations on a process, as they stand in a path. */
const OperationName = OperationKind.annotate({ message: "expected start, stop or restart" })

export const Health = Schema.Struct({
  status: Schema.Literals(["healthy", "degraded"]),
  components: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      status: Schema.Literals(["healthy", "degraded"]),
      detail: Schema.Record(Schema.String, Schema.Union([Schema.Int, Schema.String]))
    })
  )
})

export class NodesApi extends HttpApiGroup.make("nodes")
  .add(
    HttpApiEndpoint.get("list", "/nodes", {
      success: Schema.Struct({ nodes: Schema.Array(NodeView) }),
      error: Internal
    }).annotate(OpenApi.Summary, "All nodes with their status"),
    HttpApiEndpoint.get("get", "/nodes/:node", {
      params: { node: Name },
      success: NodeView,
      error: [InvalidRequest, NodeNotFound, Internal]
    }).annotate(OpenApi.Summary, "One node"),
    HttpApiEndpoint.get("processes", "/nodes/:node/processes", {
      params: { node: Name },
      success: Schema.Struct({ processes: Schema.Array(ProcessInfo) }),
      error: [InvalidRequest, NodeNotFound, Internal]
    }).annotate(OpenApi.Summary, "The processes of a node as last reported"),
    HttpApiEndpoint.post("operate", "/nodes/:node/processes/:group/:name/:operation", {
      params: { node: Name, group: Name, name: Name, operation: OperationName },
      success: OperationResult,
      error: [
        InvalidRequest,
        NodeNotFound,
        ProcessNotFound,
        NodeRefused,
        Internal,
        NodeFailed,
        NodeShuttingDown,
        NodeTimeout
      ]
    })
      .annotate(OpenApi.Summary, "Start, stop or restart a process")
      .annotate(
        OpenApi.Description,
        "Answers when the state asked for, or another final one, was observed on the node."
      )
  )
  .prefix("/api") {}

const NotReady = Health.annotate({ httpApiStatus: 503, identifier: "NotReady" })

export class HealthApi extends HttpApiGroup.make("health").add(
  HttpApiEndpoint.get("live", "/health/live", { success: Schema.Struct({ status: Schema.Literal("alive") }) }).annotate(
    OpenApi.Summary,
    "The console runs"
  ),
  HttpApiEndpoint.get("ready", "/health/ready", { success: Health, error: [NotReady, Internal] }).annotate(
    OpenApi.Summary,
    "Every node has been asked once; 503 until then"
  ),
  HttpApiEndpoint.get("detail", "/health", { success: Health, error: Internal }).annotate(
    OpenApi.Summary,
    "State by component"
  )
) {}

export class Api extends HttpApi.make("muster")
  .add(NodesApi, HealthApi)
  .annotateMerge(
    OpenApi.annotations({
      title: "Muster",
      version: "1",
      description: "A fleet console for supervisord. Live changes come over the WebSocket at /api/ws."
    })
  ) {}
