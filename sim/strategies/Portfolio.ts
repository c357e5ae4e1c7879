/**
 * The default: several strategies side by side, since none finds everything. A systematic search of the shortest
 * schedules goes first where the program is small; then random walks and PCT of several depths share the runs, each
 * by how many traces it finds that no run had before.
 *
 * PCT learns its number of decision points from run to run. The shares follow from the results of earlier rounds only,
 * so that they do not depend on how many threads do the runs.
 */
import { pct } from "./Pct.ts"
import { randomWalk } from "./RandomWalk.ts"
import { systematic } from "./Systematic.ts"
import type { Plan, Planner, RunSummary, Strategy } from "../Strategy.ts"

/** The search gets at most this many runs, and at most one in eight of a large budget. */
const searchRunsMax = 256
const searchShare = 8

/** Programs with more decision points are too large for the search to get anywhere. */
const searchDecisionsMax = 2_000

const searchPreemptionsMax = 2

const roundMax = 64

interface Arm {
  readonly strategy: () => Strategy
  runs: number
  fresh: number
  /** Smooth weighted round robin: what this arm has saved up. */
  credit: number
}

export const portfolio: Planner = {
  name: "portfolio",
  begin: (seedOf) => {
    let points = 1
    let index = 0
    let searched = 0
    let searching = true
    const search = systematic(seedOf(0), searchPreemptionsMax)
    const depths = [2, 3, 1, 5]
    const arms: ReadonlyArray<Arm> = [() => randomWalk, ...depths.map((depth) => () => pct(depth, points))].map(
      (strategy) => ({ strategy, runs: 0, fresh: 0, credit: 0 })
    )
    let round: ReadonlyArray<Arm> = []

    const nextOfSearch = (runsMax: number) => {
      const left = Math.min(searchRunsMax, Math.max(1, Math.floor((runsMax + index) / searchShare))) - searched
      const runs = left <= 0 ? [] : search.next(searched === 0 ? 1 : Math.min(left, runsMax))
      searched += runs.length
      return runs
    }

    return {
      next: (runsMax) => {
        if (searching) {
          const runs = nextOfSearch(runsMax)
          index += runs.length
          if (runs.length > 0) return runs
          searching = false
        }
        round = Array.from({ length: Math.min(runsMax, roundMax) }, () => pickArm(arms))
        return round.map((arm) => ({ strategy: arm.strategy(), seed: seedOf(index++) }))
      },
      learn: (results) => {
        if (searching) {
          search.learn(results)
          for (const { decisions } of results) points = Math.max(points, decisions)
          if (points > searchDecisionsMax) searching = false
          return
        }
        for (const [i, arm] of round.entries()) {
          const result = results[i]
          if (result === undefined) continue
          learn(arm, result)
          if (arm !== arms[0]) points = Math.max(points, result.decisions)
        }
      }
    }
  }
}

/** Older runs count less and less, so that an arm that has run dry gives its share to others. */
const memory = 256

const learn = (arm: Arm, { isNew }: RunSummary): void => {
  arm.runs++
  if (isNew) arm.fresh++
  if (arm.runs < memory) return
  arm.runs /= 2
  arm.fresh /= 2
}

/** Each arm's share grows with the part of its runs that were new; none falls to nothing. */
const pickArm = (arms: ReadonlyArray<Arm>): Arm => {
  let total = 0
  let best = arms[0]
  for (const arm of arms) {
    const weight = 0.25 + (arm.fresh + 1) / (arm.runs + 1)
    total += weight
    arm.credit += weight
    if (best === undefined || arm.credit > best.credit) best = arm
  }
  if (best === undefined) throw new Error("Portfolio: there are no arms")
  best.credit -= total
  return best
}

/** Every run by the same strategy, each with its own seed. */
export const always = (strategy: Strategy): Planner => ({
  name: strategy.name,
  begin: (seedOf): Plan => {
    let index = 0
    return {
      next: (runsMax) =>
        Array.from({ length: Math.min(runsMax, roundMax) }, () => ({ strategy, seed: seedOf(index++) })),
      learn: () => {}
    }
  }
})

/** PCT alone: depths in turn, with the number of decision points learned. */
export const sweepingPct: Planner = {
  name: "pct",
  begin: (seedOf) => {
    const depths = [1, 2, 3, 5]
    let index = 0
    let points = 1
    return {
      // The first run has no change points: it shows how long runs are.
      next: (runsMax) =>
        Array.from({ length: index === 0 ? 1 : Math.min(runsMax, roundMax) }, () => ({
          strategy: pct(depths[index % depths.length] ?? 1, points),
          seed: seedOf(index++)
        })),
      learn: (results) => {
        for (const { decisions } of results) points = Math.max(points, decisions)
      }
    }
  }
}

/** The systematic search alone; it ends when everything up to its bound was run. */
export const searching: Planner = {
  name: "systematic",
  begin: (seedOf) => systematic(seedOf(0), 3)
}
