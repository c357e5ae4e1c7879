/** `muster replay TOKEN`: the run of a token again, stretch by stretch. Exit status 1 when it fails as it did. */
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { replay as replayToken } from "../../scenarios/Sweep.ts"
import { ExitStatus } from "../ExitStatus.ts"

/** Stretches shown at the end of the run when `--steps` is not given. */
const stretchesDefault = 20

export const replay = Command.make(
  "replay",
  {
    token: Argument.String("token"),
    steps: Flag.Int("last").pipe(
      Flag.withDefault(stretchesDefault),
      Flag.withDescription("How many of the last stretches between two switches to show; 0 for all")
    )
  },
  ({ steps, token }) =>
    Effect.gen(function* () {
      if (steps < 0) {
        return yield* new ExitStatus({ status: 2, message: `--last is ${steps}, expected 0 or more` })
      }
      const { run, subject } = yield* Effect.mapError(
        Effect.fromResult(replayToken(token)),
        (error) => new ExitStatus({ status: 2, message: error.message })
      )
      const shown = steps === 0 ? run.trace : run.trace.slice(-steps)
      if (shown.length < run.trace.length)
        yield* Console.log(`.. ${run.trace.length - shown.length} stretches before these`)
      for (const { atMs, fiber, name, step, steps: length } of shown) {
        yield* Console.log(
          `step ${step} +${length} at ${Math.round(atMs)} ms: fiber ${fiber}${name === "" ? "" : ` in ${name}`}`
        )
      }
      yield* Console.log(
        `${subject.name} ${subject.property.title}: ${run.outcome} after ${run.steps} steps and ` +
          `${run.deviations.length} deviations, trace ${run.traceHash}`
      )
      if (run.outcome === "done") return
      yield* Console.log(run.message)
      return yield* new ExitStatus({ status: 1, message: "" })
    })
).pipe(Command.withDescription("Do the run of a token again"))
