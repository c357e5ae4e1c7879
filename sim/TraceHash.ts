/**
 * The running hash of a trace: equal hashes mean, for all practical purposes, equal runs. Two 32-bit lanes, folded at
 * every switch of fibers and at every choice.
 *
 * On the way it keeps a 12-bit mark at each step that is a power of two, so that a replay that went another way can
 * say between which two steps it left.
 */
export class TraceHash {
  private a = 0x811c9dc5 | 0
  private b = 0x1b873593 | 0
  private nextMark = 1
  private readonly taken: Array<number> = []

  /** Adds a pair of 32-bit numbers. */
  fold(x: number, y: number): void {
    let a = Math.imul(this.a ^ x, 0x85ebca6b)
    a = Math.imul((a ^ (a >>> 13)) + y, 0xc2b2ae35)
    this.a = a ^ (a >>> 16)
    let b = Math.imul(this.b ^ y, 0x9e3779b1)
    b = Math.imul((b ^ (b >>> 15)) + x, 0x27d4eb2f)
    this.b = b ^ (b >>> 14)
  }

  /** Takes the marks that are due at this step. */
  mark(steps: number): void {
    while (steps >= this.nextMark) {
      this.taken.push(this.a & 0xfff)
      this.nextMark *= 2
    }
  }

  /** The first step from which the next mark is due; lets the kernel skip the call. */
  get markDue(): number {
    return this.nextMark
  }

  /** Marks at steps 1, 2, 4, 8 .. as far as the run went. */
  get marks(): ReadonlyArray<number> {
    return this.taken
  }

  /** 16 hexadecimal digits. */
  get digest(): string {
    return hex(this.a) + hex(this.b)
  }
}

const hex = (x: number): string => (x >>> 0).toString(16).padStart(8, "0")
