/**
 * The stage of scenarios about what is answered over HTTP: the middleware, its budgets and audit, the router with all
 * endpoints, their schemas and handlers, as `Console` puts them together; over services that a scenario gives. Requests
 * are handed in as values and answers taken out as such: there is no network, and no connection that could break.
 *
 * The router costs more to build than all else of a run, and holds no state: it is built once for all runs, over
 * services that pass each call on to those of the stage whose request is being answered.
 */
import { Context, Effect, Fiber, Layer, Logger, References, Scope, Stream } from "effect"
import { HttpBody, HttpClientRequest, HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ActivityLog } from "../../core/activity/ActivityLog.ts"
import { Accounts } from "../../core/auth/Accounts.ts"
import { Settings } from "../../core/config/Settings.ts"
import type { ConsoleParts, LiveOptions } from "../../core/Console.ts"
import { Batches } from "../../core/fleet/Batches.ts"
import { Fleet } from "../../core/fleet/Fleet.ts"
import { Components } from "../../core/health/Components.ts"
import { Api } from "../../core/http/Api.ts"
import * as AuditTrail from "../../core/http/AuditTrail.ts"
import * as Handlers from "../../core/http/Handlers.ts"
import { refusedWhenShort } from "../../core/http/MemoryRefusal.ts"
import { requestBudget } from "../../core/http/RequestBudget.ts"
import { hubPath, metricsPath, openapiPath, segmentCharactersMax } from "../../core/http/Routes.ts"
import * as FiberBudget from "../../core/resources/FiberBudget.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import type { Answered, Asked } from "../peers/ApiClient.ts"
import * as CollectedLog from "../CollectedLog.ts"
import { consoleOptions } from "../World.ts"

/** What is behind the endpoints. */
export interface Services {
  readonly accounts: Accounts["Service"]
  readonly activity: Pick<ActivityLog["Service"], "record" | "page" | "all">
  readonly fleet: Pick<
    Fleet["Service"],
    "nodes" | "node" | "processes" | "process" | "operate" | "readLog" | "reread" | "update" | "refresh"
  >
  readonly batches: Batches["Service"]
  readonly settings: Pick<Settings["Service"], "overview" | "reload">
  readonly components: Pick<Components["Service"], "all">
}

export interface AppStageOptions {
  readonly parts: ConsoleParts
  readonly services: Services
  /** As in the configuration; see `consoleOptions`. */
  readonly http?: Partial<LiveOptions["http"]>
  /** Requests that may be under way. */
  readonly requestsMax?: number
  /** Whether memory is critically short. */
  readonly isShort?: () => boolean
  /** Whether every line of the log is kept, those for debugging included. */
  readonly keepsLines?: boolean
}

/** A request as a value; it is nobody's upgrade unless it says so in its headers. */
export interface AppStage {
  /** Sends it; gives the whole answer. A request that its client cut off has none. */
  readonly ask: (asked: Asked) => Effect.Effect<Answered>
  /** The lines of the log so far, as they are written in production; see `keepsLines`. */
  readonly lines: () => ReadonlyArray<string>
  /** What was logged as an error so far. */
  readonly errors: () => ReadonlyArray<string>
}

const CurrentServices = Context.Reference<Services | undefined>("scenarios/stages/AppStage/CurrentServices", {
  defaultValue: () => undefined
})

const servicesOf = (found: Services | undefined): Services => {
  if (found === undefined) throw new Error("a request outside of a stage")
  return found
}

