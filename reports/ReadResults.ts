/** Results read back from the text of a file, with a message that names the file and the field when it is none. */
import { Result, Schema, SchemaIssue } from "effect"
import { CheckReport } from "./CheckReport.ts"
import { MutantsReport } from "./MutantsReport.ts"

export class UnreadableResults extends Schema.TaggedError<UnreadableResults>()("UnreadableResults", {
  file: Schema.String,
  /** As in `properties[2].runs`; "" when it is the file as a whole. */
  field: Schema.String,
  message: Schema.String
}) {}

/** What `muster check --json` has written. */
export const readCheckReport = (file: string, text: string): Result.Result<CheckReport, UnreadableResults> =>
  read(checkReport, file, text)

/** What `muster mutants --json` has written. */
export const readMutantsReport = (file: string, text: string): Result.Result<MutantsReport, UnreadableResults> =>
  read(mutantsReport, file, text)

interface Form<A> {
  readonly command: string
  readonly format: number
  /** Its field that no other results have. */
  readonly list: string
  readonly schema: Schema.Codec<A, unknown>
}

const checkReport: Form<CheckReport> = {
  command: "muster check",
  format: CheckReport.fields.format.literal,
  list: "properties",
  schema: CheckReport
}

const mutantsReport: Form<MutantsReport> = {
  command: "muster mutants",
  format: MutantsReport.fields.format.literal,
  list: "mutants",
  schema: MutantsReport
}

const read = <A>(form: Form<A>, file: string, text: string): Result.Result<A, UnreadableResults> =>
  Result.gen(function* () {
    const fail = (field: string, message: string) =>
      Result.fail(
        new UnreadableResults({ file, field, message: `${file}: ${field === "" ? "" : `${field}: `}${message}` })
      )
    const { command, format, list, schema } = form
    const json = parseJson(text)
    if (Result.isFailure(json)) return yield* fail("", "not JSON")
    const head = decodeHead(json.success)
    if (Result.isFailure(head) || !Object.hasOwn(head.success, list)) {
      return yield* fail("", `not results of ${command} --json`)
    }
    // The rest of another format would be misunderstood, or blamed for being what it is.
    if (head.success.format !== format) {
      return yield* fail(
        "format",
        `it is ${JSON.stringify(head.success.format)}, and this version reads format ${format}`
      )
    }
    const decoded = Schema.decodeUnknownResult(schema)(json.success)
    if (Result.isSuccess(decoded)) return decoded.success
    const [first] = formatIssues(decoded.failure.issue).issues
    return yield* fail(fieldOf(first?.path ?? []), first?.message ?? decoded.failure.message)
  })

const parseJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))

const decodeHead = Schema.decodeUnknownResult(
  Schema.StructWithRest(Schema.Struct({ tool: Schema.Literal("muster"), format: Schema.Unknown }), [
    Schema.Record(Schema.String, Schema.Unknown)
  ])
)

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

const fieldOf = (path: ReadonlyArray<unknown>): string =>
  path.reduce<string>(
    (field, key) =>
      typeof key === "number" ? `${field}[${key}]` : field === "" ? String(key) : `${field}.${String(key)}`,
    ""
  )
