/** What travels on the bus, and how urgent it is. */
import type { ComponentChanged } from "../domain/ConsoleEvent.ts"
import type { FleetEvent } from "../domain/FleetEvent.ts"
import type { FollowedPiece } from "../domain/Log.ts"

export type BusEvent = FleetEvent | FollowedPiece | ComponentChanged

/** From the most urgent on. */
export const priorities = ["high", "normal", "low"] as const
export type Priority = (typeof priorities)[number]

/**
 * What the console says of itself goes first, pieces of followed logs go last. All numbered events have one priority,
 * so that none overtakes another.
 */
export const priorityOf = (event: BusEvent): Priority =>
  event.type === "component.status" ? "high" : event.type === "log" ? "low" : "normal"
