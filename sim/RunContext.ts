/**
 * The run that a program is part of. The simulator provides it; simulated services and scenarios draw from it.
 * Programs under test need not know it.
 */
import { Context } from "effect"
import type { DrawnStream } from "./Choices.ts"
import type { AnyFiber } from "./Fibers.ts"
import type { Invariant } from "./Invariants.ts"
import type { Ratio } from "./Rules.ts"
import type { Topic } from "./Trace.ts"

export class RunContext extends Context.Service<
  RunContext,
  {
    /** An integer below `n` from a stream of choices; 0 is the dullest answer. */
    readonly choose: (stream: DrawnStream, n: number) => number
    /** True with this chance, from a stream of choices; false is the dullest answer. */
    readonly chance: (stream: DrawnStream, ratio: Ratio) => boolean
    /** Counts an injected fault by its kind. */
    readonly fault: (kind: string) => void
    /** Counts that something was reached, for `Sim.sometimes`. */
    readonly reach: (name: string) => void
    /**
     * Adds a line in domain words to the story of the run. Asked for only in runs whose story is kept; with its topic
     * it stands where it belongs in a picture of the run too.
     */
    readonly tell: (what: () => string, topic?: Topic) => void
    /** Something about the whole run that a report must show: a swarm's draw, an option. */
    readonly note: (name: string, value: string) => void
    /**
     * A resource is held from now on until the function that this gives is called (once; more often does nothing).
     * What is still held when the program has ended is a leak, reported with the fiber that took it.
     */
    readonly hold: (kind: string, what: string) => () => void
    /** Moves the wall clock against the monotonic one, by milliseconds; timers do not notice. */
    readonly shiftWallClock: (ms: number) => void
    /** The clock sometimes goes on although a fiber could run, until the function that this gives is called. */
    readonly letTimersBeLate: (chance: Ratio) => () => void
    /** Interrupts a fiber after so many more steps of the run, if it has not ended by then. */
    readonly interruptAfter: (fiber: AnyFiber, steps: number) => void
    /** The number of a new host, above 0. After a crash it is up again under the same name and another number. */
    readonly newHost: (name: string) => number
    /** The fiber that runs, and all that it forks from now on, belong to the host of this number. */
    readonly enterHost: (host: number) => void
    /** Stops the fibers of a host for good, without their finalizers. */
    readonly killHost: (host: number) => void
    /** Checks an invariant at every switch of fibers until the function that this gives is called. */
    readonly always: (invariant: Invariant) => () => void
    /** Calls this after so much virtual time, unless the function that this gives was called before. */
    readonly timer: (ms: number, fire: () => void) => () => void
    /** Calls this when the run is over, however it ended; nothing of the run happens any more. It must not throw. */
    readonly atEnd: (release: () => void) => void
    /** Steps so far: an order of events within the run. */
    readonly steps: () => number
    /** Defects so far that ended fibers other than the root, whoever may have handled them. */
    readonly defects: () => ReadonlyArray<string>
  }
>()("muster/sim/RunContext") {}
