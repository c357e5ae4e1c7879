/**
 * Which names of a program refer to what: a global, an import, or something declared in the program itself.
 *
 * Follows the scopes of ECMAScript (modules, functions, blocks, loops, catch clauses, classes) with `var` hoisted to
 * its function. Type positions hold no references: types are erased, and naming `Date` there reads no clock.
 */
import { type Node, type Program, visitorKeys } from "oxc-parser"

/** What a name was declared as. */
export type Binding =
  | { readonly _tag: "Import"; readonly source: string; readonly imported: string }
  | { readonly _tag: "Local" }

/** One use of a name as a value. */
export interface Reference {
  readonly name: string
  readonly start: number
  /** What the name was declared as; `undefined` for a global. */
  readonly binding: Binding | undefined
  /** The nodes around it, innermost first. */
  readonly ancestors: ReadonlyArray<Node>
}

/** The `imported` of `import * as name`. */
export const wholeModule = "*"

/** The `imported` of `import name`. */
export const defaultExport = "default"

interface Scope {
  readonly names: Map<string, Binding>
  readonly outer: Scope | undefined
}

const local: Binding = { _tag: "Local" }

/** All names that stand for values, in the order of the text; a declaration's own name is among them. */
export const references = (program: Program): ReadonlyArray<Reference> => {
  const found: Array<Reference> = []
  const visit = (node: Node, outer: Scope | undefined, ancestors: ReadonlyArray<Node>): void => {
    if (node.type === "Identifier") {
      found.push({ name: node.name, start: node.start, binding: lookUp(node.name, outer), ancestors })
      return
    }
    const names = declaredBy(node)
    const scope = names.size === 0 ? outer : { names, outer }
    for (const child of valueChildren(node)) visit(child, scope, [node, ...ancestors])
  }
  visit(program, undefined, [])
  return found.toSorted((a, b) => a.start - b.start)
}

const lookUp = (name: string, scope: Scope | undefined): Binding | undefined =>
  scope === undefined ? undefined : (scope.names.get(name) ?? lookUp(name, scope.outer))

/** Every node below a node, itself included; `enter` says whether to go below one. */
export const descendants = (node: Node, enter: (node: Node) => boolean = () => true): ReadonlyArray<Node> => [
  node,
  ...(enter(node) ? children(node).flatMap((child) => descendants(child, enter)) : [])
]

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

const children = (node: Node): ReadonlyArray<Node> =>
  (visitorKeys[node.type] ?? []).flatMap((key) => childrenAt(node, key))

const childrenAt = (node: Node, key: string): ReadonlyArray<Node> => {
  const value: unknown = Reflect.get(node, key)
  return Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : []
}

/** Syntax of types that wraps an expression; the rest of the TS syntax is erased. */
const typeWrappers: ReadonlySet<string> = new Set([
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSNonNullExpression",
  "TSTypeAssertion",
  "TSInstantiationExpression"
])

const valueChildren = (node: Node): ReadonlyArray<Node> =>
  (visitorKeys[node.type] ?? [])
    .filter((key) => !holdsName(node, key))
    .flatMap((key) => childrenAt(node, key))
    .filter((child) => !child.type.startsWith("TS") || typeWrappers.has(child.type))

/** Whether the child is a name of its own (a property, a label, an export) and no use of a variable. */
const holdsName = (node: Node, key: string): boolean => {
  switch (node.type) {
    case "MemberExpression":
      return key === "property" && !node.computed
    case "Property":
    case "MethodDefinition":
    case "PropertyDefinition":
    case "AccessorProperty":
      return key === "key" && !node.computed
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
      return key === "label"
    case "ExportNamedDeclaration":
      return key === "specifiers" && node.source !== null
    case "ExportSpecifier":
      return key === "exported"
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "MetaProperty":
      return true
    default:
      return false
  }
}

type FunctionNode = Extract<Node, { readonly params: ReadonlyArray<unknown>; readonly expression: boolean }>

const isFunction = (node: Node): node is FunctionNode =>
  node.type === "FunctionDeclaration" || node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression"

/** The names that a node declares for what is inside it. */
const declaredBy = (node: Node): Map<string, Binding> => {
  const names = new Map<string, Binding>()
  const add = (name: string) => names.set(name, local)
  if (isFunction(node)) {
    if (node.id !== null) add(node.id.name)
    for (const name of [...node.params.flatMap(patternNames), ...varNames(node.body), "arguments"]) add(name)
    return names
  }
  switch (node.type) {
    case "Program":
      for (const [name, binding] of importNames(node)) names.set(name, binding)
      for (const name of [...varNames(node), ...node.body.flatMap(statementNames)]) add(name)
      return names
    case "BlockStatement":
    case "StaticBlock":
      node.body.flatMap(statementNames).forEach(add)
      return names
    case "SwitchStatement":
      node.cases.flatMap((each) => each.consequent.flatMap(statementNames)).forEach(add)
      return names
    case "ForStatement":
      if (node.init !== null) statementNames(node.init).forEach(add)
      return names
    case "ForInStatement":
    case "ForOfStatement":
      statementNames(node.left).forEach(add)
      return names
    case "CatchClause":
      if (node.param !== null) patternNames(node.param).forEach(add)
      return names
    case "ClassExpression":
      if (node.id !== null) add(node.id.name)
      return names
    default:
      return names
  }
}

const importNames = (program: Program): ReadonlyArray<readonly [string, Binding]> =>
  program.body.flatMap((statement) => {
    if (statement.type !== "ImportDeclaration") return []
    const source = statement.source.value
    return statement.specifiers.map((each): readonly [string, Binding] => {
      const imported =
        each.type === "ImportNamespaceSpecifier"
          ? wholeModule
          : each.type === "ImportDefaultSpecifier"
            ? defaultExport
            : each.imported.type === "Identifier"
              ? each.imported.name
              : each.imported.value
      return [each.local.name, { _tag: "Import", source, imported }]
    })
  })

const statementNames = (node: Node): ReadonlyArray<string> => {
  switch (node.type) {
    case "ExportNamedDeclaration":
    case "ExportDefaultDeclaration":
      return node.declaration === null ? [] : statementNames(node.declaration)
    case "FunctionDeclaration":
    case "ClassDeclaration":
      return node.id === null ? [] : [node.id.name]
    case "VariableDeclaration":
      return node.declarations.flatMap((each) => patternNames(each.id))
    default:
      return []
  }
}

/** `var` belongs to the function (or module) around it, however deep in blocks it stands. */
const varNames = (root: Node | null): ReadonlyArray<string> =>
  root === null
    ? []
    : descendants(root, (node) => node === root || !isFunction(node)).flatMap((node) =>
        node.type === "VariableDeclaration" && node.kind === "var" ? statementNames(node) : []
      )

const patternNames = (node: Node): ReadonlyArray<string> => {
  switch (node.type) {
    case "Identifier":
      return [node.name]
    case "ObjectPattern":
      return node.properties.flatMap(patternNames)
    case "Property":
      return patternNames(node.value)
    case "ArrayPattern":
      return node.elements.flatMap((each) => (each === null ? [] : patternNames(each)))
    case "AssignmentPattern":
      return patternNames(node.left)
    case "RestElement":
      return patternNames(node.argument)
    default:
      return []
  }
}
