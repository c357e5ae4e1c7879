/**
 * A configuration between text and settings: plain values that remember where they were written.
 *
 * The tree is what lets a later stage (schema, rules across fields) name the line of whatever it refuses.
 */
import { Option } from "effect"
import { showString } from "./Display.ts"

/** Where a value was written: a position in the file (both from 1), or an environment variable. */
export type Origin =
  | { readonly _tag: "File"; readonly line: number; readonly column: number }
  | { readonly _tag: "Variable"; readonly name: string }

/** Stands for a TOML date or time: no setting takes one, and a symbol is refused by every schema. */
export const dateTime: unique symbol = Symbol("date-time")

export interface ConfigScalar {
  readonly _tag: "Scalar"
  readonly origin: Origin
  readonly value: string | number | boolean | symbol
  /** As it was written, for messages: secrets from `${NAME}` never get here. */
  readonly written: string
}
export interface ConfigList {
  readonly _tag: "List"
  readonly origin: Origin
  readonly items: ReadonlyArray<ConfigNode>
}
export interface ConfigTable {
  readonly _tag: "Table"
  readonly origin: Origin
  readonly entries: ReadonlyMap<string, ConfigEntry>
}
export interface ConfigEntry {
  /** Where the key stands; the value has its own place. */
  readonly key: Origin
  readonly node: ConfigNode
}
export type ConfigNode = ConfigScalar | ConfigList | ConfigTable

/** From the root: keys of tables and positions in lists. */
export type ConfigPath = ReadonlyArray<string | number>

export const startOfFile: Origin = { _tag: "File", line: 1, column: 1 }

export const emptyTable = (origin: Origin): ConfigTable => ({ _tag: "Table", origin, entries: new Map() })

/** A string that the environment gave. It is taken as it is: no `${NAME}` inside it is replaced. */
export const fromVariable = (name: string, value: string): ConfigScalar => ({
  _tag: "Scalar",
  origin: { _tag: "Variable", name },
  value,
  written: showString(value)
})

/** The table with this entry set. */
export const withEntry = (table: ConfigTable, key: string, entry: ConfigEntry): ConfigTable => ({
  ...table,
  entries: new Map(table.entries).set(key, entry)
})

const child = (node: ConfigNode, segment: string | number): ConfigEntry | undefined => {
  if (node._tag === "Table" && typeof segment === "string") return node.entries.get(segment)
  if (node._tag !== "List" || typeof segment !== "number") return undefined
  const item = node.items[segment]
  return item === undefined ? undefined : { key: item.origin, node: item }
}

/** The node at a path, with the place of its key. */
export const entryAt = (root: ConfigTable, path: ConfigPath): Option.Option<ConfigEntry> => {
  let entry: ConfigEntry = { key: root.origin, node: root }
  for (const segment of path) {
    const next = child(entry.node, segment)
    if (next === undefined) return Option.none()
    entry = next
  }
  return Option.some(entry)
}

export const nodeAt = (root: ConfigTable, path: ConfigPath): Option.Option<ConfigNode> =>
  Option.map(entryAt(root, path), (entry) => entry.node)

/** The place of the deepest node of a path that is there. */
export const nearestOrigin = (root: ConfigTable, path: ConfigPath): Origin => {
  for (let length = path.length; length > 0; length--) {
    const node = nodeAt(root, path.slice(0, length))
    if (Option.isSome(node)) return node.value.origin
  }
  return root.origin
}

/** The tree with each scalar replaced. */
export const mapScalars = (
  node: ConfigNode,
  replace: (scalar: ConfigScalar, path: ConfigPath) => ConfigScalar,
  path: ConfigPath = []
): ConfigNode => {
  switch (node._tag) {
    case "Scalar":
      return replace(node, path)
    case "List":
      return { ...node, items: node.items.map((item, index) => mapScalars(item, replace, [...path, index])) }
    case "Table":
      return mapTable(node, replace, path)
  }
}

/** As `mapScalars`, for a node that is known to be a table. */
export const mapTable = (
  table: ConfigTable,
  replace: (scalar: ConfigScalar, path: ConfigPath) => ConfigScalar,
  path: ConfigPath = []
): ConfigTable => ({
  ...table,
  entries: new Map(
    Array.from(table.entries, ([key, entry]) => [
      key,
      { ...entry, node: mapScalars(entry.node, replace, [...path, key]) }
    ])
  )
})

/** The bare values, for a schema. Every key becomes an own property, `__proto__` too. */
export const toPlain = (node: ConfigNode): unknown => {
  switch (node._tag) {
    case "Scalar":
      return node.value
    case "List":
      return node.items.map(toPlain)
    case "Table":
      return Object.fromEntries(Array.from(node.entries, ([key, entry]) => [key, toPlain(entry.node)]))
  }
}

/** How a message names the value. */
export const describe = (node: ConfigNode): string => {
  switch (node._tag) {
    case "Scalar":
      return node.written
    case "List":
      return "a list"
    case "Table":
      return "a table"
  }
}
