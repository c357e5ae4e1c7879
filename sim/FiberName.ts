/** What to call a fiber in a report: the innermost `Effect.fn` or span that it is in. */
import type { Fiber } from "effect"

/** `name (file:line:column)` where Effect knows the place, else the name alone, else "". */
export const fiberName = (fiber: Fiber.Fiber<unknown, unknown>): string => {
  const frame = fiber.cache.stackFrame
  if (frame !== undefined) {
    const place = /\(?((?:file:\/\/|\/)[^\s()]+:\d+:\d+)\)?/.exec(frame.stack() ?? "")?.[1]
    return place === undefined ? frame.name : `${frame.name} (${place.replace(/^.*\/(?=[^/]+\/[^/]+$)/, "")})`
  }
  const span = fiber.cache.span
  return span?._tag === "Span" ? span.name : ""
}
