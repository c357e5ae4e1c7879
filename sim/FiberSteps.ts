/** Steps that each fiber took itself, and how often it was resumed at one of them: they name turns of a schedule. */
export class FiberSteps {
  /** Up to the fiber's latest switch. */
  private readonly taken: Array<number> = []
  private readonly resumedAt: Array<number> = []
  private readonly resumedTimes: Array<number> = []

  add(fiber: number, steps: number): void {
    this.taken[fiber] = this.of(fiber) + steps
  }

  of(fiber: number): number {
    return this.taken[fiber] ?? 0
  }

  /** The fiber is resumed, having taken `at` steps. */
  resumed(fiber: number, at: number): void {
    this.resumedTimes[fiber] = this.resumedAt[fiber] === at ? this.timesBefore(fiber) + 1 : 0
    this.resumedAt[fiber] = at
  }

  /** How often the fiber had been resumed before at the step at which it was resumed last. */
  timesBefore(fiber: number): number {
    return this.resumedTimes[fiber] ?? 0
  }
}
