/**
 * Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi and Nagarakatte, ASPLOS 2010): every fiber has a
 * random priority, the highest that can run does, and at d - 1 random points the fiber that is about to run falls to
 * one of d - 1 low priorities. A bug that needs d ordering constraints shows with a chance of at least
 * 1 / (n k^(d-1)) in each run of n fibers and k decision points.
 *
 * Beyond the paper, so that programs that wait by spinning end: a fiber that yields of its own accord falls below all
 * others, and after many decision points the run goes on as a random walk, which is fair. A fiber that is resumed on
 * the stack of another goes on at once in every second case.
 */
import type { Prng } from "../Prng.ts"
import type { Decision, Strategy } from "../Strategy.ts"

/** Decision points after which the walk is random. */
const unfairMax = 10_000

/** `depth` is d, from 1; `points` is k, the decision points that a run is expected to have. */
export const pct = (depth: number, points: number): Strategy => ({
  name: `pct-${depth}-${points}`,
  begin: (prng) => {
    const run = new Priorities(prng, depth, points)
    return (decision) => run.choose(decision)
  }
})

/** The strategy of such a name, or undefined. */
export const parsePct = (name: string): Strategy | undefined => {
  const parsed = pctOf(name)
  return parsed === undefined ? undefined : pct(parsed.depth, parsed.points)
}

export interface PctParameters {
  readonly depth: number
  readonly points: number
  /** Points at which a priority falls. */
  readonly changes: number
}

/** What such a name says, or undefined. */
export const pctOf = (name: string): PctParameters | undefined => {
  const parts = /^pct-(\d{1,2})-(\d{1,9})$/.exec(name)
  const [depth, points] = [Number(parts?.[1]), Number(parts?.[2])]
  return parts === null || depth < 1 ? undefined : { depth, points, changes: changesOf(depth, points) }
}

/** More change points than a quarter of the decision points would only be a random walk of another kind. */
const changesOf = (depth: number, points: number): number => Math.min(depth - 1, Math.floor(points / 4))

class Priorities {
  private readonly prng: Prng
  /** By number of the fiber: between 1 and 2 at first, below 1 after a change point, below 0 after a yield. */
  private readonly priorities: Array<number> = []
  /** Decision points left until the next change, and the priority that it gives; the soonest last. */
  private readonly changes: Array<{ readonly at: number; readonly priority: number }> = []
  private readonly fairFrom: number
  private lowest = 0
  private decisions = 0
  /** What was compared last: as long as the same fiber runs, only tasks that have come since can beat it. */
  private comparedFor = -1
  private compared = 0
  private best = 0

  constructor(prng: Prng, depth: number, points: number) {
    this.prng = prng
    this.fairFrom = Math.max(unfairMax, 2 * points)
    const changes = changesOf(depth, points)
    for (let i = 0; i < changes; i++) {
      this.changes.push({ at: 1 + prng.below(points), priority: (i + 1) / (changes + 1) })
    }
    this.changes.sort((a, b) => b.at - a.at)
  }

  choose(decision: Decision): number {
    const { current, resumed, runnable } = decision
    if (resumed >= 0) return this.prng.below(2)
    this.decisions++
    if (this.decisions > this.fairFrom) return this.prng.below(runnable + (current >= 0 ? 1 : 0))
    if (current < 0) this.demoteYielding(decision)
    let choice = this.highest(decision)
    while (this.changes.length > 0 && (this.changes.at(-1)?.at ?? 0) <= this.decisions) {
      const change = this.changes.pop()
      this.priorities[this.fiberOf(decision, choice)] = change?.priority ?? 0
      this.comparedFor = -1
      choice = this.highest(decision)
    }
    return choice
  }

  /** The fiber that ran last and is among those that could go on has yielded of its own accord. */
  private demoteYielding(decision: Decision): void {
    const last = decision.subject()
    for (let k = 0; k < decision.runnable; k++) {
      if (decision.fiberAt(k) !== last) continue
      this.priorities[last] = --this.lowest
      return
    }
  }

  private highest(decision: Decision): number {
    const { current, runnable } = decision
    let from = 0
    if (current < 0) {
      this.comparedFor = -1
      this.best = 0
      from = 1
    } else if (this.comparedFor === current && runnable >= this.compared) {
      from = this.compared
    } else {
      this.comparedFor = current
      this.best = 0
    }
    const offset = current < 0 ? 0 : 1
    let top = this.priorityOf(this.fiberOf(decision, this.best))
    for (let k = from; k < runnable; k++) {
      const priority = this.priorityOf(decision.fiberAt(k))
      if (priority <= top) continue
      top = priority
      this.best = k + offset
    }
    this.compared = runnable
    return this.best
  }

  private fiberOf(decision: Decision, choice: number): number {
    if (decision.current < 0) return decision.fiberAt(choice)
    return choice === 0 ? decision.current : decision.fiberAt(choice - 1)
  }

  private priorityOf(fiber: number): number {
    const known = this.priorities[fiber]
    if (known !== undefined) return known
    const drawn = 1 + this.prng.next() / 2 ** 32
    this.priorities[fiber] = drawn
    return drawn
  }
}
