/** A classic concurrency bug as a plain Effect program that knows nothing of the simulator, and its correct twin. */
import { Effect } from "effect"

export interface Bug {
  readonly name: string
  /** What is wrong, in one sentence. */
  readonly what: string
  /** Fails, dies or never ends in some orders of its fibers, and ends well in others. */
  readonly buggy: Effect.Effect<void, unknown>
  /** The same program with the smallest change that makes it right: ends well in every order. */
  readonly fixed: Effect.Effect<void, unknown>
  /** How a run of the buggy one ends that shows the bug, and a part of its message. */
  readonly shows: { readonly outcome: "failed" | "deadlock"; readonly message: string }
}

/** Dies with a sentence that names the broken invariant. */
export const must = (holds: boolean, otherwise: () => string): Effect.Effect<void> =>
  Effect.suspend(() => (holds ? Effect.void : Effect.die(otherwise())))
