/** Endpoints about the activity log: search, and export. */
import { DateTime, Option, Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { limitMax } from "../activity/ActivityReader.ts"
import { charactersMax } from "../activity/ActivityText.ts"
import { ActivityEntry, ActivityOutcome } from "../domain/ActivityEntry.ts"
import { exportFormats, mediaTypes } from "./ActivityExport.ts"
import { accessErrors, DatabaseTimeout, Internal, InvalidRequest } from "./ErrorBody.ts"
import { RouteAccess } from "./RouteAccess.ts"

/** Entries of a page when no `limit` is given. */
export const limitDefault = 100

/** Characters of a text that is searched for. */
const searchCharactersMax = 200

const text = (max: number) => {
  const message = `expected text of 1 to ${max} characters`
  return Schema.String.check(Schema.isMinLength(1, { message }), Schema.isMaxLength(max, { message }))
}

const wholeNumber = (minimum: number, maximum: number) => {
  const message = `expected a whole number from ${minimum} to ${maximum}`
  return Schema.Int.check(Schema.isBetween({ minimum, maximum }, { message })).annotate({ message })
}

const isoForm = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/

/** A moment: a date is its beginning in UTC, a time of day needs its zone. */
const IsoTime = Schema.String.check(
  Schema.makeFilter(
    (value) =>
      (isoForm.test(value) && Option.isSome(DateTime.make(value))) ||
      'expected a date or a time with its zone in ISO 8601, such as "2026-01-31" or "2026-01-31T08:00:00Z"'
  )
)

const filters = {
  actor: Schema.optionalKey(text(charactersMax.actor).annotate({ description: "Only what this one attempted" })),
  action: Schema.optionalKey(text(charactersMax.action)),
  node: Schema.optionalKey(text(charactersMax.node)),
  process: Schema.optionalKey(text(charactersMax.process).annotate({ description: "`group:name`" })),
  outcome: Schema.optionalKey(ActivityOutcome),
  request_id: Schema.optionalKey(text(charactersMax.request_id)),
  text: Schema.optionalKey(
    text(searchCharactersMax).annotate({
      description: "Somewhere in actor, action, node, process or detail, whatever its case"
    })
  ),
  from: Schema.optionalKey(IsoTime.annotate({ description: "ISO 8601; entries of then and later" })),
  to: Schema.optionalKey(IsoTime.annotate({ description: "ISO 8601; entries of before" }))
}

/** What a request asks for, as it stands in its query. */
const Filters = Schema.Struct(filters)
export type Filters = typeof Filters.Type

const error = [...accessErrors, InvalidRequest, Internal, DatabaseTimeout] as const

export class ActivityApi extends HttpApiGroup.make("activity")
  .add(
    HttpApiEndpoint.get("list", "/activity", {
      query: {
        ...filters,
        before: Schema.optionalKey(
          wholeNumber(0, Number.MAX_SAFE_INTEGER).annotate({ description: "Only entries with a lower id" })
        ),
        limit: Schema.optionalKey(wholeNumber(1, limitMax))
      },
      success: Schema.Struct({
        entries: Schema.Array(ActivityEntry),
        before: Schema.optionalKey(Schema.Int)
      }),
      error
    })
      .annotate(OpenApi.Summary, "Who attempted what, and what came of it")
      .annotate(
        OpenApi.Description,
        `Newest first, \`limit\` at a time (default ${limitDefault}); all filters that are given have to match. The ` +
          "`before` of an answer leads to the next page, and is missing on the last. Attempts that still wait in " +
          "memory, since the database is away, are not among them."
      ),
    HttpApiEndpoint.get("export", "/activity/export", {
      query: { ...filters, format: Schema.Literals(exportFormats).annotate({ message: "expected csv or jsonl" }) },
      success: HttpApiSchema.StreamUint8Array({ contentType: Object.values(mediaTypes) }),
      error
    })
      .annotate(OpenApi.Summary, "All entries that match, as a file")
      .annotate(
        OpenApi.Description,
        "Oldest first, as CSV with a header line (RFC 4180; a cell that a spreadsheet could take for a formula " +
          "begins with an apostrophe) or as one JSON object a line. A file that could not be completed breaks " +
          "off with its connection."
      )
  )
  .prefix("/api")
  .annotateEndpoints(RouteAccess, "admin")
  .annotate(OpenApi.Description, "The log of what was attempted, for administrators.") {}
