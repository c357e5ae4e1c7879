/**
 * The picture of a recorded run, for a page or a file of results. The same run gives the same bytes.
 *
 * A long run is told by what says most: of what lies before its end, stretches go first that touch nothing, then those
 * that no turn of the schedule led to, then starts, then lines, and only then messages and the schedule itself; of each
 * from the middle, so that the beginning stays and, more of it, what is close to the end. Faults stay, however many.
 */
import { entriesOf, nameOf, namesOf, operationsText, switchText } from "./Entries.ts"
import type { Entry, Names } from "./Entries.ts"
import type { Lane, Picture, PictureEvent } from "./Picture.ts"
import { positiveInteger } from "./Run.ts"
import type { RunResult } from "./Run.ts"
import type { Told } from "./Trace.ts"

export interface PictureOptions {
  /** Events at most, but for faults. Default 1,500. */
  readonly eventsMax?: number
}

const eventsMaxDefault = 1_500

/** The last events of the run, and its last messages, stay. */
const lastEvents = 200
const lastMessages = 50

/** `run` has been recorded. */
export const pictureOf = (run: RunResult<unknown, unknown>, options: PictureOptions = {}): Picture => {
  const eventsMax = positiveInteger("eventsMax", options.eventsMax ?? eventsMaxDefault)
  const names = namesOf(run.trace)
  const marks = marksOf(run, names)
  const kept = abridged(marks, eventsMax)
  const rows = rowsOf(kept, run.hosts)
  const indexes = new Map(rows.map((row, index) => [keyOf(row), index]))
  const indexOf = (row: Row | undefined) => (row === undefined ? -1 : (indexes.get(keyOf(row)) ?? -1))
  const { message, outcome, steps, token, traceHash, virtualMs } = run
  return {
    outcome,
    message,
    steps,
    virtualMs: rounded(virtualMs),
    deviations: run.deviations.length,
    traceHash,
    token,
    notes: Object.fromEntries(run.notes),
    lanes: rows.map((row) => laneOf(row, run.hosts, names)),
    events: kept.map(({ event, row, to }) => ({
      ...event,
      lane: indexOf(row),
      ...(to === undefined ? {} : { to: indexOf(to) })
    })),
    omitted: marks.length - kept.length
  }
}

/** Microseconds are what the clock counts. */
const rounded = (ms: number): number => Math.round(ms * 1_000) / 1_000

type Row = { readonly kind: "host"; readonly host: string } | { readonly kind: "fiber"; readonly fiber: number }

const keyOf = (row: Row): string => (row.kind === "host" ? `host ${row.host}` : `fiber ${row.fiber}`)

/** An event before its lanes have their places. */
interface Mark {
  readonly event: Omit<PictureEvent, "lane" | "to">
  readonly row: Row | undefined
  readonly to: Row | undefined
  /** What may be left out first has the smallest; Infinity stays. */
  readonly weight: number
}

const weights = { idle: 0, plain: 1, start: 2, line: 3, led: 4, message: 5, switch: 6, fault: Infinity } as const

const marksOf = (run: RunResult<unknown, unknown>, names: Names): ReadonlyArray<Mark> => {
  let isLed = false
  return entriesOf(run).map((entry) => {
    const mark = markOf(entry, names, isLed)
    if (entry.kind !== "birth") isLed = entry.kind === "switch"
    return mark
  })
}

const markOf = ({ entry, kind }: Entry, names: Names, isLed: boolean): Mark => {
  const place = { step: entry.step, atMs: rounded(entry.atMs) }
  const row = fiberRow(entry.fiber)
  if (kind === "told") return toldMark(entry)
  if (kind === "switch") {
    const event = { kind, ...place, text: switchText(entry, names) }
    return { event, row, to: fiberRow(entry.to), weight: weights.switch }
  }
  if (kind === "birth") {
    const text = `${nameOf(entry.fiber, names)} starts ${nameOf(entry.child, names)}`
    return { event: { kind: "start", ...place, text }, row, to: fiberRow(entry.child), weight: weights.start }
  }
  const text = operationsText(entry)
  const weight = isLed ? weights.led : text === "" ? weights.idle : weights.plain
  return { event: { kind, ...place, text, steps: entry.steps }, row, to: undefined, weight }
}

const toldMark = ({ atMs, fiber, step, text, topic }: Told): Mark => {
  const kind = topic?.kind ?? "told"
  return {
    event: { kind, step, atMs: rounded(atMs), text },
    row: topic?.from === undefined ? fiberRow(fiber) : { kind: "host", host: topic.from },
    to: topic?.to === undefined ? undefined : { kind: "host", host: topic.to },
    weight: kind === "message" || kind === "fault" ? weights[kind] : weights.line
  }
}

const fiberRow = (fiber: number): Row | undefined => (fiber < 0 ? undefined : { kind: "fiber", fiber })

const abridged = (marks: ReadonlyArray<Mark>, eventsMax: number): ReadonlyArray<Mark> => {
  let excess = marks.length - eventsMax
  if (excess <= 0) return marks
  const messages = marks.flatMap(({ event }, i) => (event.kind === "message" ? [i] : []))
  const staying = new Set(messages.slice(-lastMessages))
  const end = marks.length - Math.min(lastEvents, eventsMax)
  const leftOut = new Set<number>()
  for (const weight of Object.values(weights)) {
    if (excess <= 0 || weight === Infinity) break
    const candidates = marks.flatMap((mark, i) => (mark.weight === weight && i < end && !staying.has(i) ? [i] : []))
    const count = Math.min(excess, candidates.length)
    const head = Math.floor((candidates.length - count) / 4)
    for (const i of candidates.slice(head, head + count)) leftOut.add(i)
    excess -= count
  }
  return marks.filter((_, i) => !leftOut.has(i))
}

/** The lanes in their order: the scenario, then the hosts as they come up, each before its fibers. */
const rowsOf = (marks: ReadonlyArray<Mark>, hosts: ReadonlyArray<string>): ReadonlyArray<Row> => {
  const rows = new Map<string, Row>()
  for (const { row, to } of marks) {
    if (row !== undefined) rows.set(keyOf(row), row)
    if (to !== undefined) rows.set(keyOf(to), to)
  }
  const found = Array.from(rows.values())
  const order = Array.from(new Set(["", ...found.map((row) => hostOf(row, hosts))]))
  const rankOf = (row: Row) => order.indexOf(hostOf(row, hosts))
  const numberOf = (row: Row) => (row.kind === "host" ? -1 : row.fiber)
  return found.toSorted((a, b) => rankOf(a) - rankOf(b) || numberOf(a) - numberOf(b))
}

const hostOf = (row: Row, hosts: ReadonlyArray<string>): string =>
  row.kind === "host" ? row.host : (hosts[row.fiber] ?? "")

const laneOf = (row: Row, hosts: ReadonlyArray<string>, names: Names): Lane => ({
  kind: row.kind,
  label: row.kind === "host" ? row.host : nameOf(row.fiber, names),
  host: hostOf(row, hosts)
})
