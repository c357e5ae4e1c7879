/**
 * Oracle: what the API answers with when something is wrong is of the one shape, with the status of its code, and what
 * the OpenAPI description of its endpoint says.
 */
import { Option, Schema } from "effect"
import { OpenApi } from "effect/http-api"
import { Api } from "../../core/http/Api.ts"
import { ErrorBody, statusByCode } from "../../core/http/ErrorBody.ts"
import { Health } from "../../core/http/HealthApi.ts"
import { routeAt } from "../../core/http/Routes.ts"
import type { Answered, Asked } from "../peers/ApiClient.ts"

const Code = Schema.Struct({
  anyOf: Schema.optional(Schema.Array(Schema.Struct({ enum: Schema.optional(Schema.Array(Schema.String)) }))),
  enum: Schema.optional(Schema.Array(Schema.String))
})
const Reference = Schema.Struct({ $ref: Schema.optional(Schema.String) })

/** What is read of the description: which schemas an endpoint answers with, and which codes these have. */
const Description = Schema.Struct({
  paths: Schema.Record(
    Schema.String,
    Schema.Record(
      Schema.String,
      Schema.Struct({
        responses: Schema.Record(
          Schema.String,
          Schema.Struct({
            content: Schema.optional(
              Schema.Record(
                Schema.String,
                Schema.Struct({
                  schema: Schema.Struct({ ...Reference.fields, anyOf: Schema.optional(Schema.Array(Reference)) })
                })
              )
            )
          })
        )
      })
    )
  ),
  components: Schema.Struct({
    schemas: Schema.Record(
      Schema.String,
      Schema.Struct({ properties: Schema.optional(Schema.Struct({ code: Schema.optional(Code) })) })
    )
  })
})

const read = (): ReadonlyMap<string, ReadonlySet<string>> => {
  const { components, paths } = Schema.decodeUnknownSync(Description)(OpenApi.fromApi(Api))
  const codesOf = ({ $ref = "" }: typeof Reference.Type): ReadonlyArray<string> => {
    const code = components.schemas[$ref.split("/").at(-1) ?? ""]?.properties?.code
    return [...(code?.enum ?? []), ...(code?.anyOf ?? []).flatMap((one) => one.enum ?? [])]
  }
  const declared = new Map<string, ReadonlySet<string>>()
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { responses }] of Object.entries(methods)) {
      const codes = Object.values(responses).flatMap(({ content = {} }) =>
        Object.values(content).flatMap(({ schema }) => [schema, ...(schema.anyOf ?? [])].flatMap(codesOf))
      )
      declared.set(`${method.toUpperCase()} ${path}`, new Set(codes))
    }
  }
  return declared
}

let known: ReadonlyMap<string, ReadonlySet<string>> | undefined

/** The codes by endpoint. The description is the same for all runs, and costs more than all else of one. */
const declaredCodes = (): ReadonlyMap<string, ReadonlySet<string>> => (known ??= read())

const decodeBody = Schema.decodeUnknownOption(Schema.fromJsonString(ErrorBody), { onExcessProperty: "error" })
const decodeHealth = Schema.decodeUnknownOption(Schema.fromJsonString(Health))
const isHealth = (text: string): boolean => Option.isSome(decodeHealth(text))

/** What was read of answers: scenarios ask for it more than once. */
const readErrors = new WeakMap<Answered, Option.Option<ErrorBody>>()

/** An error as it was answered; undefined for what is none, or not of the shape. */
export const errorOf = (answer: Answered): ErrorBody | undefined => {
  if (answer.status < 400) return undefined
  const before = readErrors.get(answer)
  if (before !== undefined) return Option.getOrUndefined(before)
  const error = decodeBody(answer.body)
  readErrors.set(answer, error)
  return Option.getOrUndefined(error)
}

/** A request id that the console takes over. */
const acceptableId = /^[A-Za-z0-9._-]{1,64}$/

/** What is wrong with the answer; undefined when nothing is. */
export const wrongWith = ({ headers, method, path }: Asked, answer: Answered): string | undefined => {
  const { body, status } = answer
  const what = `${method} ${path} answered ${status}`
  const id = answer.headers["x-request-id"]
  const sent = headers["x-request-id"]
  if (id === undefined || id === "") return `${what} without a request id`
  if (sent !== undefined && acceptableId.test(sent) && id !== sent) return `${what}: its id is ${id}, not ${sent}`
  if (status < 400) return undefined
  const found = routeAt(method, path.split("?", 1)[0] ?? path)
  const endpoint = found?.route
  if (endpoint !== undefined && endpoint.name.startsWith("health.") && status === 503 && isHealth(body))
    return undefined
  if (method === "HEAD") return body === "" ? undefined : `${what} with a body`
  const type = answer.headers["content-type"] ?? "nothing"
  if (!type.startsWith("application/json")) return `${what} with a body of ${type}`
  const error = errorOf(answer)
  if (error === undefined) return `${what}, and its body is not of the one shape: ${body}`
  if (statusByCode[error.code] !== status) return `${what} with the code ${error.code}`
  if (error.request_id !== id) return `${what}: the id in its body is ${error.request_id}, not ${id}`
  if (error.code === "internal") return `${what}: ${body}`
  if (endpoint === undefined || !endpoint.isApi) return undefined
  const codes = declaredCodes().get(`${endpoint.method} ${endpoint.path.replaceAll(/:([a-z]+)/g, "{$1}")}`)
  return codes?.has(error.code) === true
    ? undefined
    : `${what} with ${error.code}, which ${endpoint.name} does not declare`
}
