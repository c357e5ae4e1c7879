/**
 * Which fiber of Effect has which number in the tree of forks. Effect counts its fibers over the whole process, those
 * that run outside of the simulation included (some of its modules run a small effect on the side), so its ids alone
 * do not tell; who a fiber is shows when it first runs.
 */
import type { AnyFiber } from "./Fibers.ts"

export class FiberNumbers {
  private base = -1
  /** Number by id, counted from the root's. */
  private readonly byId: Array<number | undefined> = []
  /** Id by number, likewise. */
  private readonly ids: Array<number | undefined> = []

  /** The number of a fiber that has run before; undefined for any other. */
  known(fiber: AnyFiber): number | undefined {
    return this.byId[fiber.id - this.base]
  }

  private isBound(number: number): boolean {
    return this.ids[number] !== undefined
  }

  bind(fiber: AnyFiber, number: number): void {
    if (this.base < 0) this.base = fiber.id
    this.byId[fiber.id - this.base] = number
    this.ids[number] = fiber.id - this.base
  }

  /**
   * The number of a fiber that runs for the first time: the expected one, if that has not run yet. One that runs before
   * its turn (it was interrupted) is looked for among those that were born and have not run: numbers go in the order of
   * ids, nearly without gaps. Undefined when there is none.
   */
  identify(fiber: AnyFiber, expected: number, births: number): number | undefined {
    return expected >= 0 && !this.isBound(expected) ? expected : this.guess(fiber, births)
  }

  private guess(fiber: AnyFiber, births: number): number | undefined {
    const id = fiber.id - this.base
    let anchor = births - 1
    while (anchor > 0 && (this.ids[anchor] ?? Infinity) > id) anchor--
    const expected = anchor + id - (this.ids[anchor] ?? 0)
    for (let number = Math.min(expected, births - 1); number > 0; number--) {
      if (!this.isBound(number)) return number
    }
    return undefined
  }
}
