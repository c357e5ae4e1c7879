/** Fibers that wait until something is so. */
import { Effect } from "effect"

export class Waiters {
  private readonly waiting = new Set<() => void>()

  /** Looks and waits in one step, so that no change is missed in between. May return early: look again. */
  until(ready: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (ready()) return resume(Effect.void)
      const wake = () => resume(Effect.void)
      this.waiting.add(wake)
      return Effect.sync(() => void this.waiting.delete(wake))
    })
  }

  /** Lets all look again. They go on on the stack of the caller, who must be done with what it changes. */
  wake(): void {
    const woken = Array.from(this.waiting)
    this.waiting.clear()
    for (const resume of woken) resume()
  }
}
