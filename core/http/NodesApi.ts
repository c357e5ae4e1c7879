/** Endpoints about nodes: what is known of them, and updates of what they run. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { NodeView } from "../domain/Node.ts"
import { ProcessInfo } from "../domain/Process.ts"
import { ConfigDiff, UpdateResult } from "../domain/Update.ts"
import {
  accessErrors,
  Internal,
  InvalidRequest,
  NodeFailed,
  NodeNotAsked,
  NodeRefused,
  NodeTimeout,
  NodeUnsupported,
  UnknownNodeBody
} from "./ErrorBody.ts"
import { PathName } from "./PathName.ts"
import { RouteAccess } from "./RouteAccess.ts"

const Environment = Schema.String.check(
  Schema.isMinLength(1, { message: "expected the name of an environment, got nothing" }),
  Schema.isMaxLength(200, { message: "expected the name of an environment, of at most 200 characters" })
)

const params = { node: PathName.annotate({ description: "Name of the node" }) }

/** What a look at one node answers with when it goes wrong. */
const lookErrors = [...accessErrors, InvalidRequest, UnknownNodeBody, Internal] as const

/** What a conversation with a node answers with when it goes wrong. */
const nodeErrors = [
  ...accessErrors,
  InvalidRequest,
  UnknownNodeBody,
  NodeRefused,
  Internal,
  NodeUnsupported,
  NodeFailed,
  NodeNotAsked,
  NodeTimeout
] as const

export class NodesApi extends HttpApiGroup.make("nodes")
  .add(
    HttpApiEndpoint.get("list", "/nodes", {
      query: {
        environment: Schema.optionalKey(Environment.annotate({ description: "Only nodes of this environment" }))
      },
      success: Schema.Struct({ nodes: Schema.Array(NodeView) }),
      error: [...accessErrors, InvalidRequest, Internal]
    })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "All nodes with their status")
      .annotate(OpenApi.Description, "Answers at once from what is known, also while nodes are away."),
    HttpApiEndpoint.get("get", "/nodes/:node", { params, success: NodeView, error: lookErrors })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "One node")
      .annotate(OpenApi.Description, "As it is known; `stale` says whether what is shown of its processes is fresh."),
    HttpApiEndpoint.post("refresh", "/nodes/:node/refresh", { params, success: NodeView, error: lookErrors })
      .annotate(RouteAccess, "operator")
      .annotate(OpenApi.Summary, "Ask a node now")
      .annotate(
        OpenApi.Description,
        "Polls the node without waiting for its turn, and answers with what is known of it then; that it cannot be " +
          "reached is in the answer. Changes nothing on it."
      ),
    HttpApiEndpoint.get("processes", "/nodes/:node/processes", {
      params,
      success: Schema.Struct({ processes: Schema.Array(ProcessInfo) }),
      error: lookErrors
    })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "The processes of a node as last reported")
      .annotate(OpenApi.Description, "In the node's order. Of a node that is down: as they were last seen."),
    HttpApiEndpoint.get("previewUpdate", "/nodes/:node/update", { params, success: ConfigDiff, error: nodeErrors })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "What an update would change")
      .annotate(
        OpenApi.Description,
        "Lets the node read its configuration files and compares them with what it runs. Starts and stops nothing."
      ),
    HttpApiEndpoint.post("update", "/nodes/:node/update", { params, success: UpdateResult, error: nodeErrors })
      .annotate(RouteAccess, "operator")
      .annotate(OpenApi.Summary, "Bring a node to its configuration files")
      .annotate(
        OpenApi.Description,
        "Stops and removes groups that are gone, adds new ones, and replaces changed ones; answers when it is over, " +
          "with what became of each group. Done again it changes nothing more: the preview is empty by then."
      )
  )
  .prefix("/api")
  .annotate(OpenApi.Description, "The nodes of the fleet.") {}
