/**
 * Oracle: what a client of the hub got of the logs that it follows, against what was printed there: runs of text, with
 * a note of a gap wherever something is missing, and nothing of a log that it let go.
 */
import { Effect, Schema } from "effect"
import { formatLogId, LogEvent, LogId } from "../../core/domain/Log.ts"
import { logHoleDetail, slowClientDetail } from "../../core/hub/OutFrame.ts"
import { sometimes } from "../../sim/Sim.ts"
import type { Received } from "../peers/HubClient.ts"
import { endsOf, type Printed } from "./LogRun.ts"

const Subscribed = Schema.Struct({ type: Schema.Literal("subscribed"), logs: Schema.Array(LogId) })
const decodeSubscribed = Schema.decodeUnknownSync(Schema.fromJsonString(Subscribed))
const decodeLog = Schema.decodeUnknownSync(Schema.fromJsonString(LogEvent))

/** What a client got of one log so far: the run of text that it is in, and where the one before ended. */
interface Reading {
  readonly run: string
  /** The next run begins there or later. */
  readonly from: number
  /** It ends there or later. */
  readonly until: number
}

const beginning: Reading = { run: "", from: 0, until: 0 }

/** As much may come twice around a gap: a shorter match of what came and what comes could be chance. */
const seamCharactersMax = 31

/** Ends the run; what is wrong with it, or the reading after it. `isAnew`: the newest part of the log comes again. */
const endRun = ({ from, run, until }: Reading, log: Printed, isAnew: boolean): Reading | string => {
  // Of several notes in a row any may be the one by which it comes again.
  if (run === "") return { run, from: isAnew ? 0 : from, until }
  const ends = endsOf(run, log, from)
  const end = Math.min(...ends.filter((each) => each >= until))
  if (end === Infinity) {
    const where = ends.length === 0 ? "was not printed there like that" : `was before character ${until}`
    return `${JSON.stringify(run.slice(0, 200))} (${run.length} characters) ${where}`
  }
  return { run: "", from: isAnew ? 0 : Math.max(0, end - seamCharactersMax), until: end }
}

/** What is wrong with the frames of a client, by the logs that it may follow; undefined when nothing is. */
export const wrongIn = (frames: ReadonlyArray<Received>, logs: ReadonlyMap<string, Printed>): string | undefined => {
  let readings = new Map<string, Reading>()
  const end = (key: string, isAnew: boolean): string | undefined => {
    const log = logs.get(key)
    const ended = log === undefined ? "is not there" : endRun(readings.get(key) ?? beginning, log, isAnew)
    if (typeof ended === "string") return `${key}: ${ended}`
    readings.set(key, ended)
    return undefined
  }
  for (const frame of frames) {
    if (frame.type === "subscribed") {
      const keys = decodeSubscribed(frame.text).logs.map(formatLogId)
      for (const key of readings.keys()) {
        const wrong = keys.includes(key) ? undefined : end(key, true)
        if (wrong !== undefined) return wrong
      }
      readings = new Map(keys.map((key) => [key, readings.get(key) ?? beginning]))
    }
    if (frame.type !== "log") continue
    const { detail = "", note, text = "", ...log } = decodeLog(frame.text)
    const key = formatLogId(log)
    const reading = readings.get(key)
    if (reading === undefined) return `${key}: ${frame.text} came, and it is not followed`
    readings.set(key, { ...reading, run: reading.run + text })
    if (note === "ended") return `${key}: ended, and it is there: ${detail}`
    // What the bus lost may have been the word that the following begins anew.
    const isAnew = detail.endsWith("trying again") || detail === logHoleDetail
    const wrong = note === "gap" ? end(key, isAnew) : undefined
    if (wrong !== undefined) return wrong
  }
  for (const key of readings.keys()) {
    const wrong = end(key, true)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** Pieces of the log were lost and no text came after that was told: the last line may be among them. */
const isLost = (frames: ReadonlyArray<Received>, log: LogId): boolean => {
  const last = frames
    .flatMap(({ text, type }) => (type === "log" ? [decodeLog(text)] : []))
    .findLast((each) => formatLogId(each) === formatLogId(log) && (each.text !== undefined || isHole(each)))
  return last !== undefined && isHole(last)
}

const isHole = ({ detail, note }: LogEvent): boolean =>
  note === "gap" && (detail === logHoleDetail || detail === slowClientDetail)

/** As it stands within a text of JSON, without the end of the line. */
const inJson = (line: string): string => JSON.stringify(line).slice(1, -3)

const lastLine = ({ text }: Printed): string => text.slice(text.lastIndexOf("\n", text.length - 2) + 1)

/** Whether the last line of the log is among the frames, or the client was told that it may be lost. */
export const hasLast = (frames: ReadonlyArray<Received>, id: LogId, log: Printed, seen: number): boolean =>
  frames.some(({ text, type }) => type === "log" && text.includes(inJson(lastLine(log)))) ||
  isLost(frames.slice(seen), id)

/** The frames about logs, without most of their text. */
export const summaryOf = (frames: ReadonlyArray<Received>): string =>
  frames
    .filter(({ type }) => type === "log" || type === "subscribed")
    .map(({ text, type }) => {
      if (type === "subscribed") return `subscribed to ${decodeSubscribed(text).logs.map(formatLogId).join(" and ")}`
      const { detail = "", note, text: piece = "", ...log } = decodeLog(text)
      const what =
        note === undefined
          ? JSON.stringify(piece.length > 60 ? `${piece.slice(0, 30)}..${piece.slice(-30)}` : piece)
          : note
      return `${formatLogId(log)} ${what} ${detail}`.trim()
    })
    .join(", ")

/** Marks what the client came across. */
export const mark = Effect.fnUntraced(function* (frames: ReadonlyArray<Received>) {
  for (const { text, type } of frames) {
    if (type !== "log") continue
    const { detail = "", note, text: piece = "" } = decodeLog(text)
    if (piece.includes("\uFFFD")) yield* sometimes("a character was cut")
    if (note === "gap")
      yield* sometimes(`a gap in a log was told${detail === "" ? "" : `: ${detail.split(";").at(-1)}`}`)
  }
})
