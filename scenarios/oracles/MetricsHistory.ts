/**
 * Oracle: what the console did, recorded around its parts, and whether the text of `/metrics` says just that.
 *
 * What is recorded and what is measured happen at the same virtual moment, but not in the same step. So a page is held
 * to two moments, before it was asked for and after it was there: all of the first must be in it, and nothing beyond
 * the second. What was interrupted may have been measured as whatever it became.
 */
import { Clock, Effect, Exit, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import type { ConsoleParts } from "../../core/Console.ts"
import { Fleet } from "../../core/fleet/Fleet.ts"
import { MetricsPage as PageService } from "../../core/metrics/MetricsPage.ts"
import { Database } from "../../core/storage/Database.ts"
import { DatabaseError } from "../../core/storage/DatabaseError.ts"
import { find, total } from "./MetricsText.ts"
import type { MetricsPage } from "./MetricsText.ts"
import { mapCalls, withDrivers } from "./NodeCalls.ts"

/** Something that took a while. */
interface Timed {
  readonly family: "request" | "operation" | "poll"
  /** Route or kind; "" of a poll. */
  readonly group: string
  /** Undefined when it was interrupted. */
  readonly outcome: string | undefined
  readonly seconds: number
}

/** Something that is counted once it happens: at some moment of its time, if at all. */
class Counted {
  readonly name: string
  labels: Readonly<Record<string, string>> = {}
  beganAt: number
  sureAt = Infinity
  isNone = false

  constructor(name: string, beganAt: number) {
    this.name = name
    this.beganAt = beganAt
  }
}

/** How what is under way turned out. Left open, it may have happened or not. */
export interface Happening {
  readonly yes: (labels?: Readonly<Record<string, string>>) => void
  readonly no: () => void
}

/** How much had happened at a moment. */
export interface Moment {
  readonly timed: number
  readonly counted: number
}

export interface MetricsHistory {
  /** The parts with everything watched. */
  readonly parts: ConsoleParts
  readonly now: () => Moment
  /** The page from within the console, which can be asked for when it has ended. */
  readonly page: () => Effect.Effect<string>
  /** Something begins that only a scenario sees. */
  readonly begin: (name: string) => Happening
  /** What is wrong with a page between two moments; undefined for nothing. */
  readonly wrongWith: (page: MetricsPage, from: Moment, to: Moment) => string | undefined
  /** What happened so often for sure, and perhaps. */
  readonly times: (name: string) => { readonly sure: number; readonly perhaps: number }
}

const timedFamilies = {
  request: { name: "muster_http_request_seconds", group: "route", outcome: "status" },
  operation: { name: "muster_operation_seconds", group: "kind", outcome: "outcome" },
  poll: { name: "muster_poll_seconds", group: undefined, outcome: "outcome" }
} as const

const nanosPerSecond = 1e9

/** Of times that were measured by two. */
const toleranceSeconds = 1e-6

const timed = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  tell: (seconds: number, exit: Exit.Exit<A, E>) => void
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.monotonicTimeNanos, (startNanos) =>
    Effect.onExit(effect, (exit) =>
      Effect.map(Clock.monotonicTimeNanos, (endNanos) => tell(Number(endNanos - startNanos) / nanosPerSecond, exit))
    )
  )

/** All that happened, as it happens. Synchronous. */
class Recorder {
  readonly timed: Array<Timed> = []
  readonly counted: Array<Counted> = []
  page: Effect.Effect<string> = Effect.succeed("")
  moments = 0

  readonly begin = (name: string): Happening => {
    const counted = new Counted(name, ++this.moments)
    this.counted.push(counted)
    return {
      yes: (labels = {}) => {
        counted.labels = labels
        counted.sureAt = ++this.moments
      },
      no: () => {
        counted.isNone = true
      }
    }
  }

  /** A request begins; tell how it is answered, if it is. */
  request(route: string, hasCredential: boolean): (seconds: number, status: number | undefined) => void {
    const isLogin = route === "auth.login"
    const login = isLogin ? this.begin("muster_logins_total") : undefined
    const refusal = isLogin || hasCredential ? this.begin("muster_auth_refused_total") : undefined
    return (seconds, status) => {
      if (login !== undefined) judge(login, status, (code) => code === 200)
      if (refusal !== undefined) judge(refusal, status, (code) => code === 401 || (isLogin && code === 429))
      // A session of the hub is no request that took as long.
      if (route === "hub.connect" && (status === undefined || status < 400)) return
      const outcome = status === undefined ? undefined : `${Math.floor(status / 100)}xx`
      this.timed.push({ family: "request", group: route, outcome, seconds })
    }
  }

