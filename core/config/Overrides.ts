/**
 * Environment variables that set single settings: `MUSTER_SERVER_PORT` is `port` of `[server]`.
 *
 * The names follow from the schema. A variable that begins like one of them and names no setting is a mistake; every
 * other variable is left alone, `MUSTER_ADMIN_PASSWORD` for one. A variable that is set to nothing is a value, too.
 */
import type { ConfigProblem } from "./ConfigErrors.ts"
import { scalarSections } from "./ConfigSchema.ts"
import { type ConfigTable, emptyTable, fromVariable, type Origin, startOfFile, withEntry } from "./ConfigTree.ts"
import { type Environment, variable } from "./Interpolation.ts"
import { suggest } from "./Suggestion.ts"

/** One setting that a variable can set. */
export interface Override {
  readonly variable: string
  readonly section: string
  readonly key: string
}

const prefixOf = (section: string): string => `MUSTER_${section.toUpperCase()}_`

/** Every variable that sets something, in the order of the sections. */
export const overrides: ReadonlyArray<Override> = Object.entries(scalarSections).flatMap(([section, { fields }]) =>
  Object.keys(fields).map((key) => ({ variable: `${prefixOf(section)}${key.toUpperCase()}`, section, key }))
)

const prefixes = Object.keys(scalarSections).map(prefixOf)
const names = overrides.map((override) => override.variable)

const unknownVariable = (name: string): ConfigProblem => {
  const meant = suggest(name, names)
  const hint = meant === undefined ? "" : `, did you mean ${meant}?`
  return {
    reason: "UnknownVariable",
    variable: name,
    field: "",
    message: `the environment variable sets nothing that is known${hint}`,
    ...(meant === undefined ? {} : { expected: meant })
  }
}

/** The tree with what the environment sets, and a problem for each variable that is meant to and does not. */
export const applyOverrides = (
  root: ConfigTable,
  environment: Environment
): { readonly root: ConfigTable; readonly problems: ReadonlyArray<ConfigProblem> } => {
  const problems = Object.keys(environment)
    .filter((name) => variable(environment, name) !== undefined && !names.includes(name))
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
    .map(unknownVariable)
  const set = (tree: ConfigTable, override: Override): ConfigTable => {
    const value = variable(environment, override.variable)
    const section = tree.entries.get(override.section)?.node ?? emptyTable(startOfFile)
    // A section that is no table is refused by the schema; there is nothing to set in it.
    if (value === undefined || section._tag !== "Table") return tree
    const key: Origin = { _tag: "Variable", name: override.variable }
    const node = withEntry(section, override.key, { key, node: fromVariable(override.variable, value) })
    return withEntry(tree, override.section, { key, node })
  }
  return { root: overrides.reduce(set, root), problems }
}
