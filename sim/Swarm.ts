/**
 * Swarm testing (Groce and others, 2012): each run draws which kinds of faults and knobs are in play, and how strongly.
 * A run with few kinds gets deeper into each than one with all of them; the draw is shown with the run.
 */
import type { Effect } from "effect"
import { RunContext } from "./RunContext.ts"

/**
 * For each kind, half of the runs do without it (undefined, the dullest answer); the others use one of its levels, all
 * equally likely. Levels go from mild to strong.
 */
export const swarm = <Level, Kind extends string>(
  kinds: Readonly<Record<Kind, ReadonlyArray<Level>>>
): Effect.Effect<Readonly<Partial<Record<Kind, Level>>>, never, RunContext> =>
  RunContext.useSync((context) => {
    const drawn: Partial<Record<Kind, Level>> = {}
    for (const kind in kinds) {
      const levels = kinds[kind]
      const level = context.choose("faults", 2) === 0 ? undefined : levels[context.choose("faults", levels.length)]
      if (level !== undefined) drawn[kind] = level
      context.note(kind, level === undefined ? "off" : JSON.stringify(level))
    }
    return drawn
  })
