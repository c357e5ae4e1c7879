/**
 * Writes TOML in the several ways that it can be written: what is read back must not depend on the way.
 */
export type TomlValue = string | number | boolean | ReadonlyArray<TomlValue> | { readonly [key: string]: TomlValue }

export type TomlTable = { readonly [key: string]: TomlValue }

/** How sections are written: under a `[header]`, with dotted keys, or as one inline table. */
export type TomlStyle = "header" | "dotted" | "inline"

const escapes: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r" }

const basicString = (text: string): string =>
  `"${text.replace(
    /["\\\n\t\r]|[\u0000-\u001f\u007f]/g,
    (char) => escapes[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`
  )}"`

/** A literal string where the text allows one. */
const anyString = (text: string, literal: boolean): string =>
  literal && !/['\u0000-\u001f\u007f]/.test(text) ? `'${text}'` : basicString(text)

const key = (name: string): string => (/^[A-Za-z0-9_-]+$/.test(name) ? name : basicString(name))

const isList = (value: TomlValue): value is ReadonlyArray<TomlValue> => Array.isArray(value)

export const writeValue = (value: TomlValue, literal = false): string => {
  if (typeof value === "string") return anyString(value, literal)
  if (typeof value !== "object") return String(value)
  if (isList(value)) return `[${value.map((item) => writeValue(item, literal)).join(", ")}]`
  const entries = Object.entries(value).map(([name, item]) => `${key(name)} = ${writeValue(item, literal)}`)
  return `{ ${entries.join(", ")} }`
}

const lines = (table: TomlTable, prefix: string, literal: boolean): ReadonlyArray<string> =>
  Object.entries(table).map(([name, value]) => `${prefix}${key(name)} = ${writeValue(value, literal)}`)

/** A whole file: sections, then lists of tables. */
export const writeToml = (
  sections: { readonly [name: string]: TomlTable },
  lists: { readonly [name: string]: ReadonlyArray<TomlTable> },
  options: { readonly style: TomlStyle; readonly literal: boolean; readonly lineEnd: "\n" | "\r\n" }
): string => {
  const { lineEnd, literal, style } = options
  const written = Object.entries(sections).flatMap(([name, table]) => {
    if (style === "inline") return [`${name} = ${writeValue(table, literal)}`]
    return style === "dotted" ? lines(table, `${name}.`, literal) : [`[${name}]`, ...lines(table, "", literal)]
  })
  const tables = Object.entries(lists).flatMap(([name, list]) =>
    style === "inline"
      ? [`${name} = ${writeValue(list, literal)}`]
      : list.flatMap((table) => [`[[${name}]]`, ...lines(table, "", literal)])
  )
  return ["# written by a test", ...written, "", ...tables, ""].join(lineEnd)
}
