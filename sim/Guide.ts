/**
 * Tolerant replay: a run led by deviations that are found again by what they befell, not by their index. A deviation
 * of the schedule belongs to a step of a fiber, one of another stream to a draw of a fiber, so that taking some
 * deviations away leaves most of the others in force. What is not met again is dropped.
 */
import { seeded } from "./Choices.ts"
import type { ChoiceSource, Deviation, DrawnStream, Turn } from "./Choices.ts"
import type { Decision, Strategy } from "./Strategy.ts"

export interface Guided {
  readonly strategy: Strategy
  readonly source: ChoiceSource
}

/** `dataSeed` undefined makes all data the dullest. For one run only: it counts what it meets. */
export const guided = (deviations: ReadonlyArray<Deviation>, dataSeed: number | undefined): Guided => ({
  strategy: guidedStrategy(deviations),
  source: guidedSource(deviations, dataSeed)
})

/** Where the schedule leaves the canonical one, by the steps that the fiber has taken itself. */
type Turns = Map<number, Array<Turn>>

const guidedStrategy = (deviations: ReadonlyArray<Deviation>): Strategy => ({
  name: "guided",
  begin: () => {
    const turnsByPath = new Map<string, Turns>()
    for (const { at, fiber, turn } of deviations) {
      if (turn === undefined) continue
      const turns: Turns = turnsByPath.get(fiber) ?? new Map()
      turnsByPath.set(fiber, turns)
      turns.set(at, [...(turns.get(at) ?? []), turn])
    }
    const turnsByNumber: Array<Turns | null | undefined> = []
    return (decision) => {
      const subject = decision.subject()
      let turns = turnsByNumber[subject]
      if (turns === undefined) {
        turns = turnsByPath.get(decision.pathOf(subject)) ?? null
        if (subject >= 0) turnsByNumber[subject] = turns
      }
      if (turns === null) return 0
      const wanted = turns.get(decision.ownSteps())
      return wanted === undefined ? 0 : turnTo(decision, wanted)
    }
  }
})

/** The option that takes one of the turns wanted here, if it can be taken. */
const turnTo = (decision: Decision, wanted: ReadonlyArray<Turn>): number => {
  const { current, resumed, runnable } = decision
  const kind = resumed >= 0 ? "held-back" : current >= 0 ? "preempted" : "picked"
  const turn = wanted.find((other) => other.kind === kind && other.nth === decision.nth())
  if (turn === undefined) return 0
  if (resumed >= 0) return 1
  let skipped = 0
  let found = -1
  for (let k = 0; k < runnable; k++) {
    if (decision.pathOf(decision.fiberAt(k)) !== turn.to) continue
    found = k
    if (skipped++ === turn.skipped) break
  }
  if (found < 0) return 0
  return current >= 0 ? found + 1 : found
}

const guidedSource = (deviations: ReadonlyArray<Deviation>, dataSeed: number | undefined): ChoiceSource => {
  const values = new Map<string, number>()
  for (const { at, fiber, stream, value } of deviations) values.set(`${stream} ${fiber} ${at}`, value)
  const data = dataSeed === undefined ? undefined : seeded(dataSeed)
  const drawn = new Map<string, number>()
  return {
    value: (stream: DrawnStream, n, index, fiber) => {
      if (stream === "data") return data?.value(stream, n, index, fiber) ?? 0
      const drawer = `${stream} ${fiber()}`
      const at = drawn.get(drawer) ?? 0
      drawn.set(drawer, at + 1)
      const value = values.get(`${drawer} ${at}`) ?? 0
      return value < n ? value : 0
    }
  }
}
