/** One thing that the house rules do not allow, where it stands, and what to do in its place. */
export interface Finding {
  /** Path from the root of the repository, with forward slashes. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number
  readonly rule: string
  /** What was found: the name of a global, a module, a word. Allowances match on it. */
  readonly subject: string
  readonly message: string
}

/** A place in a text, both from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** `file:line:column rule: message`, which editors and terminals turn into a link. */
export const formatFinding = (finding: Finding): string =>
  `${finding.file}:${finding.line}:${finding.column} ${finding.rule}: ${finding.message}`

/** By file, then by place. */
export const compareFindings = (a: Finding, b: Finding): number =>
  compareText(a.file, b.file) || a.line - b.line || a.column - b.column || compareText(a.rule, b.rule)

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
