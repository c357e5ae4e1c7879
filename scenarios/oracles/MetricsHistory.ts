/**
 * Oracle: what the console did, recorded around its parts, and whether the text of `/metrics` says just that.
 *
 * What is recorded and what is measured happen at the same virtual moment, but not in the same step. So a page is held
 * to two moments, before it was asked for and after it was there: all of the first must be in it, and nothing beyond the
 * second. What was interrupted may have been measured as whatever it became.
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

/** Something that is counted, `isSure` or perhaps. */
interface Counted {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly isSure: boolean
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
  /** Counts something that only a scenario sees. */
  readonly count: (counted: Counted) => void
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

/** Watches the parts; `routeOf` names the routes that a scenario asks for, as it knows them. */
export const watch = (
  parts: ConsoleParts,
  routeOf: (method: string, path: string) => string | undefined
): MetricsHistory => {
  const all: Array<Timed> = []
  const counts: Array<Counted> = []
  let page: Effect.Effect<string> = Effect.succeed("")
  const count = (name: string, isSure = true, labels: Counted["labels"] = {}) =>
    void counts.push({ name, labels, isSure })
  const answered = (method: string, url: string, credential: boolean, seconds: number, status: number | undefined) => {
    const route = routeOf(method, url.split("?", 1)[0] ?? url) ?? "none"
    const isLogin = route === "sessions.login"
    if (isLogin && (status === undefined || status === 200)) count("muster_logins_total", status === 200)
    if (status === undefined || status === 429 || (status === 401 && (isLogin || credential))) {
      count("muster_auth_refused_total", status !== undefined)
    }
    // A session of the hub is no request that took as long.
    if (route === "hub.connect" && (status === undefined || status < 400)) return
    const outcome = status === undefined ? undefined : `${Math.floor(status / 100)}xx`
    all.push({ family: "request", group: route, outcome, seconds })
  }
  const watched = withDrivers((_, driver) =>
    mapCalls(driver, (method) => (call) =>
      method !== "processes"
        ? call
        : timed(call, (seconds, exit) =>
            all.push({ family: "poll", group: "", outcome: outcomeOf(exit, ({ reason }) => reason._tag), seconds })
          )
    )
  )(parts)
  return {
    parts: {
      ...watched,
      middleware: (app, options) =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers, method, url }) =>
          timed(parts.middleware(app, options), (seconds, exit) => {
            const status = Exit.isSuccess(exit) ? exit.value.status : undefined
            answered(method, url, headers["authorization"] !== undefined, seconds, status)
          })
        ),
      fleet: (nodes, options) =>
        Layer.effect(
          Fleet,
          Effect.map(Fleet, (fleet) => ({
            ...fleet,
            operate: (request, node, id, limits) =>
              timed(fleet.operate(request, node, id, limits), (seconds, exit) => {
                const outcome = Exit.isSuccess(exit) ? exit.value.outcome : outcomeOf(exit, () => "error")
                all.push({ family: "operation", group: request.kind, outcome, seconds })
              })
          }))
        ).pipe(Layer.provide(watched.fleet(nodes, options))),
      database: (options) =>
        Layer.effect(
          Database,
          Effect.map(Database, (database) => {
            const tallied = <A, E>(call: Effect.Effect<A, E>) =>
              Effect.suspend(() => {
                count("muster_database_asked_total")
                return Effect.onExit(call, (exit) =>
                  Effect.sync(() => {
                    const reason = outcomeOf(exit, (error) => (error instanceof DatabaseError ? error.reason : "ok"))
                    if (reason === undefined) count("muster_database_failed_total", false)
                    else if (reason !== "ok") count("muster_database_failed_total", true, { reason })
                  })
                )
              })
            return {
              ...database,
              run: (operation, use) => tallied(database.run(operation, use)),
              transaction: (operation, use) => tallied(database.transaction(operation, use))
            }
          })
        ).pipe(Layer.provide(parts.database(options))),
      metrics: (version) =>
        Layer.effect(
          PageService,
          Effect.map(PageService, (service) => {
            page = service.page
            return service
          })
        ).pipe(Layer.provide(parts.metrics(version)))
    },
    now: () => ({ timed: all.length, counted: counts.length }),
    page: () => page,
    count: ({ isSure, labels, name }) => count(name, isSure, labels),
    wrongWith: (text, from, to) =>
      wrongTimes(text, all.slice(0, from.timed), all.slice(0, to.timed)) ??
      wrongCounts(text, counts.slice(0, from.counted), counts.slice(0, to.counted)),
    times: (name) => ({
      sure: counts.filter((each) => each.name === name && each.isSure).length,
      perhaps: counts.filter((each) => each.name === name).length
    })
  }
}

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
    const sure = before.filter((each) => each.name === name && each.isSure)
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
