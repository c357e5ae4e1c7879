/**
 * The issues of a schema as findings: one for each place, in plain words, without the values (effect's own messages
 * would quote them, passwords included).
 */
import type { Schema, SchemaAST, SchemaIssue } from "effect"
import type { ConfigPath } from "./ConfigTree.ts"
import type { Finding } from "./Findings.ts"

const expectedOf = (annotations: Schema.Annotations.Annotations | undefined): string | undefined => {
  const expected = annotations?.["expected"]
  return typeof expected === "string" ? expected : undefined
}

/** What a schema takes, in words of TOML. */
const describeType = (ast: SchemaAST.AST): string => {
  const expected = expectedOf(ast.annotations)
  if (expected !== undefined) return expected
  switch (ast._tag) {
    case "String":
      return "a string"
    case "Number":
      return "a number"
    case "Boolean":
      return "true or false"
    case "Literal":
      return JSON.stringify(String(ast.literal))
    case "Arrays":
      return "a list"
    case "Objects":
      return "a table"
    case "Union":
      return Array.from(new Set(ast.types.map(describeType))).join(" or ")
    default:
      return "another kind of value"
  }
}

/** `Expected X` becomes what is expected; anything else is a sentence of its own. */
const fromMessage = (path: ConfigPath, message: string): Finding => {
  const expected = /^Expected ([\s\S]*)$/.exec(message)?.[1]
  return { reason: "Invalid", path, ...(expected === undefined ? { message } : { expected }) }
}

const invalid = (path: ConfigPath, annotations: Schema.Annotations.Annotations | undefined): Finding => {
  const expected = expectedOf(annotations)
  const message = annotations?.["message"]
  if (expected !== undefined) return { reason: "Invalid", path, expected }
  return typeof message === "string" ? fromMessage(path, message) : { reason: "Invalid", path }
}

const ofFilter = (issue: SchemaIssue.Filter, path: ConfigPath): ReadonlyArray<Finding> => {
  const inner = issue.issue
  // A filter that says where or why by itself knows better than its own description.
  if (inner._tag !== "InvalidValue" || inner.annotations !== undefined) return findingsOf(inner, path)
  return [invalid(path, issue.filter.annotations)]
}

/** The members that came close know best; when none did, the value is of no kind that is accepted. */
const ofUnion = (issue: SchemaIssue.AnyOf, path: ConfigPath): ReadonlyArray<Finding> => {
  const members = issue.issues.flatMap((member) => findingsOf(member, path))
  return members.length > 0 ? members : [{ reason: "Invalid", path, expected: describeType(issue.ast) }]
}

const knownKeys = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  ast._tag === "Objects" ? ast.propertySignatures.map((property) => String(property.name)) : []

/** What the issue says is wrong, each with its path below `path`. */
export const findingsOf = (issue: SchemaIssue.Issue, path: ConfigPath = []): ReadonlyArray<Finding> => {
  switch (issue._tag) {
    case "Pointer":
      return findingsOf(issue.issue, [...path, ...issue.path.map((key) => (typeof key === "symbol" ? "" : key))])
    case "Composite":
      return issue.issues.flatMap((member) => findingsOf(member, path))
    case "Encoding":
      return findingsOf(issue.issue, path)
    case "Filter":
      return ofFilter(issue, path)
    case "AnyOf":
      return ofUnion(issue, path)
    case "MissingKey": {
      const expected = issue.annotations?.messageMissingKey
      return [{ reason: "Missing", path, ...(expected === undefined ? {} : { expected }) }]
    }
    case "UnexpectedKey":
      return [{ reason: "UnknownKey", path, known: knownKeys(issue.ast) }]
    case "InvalidType":
    case "OneOf":
      return [{ reason: "Invalid", path, expected: describeType(issue.ast) }]
    case "InvalidValue":
    case "Forbidden":
      return [invalid(path, issue.annotations)]
  }
}
