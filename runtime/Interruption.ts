/** Ctrl-C, or a request to end, during long work: what was done so far is still told, and then the command ends. */
import { Context, Effect, Layer, type Scope } from "effect"
import { Signals } from "../core/Signals.ts"
import { ExitStatus } from "./ExitStatus.ts"
import * as NodeSignals from "./NodeSignals.ts"

export interface Interruption {
  /** Waits for a signal. */
  readonly asked: Effect.Effect<unknown>
  /** Waits for a signal and fails with the status of a command that it ended, as a shell shows it. */
  readonly end: Effect.Effect<never, ExitStatus>
}

/** From now on, until the scope closes, a signal is a wish to stop; a second one ends the process at once. */
export const listen: Effect.Effect<Interruption, never, Scope.Scope> = Effect.map(
  Layer.build(NodeSignals.layer),
  (services) => {
    const { terminate } = Context.get(services, Signals)
    return {
      asked: terminate,
      end: Effect.flatMap(terminate, (name) =>
        Effect.fail(new ExitStatus({ status: name === "SIGTERM" ? 143 : 130, message: "" }))
      )
    }
  }
)
