/**
 * The run that a program is part of. The simulator provides it; simulated services and scenarios draw from it.
 * Programs under test need not know it.
 */
import { Context } from "effect"
import type { Stream } from "./Choices.ts"

export class RunContext extends Context.Service<
  RunContext,
  {
    /** An integer below `n` from a stream of choices; 0 is the dullest answer. */
    readonly choose: (stream: Stream, n: number) => number
    /** Counts an injected fault by its kind. */
    readonly fault: (kind: string) => void
    /** Counts that something was reached, for `Sim.sometimes`. */
    readonly reach: (name: string) => void
    /** Steps so far: an order of events within the run. */
    readonly steps: () => number
    /** Defects so far that ended fibers other than the root, whoever may have handled them. */
    readonly defects: () => ReadonlyArray<string>
  }
>()("muster/sim/RunContext") {}
