/** The `xmlrpc` package's own reader, and values brought to one form so that both readers can be compared. */
import { Effect } from "effect"
import { Readable } from "node:stream"
import Deserializer from "xmlrpc/lib/deserializer.js"

/** What the reference reader makes of a reply; fails with what it throws or reports. */
export const referenceReply = (xml: string): Effect.Effect<unknown, unknown> =>
  Effect.callback((resume) => {
    new Deserializer().deserializeMethodResponse(Readable.from([Buffer.from(xml)]), (error, value) => {
      resume(error ? Effect.fail(error) : Effect.succeed(value))
    })
  })

/** What the reference reader makes of a call. */
export const referenceCall = (xml: string): Effect.Effect<unknown, unknown> =>
  Effect.callback((resume) => {
    new Deserializer().deserializeMethodCall(Readable.from([Buffer.from(xml)]), (error, method, params) => {
      resume(error ? Effect.fail(error) : Effect.succeed({ method, params }))
    })
  })

/** One form for equal values: prototypes, order of members and class of bytes do not matter. */
export const canonical = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value === "object" && value !== null) {
    return {
      struct: Object.entries(value)
        .map(([name, member]) => [name, canonical(member)])
        .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))
    }
  }
  return value
}
