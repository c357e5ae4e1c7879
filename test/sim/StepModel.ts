/**
 * A scheduler in miniature, for strategies alone: fibers that only take a number of independent steps each, all of them
 * runnable from the start. What can happen, and how often it should, is known by counting.
 */
import { Prng } from "../../sim/Prng.ts"
import type { Decision, Strategy } from "../../sim/Strategy.ts"

export interface ModelRun {
  /** Which fiber took each step. */
  readonly order: string
  /** Switches away from a fiber that had steps left. */
  readonly preemptions: number
  readonly decisions: number
}

const letters = "abcdefghijklmnopqrstuvwxyz"

/** `steps` has the number of steps of each fiber; the order names the first `a`, the second `b` and so on. */
export const interleave = (strategy: Strategy, seed: number, steps: ReadonlyArray<number>): ModelRun => {
  const choose = strategy.begin(new Prng(seed, 0))
  const left = [...steps]
  const waiting = steps.map((_, fiber) => fiber)
  let [current, last, decisions, preemptions] = [-1, -1, 0, 0]
  let order = ""
  while (waiting.length > 0 || current >= 0) {
    if (waiting.length + (current >= 0 ? 1 : 0) > 1) {
      decisions++
      const choice = choose(decisionOf(current, last, waiting))
      if (current >= 0 && choice > 0) {
        preemptions++
        waiting.push(current)
        current = waiting.splice(choice - 1, 1)[0] ?? -1
      } else if (current < 0) {
        current = waiting.splice(choice, 1)[0] ?? -1
      }
    } else if (current < 0) current = waiting.pop() ?? -1
    order += letters.charAt(current)
    left[current] = (left[current] ?? 0) - 1
    last = current
    if (left[current] === 0) current = -1
  }
  return { order, preemptions, decisions }
}

const decisionOf = (current: number, last: number, waiting: ReadonlyArray<number>): Decision => ({
  current,
  resumed: -1,
  runnable: waiting.length,
  fiberAt: (k) => waiting[k] ?? -1,
  subject: () => (current >= 0 ? current : last),
  ownSteps: () => 0,
  nth: () => 0,
  pathOf: String
})
