/** Entries of the activity log as files that other programs read. */
import { Stream } from "effect"
import type { ActivityEntry } from "../domain/ActivityEntry.ts"

export const exportFormats = ["csv", "jsonl"] as const
export type ExportFormat = (typeof exportFormats)[number]

export const mediaTypes: Readonly<Record<ExportFormat, string>> = {
  csv: "text/csv; charset=utf-8",
  jsonl: "application/x-ndjson"
}

/** In the order of the header line. */
const columns = [
  "id",
  "at",
  "actor",
  "address",
  "action",
  "node",
  "process",
  "outcome",
  "code",
  "detail",
  "request_id"
] as const satisfies ReadonlyArray<keyof ActivityEntry>

/** What spreadsheets take for a formula, in the width of Asian scripts too. */
const formula = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/

/** One cell by RFC 4180. What would be a formula begins with an apostrophe, which makes it a text. */
export const csvCell = (value: string | number | undefined): string => {
  const text = value === undefined ? "" : String(value)
  const harmless = formula.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}

const csvLine = (cells: ReadonlyArray<string | number | undefined>): string => `${cells.map(csvCell).join(",")}\r\n`

const lineOf: Readonly<Record<ExportFormat, (entry: ActivityEntry) => string>> = {
  csv: (entry) => csvLine(columns.map((column) => entry[column])),
  jsonl: (entry) => `${JSON.stringify(entry)}\n`
}

/** The bytes of the file, a page of entries at a time. */
export const exportBytes = <E, R>(
  entries: Stream.Stream<ActivityEntry, E, R>,
  format: ExportFormat
): Stream.Stream<Uint8Array, E, R> => {
  const lines = Stream.map(Stream.chunks(entries), (page) => page.map(lineOf[format]).join(""))
  const whole = format === "csv" ? Stream.concat(Stream.make(csvLine(columns)), lines) : lines
  return Stream.encodeText(whole)
}
