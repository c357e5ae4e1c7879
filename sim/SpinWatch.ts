/** Counts who takes the last steps before the limit of a run, to name the fibers that spin. */
import { describeFiber } from "./Fibers.ts"
import type { Fibers } from "./Fibers.ts"

/** Steps watched. */
const window = 2_000

export class SpinWatch {
  /** Steps after which to watch. */
  readonly from: number
  private readonly steps = new Map<number, number>()

  constructor(stepsMax: number) {
    this.from = Math.max(0, stepsMax - window)
  }

  note(fiber: number): void {
    this.steps.set(fiber, (this.steps.get(fiber) ?? 0) + 1)
  }

  /** The fibers that took part, the busiest first. */
  report(fibers: Fibers): ReadonlyArray<string> {
    return Array.from(this.steps)
      .toSorted((a, b) => b[1] - a[1])
      .flatMap(([number, steps]) => {
        const fiber = fibers.byNumber(number)
        return fiber === undefined ? [] : [`${describeFiber(number, fiber)}: ${steps} steps`]
      })
  }
}
