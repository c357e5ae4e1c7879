/** All strategies and planners by name, for tokens and the command line. */
import type { Planner, Strategy } from "../Strategy.ts"
import { parseListed } from "./Listed.ts"
import { parsePct } from "./Pct.ts"
import { always, portfolio, searching, sweepingPct } from "./Portfolio.ts"
import { randomWalk } from "./RandomWalk.ts"

/** The strategy of one run by its name with parameters, as it stands in tokens; undefined when there is none. */
export const strategyNamed = (name: string, explore = false): Strategy | undefined =>
  name === randomWalk.name ? randomWalk : (parsePct(name) ?? parseListed(name, explore))

/** The ways to plan a sweep; the first is the default. */
export const planners: ReadonlyArray<Planner> = [portfolio, always(randomWalk), sweepingPct, searching]

/** The planner of that name, or of the one strategy that is so named with its parameters; undefined: there is none. */
export const plannerNamed = (name: string): Planner | undefined => {
  const strategy = strategyNamed(name)
  return planners.find((planner) => planner.name === name) ?? (strategy === undefined ? undefined : always(strategy))
}
