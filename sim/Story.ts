/**
 * The story of a run, as numbered steps in the words of the program: what each fiber did where it touched the world,
 * what services and logs told, and every point at which the schedule left its dullest course.
 */
import { entriesOf, nameOf, namesOf, operationsText, switchText } from "./Entries.ts"
import type { Names } from "./Entries.ts"
import type { RunResult } from "./Run.ts"
import type { StepRecord } from "./Trace.ts"

export interface StoryOptions {
  /** Lines at most; what lies in the middle is left out. Default 40. */
  readonly linesMax?: number
}

const linesMaxDefault = 40

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

/** With `brief`, of the stretches only those that a turn of the schedule led to. */
const lines = (run: RunResult<unknown, unknown>, brief: boolean): ReadonlyArray<string> => {
  const names = namesOf(run.trace)
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
  for (const { entry, kind } of entriesOf(run)) {
    // Any other start is among the operations.
    if (kind === "birth" && !entry.isAside) continue
    // What a turn of the schedule led to is told even in brief.
    const isLeftOut = brief && (kind === "birth" || (kind === "stretch" && lastKind !== "switch"))
    lastKind = kind
    if (isLeftOut) continue
    if (kind === "told") say(entry.atMs, entry.text)
    else if (kind === "switch") say(entry.atMs, `>> ${switchText(entry, names)}`)
    else if (kind === "birth") say(entry.atMs, `${nameOf(entry.fiber, names)} starts ${nameOf(entry.child, names)}`)
    else {
      const line = stretchLine(entry, names, lastFiber)
      lastFiber = entry.fiber
      if (line !== undefined) say(entry.atMs, line)
    }
  }
  return told
}

/** Undefined when the fiber did nothing that touches the world. */
const stretchLine = (stretch: StepRecord, names: Names, lastFiber: number): string | undefined => {
  const done = operationsText(stretch)
  const { fiber } = stretch
  return done === "" ? undefined : `${nameOf(fiber, names)}${fiber === lastFiber ? " goes on" : ""}: ${done}`
}

/** A story that is too long still keeps its beginning and, more of it, its end. */
const abridged = (tale: ReadonlyArray<string>, linesMax: number): ReadonlyArray<string> => {
  const head = Math.max(0, Math.floor(linesMax / 4))
  const tail = Math.max(0, linesMax - head - 1)
  const end = tale.length - tail
  return [...tale.slice(0, head), `.. ${end - head} more ..`, ...tale.slice(end)]
}
