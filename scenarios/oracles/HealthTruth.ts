/**
 * Oracle: what `/health` says, against what really ails the console at that time. Pure.
 *
 * Each ailment has its own bounds: so long after it began it must show, and so long after it ended it must not any
 * more. What no ailment explains must be healthy.
 */
import type { Health } from "../../core/http/HealthApi.ts"

type Status = Health["status"]

const severities = ["healthy", "degraded", "failing", "failed"] as const satisfies ReadonlyArray<Status>

export const severityOf = (status: Status): number => severities.indexOf(status)

export interface Ailment {
  readonly what: string
  readonly fromMs: number
  /** Infinity while it lasts. */
  untilMs: number
  /** The component that must say so, and at least how; undefined for a node that is down. */
  readonly component: string | undefined
  readonly least: Status
  /** Others that may suffer from it, each for so long after it. */
  readonly touches: Readonly<Record<string, number>>
  readonly showsWithinMs: number
  readonly clearsWithinMs: number
}

/** A report, and when it was asked for and there. */
export interface Sample {
  readonly path: "/health" | "/health/ready"
  readonly sentMs: number
  readonly gotMs: number
  readonly status: number
  readonly health: Health
  /** Whoever asked showed nothing. */
  readonly isAnonymous: boolean
}

/** What is wrong with a sample; undefined for nothing. */
export const wrongSample = (sample: Sample, ailments: ReadonlyArray<Ailment>): string | undefined =>
  wrongForm(sample) ?? wrongToAilments(sample, ailments) ?? wrongWithoutAilment(sample, ailments)

/** What follows from the report itself: the whole, the status of HTTP, and what anonymous callers see. */
const wrongForm = ({ health, isAnonymous, path, status }: Sample): string | undefined => {
  const { components, fleet } = health
  const worst = Math.max(fleet.down > 0 ? 1 : 0, ...components.map((component) => severityOf(component.status)))
  if (severityOf(health.status) !== worst) return `the whole is ${health.status}, the worst ${severities[worst] ?? "?"}`
  if (fleet.up + fleet.down + fleet.connecting !== fleet.nodes) return `nodes: ${JSON.stringify(fleet)}`
  const isBad = worst >= severityOf("failing") || (path === "/health/ready" && fleet.connecting > 0)
  if (status !== (isBad ? 503 : 200)) return `answers ${status} with ${health.status}`
  for (const component of components) {
    const hasDetail = Object.keys(component).length > 2
    if (hasDetail === isAnonymous) return `${component.name} is ${hasDetail ? "" : "not "}told in detail`
  }
  return undefined
}

const wrongToAilments = ({ gotMs, health, sentMs }: Sample, ailments: ReadonlyArray<Ailment>): string | undefined => {
  for (const { component, fromMs, least, showsWithinMs, untilMs, what } of ailments) {
    if (sentMs < fromMs + showsWithinMs || gotMs > untilMs) continue
    const shown =
      component === undefined
        ? health.fleet.down > 0
          ? least
          : undefined
        : health.components.find(({ name }) => name === component)?.status
    if (shown === undefined || severityOf(shown) < severityOf(least)) {
      return `${what} for ${sentMs - fromMs} ms, and ${component ?? "no node"} is ${shown ?? "down"}`
    }
  }
  return undefined
}

const wrongWithoutAilment = ({ health, sentMs }: Sample, ailments: ReadonlyArray<Ailment>): string | undefined => {
  const isExplained = (component: string | undefined) =>
    ailments.some((ailment) => {
      const own = ailment.component === component ? ailment.clearsWithinMs : undefined
      const clearsWithinMs = own ?? (component === undefined ? undefined : ailment.touches[component])
      return clearsWithinMs !== undefined && sentMs <= ailment.untilMs + clearsWithinMs
    })
  for (const { last_error: error, name, status } of health.components) {
    if (status !== "healthy" && !isExplained(name)) return `${name} is ${status} for no reason: ${error?.message ?? ""}`
  }
  return health.fleet.down > 0 && !isExplained(undefined) ? "a node is down for no reason" : undefined
}
