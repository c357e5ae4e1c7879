/** How the OpenAPI document says by what requests are let in, and which endpoints ask for nothing. */

/** By name; any one of them will do. */
const schemes = {
  bearer: {
    type: "http",
    scheme: "bearer",
    description: "The token of a login, or an API token"
  },
  cookie: {
    type: "apiKey",
    in: "cookie",
    name: "muster_session",
    description: "Set by a login with `cookie`; what changes something also needs `x-csrf-token`"
  }
} as const

const needed = Object.keys(schemes).map((name) => ({ [name]: [] }))

type Json = Readonly<Record<string, unknown>>

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const mapValues = (object: unknown, map: (value: Json) => Json): Json =>
  Object.fromEntries(
    Object.entries(isJson(object) ? object : {}).map(([key, value]) => [key, isJson(value) ? map(value) : value])
  )

/** Adds them to the document; `isPublic` tells by the id of an operation. */
export const withSecurity = (document: Json, isPublic: (operationId: string) => boolean): Json => ({
  ...document,
  components: { ...(isJson(document["components"]) ? document["components"] : {}), securitySchemes: schemes },
  paths: mapValues(document["paths"], (path) =>
    mapValues(path, (operation) => ({
      ...operation,
      security: isPublic(String(operation["operationId"])) ? [] : needed
    }))
  )
})
