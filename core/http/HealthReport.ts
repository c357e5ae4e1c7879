/** The health of the console as a whole, from its components and its fleet. */
import { DateTime } from "effect"
import type { ComponentStatus } from "../domain/ConsoleEvent.ts"
import type { NodeView } from "../domain/Node.ts"
import type { ComponentHealth } from "../health/Components.ts"
import type { Health } from "./HealthApi.ts"

const bySeverity = ["healthy", "degraded", "failing", "failed"] as const satisfies ReadonlyArray<ComponentStatus>

const worse = (one: ComponentStatus, other: ComponentStatus): ComponentStatus =>
  bySeverity.indexOf(one) >= bySeverity.indexOf(other) ? one : other

/** The report; a node that is down degrades the console, and only a component of its own can do worse to it. */
export const healthReport = (components: ReadonlyArray<ComponentHealth>, nodes: ReadonlyArray<NodeView>): Health => {
  const count = (status: NodeView["status"]) => nodes.filter((node) => node.status === status).length
  const fleet = { nodes: nodes.length, up: count("up"), down: count("down"), connecting: count("connecting") }
  return {
    status: components.reduce<ComponentStatus>(
      (status, component) => worse(status, component.status),
      fleet.down > 0 ? "degraded" : "healthy"
    ),
    fleet,
    components: components.map(({ detail, errors, errorsInARow, lastError, name, status }) => ({
      name,
      status,
      errors,
      errors_in_a_row: errorsInARow,
      ...(lastError === undefined ? {} : { last_error: { at: isoTime(lastError.atMs), message: lastError.message } }),
      detail
    }))
  }
}

/** A component works badly enough that whoever asks should be told by the status of the answer. */
export const isUnhealthy = ({ status }: Health): boolean => status === "failing" || status === "failed"

/** The same for those who have not logged in: no word of what went wrong, which may name hosts and paths. */
export const withoutDetail = (health: Health): Health => ({
  ...health,
  components: health.components.map(({ name, status }) => ({ name, status }))
})

const isoTime = (ms: number): string => DateTime.formatIso(DateTime.makeUnsafe(ms))
