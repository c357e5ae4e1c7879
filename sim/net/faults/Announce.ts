import { Effect, type Scope } from "effect"
import { RunContext } from "../../RunContext.ts"

/** Counts a fault of the network and tells, in the story of the run, when it begins and when its scope ends it. */
export const announce = (kind: string, what: string): Effect.Effect<void, never, RunContext | Scope.Scope> =>
  RunContext.use((context) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => {
          context.fault(`network ${kind}`)
          context.tell(() => `network: ${kind} ${what}`, { kind: "fault" })
        }),
        () => Effect.sync(() => context.tell(() => `network: no more ${kind} ${what}`, { kind: "fault" }))
      )
    )
  )
