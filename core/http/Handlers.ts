/** What the endpoints of the API do: decoded input in, a call of a service, its errors mapped to the one shape. */
import { Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Fleet } from "../fleet/Fleet.ts"
import { Hub } from "../hub/Hub.ts"
import { Api } from "./Api.ts"
import type { Health } from "./Api.ts"
import { nodeError, unknownNode, unknownProcess } from "./ErrorBody.ts"

const nodesHandlers = HttpApiBuilder.group(
  Api,
  "nodes",
  Effect.fnUntraced(function* (handlers) {
    const fleet = yield* Fleet
    return handlers.handleAll({
      list: () => Effect.map(fleet.nodes, (nodes) => ({ nodes })),
      get: ({ params }) => fleet.node(params.node).pipe(Effect.catchTag("UnknownNode", unknownNode)),
      processes: ({ params }) =>
        fleet.processes(params.node).pipe(
          Effect.map((processes) => ({ processes })),
          Effect.catchTag("UnknownNode", unknownNode)
        ),
      operate: ({ params: { group, name, node, operation } }) =>
        fleet
          .operate(operation, node, { group, name })
          .pipe(Effect.catchTags({ UnknownNode: unknownNode, UnknownProcess: unknownProcess, NodeError: nodeError }))
    })
  })
)

const healthHandlers = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fnUntraced(function* (handlers) {
    const fleet = yield* Fleet
    const hub = yield* Hub
    const report = Effect.gen(function* () {
      const nodes = yield* fleet.nodes
      const { connected } = yield* hub.counts
      const count = (status: string) => nodes.filter((node) => node.status === status).length
      const detail = { nodes: nodes.length, up: count("up"), down: count("down"), connecting: count("connecting") }
      const status = detail.down > 0 ? "degraded" : "healthy"
      const health: typeof Health.Type = {
        status,
        components: [
          { name: "fleet", status, detail },
          { name: "hub", status: "healthy", detail: { clients: connected } }
        ]
      }
      return { health, ready: detail.connecting === 0 }
    })
    return handlers.handleAll({
      live: () => Effect.succeed({ status: "alive" } as const),
      ready: () =>
        Effect.flatMap(report, ({ health, ready }) => (ready ? Effect.succeed(health) : Effect.fail(health))),
      detail: () => Effect.map(report, ({ health }) => health)
    })
  })
)

export const layer = Layer.mergeAll(nodesHandlers, healthHandlers)
