/** Port: what the surroundings ask of the process. */
import { Context, type Effect } from "effect"

export class Signals extends Context.Service<
  Signals,
  {
    /** Waits until the console is asked to end; gives the name of the signal. */
    readonly terminate: Effect.Effect<string>
  }
>()("core/Signals") {}
