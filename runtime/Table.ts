/** Tables for people: aligned columns, and colours on a terminal alone. */
import { printable } from "./Printable.ts"

export type Colour = "red" | "green" | "yellow" | "grey" | "none"

/** What stands in a column of a row; a colour for people whose terminal has it. */
export interface Cell {
  readonly text: string
  readonly colour: Colour
}

export const cell = (text: string | number, colour: Colour = "none"): Cell => ({ text: String(text), colour })

const codes = { red: 31, green: 32, yellow: 33, grey: 90 } as const

/** Whether stdout is a terminal whose user wants colours (https://no-color.org). */
export const wantsColours = (): boolean => process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === ""

/** The text in this colour. */
export const painted = (text: string, colour: Colour, coloured: boolean): string =>
  coloured && colour !== "none" ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text

/** What terminals show over two columns: East Asian scripts and signs, full width forms, and pictures. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u

/** What is shown over the character before it. */
const mark = /[\p{Mn}\p{Me}\u200b-\u200d]/u

/** Columns of a terminal. */
const width = (text: string): number =>
  Array.from(text).reduce((columns, char) => columns + (mark.test(char) ? 0 : wide.test(char) ? 2 : 1), 0)

/** A line for the heads and one for each row; two spaces at least between columns, none at the ends of lines. */
export const table = (
  heads: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<Cell>>,
  coloured = wantsColours()
): string => {
  const shown = [heads.map((head) => cell(head, "grey")), ...rows].map((row) =>
    row.map(({ colour, text }) => ({ colour, text: printable(text) }))
  )
  const widths = heads.map((_, column) => Math.max(...shown.map((row) => width(row[column]?.text ?? ""))))
  const line = (row: ReadonlyArray<Cell>) => {
    const last = row.findLastIndex(({ text }) => text !== "")
    return row
      .slice(0, last + 1)
      .map(({ colour, text }, column) => {
        const padding = column === last ? "" : " ".repeat((widths[column] ?? 0) - width(text))
        return painted(text, colour, coloured) + padding
      })
      .join("  ")
  }
  return shown.map(line).join("\n")
}

const unitsMs = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000]
] as const

/** A length of time, roughly: `45s`, `12m`, `3h`, `5d`. */
export const roughly = (ms: number): string => {
  const [unit, size] = unitsMs.find(([, each]) => ms >= each) ?? ["s", 1_000]
  return `${Math.max(0, Math.floor(ms / size))}${unit}`
}
