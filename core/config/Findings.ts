/**
 * From what a stage found wrong at a path of the tree to the problem that a person reads: the place is looked up, the
 * value is shown unless it is secret.
 */
import { Option } from "effect"
import type { ConfigProblem, ConfigProblemReason } from "./ConfigErrors.ts"
import {
  type ConfigPath,
  type ConfigTable,
  describe,
  entryAt,
  nearestOrigin,
  nodeAt,
  type Origin
} from "./ConfigTree.ts"
import { quote, showPath } from "./Display.ts"
import { settingAt } from "./SettingReference.ts"
import { suggest } from "./Suggestion.ts"

/** Something wrong at a path. `expected` follows "expected" in a sentence; `message` stands for the whole sentence. */
export interface Finding {
  readonly reason: ConfigProblemReason
  readonly path: ConfigPath
  readonly expected?: string
  readonly message?: string
  /** Keys that would have been known, for `UnknownKey`. */
  readonly known?: ReadonlyArray<string>
  /** Where to point instead of at the path itself. */
  readonly at?: ConfigPath
}

/**
 * Fields whose values nobody may see: those that the schema calls secret, and what programs are given, which may hold
 * some. A user name is among them because people write `user:password` there.
 */
export const isSecret = (path: ConfigPath): boolean => {
  const [section, key] = path
  const setting = typeof section === "string" && typeof key === "string" ? settingAt(section, key) : undefined
  if (setting !== undefined) return setting.form.kind === "secret"
  return (
    path.some((segment) => typeof segment === "string" && /pass|secret|token|username|tls_key/i.test(segment)) ||
    (section === "programs" && (path[2] === "environment" || path[2] === "command"))
  )
}

/** Where a message points: the key that is unknown, else the value, else the nearest table around it. */
export const originOf = (root: ConfigTable, finding: Finding): Origin => {
  const at = finding.at ?? finding.path
  return finding.reason === "UnknownKey"
    ? Option.match(entryAt(root, at), { onNone: () => nearestOrigin(root, at), onSome: (entry) => entry.key })
    : nearestOrigin(root, at)
}

const unknownKey = (finding: Finding): { readonly message: string; readonly expected?: string } => {
  const known = finding.known ?? []
  const meant = suggest(String(finding.path.at(-1) ?? ""), known)
  if (meant !== undefined) return { message: `unknown key, did you mean ${quote(meant)}?`, expected: meant }
  return { message: `unknown key, expected one of ${known.join(", ")}`, expected: known.join(", ") }
}

/** The sentence; a value is named when it may be shown. */
const explain = (
  finding: Finding,
  value: string | undefined
): { readonly message: string; readonly expected?: string } => {
  if (finding.reason === "UnknownKey") return unknownKey(finding)
  const got = value === undefined ? "got a hidden value" : `got ${value}`
  if (finding.expected === undefined) {
    if (finding.reason === "Missing") return { message: "is missing" }
    if (finding.message === undefined) return { message: got }
    return { message: finding.reason === "Invalid" ? `${got}: ${finding.message}` : finding.message }
  }
  const start = finding.reason === "Missing" ? "is missing" : got
  return { message: `${start}, expected ${finding.expected}`, expected: finding.expected }
}

/** The problem with its place: a line of `file`, or the variable that set the field. */
export const toProblem = (file: string | undefined, root: ConfigTable, finding: Finding): ConfigProblem => {
  const origin = originOf(root, finding)
  const showsValue = finding.reason === "Invalid" || finding.reason === "Conflict"
  const value =
    showsValue && !isSecret(finding.path)
      ? Option.getOrUndefined(Option.map(nodeAt(root, finding.path), describe))
      : undefined
  return {
    reason: finding.reason,
    ...(origin._tag === "Variable"
      ? { variable: origin.name }
      : { ...(file === undefined ? {} : { file }), line: origin.line, column: origin.column }),
    field: showPath(finding.path),
    ...explain(finding, value),
    ...(value === undefined ? {} : { value })
  }
}
