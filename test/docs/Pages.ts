/** The pages of the repository, as text: what they link to and where their headings can be reached. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = new URL("../../", import.meta.url)

/** Where a path of the repository is on this machine. */
export const fileOf = (path: string): string => fileURLToPath(new URL(path, root))

export const read = (path: string): string => readFileSync(fileOf(path), "utf8")

/** Every page that people read, by its path. */
export const pages: ReadonlyArray<string> = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  ...readdirSync(fileOf("docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`)
]

/** Without fenced blocks and code in a line, where brackets are no links and `#` is no heading. */
const prose = (text: string): string => text.replaceAll(/^```[^]*?^```$/gm, "").replaceAll(/^ {4}.*$/gm, "")

export interface Link {
  readonly target: string
  readonly line: number
}

/** Links and pictures of a page, outside of code. */
export const linksOf = (text: string): ReadonlyArray<Link> =>
  text.split("\n").flatMap((line, index) =>
    Array.from(line.replaceAll(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g), ([, target = ""]) => ({
      target,
      line: index + 1
    }))
  )

/** The anchors of the headings of a page, as GitHub makes them. */
export const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set(
    Array.from(prose(text).matchAll(/^#{1,6} +(.+)$/gm), ([, heading = ""]) =>
      heading
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
        .replaceAll(" ", "-")
    )
  )

/**
 * Cells of the rows of all tables of a text, the heads and rulers left out where a row has no code in its first cell.
 */
export const rowsOf = (text: string): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from(text.matchAll(/^\|(.+)\|$/gm), ([, row = ""]) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()))

/** What stands in code marks. */
export const codeOf = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/`([^`]+)`/g), ([, code = ""]) => code)
