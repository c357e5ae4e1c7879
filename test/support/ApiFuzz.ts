/**
 * Requests drawn from the OpenAPI description of a console: what the schemas allow, what is near it, and what is wrong
 * on purpose, in the body, the query, the path and the headers.
 */
import { Schema } from "effect"
import * as fc from "fast-check"

/** What is used of JSON Schema. */
interface JsonSchema {
  readonly $ref?: string | undefined
  readonly type?: string | undefined
  readonly enum?: ReadonlyArray<unknown> | undefined
  readonly anyOf?: ReadonlyArray<JsonSchema> | undefined
  readonly oneOf?: ReadonlyArray<JsonSchema> | undefined
  readonly allOf?: ReadonlyArray<JsonSchema> | undefined
  readonly properties?: Readonly<Record<string, JsonSchema>> | undefined
  readonly required?: ReadonlyArray<string> | undefined
  readonly items?: JsonSchema | undefined
  readonly maxItems?: number | undefined
  readonly minimum?: number | undefined
  readonly maximum?: number | undefined
  readonly maxLength?: number | undefined
}

const JsonSchema: Schema.Codec<JsonSchema> = Schema.Struct({
  $ref: Schema.optional(Schema.String),
  type: Schema.optional(Schema.String),
  enum: Schema.optional(Schema.Array(Schema.Unknown)),
  anyOf: Schema.optional(Schema.Array(Schema.suspend(() => JsonSchema))),
  oneOf: Schema.optional(Schema.Array(Schema.suspend(() => JsonSchema))),
  allOf: Schema.optional(Schema.Array(Schema.suspend(() => JsonSchema))),
  properties: Schema.optional(
    Schema.Record(
      Schema.String,
      Schema.suspend(() => JsonSchema)
    )
  ),
  required: Schema.optional(Schema.Array(Schema.String)),
  items: Schema.optional(Schema.suspend(() => JsonSchema)),
  maxItems: Schema.optional(Schema.Number),
  minimum: Schema.optional(Schema.Number),
  maximum: Schema.optional(Schema.Number),
  maxLength: Schema.optional(Schema.Number)
})

const Operation = Schema.Struct({
  parameters: Schema.optional(
    Schema.Array(Schema.Struct({ name: Schema.String, in: Schema.String, schema: JsonSchema }))
  ),
  requestBody: Schema.optional(
    Schema.Struct({
      content: Schema.Record(Schema.String, Schema.Struct({ schema: JsonSchema }))
    })
  )
})
type Operation = typeof Operation.Type

/** What the fuzz reads of the description. */
export const OpenApi = Schema.Struct({
  paths: Schema.Record(Schema.String, Schema.Record(Schema.String, Operation)),
  components: Schema.Struct({ schemas: Schema.Record(Schema.String, JsonSchema) })
})
export type OpenApi = typeof OpenApi.Type

/** A request as it goes out. `endpoint` is what it was drawn for, such as `post /api/batches`. */
export interface FuzzedRequest {
  readonly endpoint: string
  readonly method: string
  /** With its query, escaped or not. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
}

/** Text that has broken programs before. */
const hostile = [
  "",
  " ",
  "..",
  "../../etc/passwd",
  "..%2f..%2fetc%2fpasswd",
  "' OR '1'='1' --",
  '"; DROP TABLE users; --',
  "%00",
  "\u0000",
  "\u0001\u001b[31m",
  "\n2026-01-01 level=ERROR forged",
  "\u2028\u2029\u202e",
  "\ud800",
  "__proto__",
  "constructor",
  "toString",
  "${jndi:ldap://x}",
  "${MUSTER_ADMIN_PASSWORD}",
  "{{7*7}}",
  "<script>alert(1)</script>",
  "=cmd|' /C calc'!A0",
  "*",
  "x".repeat(300),
  "€".repeat(201),
  "-1",
  "1e400",
  "9007199254740993",
  "NaN",
  "null",
  "true",
  "[]",
  "0x10"
] as const

const hostileText = fc.constantFrom(...hostile)

/** Names that are there: requests about them get further than the first check. */
const known = fc.constantFrom("local", "demo", "fuzz-user", "stdout", "start", "stop", "signal", "0", "1")

const anyText = fc.oneof({ weight: 3, arbitrary: known }, hostileText, fc.string({ maxLength: 40, unit: "binary" }))

const anyJson = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  hostileText,
  fc.constantFrom<unknown>(-0, 2 ** 53, -1, 1e308, {}, [], null)
)

const schemas = (api: OpenApi) => {
  const ofSchema = (schema: JsonSchema, depth: number): fc.Arbitrary<unknown> => {
    if (depth > 6) return anyJson
    const deeper = (inner: JsonSchema) => ofSchema(inner, depth + 1)
    const named = schema.$ref === undefined ? undefined : api.components.schemas[schema.$ref.split("/").at(-1) ?? ""]
    if (named !== undefined) return deeper(named)
    const choices = schema.anyOf ?? schema.oneOf
    if (choices !== undefined && choices.length > 0) return fc.oneof(...choices.map(deeper))
    const [first] = schema.allOf ?? []
    if (first !== undefined && schema.type === undefined) return deeper(first)
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
    switch (schema.type) {
      case "string":
        return fc.oneof(anyText, fc.string({ maxLength: Math.min(schema.maxLength ?? 64, 64) }))
      case "boolean":
        return fc.boolean()
      case "null":
        return fc.constant(null)
      case "integer":
      case "number":
        return fc.oneof(
          fc.integer({ min: Math.max(schema.minimum ?? -1, -1e6), max: Math.min(schema.maximum ?? 100, 1e6) }),
          fc.constantFrom(-1, 0, 1.5, 2 ** 53, -(2 ** 53))
        )
      case "array":
        return fc.array(deeper(schema.items ?? {}), { maxLength: Math.min(schema.maxItems ?? 4, 4) })
      case "object": {
        const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => [name, deeper(field)] as const)
        return fc.record(Object.fromEntries(fields), { requiredKeys: [...(schema.required ?? [])] })
      }
      default:
        return anyJson
    }
  }
  return ofSchema
}

