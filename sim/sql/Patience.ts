/**
 * How long clients wait for the answers to what they have sent. One fiber keeps the time for all of them, which costs a
 * run far less than a race at each statement.
 */
import { Deferred, Effect } from "effect"
import { Signal } from "../net/Signal.ts"
import type { RunContext } from "../RunContext.ts"
import { ConnectionLost } from "./ConnectionLost.ts"

/** An answer that somebody waits for until then. */
export interface Expectation {
  readonly untilMs: number
  readonly giveUp: () => void
}

export class Patience {
  private readonly nowMs: () => number
  private readonly context: RunContext["Service"]
  private readonly expectations = new Set<Expectation>()
  /** Something is expected before the fiber would look again. */
  private readonly sooner = new Signal()
  private looksAtMs = Infinity

  constructor(nowMs: () => number, context: RunContext["Service"]) {
    this.nowMs = nowMs
    this.context = context
  }

  /** Fails the reply when it is not there in time; to be told when the wait is over. */
  expect<A>(reply: Deferred.Deferred<A, ConnectionLost>, withinMs: number): Expectation {
    const giveUp = () => void Deferred.doneUnsafe(reply, new ConnectionLost({ code: "ETIMEDOUT" }))
    const expectation = { untilMs: this.nowMs() + withinMs, giveUp }
    this.expectations.add(expectation)
    if (expectation.untilMs < this.looksAtMs) this.sooner.raise()
    return expectation
  }

  over(expectation: Expectation): void {
    this.expectations.delete(expectation)
  }

  /** Keeps the time, for ever. */
  readonly run: Effect.Effect<never> = Effect.forever(
    Effect.suspend(() => {
      for (const expectation of this.expectations) {
        if (expectation.untilMs > this.nowMs()) continue
        this.expectations.delete(expectation)
        expectation.giveUp()
      }
      const since = this.sooner.now
      this.looksAtMs = Math.min(Infinity, ...Array.from(this.expectations, ({ untilMs }) => untilMs))
      if (this.looksAtMs === Infinity) return this.sooner.after(since)
      return this.sooner.within(since, this.looksAtMs - this.nowMs(), this.context)
    })
  )
}
