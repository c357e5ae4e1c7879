/** The timers of a run: a binary heap by due time, then by order of creation. Cancelled ones are dropped when met. */
export interface Timer {
  readonly atMs: number
  readonly order: number
  /** Number of the fiber that waits, for the schedule. */
  readonly owner: number
  /** Makes the sleeper runnable; undefined once it fired or was cancelled. */
  fire: (() => void) | undefined
}

export class Timers {
  private readonly heap: Array<Timer> = []
  private created = 0

  add(atMs: number, owner: number, fire: () => void): Timer {
    const timer: Timer = { atMs, order: this.created++, owner, fire }
    this.heap.push(timer)
    this.up(this.heap.length - 1)
    return timer
  }

  /** The time of the earliest timer that is still wanted. */
  nextAt(): number | undefined {
    for (;;) {
      const first = this.heap[0]
      if (first === undefined) return undefined
      if (first.fire !== undefined) return first.atMs
      this.removeFirst()
    }
  }

  /** Removes and gives the earliest timer if it is due at `nowMs`. */
  takeDue(nowMs: number): Timer | undefined {
    const at = this.nextAt()
    if (at === undefined || at > nowMs) return undefined
    return this.removeFirst()
  }

  private removeFirst(): Timer | undefined {
    const first = this.heap[0]
    const last = this.heap.pop()
    if (last !== undefined && this.heap.length > 0) {
      this.heap[0] = last
      this.down(0)
    }
    return first
  }

  private up(start: number): void {
    let i = start
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!this.swapIfBefore(i, parent)) return
      i = parent
    }
  }

  private down(start: number): void {
    let i = start
    for (;;) {
      const left = 2 * i + 1
      if (left >= this.heap.length) return
      const right = left + 1
      const child = right < this.heap.length && this.isBefore(right, left) ? right : left
      if (!this.swapIfBefore(child, i)) return
      i = child
    }
  }

  private isBefore(i: number, j: number): boolean {
    const a = this.heap[i]
    const b = this.heap[j]
    if (a === undefined || b === undefined) return false
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
  }

  private swapIfBefore(i: number, j: number): boolean {
    const a = this.heap[i]
    const b = this.heap[j]
    if (a === undefined || b === undefined || !this.isBefore(i, j)) return false
    this.heap[i] = b
    this.heap[j] = a
    return true
  }
}
