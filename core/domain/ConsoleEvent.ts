/** What the console tells of itself, beside the fleet. Not numbered: who missed it asks for the present state. */
import { Schema } from "effect"

/**
 * - `healthy`: no error lately.
 * - `degraded`: errors among successes; it still does its work.
 * - `failing`: nothing but errors for a while.
 * - `failed`: it has stopped working and does not come back by itself.
 */
export const ComponentStatus = Schema.Literals(["healthy", "degraded", "failing", "failed"])
export type ComponentStatus = typeof ComponentStatus.Type

export const ComponentChanged = Schema.Struct({
  type: Schema.Literal("component.status"),
  component: Schema.String,
  from: ComponentStatus,
  to: ComponentStatus,
  /** ISO 8601. */
  at: Schema.String,
  detail: Schema.String
})
export type ComponentChanged = typeof ComponentChanged.Type
