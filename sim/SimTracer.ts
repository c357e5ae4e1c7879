/** A tracer whose span and trace ids come from the run and not from the machine. */
import { Option, Tracer } from "effect"

const hexDigits = (draw: () => number, words: number): string => {
  let text = ""
  for (let i = 0; i < words; i++) text += draw().toString(16).padStart(8, "0")
  return text
}

/** `draw` gives integers below 2^32; ids are drawn when first read, as Effect's own tracer does. */
export const makeTracer = (draw: () => number): Tracer.Tracer => {
  class SimSpan extends Tracer.NativeSpan {
    override get traceId(): string {
      return (this._traceId ??= Option.getOrUndefined(this.parent)?.traceId ?? hexDigits(draw, 4))
    }
    override get spanId(): string {
      return (this._spanId ??= hexDigits(draw, 2))
    }
  }
  return Tracer.make({ span: (options) => new SimSpan(options) })
}
