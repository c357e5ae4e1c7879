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

/** Parts of each round that go to the search: of a program whose runs differ only in their schedule, and of others. */
const searchShare = { schedule: 2, values: 8 } as const

/** Programs with more decision points are too large for the search to get anywhere. */
const searchDecisionsMax = 2_000

const searchPreemptionsMax = 2

/** Rounds start small, so that what is learned counts early. */
const roundMin = 8
const roundMax = 64

/** PCT's depths, and how much more than each the random walk gets: measured, it finds most, but not everything. */
const depths = [3, 2, 5, 1]
const walkPrior = 4

interface Arm {
  readonly strategy: () => Strategy
  readonly prior: number
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
    let size = 1
    let share: number = searchShare.schedule
    let searching = true
    const search = systematic(seedOf(0), searchPreemptionsMax)
    const arms: ReadonlyArray<Arm> = [
      { strategy: () => randomWalk, prior: walkPrior, runs: 0, fresh: 0, credit: 0 },
      ...depths.map((depth) => ({ strategy: () => pct(depth, points), prior: 1, runs: 0, fresh: 0, credit: 0 }))
    ]
    let searched = 0
    let picked: ReadonlyArray<Arm> = []

    return {
      // The first run is the canonical one, which the search starts from; it shows how large the program is.
      next: (runsMax) => {
        const runs = Math.min(runsMax, size)
        const ofSearch = searching ? search.next(Math.ceil(runs / share)) : []
        searched = ofSearch.length
        picked = Array.from({ length: runs - searched }, () => pickArm(arms))
        index += searched
        return [...ofSearch, ...picked.map((arm) => ({ strategy: arm.strategy(), seed: seedOf(index++) }))]
      },
      learn: (results) => {
        size = Math.min(roundMax, Math.max(roundMin, 2 * size))
        search.learn(results.slice(0, searched))
        for (const { decisions, draws } of results.slice(0, searched)) {
          points = Math.max(points, decisions)
          if (draws) share = searchShare.values
          if (decisions > searchDecisionsMax) searching = false
        }
        for (const [i, arm] of picked.entries()) {
          const result = results[searched + i]
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
    const weight = arm.prior * (0.25 + (arm.fresh + 1) / (arm.runs + 1))
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
