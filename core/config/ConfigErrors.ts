/**
 * What is wrong with a configuration: every problem at once, each with its place, its field and what was expected.
 *
 * No problem holds a secret: values of secret fields are left out, credentials inside other values are masked, and a
 * value that takes environment variables is shown as the file has it, `"${NAME}"`, never as it came out.
 */
import { Schema } from "effect"
import { quote } from "./Display.ts"

/**
 * - `Unreadable`: the file cannot be read, is too large or is no UTF-8 text.
 * - `Syntax`: the text is no TOML, or defines something twice.
 * - `UnknownKey`, `UnknownVariable`: no such setting, in the file or as an environment variable.
 * - `Missing`: a setting without a default is not there.
 * - `Invalid`: a value has the wrong type or format, or is out of range.
 * - `Unset`: `${NAME}` asks for an environment variable that is not there.
 * - `Conflict`: the value is fine by itself but not together with another one.
 */
export const ConfigProblemReason = Schema.Literals([
  "Unreadable",
  "Syntax",
  "UnknownKey",
  "UnknownVariable",
  "Missing",
  "Invalid",
  "Unset",
  "Conflict"
])
export type ConfigProblemReason = typeof ConfigProblemReason.Type

export const ConfigProblem = Schema.Struct({
  reason: ConfigProblemReason,
  /** Name of the file as it was given; absent for a problem of an environment variable. */
  file: Schema.optionalKey(Schema.String),
  /** 1 is the first line. */
  line: Schema.optionalKey(Schema.Int),
  /** 1 is the first UTF-16 code unit of the line. */
  column: Schema.optionalKey(Schema.Int),
  /** The environment variable that set the field, where it was one. */
  variable: Schema.optionalKey(Schema.String),
  /** As the file writes it, lists counted from 0: `nodes[1].url`. "" where the problem is no field's. */
  field: Schema.String,
  /** The whole message without place and field. */
  message: Schema.String,
  expected: Schema.optionalKey(Schema.String),
  /** The value as it was written; absent when it is secret. */
  value: Schema.optionalKey(Schema.String)
})
export type ConfigProblem = typeof ConfigProblem.Type

/** One line: `muster.toml:12:7 nodes[1].url: got "ftp://x", expected http://, https:// or unix:///path`. */
export const formatProblem = (problem: ConfigProblem): string => {
  const place =
    problem.variable ?? [problem.file, problem.line, problem.column].filter((x) => x !== undefined).join(":")
  const field = problem.field === "" ? "" : ` ${problem.field}`
  // Names of files and variables come from outside: a line break in one must not make a second line.
  return `${quote(place).slice(1, -1)}${field}: ${problem.message}`
}

/**
 * A configuration that cannot be used. `message` has one line for each problem, in the order of the file; `omitted`
 * counts those beyond the limit on problems.
 */
export class ConfigErrors extends Schema.TaggedError<ConfigErrors>()("ConfigErrors", {
  problems: Schema.Array(ConfigProblem),
  omitted: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    const more = this.omitted === undefined ? [] : [`and ${this.omitted} more problems`]
    return [...this.problems.map(formatProblem), ...more].join("\n")
  }
}
