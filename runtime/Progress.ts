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

export interface Progress {
  readonly show: (counts: Counts) => void
  /** Takes the line away again. */
  readonly clear: () => void
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

/** The sweep of `what` is being done; `failures` counts those of the work before it. */
export const make = (what: string, failures = 0, { isTTY, nowMs, write }: Output = stderr): Progress => {
  const startedMs = nowMs()
  let shownMs = startedMs
  return {
    show: (counts) => {
      const elapsedMs = nowMs() - startedMs
      const isDue = nowMs() - shownMs >= (isTTY ? updateEveryMs.terminal : updateEveryMs.elsewhere)
      // What follows a failure may take long without news.
      if (!isDue && !(isTTY && counts.failed)) return
      shownMs = nowMs()
      const line = describe(what, counts, failures, elapsedMs)
      write(isTTY ? eraseLine + line : `${line}\n`)
    },
    clear: () => {
      if (isTTY) write(eraseLine)
    }
  }
}

const describe = (
  what: string,
  { distinctTraces, done, failed, total }: Counts,
  failures: number,
  elapsedMs: number
): string => {
  const of = total < countlessMin ? ` of ${total}` : ""
  const perSecond = Math.round((done * 1_000) / Math.max(1, elapsedMs))
  return [
    `${what} ${done}${of} runs`,
    `${perSecond} a second`,
    `${distinctTraces} distinct traces`,
    failed ? `${failures + 1} failed, shrinking the last` : `${failures} failed`
  ].join(", ")
}
