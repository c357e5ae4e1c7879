/**
 * Which methods a path takes: what tells a path that does not exist from one that was asked in the wrong way.
 *
 * Routes that the surroundings serve, such as the documentation of the API, are not known here: a wrong method on one
 * of them is answered as an unknown route.
 */
import { HttpApi } from "effect/http-api"
import { Api, nameCharactersMax } from "./Api.ts"

/** Where the OpenAPI document is served. */
export const openapiPath = "/openapi.json"

/** Where the hub is served. */
export const hubPath = "/api/ws"

/** A segment of a path that is longer leads nowhere. Each UTF-16 unit of a name takes three escapes at most. */
export const segmentCharactersMax = nameCharactersMax * "%E2%82%AC".length

interface Route {
  readonly method: string
  readonly pattern: RegExp
}

/** `:name` stands for one segment. Escapes nothing: the paths hold letters, `/`, `.` and `:name` alone. */
const route = (method: string, path: string): Route => ({
  method,
  pattern: new RegExp(`^${path.replaceAll(/:[a-z]+/g, "[^/]+")}$`)
})

const collectRoutes = (): ReadonlyArray<Route> => {
  const found: Array<Route> = [route("GET", openapiPath), route("GET", hubPath)]
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint }) => {
      found.push(route(endpoint.method, endpoint.path))
    }
  })
  return found
}

const routes = collectRoutes()

/** The methods of a path, without its query; none when there is no such path. */
export const methodsAt = (path: string): ReadonlyArray<string> => {
  const methods = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
  return methods.includes("GET") ? [...methods, "HEAD"] : methods
}
