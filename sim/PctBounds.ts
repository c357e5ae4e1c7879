/**
 * What a sweep says of the bugs that it did not find. A bug has depth d when d ordering constraints between steps are
 * enough to make it show. A run by PCT of depth d over n fibers and k decision points shows each such bug with a chance
 * of at least 1 / (n k^(d-1)), so that all of the runs miss it with at most (1 - 1 / (n k^(d-1)))^runs (Burckhardt,
 * Kothari, Musuvathi and Nagarakatte, A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, ASPLOS
 * 2010).
 *
 * What it does not say: anything of a bug that the values and faults of these runs cannot show, or that needs more
 * fibers or points than the largest run had. And the strategy goes beyond the paper in places: where fibers wait by
 * spinning, or are resumed on the stack of others, the order is not by priority alone.
 */
import { pctOf } from "./strategies/Pct.ts"

export interface DepthBound {
  /** d, from 1. */
  readonly depth: number
  /** Runs by PCT of this depth, with at least as many points as they came to have. */
  readonly runs: number
  /** n: fibers of any run of the sweep at most. */
  readonly fibers: number
  /** k: decision points of any run of the sweep at most. */
  readonly points: number
  /** The chance that all of these runs miss a bug of this depth, 0 to 1. */
  readonly missedAtMost: number
}

const depths = [1, 2, 3]

export class PctBounds {
  private readonly runs = depths.map(() => 0)
  private fibers = 1
  private points = 1
  private hasPct = false

  /** A run of the sweep, by a strategy of this name. */
  add(strategy: string, { decisions, fibers }: { readonly decisions: number; readonly fibers: number }): void {
    this.fibers = Math.max(this.fibers, fibers)
    this.points = Math.max(this.points, decisions)
    const pct = pctOf(strategy)
    if (pct === undefined) return
    this.hasPct = true
    // It took the run for shorter than it was: beyond its points no priority could change.
    if (pct.points < decisions) return
    for (const [i, depth] of depths.entries()) {
      if (pct.changes + 1 === depth) this.runs[i] = (this.runs[i] ?? 0) + 1
    }
  }

  /** Empty when no run was by PCT. */
  get ofDepths(): ReadonlyArray<DepthBound> {
    if (!this.hasPct) return []
    const { fibers, points } = this
    return depths.map((depth, i) => {
      const runs = this.runs[i] ?? 0
      return { depth, runs, fibers, points, missedAtMost: missedAtMost({ depth, runs, fibers, points }) }
    })
  }
}

/** (1 - 1 / (n k^(d-1)))^runs, precise where the fraction is so small that the difference would be 1. */
export const missedAtMost = ({ depth, fibers, points, runs }: Omit<DepthBound, "missedAtMost">): number =>
  runs === 0 ? 1 : Math.exp(runs * Math.log1p(-1 / (fibers * points ** (depth - 1))))
