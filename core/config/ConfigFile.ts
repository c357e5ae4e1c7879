/**
 * A configuration from the text of a file and the environment: pure, and all problems at once.
 *
 * Text -> tree with places -> variables that override -> `${NAME}` in strings -> schema and rules -> `Config`. A syntax
 * mistake hides the rest of the file, never the problems of variables.
 */
import { Result, Schema } from "effect"
import { ConfigErrors, type ConfigProblem } from "./ConfigErrors.ts"
import { checkRules } from "./ConfigRules.ts"
import { type Config, ConfigTables, scalarSections, toConfig } from "./ConfigSchema.ts"
import { type EffectiveSetting, effectiveSettings } from "./EffectiveSettings.ts"
import { type ConfigNode, type ConfigTable, emptyTable, startOfFile, toPlain, withEntry } from "./ConfigTree.ts"
import { type Finding, originOf, toProblem } from "./Findings.ts"
import { type Environment, interpolateTree } from "./Interpolation.ts"
import { applyOverrides } from "./Overrides.ts"
import { findingsOf } from "./SchemaFindings.ts"
import { parseToml, type TomlProblem } from "./Toml.ts"

/** A larger file is refused before it is parsed. */
export const configCharsMax = 1_048_576

/** Problems of the file that are told at once; the rest is counted. */
export const problemsMax = 100

const decodeTables = Schema.decodeUnknownResult(ConfigTables, { errors: "all", onExcessProperty: "error" })

const parseText = (text: string): Result.Result<ConfigTable, TomlProblem> =>
  text.length > configCharsMax
    ? Result.fail({ line: 1, column: 1, message: `larger than ${configCharsMax} characters` })
    : parseToml(text.startsWith("\ufeff") ? text.slice(1) : text)

/** Sections that the file leaves out are empty ones: their defaults apply and their unknown keys are still found. */
const withAllSections = (root: ConfigTable): ConfigTable => {
  const none: ConfigNode = { _tag: "List", origin: startOfFile, items: [] }
  const add = (tree: ConfigTable, key: string, node: ConfigNode): ConfigTable =>
    tree.entries.has(key) ? tree : withEntry(tree, key, { key: startOfFile, node })
  const tables = Object.keys(scalarSections).reduce((tree, key) => add(tree, key, emptyTable(startOfFile)), root)
  return ["nodes", "programs"].reduce((tree, key) => add(tree, key, none), tables)
}

interface Place {
  readonly line?: number
  readonly column?: number
  readonly variable?: string
}

/** Line by line; what has no line comes last, by the name of its variable. */
const byPlace = (a: Place, b: Place): number => {
  const lines = (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER)
  if (lines !== 0) return lines
  const columns = (a.column ?? 0) - (b.column ?? 0)
  const [nameA, nameB] = [a.variable ?? "", b.variable ?? ""]
  return columns !== 0 ? columns : nameA < nameB ? -1 : nameA > nameB ? 1 : 0
}

/** What follows from a reference that could not be replaced is not a problem of its own. */
const withoutConsequences = (
  references: ReadonlyArray<Finding>,
  findings: ReadonlyArray<Finding>
): ReadonlyArray<Finding> => {
  const key = (finding: Finding) => JSON.stringify(finding.path)
  const broken = new Set(references.map(key))
  return [...references, ...findings.filter((finding) => !broken.has(key(finding)))]
}

/** The first findings of the file, as problems. The order is known before any text is made: there may be many. */
const toProblems = (
  file: string | undefined,
  root: ConfigTable,
  findings: ReadonlyArray<Finding>
): ReadonlyArray<ConfigProblem> =>
  findings
    .map((finding) => {
      const origin = originOf(root, finding)
      return { finding, place: origin._tag === "File" ? origin : { variable: origin.name } }
    })
    .toSorted((a, b) => byPlace(a.place, b.place))
    .slice(0, problemsMax)
    .map(({ finding }) => toProblem(file, root, finding))

/** A configuration, and how people see it. */
export interface Loaded {
  readonly config: Config
  readonly settings: ReadonlyArray<EffectiveSetting>
}

const decode = (
  file: string | undefined,
  text: string,
  environment: Environment
): Result.Result<Loaded, ConfigErrors> => {
  const parsed = parseText(text)
  const syntax = Result.isFailure(parsed)
    ? [{ reason: "Syntax" as const, ...(file === undefined ? {} : { file }), field: "", ...parsed.failure }]
    : []
  const overridden = applyOverrides(
    Result.getOrElse(parsed, () => emptyTable(startOfFile)),
    environment
  )
  const interpolated = interpolateTree(overridden.root, environment)
  const root = withAllSections(interpolated.root)
  const decoded = decodeTables(toPlain(root))
  const findings = withoutConsequences(interpolated.findings, [
    ...(Result.isFailure(decoded) ? findingsOf(decoded.failure.issue) : []),
    ...checkRules(root)
  ])
  if (Result.isSuccess(decoded) && syntax.length + overridden.problems.length + findings.length === 0) {
    const settings = effectiveSettings({ file, raw: overridden.root, root: interpolated.root })
    return Result.succeed({ config: toConfig(decoded.success), settings })
  }
  const problems = [...syntax, ...overridden.problems, ...toProblems(file, root, findings)].toSorted(byPlace)
  const omitted = Math.max(0, findings.length - problemsMax)
  return Result.fail(new ConfigErrors({ problems, ...(omitted === 0 ? {} : { omitted }) }))
}

interface Source {
  readonly file: string
  readonly text: string
  readonly environment: Environment
}

/**
 * The configuration that a TOML text and the environment give, or everything that is wrong with them. `file` is only
 * the name that messages use. Never throws, whatever the text.
 */
export const decodeConfig = (source: Source): Result.Result<Config, ConfigErrors> =>
  Result.map(inspectConfig(source), ({ config }) => config)

/** As `decodeConfig`, with the source of every value. */
export const inspectConfig = ({ environment, file, text }: Source): Result.Result<Loaded, ConfigErrors> =>
  decode(file, text, environment)

/** The configuration without a file: every default, and what the environment sets. */
export const defaults = (environment: Environment): Result.Result<Config, ConfigErrors> =>
  Result.map(inspectDefaults(environment), ({ config }) => config)

/** As `defaults`, with the source of every value. */
export const inspectDefaults = (environment: Environment): Result.Result<Loaded, ConfigErrors> =>
  decode(undefined, "", environment)