  /** A call of the database, with what is counted of it. */
  asking<A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      this.begin("muster_database_asked_total").yes()
      const failure = this.begin("muster_database_failed_total")
      return Effect.onExit(call, (exit) =>
        Effect.sync(() => {
          const reason = outcomeOf(exit, (error) => (error instanceof DatabaseError ? error.reason : "ok"))
          if (reason === "ok") failure.no()
          else if (reason !== undefined) failure.yes({ reason })
        })
      )
    })
  }
}

const judge = (happening: Happening, status: number | undefined, isCounted: (status: number) => boolean) =>
  status === undefined ? undefined : isCounted(status) ? happening.yes() : happening.no()

/** Names the routes that a scenario asks for, as it knows them. */
type RouteOf = (method: string, path: string) => string | undefined

/** Watches the parts. */
export const watch = (parts: ConsoleParts, routeOf: RouteOf): MetricsHistory => {
  const record = new Recorder()
  const { counted, timed: all } = record
  return {
    parts: watchedParts(parts, routeOf, record),
    now: () => ({ timed: all.length, counted: record.moments }),
    page: () => record.page,
    begin: record.begin,
    wrongWith: (text, from, to) =>
      wrongTimes(text, all.slice(0, from.timed), all.slice(0, to.timed)) ??
      wrongCounts(
        text,
        counted.filter(({ sureAt }) => sureAt <= from.counted),
        counted.filter(({ beganAt, isNone }) => beganAt <= to.counted && !isNone)
      ),
    times: (name) => ({
      sure: counted.filter((each) => each.name === name && each.sureAt < Infinity).length,
      perhaps: counted.filter((each) => each.name === name && !each.isNone).length
    })
  }
}

const watchedPolls = (record: Recorder) =>
  withDrivers((_, driver) =>
    mapCalls(
      driver,
      (method) => (call) =>
        method !== "processes"
          ? call
          : timed(call, (seconds, exit) => {
              const outcome = outcomeOf(exit, ({ reason }) => reason._tag)
              record.timed.push({ family: "poll", group: "", outcome, seconds })
            })
    )
  )

const watchedParts = (parts: ConsoleParts, routeOf: RouteOf, record: Recorder): ConsoleParts => ({
  ...parts,
  middleware: (app, options) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers, method, url }) => {
      const route = routeOf(method, url.split("?", 1)[0] ?? url) ?? "none"
      const ended = record.request(route, headers["authorization"] !== undefined)
      return timed(parts.middleware(app, options), (seconds, exit) =>
        ended(seconds, Exit.isSuccess(exit) ? exit.value.status : undefined)
      )
    }),
  fleet: (nodes, options) =>
    Layer.effect(
      Fleet,
      Effect.map(Fleet, (fleet) => ({
        ...fleet,
        operate: (request, node, id, limits) =>
          timed(fleet.operate(request, node, id, limits), (seconds, exit) => {
            const outcome = Exit.isSuccess(exit) ? exit.value.outcome : outcomeOf(exit, () => "error")
            record.timed.push({ family: "operation", group: request.kind, outcome, seconds })
          })
      }))
    ).pipe(Layer.provide(watchedPolls(record)(parts).fleet(nodes, options))),
  database: (options) =>
    Layer.effect(
      Database,
      Effect.map(Database, (database) => ({
        ...database,
        run: (operation, use) => record.asking(database.run(operation, use)),
        transaction: (operation, use) => record.asking(database.transaction(operation, use))
      }))
    ).pipe(Layer.provide(parts.database(options))),
  metrics: (version) =>
    Layer.effect(
      PageService,
      Effect.map(PageService, (service) => {
        record.page = service.page
        return service
      })
    ).pipe(Layer.provide(parts.metrics(version)))
})

/** `ok`, what went wrong, or undefined when it was interrupted. */
const outcomeOf = <E>(exit: Exit.Exit<unknown, E>, nameOf: (error: E) => string): string | undefined => {
  if (Exit.isSuccess(exit)) return "ok"
  const [reason] = exit.cause.reasons
  if (reason?._tag === "Fail") return nameOf(reason.error)
  return reason?._tag === "Die" ? "defect" : undefined
}

