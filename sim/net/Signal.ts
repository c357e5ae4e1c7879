import { Effect } from "effect"
import type { RunContext } from "../RunContext.ts"

/** Wakes all who wait for something to change; they look again for themselves. */
export class Signal {
  private readonly waiting = new Set<() => void>()
  private raised = 0

  /** Take it in the step in which you look; then wait for what comes after it. */
  get now(): number {
    return this.raised
  }

  /** Waits until it is raised after `since`: what happened between the look and the wait is not missed. */
  after(since: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const wake = () => resume(Effect.void)
      if (this.raised !== since) return wake()
      this.waiting.add(wake)
      return Effect.sync(() => void this.waiting.delete(wake))
    })
  }

  /** The same, but for so much virtual time at most; a race with a sleep would take two fibers. */
  within(since: number, ms: number, { timer }: Pick<RunContext["Service"], "timer">): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.raised !== since) return resume(Effect.void)
      const end = () => {
        cancel()
        this.waiting.delete(wake)
      }
      const wake = () => {
        end()
        resume(Effect.void)
      }
      const cancel = timer(ms, wake)
      this.waiting.add(wake)
      return Effect.sync(end)
    })
  }

  /** To be called last: those who wait may go on before this returns. */
  raise(): void {
    this.raised++
    const woken = Array.from(this.waiting)
    this.waiting.clear()
    for (const wake of woken) wake()
  }
}
