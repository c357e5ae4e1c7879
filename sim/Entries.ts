/** What a recorded run has to tell, in its order and in words, for its story and its picture. */
import type { RunResult } from "./Run.ts"
import type { Site } from "./Sites.ts"
import type { BirthRecord, StepRecord, SwitchRecord, Told } from "./Trace.ts"

export type Entry =
  | { readonly kind: "stretch"; readonly entry: StepRecord }
  | { readonly kind: "told"; readonly entry: Told }
  | { readonly kind: "switch"; readonly entry: SwitchRecord }
  | { readonly kind: "birth"; readonly entry: BirthRecord }

/** By step. */
export const entriesOf = (run: RunResult<unknown, unknown>): ReadonlyArray<Entry> => {
  const entries: ReadonlyArray<Entry> = [
    ...run.trace.map((entry) => ({ kind: "stretch" as const, entry })),
    ...run.told.map((entry) => ({ kind: "told" as const, entry })),
    ...run.switches.map((entry) => ({ kind: "switch" as const, entry })),
    ...run.births.map((entry) => ({ kind: "birth" as const, entry }))
  ]
  return entries.toSorted((a, b) => a.entry.step - b.entry.step || rank[a.kind] - rank[b.kind])
}

/** At one step, what leads to a stretch comes before it. */
const rank = { switch: 0, birth: 1, stretch: 2, told: 3 } as const

/** Of fibers, by their numbers. */
export type Names = ReadonlyMap<number, string>

/** Each fiber by its number and the function that it is in for the most part. */
export const namesOf = (trace: ReadonlyArray<StepRecord>): Names => {
  const names = new Map<number, string>()
  for (const { fiber, name } of trace) {
    const short = name.replace(/ \(.*\)$/, "")
    const known = names.get(fiber)
    if (known === undefined || known === "") names.set(fiber, short)
  }
  return new Map(
    Array.from(names, ([fiber, name]) => {
      const label = fiber === 0 ? "main" : `fiber ${fiber}`
      return [fiber, name === "" ? label : `${label} (${name})`]
    })
  )
}

export const nameOf = (fiber: number, names: Names): string =>
  names.get(fiber) ?? (fiber < 0 ? "a timer" : `fiber ${fiber}`)

export const switchText = ({ fiber, kind, to }: SwitchRecord, names: Names): string => {
  if (kind === "preempted" && to === fiber) return `${nameOf(fiber, names)} has to pause for what it has set going`
  if (kind === "preempted") return `${nameOf(fiber, names)} has to pause: ${nameOf(to, names)} goes on`
  if (kind === "held-back") return `${nameOf(fiber, names)} was woken but has to wait: ${nameOf(to, names)} goes on`
  return `${nameOf(to, names)} goes first, though others have waited longer`
}

/** Operations told of one stretch, at its beginning and at its end. */
const operationsShown = 6

/** What the fiber did in a stretch that touches the world; "" when nothing. */
export const operationsText = ({ operations }: StepRecord): string => {
  const done = distinct(operations)
  if (done.length <= 2 * operationsShown) return done.join(", ")
  return [...done.slice(0, operationsShown), "..", ...done.slice(-operationsShown)].join(", ")
}

/** In their order; the same operation at the same place twice in a row is told once, with its count. */
const distinct = (operations: ReadonlyArray<Site>): ReadonlyArray<string> => {
  const counted: Array<{ readonly text: string; times: number }> = []
  for (const { at, what } of operations) {
    const text = at === "" ? what : `${what} (${at.replace(/:\d+$/, "")})`
    const last = counted.at(-1)
    if (last?.text === text) last.times++
    else counted.push({ text, times: 1 })
  }
  return counted.map(({ text, times }) => (times === 1 ? text : `${text} x${times}`))
}
