/**
 * Which methods a path takes: what tells a path that does not exist from one that was asked in the wrong way.
 *
 * Routes that the surroundings serve, such as the documentation of the API, are not known here: a wrong method on one
 * of them is answered as an unknown route.
 */
import { HttpApi } from "effect/http-api"
import { Api } from "./Api.ts"
import { nameCharactersMax } from "./PathName.ts"

/** Where the OpenAPI document is served. */
export const openapiPath = "/openapi.json"

/**
 * Bytes of a request's body, for endpoints of the API. The largest that anybody needs is the stdin of a process, whose
 * characters can take six bytes each in JSON.
 */
export const bodyBytesMax = 512 * 1024

/** Where the hub is served. */
export const hubPath = "/api/ws"

/** A segment of a path that is longer leads nowhere. Each UTF-16 unit of a name takes three escapes at most. */
export const segmentCharactersMax = nameCharactersMax * "%E2%82%AC".length

interface Route {
  readonly method: string
  readonly pattern: RegExp
  /** Part of the API, and not only served beside it. */
  readonly isApi: boolean
  /** It reads a body, which is JSON. */
  readonly hasBody: boolean
}

/** `:name` stands for one segment. Escapes nothing: the paths hold letters, `/`, `.` and `:name` alone. */
const patternOf = (path: string): RegExp => new RegExp(`^${path.replaceAll(/:[a-z]+/g, "[^/]+")}$`)

const beside = (path: string): Route => ({ method: "GET", pattern: patternOf(path), isApi: false, hasBody: false })

const collectRoutes = (): ReadonlyArray<Route> => {
  const found: Array<Route> = [beside(openapiPath), beside(hubPath)]
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint }) => {
      found.push({
        method: endpoint.method,
        pattern: patternOf(endpoint.path),
        isApi: true,
        hasBody: endpoint.payload.size > 0
      })
    }
  })
  return found
}

const routes = collectRoutes()

/** The methods of a path, without its query; none when there is no such path. */
export const methodsAt = (path: string): ReadonlyArray<string> => {
  const methods = new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))
  return [...methods, ...(methods.has("GET") ? ["HEAD"] : [])]
}

/** Whether an endpoint of the API answers this, and whether it reads a JSON body. */
export const endpointAt = (method: string, path: string): { readonly isApi: boolean; readonly hasBody: boolean } => {
  const found = routes.filter((route) => route.method === method && route.pattern.test(path))
  return { isApi: found.some(({ isApi }) => isApi), hasBody: found.some(({ hasBody }) => hasBody) }
}