/** A call of the services of this request's stage. */
const call = <A, E>(use: (services: Services) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(CurrentServices, (found) => use(servicesOf(found)))

/** The same for a service whose calls all give effects of the same kind. */
const passed =
  <Args extends ReadonlyArray<unknown>, A, E>(of: (services: Services) => (...args: Args) => Effect.Effect<A, E>) =>
  (...args: Args): Effect.Effect<A, E> =>
    call((services) => of(services)(...args))

const fleet = Layer.mock(Fleet, {
  nodes: call((to) => to.fleet.nodes),
  node: passed((to) => to.fleet.node),
  processes: passed((to) => to.fleet.processes),
  process: passed((to) => to.fleet.process),
  operate: passed((to) => to.fleet.operate),
  readLog: passed((to) => to.fleet.readLog),
  reread: passed((to) => to.fleet.reread),
  update: passed((to) => to.fleet.update),
  refresh: passed((to) => to.fleet.refresh)
})

const batches = Layer.mock(Batches, {
  submit: passed((to) => to.batches.submit),
  all: call((to) => to.batches.all),
  get: passed((to) => to.batches.get),
  cancel: passed((to) => to.batches.cancel)
})

const accounts = Layer.mock(Accounts, {
  anonymous: undefined,
  currentUnsafe: () => undefined,
  login: passed((to) => to.accounts.login),
  refresh: passed((to) => to.accounts.refresh),
  logout: passed((to) => to.accounts.logout),
  csrfTokenUnsafe: (session) =>
    servicesOf(Fiber.getCurrent()?.getRef(CurrentServices)).accounts.csrfTokenUnsafe(session),
  issueTicket: passed((to) => to.accounts.issueTicket),
  users: call((to) => to.accounts.users),
  user: passed((to) => to.accounts.user),
  createUser: passed((to) => to.accounts.createUser),
  changeUser: passed((to) => to.accounts.changeUser),
  changeOwnPassword: passed((to) => to.accounts.changeOwnPassword),
  removeUser: passed((to) => to.accounts.removeUser),
  sessions: passed((to) => to.accounts.sessions),
  endSessions: passed((to) => to.accounts.endSessions),
  tokens: call((to) => to.accounts.tokens),
  createToken: passed((to) => to.accounts.createToken),
  removeToken: passed((to) => to.accounts.removeToken)
})

const activity = Layer.mock(ActivityLog, {
  page: passed((to) => to.activity.page),
  all: (filter) => Stream.unwrap(call((to) => Effect.succeed(to.activity.all(filter))))
})

const settings = Layer.mock(Settings, {
  currentUnsafe: () => {
    throw new Error("no endpoint asks for this")
  },
  overview: call((to) => to.settings.overview),
  reload: call((to) => to.settings.reload)
})

const components = Layer.mock(Components, { all: call((to) => to.components.all) })

/** What is served beside the API: of these only that they are reached is of interest here. */
const beside = HttpRouter.use((router) =>
  Effect.andThen(
    router.add("GET", hubPath, HttpServerResponse.empty()),
    router.add("GET", metricsPath, HttpServerResponse.text("up 1\n"))
  )
)

type App = Effect.Success<ReturnType<typeof buildApp>>

const buildApp = () =>
  HttpRouter.toHttpEffect(
    Layer.mergeAll(HttpApiBuilder.layer(Api, { openapiPath }).pipe(Layer.provide(Handlers.layer)), beside).pipe(
      Layer.provide(Layer.mergeAll(fleet, batches, accounts, activity, settings, components)),
      Layer.provide(HttpServer.layerServices)
    )
  ).pipe(
    Effect.provideService(HttpRouter.RouterConfig, { maxParamLength: segmentCharactersMax }),
    Effect.provideService(Scope.Scope, Scope.makeUnsafe()),
    // What is there while it is built goes into every request: it must not be a scheduler.
    Effect.updateContext(nothingElse)
  )

/** Instead of whatever is there. */
const nothingElse: (found: Context.Context<never>) => Context.Context<never> = () => Context.empty()

let built: App | undefined

const app = (): App => (built ??= Effect.runSync(buildApp()))

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Of texts that are long: scenarios send the same ones over and over again. */
const encoded = new Map<string, Uint8Array>()
const longFrom = 5_000
const encodedMax = 50

const encode = (text: string): Uint8Array => {
  if (text.length < longFrom) return encoder.encode(text)
  const known = encoded.get(text)
  if (known !== undefined) return known
  if (encoded.size >= encodedMax) encoded.clear()
  const bytes = encoder.encode(text)
  encoded.set(text, bytes)
  return bytes
}

/**
 * As a server hands it to its app: with the path as it was sent. Made with a URL of its own, since one that is none
 * costs Effect an error with its stack.
 */
const toRequest = ({ body, headers, method, path }: Asked): HttpServerRequest.HttpServerRequest => {
  const bytes = typeof body === "string" ? encode(body) : body
  const type = headers["content-type"] ?? "application/json"
  const plain = HttpClientRequest.make(method)("http://console", { headers })
  const request =
    bytes === undefined || bytes.length === 0
      ? plain
      : HttpClientRequest.setBody(plain, HttpBody.uint8Array(bytes, type)).pipe(
          HttpClientRequest.setHeader("content-length", String(bytes.length))
        )
  return HttpServerRequest.fromClientRequest(request).modify({ url: path })
}

/** As a client gets it. */
const toAnswer = (
  method: string,
  { body, cookies, headers, status }: HttpServerResponse.HttpServerResponse
): Effect.Effect<Answered> => {
  const set = Object.values(cookies.cookies).map(({ name, value }) => `${name}=${value}`)
  const all = set.length === 0 ? headers : { ...headers, "set-cookie": set.join("; ") }
  const answer = (text: string): Answered => ({ status, headers: all, body: text })
  if (method === "HEAD" || body._tag === "Empty") return Effect.succeed(answer(""))
  if (body._tag === "Uint8Array") return Effect.succeed(answer(decoder.decode(body.body)))
  if (body._tag !== "Stream") return Effect.die(`an answer of ${body._tag}`)
  return Effect.map(Effect.orDie(Stream.mkString(Stream.decodeText(body.stream))), answer)
}

/** Builds it; it lasts until the scope closes. */
export const make = Effect.fnUntraced(function* ({
  http = {},
  isShort = () => false,
  keepsLines = false,
  parts,
  requestsMax = 1_000,
  services
}: AppStageOptions): Effect.fn.Return<AppStage, never, RunContext | Scope.Scope> {
  const { errors, lines, logger: collector } = CollectedLog.make(keepsLines)
  const log = ActivityLog.of({ ...services.activity, counts: Effect.die("nobody counts") })
  const audit = yield* Effect.provideService(AuditTrail.make, ActivityLog, log)
  const limits = () => ({ requests: requestsMax, operations: 500 })
  const budget = requestBudget(Context.get(yield* Layer.build(FiberBudget.layer(limits)), FiberBudget.FiberBudget))
  const refuseLarge = refusedWhenShort({ refusingUnsafe: isShort })
  const options = {
    ...consoleOptions.live().http,
    ...http,
    audit,
    budget: <E, R>(inner: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) => budget(refuseLarge(inner))
  }
  const routes = app()
  const answering = Effect.suspend(() => parts.middleware(routes, options))
  const own = Context.make(Accounts, services.accounts).pipe(
    Context.add(CurrentServices, services),
    Context.add(Logger.CurrentLoggers, new Set([collector])),
    Context.add(References.MinimumLogLevel, keepsLines ? "Debug" : "Info")
  )
  return {
    ask: (asked) =>
      Effect.flatMap(answering, (response) => toAnswer(asked.method, response)).pipe(
        Effect.scoped,
        Effect.orDie,
        Effect.provideContext(Context.add(own, HttpServerRequest.HttpServerRequest, toRequest(asked)))
      ),
    lines: () => lines,
    errors: () => errors
  }
})
