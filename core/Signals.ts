/** Port: what the surroundings ask of the process. */
import { Context, type Effect } from "effect"

export class Signals extends Context.Service<
  Signals,
  {
    /** Waits until the console is asked to end; gives the name of the signal. */
    readonly terminate: Effect.Effect<string>
    /**
     * Waits until the console is asked to load its configuration again, unless it was asked before and nobody has taken
     * that yet. Wishes that nobody has taken count as one; one that comes after another was taken is not lost. For one
     * fiber.
     */
    readonly reload: Effect.Effect<void>
  }
>()("core/Signals") {}