/** Now and then, what is wrong in place of what is right. */
const orWrong = <A, B>(right: fc.Arbitrary<A>, wrong: fc.Arbitrary<B>): fc.Arbitrary<A | B> =>
  fc.oneof({ weight: 5, arbitrary: right }, { weight: 1, arbitrary: wrong })

const brokenBody = fc.constantFrom<string | Uint8Array>(
  "",
  "{",
  '{"a":',
  "[".repeat(5_000),
  '{"__proto__":{"role":"admin"}}',
  '{"a":1,"a":2}',
  "\ufeff{}",
  "null",
  '"text"',
  new Uint8Array([0xff, 0xfe, 0x7b, 0x7d]),
  new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
  `{"username":"${"x".repeat(600_000)}"}`
)

/** Header values as Node lets them out: no control characters, Latin-1. */
const headerText = fc.oneof(
  fc.constantFrom("", "Bearer", "Bearer ", "Bearer x.y.z", "Basic YTpi", "'", "../..", "a".repeat(2_000), "\u00ff"),
  fc.string({ maxLength: 60 }).map((text) => text.replaceAll(/[^\x20-\x7e]/g, "_").trim())
)

const oddHeaders = fc.record(
  {
    "x-request-id": headerText,
    "x-forwarded-for": headerText,
    "x-forwarded-proto": headerText,
    origin: fc.oneof(headerText, fc.constantFrom("null", "https://evil.example", "http://127.0.0.1:1")),
    cookie: fc.oneof(headerText, fc.constantFrom("muster_session=x; muster_session=y", "muster_session=a.b.c")),
    "x-csrf-token": headerText,
    accept: headerText,
    range: headerText,
    "accept-encoding": headerText,
    "content-type": fc.constantFrom("text/plain", "application/xml", "application/json; charset=utf-16", "multipart/x")
  },
  { requiredKeys: [] }
)

const wrongToken = fc.constantFrom("Bearer nonsense", "Bearer mst_nonsense", "Bearer a.b.c", "basic x", "")

const escape = (text: string): string => encodeURIComponent(text.toWellFormed())

const requestTo = (api: OpenApi, method: string, template: string, { parameters = [], requestBody }: Operation) => {
  const arbitraryOf = schemas(api)
  const inPath = parameters.filter((parameter) => parameter.in === "path")
  const inQuery = parameters.filter((parameter) => parameter.in === "query")
  const schema = requestBody?.content["application/json"]?.schema
  const body: fc.Arbitrary<string | Uint8Array | undefined> =
    schema === undefined
      ? orWrong(fc.constant(undefined), brokenBody)
      : orWrong(
          orWrong(arbitraryOf(schema, 0), anyJson).map((value) => JSON.stringify(value)),
          brokenBody
        )
  return fc
    .record({
      path: fc.tuple(...inPath.map(() => anyText)),
      isRaw: fc.nat(9).map((n) => n === 0),
      query: fc.array(
        fc.tuple(
          orWrong(fc.constantFrom("x", ...inQuery.map(({ name }) => name)), hostileText),
          fc.oneof(anyText, fc.nat(100).map(String))
        ),
        { maxLength: inQuery.length + 1 }
      ),
      odd: orWrong(fc.constant({}), oddHeaders),
      token: orWrong(fc.constant(undefined), wrongToken),
      method: orWrong(fc.constant(method), fc.constantFrom("get", "post", "put", "delete", "patch", "head", "options")),
      body
    })
    .map(({ body: sent, isRaw, odd, path, query, token, ...drawn }): ((token: string) => FuzzedRequest) => {
      const values = [...path]
      const filled = template.replaceAll(/\{[^}]+\}/g, () => {
        const value = values.shift() ?? ""
        // Unescaped, a request line takes printable ASCII without spaces alone.
        return isRaw ? value.replaceAll(/[^\x21-\x7e]/g, "_") : escape(value)
      })
      const search = query.map(([name, value]) => `${escape(name)}=${escape(value)}`).join("&")
      return (bearer) => ({
        endpoint: `${method} ${template}`,
        method: drawn.method.toUpperCase(),
        path: search === "" ? filled : `${filled}?${search}`,
        headers: {
          authorization: token ?? `Bearer ${bearer}`,
          ...(sent === undefined ? {} : { "content-type": "application/json" }),
          ...odd
        },
        body: drawn.method === "get" || drawn.method === "head" ? undefined : sent
      })
    })
}

/** Any request to any endpoint, for a token that lets in. */
export const requests = (api: OpenApi): fc.Arbitrary<(token: string) => FuzzedRequest> =>
  fc.oneof(
    ...Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => requestTo(api, method, path, operation))
    )
  )
