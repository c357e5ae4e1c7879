/**
 * All routes of the console, by reflection on the API: which methods a path takes, and who may use it. It tells a path
 * that does not exist from one that was asked in the wrong way.
 */
import { Context } from "effect"
import { HttpApi } from "effect/http-api"
import { Api } from "./Api.ts"
import { nameCharactersMax } from "./PathName.ts"
import { RouteAccess } from "./RouteAccess.ts"
import type { Access } from "./RouteAccess.ts"

/** Where the OpenAPI document is served. */
export const openapiPath = "/openapi.json"

/**
 * Bytes of a request's body, for endpoints of the API. The largest that anybody needs is the stdin of a process, whose
 * characters can take six bytes each in JSON.
 */
export const bodyBytesMax = 512 * 1024

/** Where the documentation of the API is served, if it is. */
export const docsPath = "/docs"

/** Where the metrics are served, in the text format of Prometheus. */
export const metricsPath = "/metrics"

/** Where the hub is served. */
export const hubPath = "/api/ws"

/** A segment of a path that is longer leads nowhere. Each UTF-16 unit of a name takes three escapes at most. */
export const segmentCharactersMax = nameCharactersMax * "%E2%82%AC".length

/** One method of one path. */
export interface Route {
  /** `group.endpoint` of the API, or the name of what is served beside it. */
  readonly name: string
  readonly method: string
  /** As in the definition, such as `/api/nodes/:node`. */
  readonly path: string
  readonly pattern: RegExp
  readonly params: ReadonlyArray<string>
  readonly access: Access
  /** Part of the API, and not only served beside it. */
  readonly isApi: boolean
  /** It reads a body, which is JSON. */
  readonly hasBody: boolean
  /** False for an action without a query of its own; to a look one does no harm. */
  readonly takesQuery: boolean
}

/** `:name` stands for one segment. Escapes nothing: the paths hold letters, `/`, `.` and `:name` alone. */
const patternOf = (path: string): RegExp => new RegExp(`^${path.replaceAll(/:[a-z]+/g, "([^/]+)")}$`)

const paramsOf = (path: string): ReadonlyArray<string> =>
  Array.from(path.matchAll(/:([a-z]+)/g), ([, name = ""]) => name)

const route = (of: Omit<Route, "pattern" | "params">): Route => ({
  ...of,
  pattern: patternOf(of.path),
  params: paramsOf(of.path)
})

const beside = (name: string, path: string, access: Access): Route =>
  route({ name, method: "GET", path, access, isApi: false, hasBody: false, takesQuery: true })

const collectRoutes = (): ReadonlyArray<Route> => {
  const found: Array<Route> = [
    beside("openapi", openapiPath, "public"),
    beside("docs", docsPath, "public"),
    beside("metrics", metricsPath, "viewer"),
    beside("hub.connect", hubPath, "viewer")
  ]
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint, group, mergedAnnotations }) => {
      found.push(
        route({
          name: `${group.identifier}.${endpoint.identifier}`,
          method: endpoint.method,
          path: endpoint.path,
          access: Context.get(mergedAnnotations, RouteAccess),
          isApi: true,
          hasBody: endpoint.payload.size > 0,
          takesQuery: endpoint.method === "GET" || endpoint.query !== undefined
        })
      )
    }
  })
  return found
}

/** Every route of the console. What is not among them is answered as unknown, to those who are let in. */
export const routes = collectRoutes()

/** The methods of a path, without its query; none when there is no such path. */
export const methodsAt = (path: string): ReadonlyArray<string> => {
  const methods = new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))
  return [...methods, ...(methods.has("GET") ? ["HEAD"] : [])]
}

/** What answers this, with the names in its path as they stand there, escaped. */
export const routeAt = (
  method: string,
  path: string
): { readonly route: Route; readonly params: Readonly<Record<string, string>> } | undefined => {
  const asked = method === "HEAD" ? "GET" : method
  // A fixed segment, such as `signal`, goes before one that stands for any.
  const candidates = routes
    .filter((each) => each.method === asked && each.pattern.test(path))
    .toSorted((one, other) => one.params.length - other.params.length)
  const [found] = candidates
  if (found === undefined) return undefined
  const values = found.pattern.exec(path)?.slice(1) ?? []
  return { route: found, params: Object.fromEntries(found.params.map((name, index) => [name, values[index] ?? ""])) }
}
