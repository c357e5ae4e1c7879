/**
 * Who may talk to a node now and who waits, as a pure machine: so many calls at once, so many that wait, the rest is
 * refused.
 *
 * Turns are given in the order of asking, apart from this: commands and logs together leave one place free for polls,
 * and logs leave another one for commands. So polls wait for nobody but polls, and the reading of logs holds up neither
 * polls nor commands. A call that may not go yet does not hold up those of another kind behind it. With one place for
 * all, they take turns.
 */

export type CallKind = "poll" | "command" | "log"

export interface BulkheadOptions {
  readonly callsMax: number
  /** One poll more may wait. */
  readonly waitingMax: number
}

interface Waiting {
  readonly id: number
  readonly kind: CallKind
}

export interface Bulkhead {
  readonly underWay: Readonly<Record<CallKind, number>>
  /** In the order of asking. */
  readonly waiting: ReadonlyArray<Waiting>
}

export const empty: Bulkhead = { underWay: { poll: 0, command: 0, log: 0 }, waiting: [] }

/** Calls under way, of all kinds. */
export const total = ({ underWay }: Bulkhead): number => underWay.poll + underWay.command + underWay.log

const mayGo = (bulkhead: Bulkhead, kind: CallKind, { callsMax }: BulkheadOptions): boolean => {
  const { command, log } = bulkhead.underWay
  if (total(bulkhead) >= callsMax) return false
  return (
    kind === "poll" ||
    (command + log < Math.max(1, callsMax - 1) && (kind === "command" || log < Math.max(1, callsMax - 2)))
  )
}

const went = (bulkhead: Bulkhead, kind: CallKind, by: 1 | -1): Bulkhead => ({
  ...bulkhead,
  underWay: { ...bulkhead.underWay, [kind]: bulkhead.underWay[kind] + by }
})

/** A call asks to go: it goes, waits under its number, or is refused. */
export const enter = (
  bulkhead: Bulkhead,
  options: BulkheadOptions,
  call: Waiting
): readonly [Bulkhead, "goes" | "waits" | "refused"] => {
  const { kind } = call
  const { waiting } = bulkhead
  // Those of its kind that wait already come first.
  if (!waiting.some((other) => other.kind === kind) && mayGo(bulkhead, kind, options)) {
    return [went(bulkhead, kind, 1), "goes"]
  }
  const hasRoom =
    waiting.length < options.waitingMax || (kind === "poll" && !waiting.some((other) => other.kind === "poll"))
  return hasRoom ? [{ ...bulkhead, waiting: [...waiting, call] }, "waits"] : [bulkhead, "refused"]
}

/** A call under way ended: the numbers of those whose turn it is now, which count as under way from here on. */
export const leave = (
  bulkhead: Bulkhead,
  options: BulkheadOptions,
  kind: CallKind
): readonly [Bulkhead, ReadonlyArray<number>] => {
  let next = went(bulkhead, kind, -1)
  const turns: Array<number> = []
  const waiting: Array<Waiting> = []
  for (const call of bulkhead.waiting) {
    if (mayGo(next, call.kind, options)) {
      next = went(next, call.kind, 1)
      turns.push(call.id)
    } else waiting.push(call)
  }
  return [{ ...next, waiting }, turns]
}

/** A call that waited gives up. */
export const giveUp = (bulkhead: Bulkhead, id: number): Bulkhead => ({
  ...bulkhead,
  waiting: bulkhead.waiting.filter((call) => call.id !== id)
})