/** Within bounds, times being what they are. */
const isWithin = (value: number, least: number, most: number): boolean =>
  value >= least - toleranceSeconds && value <= most + toleranceSeconds

const wrongTimes = (
  page: MetricsPage,
  before: ReadonlyArray<Timed>,
  after: ReadonlyArray<Timed>
): string | undefined => {
  for (const [family, { group: groupLabel, name, outcome: outcomeLabel }] of Object.entries(timedFamilies)) {
    const groups = new Map<string, readonly [group: string, outcome: string]>()
    for (const each of [...before, ...after]) {
      if (each.family !== family || each.outcome === undefined) continue
      groups.set(`${each.group} ${each.outcome}`, [each.group, each.outcome])
    }
    for (const { labels } of find(page, `${name}_count`)) {
      const group = groupLabel === undefined ? "" : (labels[groupLabel] ?? "")
      const outcome = labels[outcomeLabel] ?? ""
      groups.set(`${group} ${outcome}`, [group, outcome])
    }
    for (const [key, [group, outcome]] of groups) {
      const of = (each: Timed) => each.family === family && each.group === group
      const sure = before.filter((each) => of(each) && each.outcome === outcome)
      const perhaps = after.filter((each) => of(each) && (each.outcome ?? outcome) === outcome)
      const labels = { [outcomeLabel]: outcome, ...(groupLabel === undefined ? {} : { [groupLabel]: group }) }
      const wrong = wrongHistogram(page, name, labels, sure, perhaps)
      if (wrong !== undefined) return `${name} of ${key}: ${wrong}`
    }
  }
  return undefined
}

const bucketsMin = 10

/** One histogram, bucket by bucket. */
const wrongHistogram = (
  page: MetricsPage,
  name: string,
  labels: Readonly<Record<string, string>>,
  sure: ReadonlyArray<Timed>,
  perhaps: ReadonlyArray<Timed>
): string | undefined => {
  const count = total(page, `${name}_count`, labels)
  if (count < sure.length || count > perhaps.length) {
    return `counts ${count}, and ${sure.length} to ${perhaps.length} happened`
  }
  if (count === 0) return undefined
  const sum = total(page, `${name}_sum`, labels)
  if (!isWithin(sum, sumOf(sure), sumOf(perhaps))) return `sums ${sum}, not ${sumOf(sure)} to ${sumOf(perhaps)}`
  const buckets = find(page, `${name}_bucket`, labels)
  if (buckets.length < bucketsMin) return `has ${buckets.length} buckets`
  for (const { labels: own, value } of buckets) {
    const le = own["le"] === "+Inf" ? Infinity : Number(own["le"])
    const least = sure.filter(({ seconds }) => seconds + toleranceSeconds <= le).length
    const most = perhaps.filter(({ seconds }) => seconds - toleranceSeconds <= le).length
    if (value < least || value > most) return `up to ${le} s it has ${value}, not ${least} to ${most}`
  }
  return undefined
}

const sumOf = (all: ReadonlyArray<Timed>): number => all.reduce((sum, { seconds }) => sum + seconds, 0)

const countedNames = [
  "muster_logins_total",
  "muster_auth_refused_total",
  "muster_database_asked_total",
  "muster_database_failed_total",
  "muster_hub_joined_total"
] as const

const wrongCounts = (
  page: MetricsPage,
  before: ReadonlyArray<Counted>,
  after: ReadonlyArray<Counted>
): string | undefined => {
  for (const name of countedNames) {
    const sure = before.filter((each) => each.name === name)
    const perhaps = after.filter((each) => each.name === name)
    const all = total(page, name)
    if (all < sure.length || all > perhaps.length) {
      return `${name} is ${all}, and ${sure.length} to ${perhaps.length} happened`
    }
    for (const { labels, value } of find(page, name)) {
      const isOf = (each: Counted) => Object.entries(each.labels).every(([key, text]) => labels[key] === text)
      const [least, most] = [sure.filter(isOf), perhaps.filter(isOf)]
      const known = least.filter((each) => Object.keys(each.labels).length > 0).length
      if (value < known || value > most.length) return `${name} ${JSON.stringify(labels)} is ${value}, not ${known}`
    }
  }
  return undefined
}
