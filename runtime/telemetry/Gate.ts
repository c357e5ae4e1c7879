/**
 * Lets spans and log entries pass on their way to a collector, as many as it can be behind with. What does not pass is
 * counted and forgotten: a collector that is away or slow costs neither memory nor time.
 *
 * Between two answers of the collector at most `waitingMax` pass; after a failure none do for `closedMs`, in which the
 * exporters give up or deliver what they still hold.
 */
export interface GateOptions {
  readonly waitingMax: number
  readonly closedMs: number
}

export class Gate {
  private readonly options: GateOptions
  private left: number
  private closedUntilMs = -Infinity
  private droppedCount = 0

  constructor(options: GateOptions) {
    this.options = options
    this.left = options.waitingMax
  }

  /** How many did not pass. */
  get dropped(): number {
    return this.droppedCount
  }

  /** Whether one more may pass; times are monotonic. */
  pass(nowMs: number): boolean {
    if (nowMs >= this.closedUntilMs && this.left > 0) {
      this.left--
      return true
    }
    this.droppedCount++
    return false
  }

  /** The collector took something. */
  delivered(): void {
    this.left = this.options.waitingMax
    this.closedUntilMs = -Infinity
  }

  /** The collector did not take something. */
  failed(nowMs: number): void {
    this.left = this.options.waitingMax
    this.closedUntilMs = nowMs + this.options.closedMs
  }
}
