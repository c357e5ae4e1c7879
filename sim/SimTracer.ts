/** A tracer whose span and trace ids come from the run and not from the machine. */
import { type Fiber, Option, Tracer } from "effect"
import type { Recorder } from "./Recorder.ts"

const hexDigits = (draw: () => number, words: number): string => {
  let text = ""
  for (let i = 0; i < words; i++) text += draw().toString(16).padStart(8, "0")
  return text
}

/** The method of an operation that the run loop calls; a tracer with a context calls it in its place. */
const evaluate = "~effect/Effect/evaluate"

/**
 * `draw` gives integers below 2^32; ids are drawn when first read, as Effect's own tracer does. With a recorder, every
 * operation is noted before it is carried out.
 */
export const makeTracer = (draw: () => number, recorder: Recorder | undefined): Tracer.Tracer => {
  class SimSpan extends Tracer.NativeSpan {
    override get traceId(): string {
      return (this._traceId ??= Option.getOrUndefined(this.parent)?.traceId ?? hexDigits(draw, 4))
    }
    override get spanId(): string {
      return (this._spanId ??= hexDigits(draw, 2))
    }
  }
  return Tracer.make({
    span: (options) => new SimSpan(options),
    ...(recorder === undefined
      ? {}
      : {
          context: <X>(operation: Tracer.EffectPrimitive<X>, fiber: Fiber.Fiber<unknown, unknown>): X => {
            recorder.operation(operation, fiber)
            return operation[evaluate](fiber)
          }
        })
  })
}
