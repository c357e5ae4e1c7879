/** What the endpoints about the activity log do. */
import { DateTime, Effect, Option } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ActivityLog } from "../activity/ActivityLog.ts"
import type { ActivityFilter } from "../activity/ActivityLog.ts"
import { limitDefault } from "./ActivityApi.ts"
import type { Filters } from "./ActivityApi.ts"
import { exportBytes, mediaTypes } from "./ActivityExport.ts"
import { databaseErrors } from "./DatabaseErrors.ts"
import { Api } from "./Api.ts"

const millisOf = (iso: string | undefined): number | undefined =>
  iso === undefined ? undefined : Option.getOrUndefined(Option.map(DateTime.make(iso), DateTime.toEpochMillis))

const filterOf = ({ from, request_id: requestId, to, ...others }: Filters): ActivityFilter => ({
  ...others,
  requestId,
  fromMs: millisOf(from),
  toMs: millisOf(to)
})

export const layer = HttpApiBuilder.group(
  Api,
  "activity",
  Effect.fnUntraced(function* (handlers) {
    const log = yield* ActivityLog
    return handlers.handleAll({
      list: ({ query: { before, limit = limitDefault, ...filters } }) =>
        databaseErrors(
          Effect.map(log.page(filterOf(filters), { before, limit }), (page) => ({
            entries: page.entries,
            ...(page.before === undefined ? {} : { before: page.before })
          }))
        ),
      export: ({ query: { format, ...filters } }) => {
        const filter = filterOf(filters)
        // A database that is away is told before the answer begins: what breaks off later is a broken connection.
        return databaseErrors(
          Effect.as(
            log.page({}, { limit: 1 }),
            HttpServerResponse.stream(exportBytes(log.all(filter), format), {
              contentType: mediaTypes[format],
              headers: { "content-disposition": `attachment; filename="muster-activity.${format}"` }
            })
          )
        )
      }
    })
  })
)
