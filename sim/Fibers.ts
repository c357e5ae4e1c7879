/** The fibers of a run, for reports: those that have not ended, and those that died. */
import { Exit } from "effect"
import type { Fiber } from "effect"
import { describeError } from "./DescribeError.ts"
import { fiberName } from "./FiberName.ts"

export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** Fibers kept before those that ended well are dropped for the first time. */
const fibersKept = 1_024

export class Fibers {
  /** The root, then every fiber that is not known to have ended without a defect. */
  private fibers: Array<AnyFiber> = []
  private prunedAt = fibersKept
  private readonly numberOf: (fiber: AnyFiber) => number

  constructor(numberOf: (fiber: AnyFiber) => number) {
    this.numberOf = numberOf
  }

  /** Takes note of a fiber that runs for the first time. */
  add(fiber: AnyFiber): void {
    if (this.fibers.push(fiber) >= this.prunedAt) this.prune()
  }

  /** Those that have not ended. */
  waiting(): ReadonlyArray<{ readonly number: number; readonly fiber: AnyFiber }> {
    return this.fibers
      .filter((fiber) => fiber.pollUnsafe() === undefined)
      .map((fiber) => ({ number: this.numberOf(fiber), fiber }))
  }

  /** Defects with which fibers other than the root ended, whoever may have handled them. */
  defects(): ReadonlyArray<string> {
    return this.fibers.slice(1).flatMap((fiber) => {
      const exit = fiber.pollUnsafe()
      if (exit === undefined || exit._tag === "Success") return []
      return exit.cause.reasons.flatMap((reason) =>
        reason._tag === "Die" ? [`${describeFiber(this.numberOf(fiber), fiber)}: ${describeError(reason.defect)}`] : []
      )
    })
  }

  /** The fiber of this number, unless it has ended and was dropped. */
  byNumber(number: number): AnyFiber | undefined {
    return this.fibers.find((fiber) => this.numberOf(fiber) === number)
  }

  /** Keeps a long run with many short fibers from growing; waits for twice the rest, to cost little per fiber. */
  private prune(): void {
    this.fibers = this.fibers.filter((fiber, i) => {
      const exit = fiber.pollUnsafe()
      return i === 0 || exit === undefined || (Exit.isFailure(exit) && Exit.hasDies(exit))
    })
    this.prunedAt = Math.max(fibersKept, 2 * this.fibers.length)
  }
}

export const describeFiber = (number: number, fiber: AnyFiber): string => {
  const name = fiberName(fiber)
  return name === "" ? `fiber ${number}` : `fiber ${number} in ${name}`
}

/** Effect keeps this in a field that its types do not show; the test of lost interruptions guards it. */
export const isInterrupted = (fiber: object): boolean =>
  "_interruptedCause" in fiber && fiber._interruptedCause !== undefined
