/**
 * The canonical run but for a few turns at random points. Shrinking looks with it for a failure that needs fewer turns
 * than the one it has.
 */
import type { Strategy } from "../Strategy.ts"

/** So many turns in a run of about so many decision points. */
export const sparse = (turns: number, points: number): Strategy => ({
  name: `sparse-${turns}-${points}`,
  begin: (prng) => {
    const turnsAt = new Set(Array.from({ length: turns }, () => prng.below(points)))
    let index = 0
    return ({ current, resumed, runnable }) => {
      if (!turnsAt.has(index++)) return 0
      if (resumed >= 0) return 1
      return current >= 0 ? 1 + prng.below(runnable) : prng.below(runnable)
    }
  }
})
