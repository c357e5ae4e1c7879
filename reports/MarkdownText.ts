/** Text from elsewhere in Markdown as GitHub reads it: it stays text, whatever is in it. */

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" }

/** On one line, in a table or not. */
export const cell = (text: string): string =>
  text
    .replace(/\s+/g, " ")
    .replace(/[\\`*_~|[\]#!@]/g, "\\$&")
    .replace(/[&<>]/g, (char) => entities[char] ?? char)

/** Between code marks, on one line, outside of tables. */
export const code = (text: string): string => {
  const line = text.replace(/\s+/g, " ")
  const marks = "`".repeat(longestOf(/`+/g, line) + 1)
  const pad = /^`|`$/.test(line) ? " " : ""
  return marks + pad + line + pad + marks
}

const fenceMin = 3

/** A block as it is, line by line. */
export const fenced = (text: string): string => {
  const fence = "`".repeat(Math.max(fenceMin, longestOf(/`+/g, text) + 1))
  return `${fence}text\n${text}\n${fence}`
}

const longestOf = (pattern: RegExp, text: string): number =>
  Math.max(0, ...Array.from(text.matchAll(pattern), ([found]) => found.length))

/** A table; numbers stand at the right. Its texts have to be made by `cell`. */
export const table = (heads: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string | number>>): string => {
  const line = (cells: ReadonlyArray<string | number>) => `| ${cells.join(" | ")} |`
  const ruler = heads.map((_, column) => (rows.some((row) => typeof row[column] === "number") ? "---:" : "---"))
  return [line(heads), line(ruler), ...rows.map(line)].join("\n")
}
