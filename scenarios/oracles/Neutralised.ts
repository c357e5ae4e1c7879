/** Oracles: what came from outside stayed what it was, data; in tables, on the disk, in the log, in a file of cells. */
import { Effect } from "effect"
import type { Disk } from "../../sim/fs/Disk.ts"
import type { Database } from "../../sim/sql/Database.ts"
import type { Answered } from "../peers/ApiClient.ts"

/** The names of all tables, with those of their columns. */
export const tablesOf = (server: Database["Service"]) =>
  Effect.map(server.look("SELECT name, sql FROM sqlite_master ORDER BY name"), (rows) =>
    rows.map(({ name, sql }) => `${String(name)}: ${String(sql)}`).join("\n")
  )

/** Users with their roles. */
export const usersOf = (server: Database["Service"]) =>
  Effect.map(server.look("SELECT username, role FROM users ORDER BY username"), (rows) =>
    rows.map(({ role, username }) => `${String(username)} ${String(role)}`).join("\n")
  )

/** Every path on the disk. */
export const pathsOf = ({ volume: { live } }: Disk["Service"]): ReadonlyArray<string> => {
  const paths: Array<string> = []
  const visit = (number: number, path: string): void => {
    const inode = live.get(number)
    paths.push(path)
    if (inode?.kind !== "Directory") return
    for (const [name, inner] of inode.entries) visit(inner, `${path}/${name}`)
  }
  visit(live.root.number, "")
  return paths.toSorted()
}

/** What ends a line anywhere, steers a terminal, or turns the direction of reading. */
const disturbing = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/

/** What is wrong with a line of the log. */
export const wrongLine = (line: string): string | undefined =>
  disturbing.test(line) ? `a line of the log could disturb whoever reads it: ${JSON.stringify(line)}` : undefined

/** What is wrong with how an answer can be taken: as a page, or as something else than it is. */
export const wrongAnswer = ({ body, headers, status }: Answered): string | undefined => {
  if (status === 500) return `it answered 500 ${body}`
  const type = headers["content-type"] ?? "application/json"
  if (headers["x-content-type-options"] !== "nosniff") return "a browser may guess what the answer is"
  return /^(application\/(json|x-ndjson)|text\/(plain|csv))/.test(type) ? undefined : `it answered ${type}`
}

/** The cells of a text by RFC 4180; undefined when it is none. */
export const cellsOf = (text: string): ReadonlyArray<ReadonlyArray<string>> | undefined => {
  const rows: Array<ReadonlyArray<string>> = []
  let row: Array<string> = []
  const cell = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)/y
  while (cell.lastIndex < text.length) {
    const found = cell.exec(text)
    if (found === null) return undefined
    const [, value = "", end] = found
    row.push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value)
    if (end === ",") continue
    rows.push(row)
    row = []
  }
  return row.length === 0 ? rows : undefined
}

/** What is wrong with an exported log of activity. */
export const wrongExport = (text: string): string | undefined => {
  const rows = cellsOf(text)
  if (rows === undefined) return `the export is no CSV: ${JSON.stringify(text)}`
  const [names] = rows
  for (const row of rows) {
    if (row.length !== names?.length) return `a row of ${row.length} cells: ${JSON.stringify(row)}`
    const bad = row.find((cell) => disturbing.test(cell) || /^[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(cell))
    if (bad !== undefined) return `a cell that is more than text: ${JSON.stringify(bad)}`
  }
  return undefined
}
