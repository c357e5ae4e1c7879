/**
 * A page of documentation that can be followed word by word. Its fenced blocks are one of:
 * - a file: its first line is a comment with its name, and all of it is written under that name;
 * - `sh`: commands, done in order by a shell in the folder where the commands before left off;
 * - `text`, right after commands: exactly what they print.
 * Anything else in a fence is an error, so that no block escapes a test.
 */

export interface FileStep {
  readonly kind: "file"
  readonly name: string
  readonly text: string
  /** Line of the page where the block begins, from 1. */
  readonly line: number
}

export interface CommandStep {
  readonly kind: "commands"
  readonly commands: ReadonlyArray<string>
  /** Undefined when the page shows nothing. */
  readonly prints: { readonly text: string; readonly line: number } | undefined
  readonly line: number
}

export type Step = FileStep | CommandStep

interface Block {
  readonly language: string
  readonly lines: ReadonlyArray<string>
  readonly line: number
}

/** In the order of the page. Throws an Error that names the line of a block that is none of the three. */
export const parseDoc = (markdown: string): ReadonlyArray<Step> => {
  const steps: Array<Step> = []
  for (const block of blocks(markdown)) {
    const { language, line, lines } = block
    if (language === "sh") steps.push({ kind: "commands", commands: lines, prints: undefined, line })
    else if (language === "text") {
      const last = steps.pop()
      if (last?.kind !== "commands" || last.prints !== undefined) {
        throw new Error(`line ${line}: a text block that does not follow commands`)
      }
      steps.push({ ...last, prints: { text: lines.join("\n"), line } })
    } else {
      const name = /^(?:\/\/|#) ([\w./-]+)$/.exec(lines[0] ?? "")?.[1]
      if (name === undefined) throw new Error(`line ${line}: a block without the name of its file in its first line`)
      steps.push({ kind: "file", name, text: `${lines.join("\n")}\n`, line })
    }
  }
  return steps
}

const blocks = (markdown: string): ReadonlyArray<Block> => {
  const found: Array<Block> = []
  let open: { readonly language: string; readonly lines: Array<string>; readonly line: number } | undefined
  for (const [i, text] of markdown.split("\n").entries()) {
    if (!text.startsWith("```")) open?.lines.push(text)
    else if (open === undefined) open = { language: text.slice(3), lines: [], line: i + 1 }
    else {
      found.push(open)
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`line ${open.line}: a block without an end`)
  return found
}

/** The page with other text in the block that begins in this line. */
export const withPrinted = (markdown: string, line: number, printed: string): string => {
  const lines = markdown.split("\n")
  const end = lines.indexOf("```", line)
  return [...lines.slice(0, line), ...printed.split("\n"), ...lines.slice(end)].join("\n")
}
