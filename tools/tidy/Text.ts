/**
 * Rules about the text of files: what points out of the repository, what was left over, and what is too long. Code is
 * looked at through its comments, so that a word in a string is no leftover.
 */
import type { Finding } from "./Finding.ts"
import { isTest, type SourceFile } from "./SourceFile.ts"

/** Limits, unit last. */
export const textLimits = { codeLinesMax: 400, lineCharsMax: 120 } as const

/** Longer runs without a space cannot be broken: an address, a hash. */
const unbreakableCharsMin = 80

const outside: ReadonlyArray<{ readonly pattern: RegExp; readonly what: string }> = [
  { pattern: /\/work\/[^\s"'`)]*/g, what: "a path of one machine" },
  { pattern: /\.\.\/shared\b[^\s"'`)]*/g, what: "a path outside of the repository" },
  { pattern: /(?<![\w.-])\/(?:home\/|Users\/|root\/)[^\s"'`)]*/g, what: "a home directory" }
]

/** Paths that exist on one machine only. Any text file, fixtures included. */
export const checkOutside = (file: string, text: string): ReadonlyArray<Finding> =>
  text.split("\n").flatMap((line, index) =>
    outside.flatMap(({ pattern, what }) =>
      [...line.matchAll(pattern)].map((match) => ({
        file,
        line: index + 1,
        column: match.index + 1,
        rule: "outside-link",
        subject: match[0],
        message: `${match[0]} is ${what}, use a path relative to the repository`
      }))
    )
  )

const leftover = /\b(?:TODO|FIXME|XXX|HACK)\b/g

const leftovers = (text: string): ReadonlyArray<{ readonly offset: number; readonly word: string }> =>
  [...text.matchAll(leftover)].map((match) => ({ offset: match.index, word: match[0] }))

const leftoverMessage = (word: string): string => `${word} is left over, do it now or say in words what is not done`

/** Notes to self, in the comments of code. */
export const checkLeftovers = (file: SourceFile): ReadonlyArray<Finding> =>
  file.comments.flatMap((comment) =>
    leftovers(file.text.slice(comment.start, comment.end)).map(({ offset, word }) => ({
      file: file.path,
      ...file.positionOf(comment.start + offset),
      rule: "leftover",
      subject: word,
      message: leftoverMessage(word)
    }))
  )

/** Notes to self, anywhere in a file that is no code. */
export const checkTextLeftovers = (file: string, text: string): ReadonlyArray<Finding> =>
  text.split("\n").flatMap((line, index) =>
    leftovers(line).map(({ offset, word }) => ({
      file,
      line: index + 1,
      column: offset + 1,
      rule: "leftover",
      subject: word,
      message: leftoverMessage(word)
    }))
  )

/** Lines that do not fit. One that is long because of an address or a hash may be. */
export const checkLineLength = (file: string, text: string): ReadonlyArray<Finding> =>
  text.split("\n").flatMap((line, index) => {
    const chars = Array.from(line).length
    const unbreakable = line.split(/\s+/).some((word) => word.length >= unbreakableCharsMin)
    if (chars <= textLimits.lineCharsMax || unbreakable) return []
    return [
      {
        file,
        line: index + 1,
        column: textLimits.lineCharsMax + 1,
        rule: "line-length",
        subject: `${chars}`,
        message: `${chars} characters of at most ${textLimits.lineCharsMax}, break the line`
      }
    ]
  })

/** Files with more lines of code than one concept needs. Blank lines, comments and tests do not count. */
export const checkFileLength = (file: SourceFile): ReadonlyArray<Finding> => {
  if (isTest(file.path)) return []
  const lines = codeLines(file)
  if (lines <= textLimits.codeLinesMax) return []
  const message = `${lines} lines of code of at most ${textLimits.codeLinesMax}, split it: one concept, one file`
  return [{ file: file.path, line: 1, column: 1, rule: "file-length", subject: `${lines}`, message }]
}

const codeLines = (file: SourceFile): number => {
  let code = ""
  let at = 0
  for (const { start, end } of file.comments) {
    code += file.text.slice(at, start) + file.text.slice(start, end).replace(/[^\n]/g, " ")
    at = end
  }
  return (code + file.text.slice(at)).split("\n").filter((line) => line.trim() !== "").length
}
