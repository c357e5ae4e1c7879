/** Progress of long work on a terminal: one line on stderr that is rewritten in place. Elsewhere nothing is written. */

/** Between two updates, so that showing costs nothing. */
const updateEveryMs = 200

const eraseLine = "\r\u001b[K"

export interface Progress {
  /** So many are done. */
  readonly show: (done: number) => void
  /** Takes the line away again. */
  readonly clear: () => void
}

/** `what` is being done, `total` times. */
export const make = (what: string, total: number): Progress => {
  if (!process.stderr.isTTY) return { show: () => {}, clear: () => {} }
  const startedMs = performance.now()
  let shownMs = startedMs
  return {
    show: (done) => {
      const nowMs = performance.now()
      if (nowMs - shownMs < updateEveryMs) return
      shownMs = nowMs
      const perSecond = Math.round((done * 1_000) / (nowMs - startedMs))
      process.stderr.write(`${eraseLine}${what} ${done} of ${total}, ${perSecond} a second`)
    },
    clear: () => void process.stderr.write(eraseLine)
  }
}
