/**
 * Progress of long work on stderr: on a terminal one line that is rewritten in place; elsewhere, where a log is kept, a
 * plain line now and then.
 */

/** Between two updates on a terminal, so that showing costs nothing, and between two lines elsewhere. */
const updateEveryMs = { terminal: 200, elsewhere: 10_000 } as const

/** So many will never be done: something else ends the work. */
const countlessMin = 2 ** 32

const eraseLine = "\r\u001b[K"

export interface Counts {
  readonly done: number
  readonly total: number
  readonly distinctTraces: number
  /** A run has failed and is being examined. */
  readonly failed: boolean
}

/** Where it is written to; for tests. */
export interface Output {
  readonly isTTY: boolean
  readonly write: (text: string) => unknown
  readonly nowMs: () => number
}

const stderr: Output = {
  isTTY: process.stderr.isTTY,
  write: (text) => process.stderr.write(text),
  nowMs: () => performance.now()
}

/** The sweeps that are under way, told of in one line; `failures` counts those of the work that has ended. */
export class Progress {
  private readonly output: Output
  private readonly startedMs: number
  private shownMs: number
  private readonly underWay = new Map<string, Counts>()
  private ended = 0
  private failures = 0

  constructor(output: Output = stderr) {
    this.output = output
    this.startedMs = output.nowMs()
    this.shownMs = this.startedMs
  }

  /** The sweep of `what` has come so far. */
  show(what: string, counts: Counts): void {
    const { isTTY, nowMs, write } = this.output
    this.underWay.set(what, counts)
    const isDue = nowMs() - this.shownMs >= (isTTY ? updateEveryMs.terminal : updateEveryMs.elsewhere)
    // What follows a failure may take long without news.
    if (!isDue && !(isTTY && counts.failed)) return
    this.shownMs = nowMs()
    const line = this.describe(nowMs() - this.startedMs)
    write(isTTY ? eraseLine + line : `${line}\n`)
  }

  /** The sweep is over. Takes the line away. */
  end(what: string): void {
    const counts = this.underWay.get(what)
    this.underWay.delete(what)
    this.ended += counts?.done ?? 0
    if (counts?.failed === true) this.failures++
    if (this.output.isTTY) this.output.write(eraseLine)
  }

  private describe(elapsedMs: number): string {
    const each = Array.from(this.underWay, ([what, { done, total }]) =>
      total < countlessMin ? `${what} ${done} of ${total}` : `${what} ${done}`
    )
    const all = [...this.underWay.values()]
    const done = all.reduce((sum, counts) => sum + counts.done, this.ended)
    const distinct = all.reduce((sum, { distinctTraces }) => sum + distinctTraces, 0)
    const isShrinking = all.some(({ failed }) => failed)
    return [
      `${each.join(" and ")} runs`,
      `${Math.round((done * 1_000) / Math.max(1, elapsedMs))} a second`,
      `${distinct} distinct traces`,
      isShrinking ? `${this.failures + 1} failed, shrinking the last` : `${this.failures} failed`
    ].join(", ")
  }
}
