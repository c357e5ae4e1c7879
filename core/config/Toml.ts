/**
 * TOML text to a `ConfigTree`, through the syntax tree of toml-eslint-parser: values and their places in one pass.
 *
 * Protocol: TOML 1.1, https://toml.io/en/v1.1.0. The parser stops at the first mistake, a key or table that is defined
 * twice included. Its lines count from 1 and its columns from 0; ours both count from 1.
 */
import { Result } from "effect"
import { type AST, ParseError, parseTOML } from "toml-eslint-parser"
import {
  type ConfigEntry,
  type ConfigNode,
  type ConfigTable,
  dateTime,
  type Origin,
  startOfFile
} from "./ConfigTree.ts"
import { shorten, showString } from "./Display.ts"

/** Brackets in brackets, and parts of a dotted key. Deeper text is refused before anything walks it. */
export const nestingMax = 16

/** Where the text stops being TOML, and why. Quotes nothing from the text. */
export interface TomlProblem {
  readonly line: number
  readonly column: number
  readonly message: string
}

const tooDeep = `nested more than ${nestingMax} deep`
const tooMuch = "more than the parser can take: a very long string, or brackets nested very deep"

const problemAt = (position: AST.Position, message: string): TomlProblem => ({
  line: position.line,
  column: position.column + 1,
  message
})

const originOf = (node: { readonly loc: AST.SourceLocation }): Origin => ({
  _tag: "File",
  line: node.loc.start.line,
  column: node.loc.start.column + 1
})

const parse = (text: string): Result.Result<AST.TOMLProgram, TomlProblem> =>
  Result.try({
    try: () => parseTOML(text),
    catch: (error) => {
      if (error instanceof ParseError) {
        return problemAt({ line: error.lineNumber, column: error.column }, `not valid TOML: ${error.message}`)
      }
      // The parser recurses into brackets and spreads strings over arguments: thousands of either exhaust its stack.
      if (error instanceof RangeError) return problemAt({ line: 1, column: 0 }, tooMuch)
      return problemAt({ line: 1, column: 0 }, "not valid TOML, and the parser cannot tell where")
    }
  })

const checkNesting = (program: AST.TOMLProgram): Result.Result<AST.TOMLProgram, TomlProblem> => {
  let depth = 0
  let dots = 0
  for (const token of program.tokens) {
    const punctuator = token.type === "Punctuator" ? token.value : ""
    if (punctuator === "[" || punctuator === "{") depth++
    if (punctuator === "]" || punctuator === "}") depth--
    if (punctuator === ".") dots++
    else if (punctuator !== "") dots = 0
    if (depth > nestingMax || dots >= nestingMax) return Result.fail(problemAt(token.loc.start, tooDeep))
  }
  return Result.succeed(program)
}

/** Builds the tree in place: a copy for each key would take quadratic time on a large file. */
class Builder {
  readonly root: ConfigTable
  problem: TomlProblem | undefined
  private readonly text: string
  private readonly tables = new Map<ConfigNode, Map<string, ConfigEntry>>()
  private readonly lists = new Map<ConfigNode, Array<ConfigNode>>()

  constructor(text: string) {
    this.text = text
    this.root = this.table(startOfFile)
  }

  addTop(body: AST.TOMLTable | AST.TOMLKeyValue): void {
    if (body.type === "TOMLKeyValue") return this.addKeyValue(this.root, body)
    const table = this.header(body)
    body.body.forEach((keyValue) => this.addKeyValue(table, keyValue))
  }

  private table(origin: Origin): ConfigTable {
    const entries = new Map<string, ConfigEntry>()
    const table: ConfigTable = { _tag: "Table", origin, entries }
    this.tables.set(table, entries)
    return table
  }

  private list(origin: Origin): ConfigNode {
    const items: Array<ConfigNode> = []
    const list: ConfigNode = { _tag: "List", origin, items }
    this.lists.set(list, items)
    return list
  }

  /** The parser refuses clashes first; should one get through, it is reported and built aside. */
  private clash(origin: Origin): void {
    if (origin._tag === "File") this.problem ??= { ...origin, message: "not valid TOML: defined twice" }
  }

  /** The child under `key`, made by `make` when it is not there yet. */
  private child(parent: ConfigNode, key: string, origin: Origin, make: () => ConfigNode): ConfigNode {
    const entries = this.tables.get(parent)
    const existing = entries?.get(key)
    if (existing !== undefined) return existing.node
    const node = make()
    if (entries === undefined) this.clash(origin)
    else entries.set(key, { key: origin, node })
    return node
  }

  /** The table that a header `[a.b]` or `[[a.b]]` opens. */
  private header(header: AST.TOMLTable): ConfigNode {
    const origin = originOf(header)
    const path = header.resolvedKey
    return path.reduce<ConfigNode>((parent, segment, index) => {
      if (typeof segment === "string") {
        const isList = typeof path[index + 1] === "number"
        return this.child(parent, segment, origin, () => (isList ? this.list(origin) : this.table(origin)))
      }
      const items = this.lists.get(parent)
      const item = items?.[segment] ?? this.table(origin)
      if (items === undefined) this.clash(origin)
      else if (segment === items.length) items.push(item)
      return item
    }, this.root)
  }

  private addKeyValue(table: ConfigNode, keyValue: AST.TOMLKeyValue): void {
    const keys = keyValue.key.keys.map((key) => ({
      name: key.type === "TOMLBare" ? key.name : key.value,
      origin: originOf(key)
    }))
    keys.reduce<ConfigNode>((parent, { name, origin }, index) => {
      if (index < keys.length - 1) return this.child(parent, name, origin, () => this.table(origin))
      if (this.tables.get(parent)?.has(name)) this.clash(origin)
      return this.child(parent, name, origin, () => this.value(keyValue.value))
    }, table)
  }

  private value(value: AST.TOMLContentNode): ConfigNode {
    const origin = originOf(value)
    if (value.type === "TOMLArray") {
      return { _tag: "List", origin, items: value.elements.map((element) => this.value(element)) }
    }
    if (value.type === "TOMLInlineTable") {
      const table = this.table(origin)
      value.body.forEach((keyValue) => this.addKeyValue(table, keyValue))
      return table
    }
    if (value.kind === "string") {
      return { _tag: "Scalar", origin, value: value.value, written: showString(value.value) }
    }
    const plain = value.kind === "integer" || value.kind === "float" || value.kind === "boolean"
    const written = shorten(this.text.slice(value.range[0], value.range[1]))
    return { _tag: "Scalar", origin, value: plain ? value.value : dateTime, written }
  }
}

/** The tree of a TOML text, or the first place where the text is no TOML. Never throws, whatever the text. */
export const parseToml = (text: string): Result.Result<ConfigTable, TomlProblem> =>
  Result.flatMap(Result.flatMap(parse(text), checkNesting), (program) => {
    const builder = new Builder(text)
    program.body[0].body.forEach((body) => builder.addTop(body))
    return builder.problem === undefined ? Result.succeed(builder.root) : Result.fail(builder.problem)
  })
