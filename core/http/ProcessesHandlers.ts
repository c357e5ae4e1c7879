/** What the endpoints about one process do. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { OperationRequest } from "../domain/Operation.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { seen } from "../fleet/FleetSight.ts"
import { Api } from "./Api.ts"
import { lookErrors, processErrors } from "./ErrorMapping.ts"
import { askedOperation, noted, notedAsked, operationNote } from "./Noted.ts"
import { logLengthDefault } from "./ProcessesApi.ts"

interface ProcessParams {
  readonly node: string
  readonly group: string
  readonly name: string
}

export const layer = HttpApiBuilder.group(
  Api,
  "processes",
  Effect.fnUntraced(function* (handlers) {
    const fleet = seen(yield* Fleet)
    const operate = (request: OperationRequest, { group, name, node }: ProcessParams) => {
      const run = Effect.flatMap(fleet, (sight) => sight.operate(request, node, { group, name }))
      return processErrors(notedAsked(askedOperation(request))(noted(run, operationNote(request))))
    }
    return handlers.handleAll({
      get: ({ params: { group, name, node } }) =>
        lookErrors(Effect.flatMap(fleet, ({ process }) => process(node, { group, name }))),
      readLog: ({ params: { group, name, node }, query: { channel = "stdout", length, offset } }) =>
        processErrors(
          Effect.flatMap(fleet, ({ readLog }) =>
            readLog(
              { node, group, name, channel },
              { from: offset ?? "end", lengthBytesMax: length ?? logLengthDefault }
            )
          )
        ),
      operate: ({ params }) => operate({ kind: params.operation }, params),
      signal: ({ params, payload: { signal } }) => operate({ kind: "signal", signal }, params),
      stdin: ({ params, payload: { chars } }) => operate({ kind: "stdin", chars }, params)
    })
  })
)
