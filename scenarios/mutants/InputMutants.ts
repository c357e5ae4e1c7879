/** Wrong versions of how the console takes what comes from outside. */
import { Effect, Layer, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { ActivityLog } from "../../core/activity/ActivityLog.ts"
import { CurrentRequest } from "../../core/http/RequestFacts.ts"
import { Database } from "../../core/storage/Database.ts"
import type { Mutant } from "../Property.ts"

export const gluedStatement: Mutant = {
  id: "input-glued-statement",
  what: "before a search of the activity log it is counted by a statement that the text is glued into",
  mutate: (parts) => ({
    ...parts,
    activity: (options) =>
      Layer.effect(
        ActivityLog,
        Effect.gen(function* () {
          const log = yield* ActivityLog
          const database = yield* Database
          const count = (text: string) =>
            database.run("ActivityLog.count", (sql) =>
              sql.unsafe(`SELECT count(*) FROM activity WHERE search LIKE '%${text}%'`)
            )
          return {
            ...log,
            page: (filter, page) => Effect.andThen(count(filter.text ?? filter.actor ?? ""), log.page(filter, page))
          }
        })
      ).pipe(Layer.provide(parts.activity(options)))
  })
}

export const formulasInExport: Mutant = {
  id: "input-formulas-in-export",
  what: "cells of the exported log are as they were sent, whatever a spreadsheet makes of them",
  mutate: (parts) => ({
    ...parts,
    middleware: (app, options) =>
      parts.middleware(
        Effect.map(app, (response) => {
          const { body, headers, status } = response
          if (body._tag !== "Stream" || !(headers["content-type"] ?? "").startsWith("text/csv")) return response
          const raw = Stream.decodeText(body.stream).pipe(
            Stream.map((text) => text.replaceAll(/(^|,|"|\n)'(?=[=+\-@])/g, "$1")),
            Stream.encodeText
          )
          return HttpServerResponse.stream(raw, { status, headers, contentType: "text/csv; charset=utf-8" })
        }),
        options
      )
  })
}

export const pageNamesThePath: Mutant = {
  id: "input-page-names-the-path",
  what: "a path that does not exist is answered with a page that names it as it was sent",
  mutate: (parts) => ({
    ...parts,
    middleware: (app, options) =>
      Effect.gen(function* () {
        const response = yield* parts.middleware(app, options)
        const { url } = yield* HttpServerRequest.HttpServerRequest
        if (response.status !== 404 || (yield* CurrentRequest).route !== undefined) return response
        return HttpServerResponse.text(`<p>${decodeURIComponent(url)} is not here`, {
          status: 404,
          headers: response.headers,
          contentType: "text/html"
        })
      })
  })
}

export const decodesFirst: Mutant = {
  id: "input-decodes-first",
  what: "the path is decoded as a whole before anybody looks at it",
  mutate: (parts) => ({
    ...parts,
    middleware: (app, options) =>
      Effect.updateService(parts.middleware(app, options), HttpServerRequest.HttpServerRequest, (request) =>
        request.modify({ url: decodeURIComponent(request.url) })
      )
  })
}
