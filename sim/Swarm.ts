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
export const swarm = <const Kinds extends Readonly<Record<string, ReadonlyArray<unknown>>>>(
  kinds: Kinds
): Effect.Effect<{ readonly [Kind in keyof Kinds]?: Kinds[Kind][number] }, never, RunContext> =>
  RunContext.useSync((context) => {
    const drawn: { [Kind in keyof Kinds]?: Kinds[Kind][number] } = {}
    for (const kind in kinds) {
      const levels = kinds[kind]
      if (levels === undefined) continue
      // Both are always drawn, so that a kind that shrinking takes out does not shift what the others drew.
      const isOn = context.choose("faults", 2) === 1
      const drawnLevel = levels[context.choose("faults", levels.length)]
      const level = isOn ? drawnLevel : undefined
      if (level !== undefined) drawn[kind] = level
      context.note(kind, level === undefined ? "off" : JSON.stringify(level))
    }
    return drawn
  })
