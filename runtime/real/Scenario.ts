/** A scenario of the real world: what of the properties can be seen from outside of a running console. */
import type { Effect, Scope } from "effect"
import type { Episode, EpisodeError } from "./Episode.ts"

export interface Scenario {
  /** `P1` .. as in the simulator. */
  readonly properties: readonly [string, ...ReadonlyArray<string>]
  /** States worth reaching, as the episode marks them. */
  readonly marks: ReadonlyArray<string>
  readonly run: (episode: Episode) => Effect.Effect<void, EpisodeError, Scope.Scope>
}
