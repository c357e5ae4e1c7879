/**
 * The examples of a page about the console, in the order of the page. Its fenced blocks are one of:
 * - `sh`: commands, each of which begins with `curl` or `muster`, or keeps what such a one prints, as in `TOKEN=$(curl
 * …)`;
 * - `json` or `text`, right after commands: what the last of them answers;
 * - `frames`: a conversation with the hub, lines that begin with `>` (sent) or `<` (received).
 * Anything else in a fence is an error, so that no block escapes a test.
 *
 * Answers are compared without what differs from run to run: `maskedJson` and `maskedText` take it out.
 */
import { Predicate } from "effect"

export interface CommandExample {
  readonly kind: "commands"
  readonly commands: ReadonlyArray<string>
  /** What the last command answers; undefined when the page does not show it. */
  readonly answer: { readonly language: "json" | "text"; readonly text: string } | undefined
  /** Line of the page where the block begins, from 1. */
  readonly line: number
}

export interface FramesExample {
  readonly kind: "frames"
  readonly frames: ReadonlyArray<{ readonly isSent: boolean; readonly text: string }>
  readonly line: number
}

export type DocExample = CommandExample | FramesExample

/** Throws an Error that names the line of a block that is none of these. */
export const parseExamples = (markdown: string): ReadonlyArray<DocExample> => {
  const examples: Array<DocExample> = []
  for (const { language, line, text } of fences(markdown)) {
    if (language === "sh")
      examples.push({ kind: "commands", commands: commandsOf(text, line), answer: undefined, line })
    else if (language === "json" || language === "text") {
      const last = examples.pop()
      if (last?.kind !== "commands" || last.answer !== undefined) {
        throw new Error(`line ${line}: an answer that does not follow commands`)
      }
      examples.push({ ...last, answer: { language, text } })
    } else if (language === "frames") examples.push({ kind: "frames", frames: framesOf(text, line), line })
    else throw new Error(`line ${line}: a block of ${language === "" ? "no language" : language}`)
  }
  return examples
}

const fences = (markdown: string) =>
  Array.from(markdown.matchAll(/^```(\w*)\n([^]*?)\n?^```$/gm), ({ 1: language = "", 2: text = "", index }) => ({
    language,
    text,
    line: markdown.slice(0, index).split("\n").length
  }))

/** A line that ends with a backslash goes on in the next one. */
const commandsOf = (text: string, line: number): ReadonlyArray<string> => {
  const commands = text.split(/(?<!\\)\n/)
  const other = commands.find((command) => !/^(?:[A-Z]+=\$\()?(?:curl|muster) /.test(command))
  if (other !== undefined) throw new Error(`line ${line}: ${other} is neither curl nor muster`)
  return commands
}

const framesOf = (text: string, line: number): FramesExample["frames"] =>
  text.split("\n").map((frame) => {
    if (!/^[<>] \{/.test(frame)) throw new Error(`line ${line}: ${frame} is no frame`)
    return { isSent: frame.startsWith(">"), text: frame.slice(2) }
  })

/** Numbers that another run has otherwise. */
const volatileNumbers: ReadonlySet<string> = new Set([
  "id",
  "now",
  "pid",
  "start",
  "stop",
  "took_ms",
  "next",
  "offset",
  "size"
])

/** Texts that are random. */
const randomTexts: ReadonlySet<string> = new Set([
  "id",
  "request_id",
  "token",
  "refresh_token",
  "csrf_token",
  "session",
  "secret",
  "ticket"
])

/** Texts of which only the form is the same: they hold numbers. */
const volatileTexts: ReadonlySet<string> = new Set(["description", "version"])

const isoTime = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g

/** A decoded answer with times, process ids and the like made equal. `key` is the field that it is the value of. */
export const maskedJson = (value: unknown, key = ""): unknown => {
  if (Array.isArray(value)) return value.map((item: unknown) => maskedJson(item))
  if (typeof value === "number") return volatileNumbers.has(key) ? "a number" : value
  if (typeof value === "string") {
    if (randomTexts.has(key)) return "random"
    return volatileTexts.has(key) ? value.replaceAll(/\d+/g, "#") : value.replaceAll(isoTime, "a time")
  }
  return Predicate.isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([name, field]) => [name, maskedJson(field, name)]))
    : value
}

/** What a command prints with times and the numbers of batches made equal, and columns of any width. */
export const maskedText = (text: string): string =>
  text
    .trimEnd()
    .replaceAll(isoTime, "a time")
    .replaceAll(/\(\d+\.\d s\)/g, "(a while)")
    .replaceAll(/\bbatch \d+/g, "batch #")
    .replaceAll(/^\d+ /gm, "# ")
    .replaceAll(/ +/g, " ")
