/** Interruptions that scenarios asked for, each at a step of the run. */
import type { AnyFiber } from "./Fibers.ts"

export interface DueInterrupt {
  readonly fiber: AnyFiber
  /** The step after which it is due. */
  readonly at: number
}

export class Interrupts {
  private waiting: ReadonlyArray<DueInterrupt> = []

  add(interrupt: DueInterrupt): void {
    this.waiting = [...this.waiting, interrupt]
  }

  remove(interrupt: DueInterrupt): void {
    this.waiting = this.waiting.filter((other) => other !== interrupt)
  }

  /** One that is due after so many steps. */
  due(steps: number): DueInterrupt | undefined {
    return this.waiting.find(({ at }) => steps > at)
  }

  /** The step after which the first is due; Infinity when there is none. */
  get nextAt(): number {
    return Math.min(Infinity, ...this.waiting.map(({ at }) => at))
  }
}
