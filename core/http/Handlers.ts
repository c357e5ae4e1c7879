/** What the endpoints of the API do: decoded input in, a call of a service, its errors mapped to the one shape. */
import { Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { NodeView } from "../domain/Node.ts"
import type { BatchSummary, BatchView } from "../domain/Operation.ts"
import { Batches } from "../fleet/Batches.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { Components } from "../health/Components.ts"
import { Api } from "./Api.ts"
import { batchErrors, lookErrors, nodeErrors, nodeLookErrors, processErrors, submitErrors } from "./ErrorMapping.ts"
import { healthReport, isUnhealthy } from "./HealthReport.ts"
import { logLengthDefault } from "./ProcessesApi.ts"

/**
 * Views are JSON as they are: encoding each by its schema would take most of the time of an answer that everybody asks
 * for all the time. The text of a view is kept as long as the view, which the fleet gives again while nothing changes.
 */
const nodesResponse = (nodes: ReadonlyArray<NodeView>) =>
  HttpServerResponse.text(`{"nodes":[${nodes.map(textOf).join(",")}]}`, { contentType: "application/json" })

const texts = new WeakMap<NodeView, string>()

const textOf = (node: NodeView): string => {
  const known = texts.get(node)
  if (known !== undefined) return known
  const text = JSON.stringify(node)
  texts.set(node, text)
  return text
}

const nodesHandlers = HttpApiBuilder.group(
  Api,
  "nodes",
  Effect.fnUntraced(function* (handlers) {
    const fleet = yield* Fleet
    return handlers.handleAll({
      list: ({ query: { environment } }) =>
        Effect.map(fleet.nodes, (nodes) =>
          nodesResponse(environment === undefined ? nodes : nodes.filter((node) => node.environment === environment))
        ),
      get: ({ params }) => nodeLookErrors(fleet.node(params.node)),
      refresh: ({ params }) => nodeLookErrors(fleet.refresh(params.node)),
      processes: ({ params }) =>
        nodeLookErrors(Effect.map(fleet.processes(params.node), (processes) => ({ processes }))),
      previewUpdate: ({ params }) => nodeErrors(fleet.reread(params.node)),
      update: ({ params }) => nodeErrors(fleet.update(params.node))
    })
  })
)

const processesHandlers = HttpApiBuilder.group(
  Api,
  "processes",
  Effect.fnUntraced(function* (handlers) {
    const fleet = yield* Fleet
    return handlers.handleAll({
      get: ({ params: { group, name, node } }) => lookErrors(fleet.process(node, { group, name })),
      readLog: ({ params: { group, name, node }, query: { channel = "stdout", length, offset } }) =>
        processErrors(
          fleet.readLog(
            { node, group, name, channel },
            { from: offset ?? "end", lengthBytesMax: length ?? logLengthDefault }
          )
        ),
      operate: ({ params: { group, name, node, operation } }) =>
        processErrors(fleet.operate({ kind: operation }, node, { group, name })),
      signal: ({ params: { group, name, node }, payload: { signal } }) =>
        processErrors(fleet.operate({ kind: "signal", signal }, node, { group, name })),
      stdin: ({ params: { group, name, node }, payload: { chars } }) =>
        processErrors(fleet.operate({ kind: "stdin", chars }, node, { group, name }))
    })
  })
)

/** A batch without its items, which can be many. */
const summaryOf = (batch: BatchView): BatchSummary => {
  const { items: _, ...summary } = batch
  return summary
}

const batchesHandlers = HttpApiBuilder.group(
  Api,
  "batches",
  Effect.fnUntraced(function* (handlers) {
    const batches = yield* Batches
    return handlers.handleAll({
      submit: ({ payload }) =>
        submitErrors(
          Effect.map(batches.submit(payload), (batch) =>
            payload.wait === true || payload.dry_run === true
              ? batch
              : HttpServerResponse.jsonUnsafe(batch, { status: 202, headers: { location: `/api/batches/${batch.id}` } })
          )
        ),
      list: () => Effect.map(batches.all, (all) => ({ batches: all.map(summaryOf) })),
      get: ({ params }) => batchErrors(batches.get(params.id)),
      cancel: ({ params }) => batchErrors(batches.cancel(params.id))
    })
  })
)

const healthHandlers = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fnUntraced(function* (handlers) {
    const fleet = yield* Fleet
    const components = yield* Components
    const report = Effect.zipWith(components.all, fleet.nodes, healthReport)
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

export const layer = Layer.mergeAll(nodesHandlers, processesHandlers, batchesHandlers, healthHandlers)
