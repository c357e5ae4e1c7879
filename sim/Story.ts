/**
 * The story of a run, as numbered steps in the words of the program: what each fiber did where it touched the world,
 * what services and logs told, and every point at which the schedule left its dullest course.
 */
import type { RunResult } from "./Run.ts"
import type { Site } from "./Sites.ts"
import type { BirthRecord, StepRecord, SwitchRecord, Told } from "./Trace.ts"

export interface StoryOptions {
  /** Lines at most; what lies in the middle is left out. Default 40. */
  readonly linesMax?: number
}

const linesMaxDefault = 40

/** Operations told of one stretch, at its beginning and at its end. */
const operationsShown = 6

/** `run` has been recorded. One line each, numbered; the last says how it ended. */
export const story = (run: RunResult<unknown, unknown>, options: StoryOptions = {}): string => {
  const { linesMax = linesMaxDefault } = options
  const whole = lines(run, false)
  // A long run is told by what services, logs and the schedule have to say of it.
  const tale = whole.length <= linesMax ? whole : lines(run, true)
  const kept = tale.length <= linesMax ? tale : abridged(tale, linesMax)
  const width = String(kept.length).length
  const numbered = kept.map((line, i) => `${String(i + 1).padStart(width)}. ${line}`)
  const notes = Array.from(run.notes, ([name, value]) => `${name}: ${value}`)
  return [...(notes.length === 0 ? [] : [`drawn: ${notes.join(", ")}`]), ...numbered, `=> ${ending(run)}`].join("\n")
}

const ending = (run: RunResult<unknown, unknown>): string =>
  run.outcome === "done" ? `it ends well after ${run.steps} steps` : run.message

type Entry =
  | { readonly kind: "stretch"; readonly step: number; readonly entry: StepRecord }
  | { readonly kind: "told"; readonly step: number; readonly entry: Told }
  | { readonly kind: "switch"; readonly step: number; readonly entry: SwitchRecord }
  | { readonly kind: "birth"; readonly step: number; readonly entry: BirthRecord }

/** With `brief`, of the stretches only those that a turn of the schedule led to. */
const lines = (run: RunResult<unknown, unknown>, brief: boolean): ReadonlyArray<string> => {
  const names = namesOf(run.trace)
  const entries: ReadonlyArray<Entry> = [
    ...run.trace.map((entry) => ({ kind: "stretch" as const, step: entry.step, entry })),
    ...run.told.map((entry) => ({ kind: "told" as const, step: entry.step, entry })),
    ...run.switches.map((entry) => ({ kind: "switch" as const, step: entry.step, entry })),
    ...run.births.map((entry) => ({ kind: "birth" as const, step: entry.step, entry }))
  ].toSorted((a, b) => a.step - b.step || rank[a.kind] - rank[b.kind])
  const told: Array<string> = []
  let lastMs = 0
  let lastFiber = -1
  let lastKind = ""
  const say = (atMs: number, line: string) => {
    if (Math.round(atMs) !== lastMs) told.push(`-- ${Math.round(atMs)} ms`)
    lastMs = Math.round(atMs)
    // The same again says nothing new: turns of the schedule among fibers that have nothing to do.
    if (told.at(-1) !== line) told.push(line)
  }
  for (const { entry, kind } of entries) {
    // What a turn of the schedule led to is told even in brief.
    const isLeftOut = brief && (kind === "birth" || (kind === "stretch" && lastKind !== "switch"))
    lastKind = kind
    if (isLeftOut) continue
    if (kind === "told") say(entry.atMs, entry.text)
    else if (kind === "switch") say(entry.atMs, switchLine(entry, names))
    else if (kind === "birth") say(entry.atMs, `${nameOf(entry.fiber, names)} starts ${nameOf(entry.child, names)}`)
    else {
      const line = stretchLine(entry, names, lastFiber)
      lastFiber = entry.fiber
      if (line !== undefined) say(entry.atMs, line)
    }
  }
  return told
}

/** At one step, what leads to a stretch comes before it. */
const rank = { switch: 0, birth: 1, stretch: 2, told: 3 } as const

/** Each fiber by its number and the function that it is in for the most part. */
const namesOf = (trace: ReadonlyArray<StepRecord>): ReadonlyMap<number, string> => {
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

const nameOf = (fiber: number, names: ReadonlyMap<number, string>): string =>
  names.get(fiber) ?? (fiber < 0 ? "a timer" : `fiber ${fiber}`)

const switchLine = ({ fiber, kind, to }: SwitchRecord, names: ReadonlyMap<number, string>): string => {
  if (kind === "preempted" && to === fiber) return `>> ${nameOf(fiber, names)} has to pause for what it has set going`
  if (kind === "preempted") return `>> ${nameOf(fiber, names)} has to pause: ${nameOf(to, names)} goes on`
  if (kind === "held-back") return `>> ${nameOf(fiber, names)} was woken but has to wait: ${nameOf(to, names)} goes on`
  return `>> ${nameOf(to, names)} goes first, though others have waited longer`
}

/** Undefined when the fiber did nothing that touches the world. */
const stretchLine = (
  { fiber, operations }: StepRecord,
  names: ReadonlyMap<number, string>,
  lastFiber: number
): string | undefined => {
  const done = distinct(operations)
  if (done.length === 0) return undefined
  const shown =
    done.length <= 2 * operationsShown
      ? done
      : [...done.slice(0, operationsShown), "..", ...done.slice(-operationsShown)]
  return `${nameOf(fiber, names)}${fiber === lastFiber ? " goes on" : ""}: ${shown.join(", ")}`
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

/** A story that is too long still keeps its beginning and, more of it, its end. */
const abridged = (tale: ReadonlyArray<string>, linesMax: number): ReadonlyArray<string> => {
  const head = Math.max(0, Math.floor(linesMax / 4))
  const tail = Math.max(0, linesMax - head - 1)
  const end = tale.length - tail
  return [...tale.slice(0, head), `.. ${end - head} more ..`, ...tale.slice(end)]
}
