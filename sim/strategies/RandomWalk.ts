/**
 * Random walk: at each decision point every fiber that could go on is equally likely, except that the current one is
 * kept with a probability drawn once for the run.
 *
 * A walk that switches at every operation almost never lets a fiber run a long stretch undisturbed, and one that
 * rarely switches misses tight races; so each run draws how many decision points it lets pass between two
 * preemptions on average: 1 (the plain walk) to 256. A fiber that is resumed on the stack of another
 * goes on at once in every second case. The gaps are geometric, drawn once for each preemption and not
 * for each operation, which keeps the decision itself to one decrement.
 */
import type { Prng } from "../Prng.ts"
import type { Strategy } from "../Strategy.ts"

/** Mean numbers of decision points between two preemptions, one of which each run draws. 0 is the plain walk. */
const meanGaps = [0, 2, 4, 8, 16, 32, 64, 256] as const

/** A geometric gap with this mean, never over 20 times the mean. */
const drawGap = (prng: Prng, mean: number): number =>
  Math.min(20 * mean, Math.floor(Math.log((prng.next() + 1) / 4294967297) / Math.log(1 - 1 / (mean + 1))))

export const randomWalk: Strategy = {
  name: "random",
  begin: (prng) => {
    const mean = meanGaps[prng.below(meanGaps.length)] ?? 0
    if (mean === 0) {
      return (decision) => prng.below(decision.resumed >= 0 ? 2 : decision.runnable + (decision.current >= 0 ? 1 : 0))
    }
    let gap = drawGap(prng, mean)
    return (decision) => {
      if (decision.resumed >= 0) return prng.below(2)
      if (decision.current < 0) return prng.below(decision.runnable)
      if (gap-- > 0) return 0
      gap = drawGap(prng, mean)
      return 1 + prng.below(decision.runnable)
    }
  }
}
