/** Text to stdout as it comes, no faster than its reader takes it. */
import { Context, Effect, Schema } from "effect"

/** Whoever read stdout has gone away: there is nobody left to write for. */
export class OutputClosed extends Schema.TaggedError<OutputClosed>()("OutputClosed", {}) {}

/** Where text goes; a test may put something else in its place. */
export const Stdout = Context.Reference<(text: string) => Effect.Effect<void, OutputClosed>>("runtime/Output/Stdout", {
  defaultValue: () => (text) =>
    Effect.callback((resume) => {
      process.stdout.write(text, (error) => {
        resume(error === null || error === undefined ? Effect.void : Effect.fail(new OutputClosed()))
      })
    })
})

/** Waits until the text is handed over. */
export const write = (text: string): Effect.Effect<void, OutputClosed> => Effect.flatMap(Stdout, (to) => to(text))
