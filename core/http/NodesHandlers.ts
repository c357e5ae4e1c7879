/** What the endpoints about nodes do. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { NodeView } from "../domain/Node.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { seen } from "../fleet/FleetSight.ts"
import { Api } from "./Api.ts"
import { nodeErrors, nodeLookErrors } from "./ErrorMapping.ts"
import { notPermitted } from "./LimitErrors.ts"
import { noted, updateNote } from "./Noted.ts"

/**
 * Views are JSON as they are: encoding each by its schema would take most of the time of an answer that everybody asks
 * for all the time. The bytes of a list are kept as long as the list, which the fleet gives again while nothing
 * changes.
 */
const nodesResponse = (nodes: ReadonlyArray<NodeView>) => {
  const known = bodies.get(nodes) ?? encoder.encode(`{"nodes":[${nodes.map(textOf).join(",")}]}`)
  bodies.set(nodes, known)
  return HttpServerResponse.uint8Array(known, { contentType: "application/json" })
}

const encoder = new TextEncoder()
const bodies = new WeakMap<ReadonlyArray<NodeView>, Uint8Array>()
const texts = new WeakMap<NodeView, string>()

const textOf = (node: NodeView): string => {
  const known = texts.get(node)
  if (known !== undefined) return known
  const text = JSON.stringify(node)
  texts.set(node, text)
  return text
}

export const layer = HttpApiBuilder.group(
  Api,
  "nodes",
  Effect.fnUntraced(function* (handlers) {
    const fleet = seen(yield* Fleet)
    // Apart from the handlers, which would have unknown needs inferred for them.
    const preview = (name: string) =>
      Effect.catchTag(
        Effect.flatMap(fleet, ({ reread }) => reread(name)),
        "NotPermitted",
        notPermitted
      )
    const update = (name: string) =>
      Effect.catchTag(
        noted(
          Effect.flatMap(fleet, (sight) => sight.update(name)),
          updateNote
        ),
        "NotPermitted",
        notPermitted
      )
    return handlers.handleAll({
      list: ({ query: { environment } }) =>
        Effect.map(
          Effect.flatMap(fleet, ({ nodes }) => nodes),
          (nodes) =>
            nodesResponse(environment === undefined ? nodes : nodes.filter((node) => node.environment === environment))
        ),
      get: ({ params }) => nodeLookErrors(Effect.flatMap(fleet, ({ node }) => node(params.node))),
      refresh: ({ params }) => nodeLookErrors(Effect.flatMap(fleet, ({ refresh }) => refresh(params.node))),
      processes: ({ params }) =>
        nodeLookErrors(
          Effect.flatMap(fleet, ({ processes }) => Effect.map(processes(params.node), (all) => ({ processes: all })))
        ),
      previewUpdate: ({ params }) => nodeErrors(preview(params.node)),
      update: ({ params }) => nodeErrors(update(params.node))
    })
  })
)
