/** What to call a fiber in a report: the innermost `Effect.fn` or span that it is in. */
import type { Fiber } from "effect"

/** `name (file:line:column)` where Effect knows the place, else the name alone, else "". */
export const fiberName = (fiber: Fiber.Fiber<unknown, unknown>): string => {
  const frame = fiber.cache.stackFrame
  if (frame !== undefined) {
    const known = names.get(frame)
    if (known !== undefined) return known
    const place = /\(?((?:file:\/\/|\/)[^\s()]+:\d+:\d+)\)?/.exec(frame.stack() ?? "")?.[1]
    const name =
      place === undefined
        ? frame.name
        : `${frame.name} (${place.replace(/\?[^:]*/, "").replace(/^.*\/(?=[^/]+\/[^/]+$)/, "")})`
    names.set(frame, name)
    return name
  }
  const span = fiber.cache.span
  return span?._tag === "Span" ? span.name : ""
}

/** Reading a place formats a stack; many operations share a frame. */
const names = new WeakMap<object, string>()
