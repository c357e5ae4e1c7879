/**
 * Environment variables inside strings: `${NAME}` takes the variable, `$${` stands for a plain `${`.
 *
 * Any other `$` is itself. What a variable holds is not looked at again, so that a password may contain `${`.
 */
import type { Finding } from "./Findings.ts"
import { type ConfigPath, type ConfigScalar, type ConfigTable, mapTable } from "./ConfigTree.ts"
import { shorten } from "./Display.ts"

/** Variables by name; what is absent or undefined is not set. */
export type Environment = Readonly<Record<string, string | undefined>>

const reference = /\$\$\{|\$\{([^}]*)\}?/g
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/

/** The variable, own properties only: `${constructor}` is not set. */
export const variable = (environment: Environment, name: string): string | undefined =>
  Object.hasOwn(environment, name) ? environment[name] : undefined

/** A reference that could not be replaced: to a variable that is not set, or not well-formed. */
export type Mistake = { readonly _tag: "Unset"; readonly name: string } | { readonly _tag: "Malformed" }

/** The text with its variables, and what is wrong with the references that stay as they are. */
export const interpolate = (
  text: string,
  environment: Environment
): { readonly text: string; readonly mistakes: ReadonlyArray<Mistake> } => {
  const unset = new Set<string>()
  let malformed = false
  const replaced = text.replace(reference, (whole: string, name: string | undefined) => {
    if (name === undefined) return "${"
    if (!whole.endsWith("}") || !variableName.test(name)) {
      malformed = true
      return whole
    }
    const value = variable(environment, name)
    if (value === undefined) unset.add(name)
    return value ?? whole
  })
  const mistakes = Array.from(unset, (name): Mistake => ({ _tag: "Unset", name }))
  return { text: replaced, mistakes: malformed ? [...mistakes, { _tag: "Malformed" }] : mistakes }
}

const toFinding = (mistake: Mistake, path: ConfigPath): Finding =>
  mistake._tag === "Unset"
    ? { reason: "Unset", path, message: `the environment variable ${shorten(mistake.name)} is not set` }
    : { reason: "Invalid", path, expected: "${NAME} with the name of an environment variable, or $${ for a plain ${" }

/** The tree with variables in all strings of the file; strings that came from a variable stay as they are. */
export const interpolateTree = (
  root: ConfigTable,
  environment: Environment
): { readonly root: ConfigTable; readonly findings: ReadonlyArray<Finding> } => {
  const findings: Array<Finding> = []
  const replace = (scalar: ConfigScalar, path: ConfigPath): ConfigScalar => {
    if (typeof scalar.value !== "string" || scalar.origin._tag === "Variable") return scalar
    const { mistakes, text } = interpolate(scalar.value, environment)
    findings.push(...mistakes.map((mistake) => toFinding(mistake, path)))
    return { ...scalar, value: text }
  }
  return { root: mapTable(root, replace), findings }
}
