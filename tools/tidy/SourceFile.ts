/**
 * A file of code, parsed once for all rules. Comments and syntax come from a real parser, so that a rule never mistakes
 * a string, a comment or a type for code.
 */
import { type Comment, parseSync, type Program } from "oxc-parser"
import type { Finding, Position } from "./Finding.ts"

export interface SourceFile {
  /** Path from the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly program: Program
  readonly comments: ReadonlyArray<Comment>
  /** What the parser could not read; the program is empty then. */
  readonly syntaxErrors: ReadonlyArray<Finding>
  /** Where an offset of the text is. */
  readonly positionOf: (offset: number) => Position
}

/** Whether the rules for code apply: TypeScript and JavaScript. */
export const isCode = (path: string): boolean => /\.[cm]?[jt]sx?$/.test(path)

/** Whether the file is a test, or belongs to the tests: lengths do not matter there. */
export const isTest = (path: string): boolean => path.startsWith("test/")

/** Parses the text of a file. */
export const parseSource = (path: string, text: string): SourceFile => {
  const positionOf = positions(text)
  const { comments, errors, program } = parseSync(path, text, { preserveParens: false, sourceType: "module" })
  const syntaxErrors = errors.map((error): Finding => ({
    file: path,
    ...positionOf(error.labels[0]?.start ?? 0),
    rule: "syntax",
    subject: "syntax",
    message: error.message
  }))
  return { path, text, program, comments, syntaxErrors, positionOf }
}

const positions = (text: string): ((offset: number) => Position) => {
  const starts = [0]
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return (offset) => {
    const line = starts.findLastIndex((start) => start <= offset)
    return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 }
  }
}
