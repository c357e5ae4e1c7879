/**
 * How long a message takes, milliseconds: anything between two bounds, or at least `minMs` and then a tail that halves
 * with every `halfLifeMs` (an exponential distribution). Integers, drawn so that 0 is the least.
 */
export type Latency =
  | { readonly minMs: number; readonly maxMs: number }
  | { readonly minMs: number; readonly halfLifeMs: number }

/** Halvings of the tail that are told apart: one message in 65,536 takes longer than that many half-lives. */
const halvingsMax = 16

/** `choose` gives integers below n. */
export const drawLatencyMs = (latency: Latency, choose: (n: number) => number): number => {
  if ("maxMs" in latency) return latency.minMs + choose(latency.maxMs - latency.minMs + 1)
  const drawn = choose(2 ** halvingsMax)
  // As many ones in front as there are halvings: none with a chance of 1/2, one of 1/4 ..
  let halvings = 0
  while (halvings < halvingsMax && ((drawn >> (halvingsMax - 1 - halvings)) & 1) === 1) halvings++
  return latency.minMs + halvings * latency.halfLifeMs + choose(Math.max(1, latency.halfLifeMs))
}
