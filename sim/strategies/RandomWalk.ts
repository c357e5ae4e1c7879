/**
 * Random walk: at each decision point every fiber that could go on is equally likely, but for three inclinations that
 * are drawn once for the run.
 *
 * A walk that switches at every operation almost never lets a fiber run a long stretch undisturbed, and one that
 * rarely switches misses tight races; so each run draws how many decision points it lets pass between two preemptions
 * on average: 1 (the plain walk) to 256. The gaps are geometric, drawn once for each preemption and not for each
 * operation, which keeps the decision itself to one decrement. In the same way a run draws how often a woken fiber has
 * to wait, and how often the oldest task is passed over: some bugs show only where all but one thing goes as usual.
 */
import type { Prng } from "../Prng.ts"
import type { Strategy } from "../Strategy.ts"

/** Mean numbers of decision points between two preemptions, one of which each run draws. 0 is the plain walk. */
const meanGaps = [0, 2, 4, 8, 16, 32, 64, 256] as const

/** Chances in 16 that a woken fiber waits, and that another task than the oldest may run. */
const waitChances = [8, 2, 14] as const
const pickChances = [16, 4] as const

/** A geometric gap with this mean, never over 20 times the mean. */
const drawGap = (prng: Prng, mean: number): number =>
  mean === 0
    ? 0
    : Math.min(20 * mean, Math.floor(Math.log((prng.next() + 1) / 4294967297) / Math.log(1 - 1 / (mean + 1))))

const drawn = (prng: Prng, values: ReadonlyArray<number>): number => values[prng.below(values.length)] ?? 0

export const randomWalk: Strategy = {
  name: "random",
  begin: (prng) => {
    const mean = drawn(prng, meanGaps)
    const waits = drawn(prng, waitChances)
    const picks = drawn(prng, pickChances)
    let gap = drawGap(prng, mean)
    return ({ current, resumed, runnable }) => {
      if (resumed >= 0) return prng.below(16) < waits ? 1 : 0
      if (current < 0) return prng.below(16) < picks ? prng.below(runnable) : 0
      if (mean === 0) return prng.below(runnable + 1)
      if (gap-- > 0) return 0
      gap = drawGap(prng, mean)
      return 1 + prng.below(runnable)
    }
  }
}
