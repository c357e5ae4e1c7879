/** The default plan: the same for the same results, learned from earlier rounds alone, with a share for everybody. */
import { assert, describe, it } from "@effect/vitest"
import type * as Sim from "../../sim/Sim.ts"
import type { RunSummary } from "../../sim/Strategy.ts"
import { planners } from "../../sim/strategies/Strategies.ts"
import { portfolio, sweepingPct } from "../../sim/strategies/Portfolio.ts"

const summary = (given: Partial<RunSummary> = {}): RunSummary => ({
  decisions: 40,
  isNew: true,
  branches: undefined,
  draws: false,
  ...given
})

/** Names and seeds of the runs of so many rounds, when each run gives what `result` says. */
const planned = (
  planner: Sim.Planner,
  rounds: number,
  result: (name: string, index: number) => RunSummary,
  runsMax = 10_000
) => {
  const plan = planner.begin((index) => 100 + index)
  const all: Array<ReadonlyArray<{ readonly name: string; readonly seed: number }>> = []
  let index = 0
  let left = runsMax
  for (let i = 0; i < rounds; i++) {
    const round = plan.next(left).map(({ seed, strategy }) => ({ name: strategy.name, seed }))
    if (round.length === 0) break
    left -= round.length
    all.push(round)
    plan.learn(round.map(({ name }) => result(name, index++)))
  }
  return all
}

const kindOf = (name: string): string => name.replace(/^(list|pct-\d+)-.*/, "$1")

const shares = (rounds: ReadonlyArray<ReadonlyArray<{ readonly name: string }>>) => {
  const counts = new Map<string, number>()
  for (const { name } of rounds.flat()) counts.set(kindOf(name), (counts.get(kindOf(name)) ?? 0) + 1)
  return counts
}

describe("each planner", () => {
  for (const planner of planners) {
    it(`${planner.name} plans the same again, and one round only from those before it`, () => {
      const result = (name: string, index: number) =>
        summary({ isNew: index % 3 === 0, decisions: 30 + (index % 7), draws: name.length % 2 === 0 })
      const first = planned(planner, 12, result)
      assert.deepStrictEqual(planned(planner, 12, result), first)
      // Results of the eighth round on change nothing before the ninth.
      const until = first.slice(0, 7).flat().length
      const changed = planned(planner, 12, (name, index) =>
        index < until ? result(name, index) : summary({ decisions: 900 })
      )
      assert.deepStrictEqual(changed.slice(0, 8), first.slice(0, 8))
    })

    it(`${planner.name} never plans more runs than are wanted`, () => {
      for (const runsMax of [1, 2, 7, 100]) {
        assert.isAtMost(planned(planner, 50, () => summary(), runsMax).flat().length, runsMax)
      }
    })
  }
})

describe("the portfolio", () => {
  it("begins with the canonical run alone, then in rounds that grow", () => {
    const rounds = planned(portfolio, 8, () => summary({ branches: { points: [5, 5, 5, 5, 5, 5], cut: false } }))
    assert.deepStrictEqual(rounds[0], [{ name: "list-AA", seed: 100 }])
    assert.deepStrictEqual(
      rounds.map(({ length }) => length),
      [1, 8, 16, 32, 64, 64, 64, 64]
    )
  })

  it("gives each run of its own its own seed", () => {
    const seeds = planned(portfolio, 10, () => summary())
      .flat()
      .filter(({ name }) => !name.startsWith("list"))
      .map(({ seed }) => seed)
    assert.strictEqual(new Set(seeds).size, seeds.length)
  })

  it("gives half to the search of a program without draws, an eighth with them, none of a large one", () => {
    const points = Array.from({ length: 2_000 }, () => 5)
    const searched = (given: Partial<RunSummary>) =>
      shares(planned(portfolio, 12, () => summary({ branches: { points, cut: false }, ...given })))
    const plain = searched({})
    const drawing = searched({ draws: true })
    const large = searched({ decisions: 2_001 })
    const total = (counts: ReadonlyMap<string, number>) => Array.from(counts.values()).reduce((a, b) => a + b, 0)
    assert.approximately((plain.get("list") ?? 0) / total(plain), 1 / 2, 0.02)
    assert.approximately((drawing.get("list") ?? 0) / total(drawing), 1 / 8, 0.02)
    assert.strictEqual(large.get("list"), 1)
  })

  it("lets no strategy run dry, and gives more to those that find new traces", () => {
    const even = shares(planned(portfolio, 40, () => summary()))
    const pctIsFresh = shares(planned(portfolio, 40, (name) => summary({ isNew: name.startsWith("pct-2") })))
    const kinds = ["random", "pct-1", "pct-2", "pct-3", "pct-5"]
    for (const counts of [even, pctIsFresh]) {
      for (const kind of kinds) assert.isAbove(counts.get(kind) ?? 0, 20, kind)
    }
    assert.isAbove(even.get("random") ?? 0, 3 * (even.get("pct-3") ?? 0))
    assert.isAbove(pctIsFresh.get("pct-2") ?? 0, 2 * (pctIsFresh.get("pct-3") ?? 0))
    assert.isAbove(pctIsFresh.get("pct-2") ?? 0, 2 * (even.get("pct-2") ?? 0))
  })

  it("tells PCT the most decision points that were seen", () => {
    for (const planner of [portfolio, sweepingPct]) {
      const rounds = planned(planner, 6, (_, index) => summary({ decisions: index === 0 ? 77 : 30 }))
      const names = rounds.slice(1).flatMap((round) => round.map(({ name }) => name))
      const depths = names.filter((name) => name.startsWith("pct"))
      assert.isNotEmpty(depths)
      for (const name of depths) assert.match(name, /^pct-\d-77$/)
    }
  })
})
