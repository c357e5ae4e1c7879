/**
 * Systematic search with a preemption bound (Musuvathi and Qadeer, PLDI 2007): every schedule without a preemption,
 * then every one with one, and so on. Which fiber runs when the current one cannot go on is a free choice; to pause
 * one that could, or one that was just woken, is a preemption.
 *
 * Each run is a list of choices, followed by the dullest ones; it notes what it could have done otherwise after the
 * list, and those alternatives are the runs to come. Nothing is reduced: schedules that differ only in the order of
 * independent steps are all run. The search of a program that draws values is a search of one seed's values.
 */
import { listedSchedule } from "./Listed.ts"
import type { Plan, PlannedRun, RunSummary } from "../Strategy.ts"

/** Schedules that wait to be run, beyond which the search gives up being complete. */
const waitingMax = 400_000

const roundMax = 64

/** A schedule: one more choice than the schedule that it came from. */
interface Node {
  readonly parent: Node | undefined
  readonly index: number
  readonly value: number
  readonly preemptions: number
}

export interface Search extends Plan {
  /** The largest number of preemptions of which every schedule was run; -1 before the first. */
  readonly completeTo: () => number
}

/** Searches the schedules of one seed up to so many preemptions. */
export const systematic = (seed: number, preemptionsMax: number): Search => {
  const waiting: Array<Array<Node>> = [[{ parent: undefined, index: -1, value: 0, preemptions: 0 }]]
  let waitingCount = 1
  let level = 0
  /** From this level on alternatives were dropped. */
  let cutFrom = Infinity
  let round: ReadonlyArray<Node> = []

  const add = (node: Node): void => {
    if (node.preemptions > preemptionsMax) return
    if (waitingCount >= waitingMax) {
      cutFrom = Math.min(cutFrom, node.preemptions)
      return
    }
    ;(waiting[node.preemptions] ??= []).push(node)
    waitingCount++
  }

  const branch = (node: Node, { branches }: RunSummary): void => {
    if (branches === undefined) return
    if (branches.cut) cutFrom = Math.min(cutFrom, node.preemptions)
    for (const [i, point] of branches.points.entries()) {
      const isPreemption = point % 2
      const options = (point - isPreemption) / 2
      for (let value = 1; value < options; value++) {
        add({ parent: node, index: node.index + 1 + i, value, preemptions: node.preemptions + isPreemption })
      }
    }
  }

  return {
    next: (runsMax) => {
      while (level <= preemptionsMax && (waiting[level] ?? []).length === 0) level++
      round = (waiting[level] ?? []).splice(0, Math.min(runsMax, roundMax))
      waitingCount -= round.length
      return round.map((node): PlannedRun => ({ strategy: listedSchedule(choicesOf(node), true), seed }))
    },
    learn: (results) => {
      for (const [i, node] of round.entries()) {
        const result = results[i]
        if (result !== undefined) branch(node, result)
      }
      round = []
    },
    completeTo: () => {
      let complete = -1
      while (complete < preemptionsMax && complete + 1 < cutFrom && (waiting[complete + 1] ?? []).length === 0) {
        complete++
      }
      return round.length > 0 ? Math.min(complete, level - 1) : complete
    }
  }
}

const choicesOf = (node: Node): ReadonlyMap<number, number> => {
  const choices = new Map<number, number>()
  for (let at: Node | undefined = node; at !== undefined; at = at.parent) {
    if (at.value > 0) choices.set(at.index, at.value)
  }
  return choices
}
