/**
 * A configuration as people see it: every setting with the value that counts and where that comes from. Secrets are
 * hidden, and text that takes environment variables is shown as the file has it.
 */
import { Option, Schema } from "effect"
import { type ConfigNode, type ConfigPath, type ConfigTable, nodeAt, type Origin, toPlain } from "./ConfigTree.ts"
import { maskCredentials, showPath } from "./Display.ts"
import { isSecret } from "./Findings.ts"
import { type Plain, type SettingReference, type TableReference, tables } from "./SettingReference.ts"

/** Where a value comes from. */
export const SettingSource = Schema.Union([
  Schema.Struct({ from: Schema.Literal("default") }),
  Schema.Struct({ from: Schema.Literal("file"), file: Schema.String, line: Schema.Int }),
  Schema.Struct({ from: Schema.Literal("environment"), variable: Schema.String })
])
export type SettingSource = typeof SettingSource.Type

/** One setting that has a value. */
export const EffectiveSetting = Schema.Struct({
  /** As problems name it: `poll.interval`, `nodes[0].url`. */
  name: Schema.String,
  /** As TOML would have it; `***` for what is secret. */
  value: Schema.Json,
  source: SettingSource
})
export type EffectiveSetting = typeof EffectiveSetting.Type

/** Stands for a value that is not shown. */
export const hidden = "***"

/** The two trees of a file: before and after environment variables were put into its strings. */
export interface Written {
  readonly file: string | undefined
  readonly raw: ConfigTable
  readonly root: ConfigTable
}

const sourceOf = (file: string | undefined, origin: Origin): SettingSource =>
  origin._tag === "Variable"
    ? { from: "environment", variable: origin.name }
    : { from: "file", file: file ?? "", line: origin.line }

/** A file is no secret; of a server, where it is. */
const databaseShown = (url: string): string => {
  if (url.startsWith("sqlite:")) return url
  if (!URL.canParse(url)) return hidden
  const { host, pathname, protocol } = new URL(url)
  return pathname.includes("@") ? hidden : `${protocol}//${host}${pathname}`
}

const isJson = (value: unknown): value is Plain =>
  typeof value === "string" ||
  typeof value === "number" ||
  typeof value === "boolean" ||
  (Array.isArray(value) ? value.every(isJson) : typeof value === "object" && value !== null)

/** Kinds whose values cannot hold a secret, whatever variable they came from. */
const plainKinds: ReadonlySet<string> = new Set(["integer", "duration", "size", "choice", "boolean", "jitter"])

const shown = ({ raw, root }: Written, path: ConfigPath, { form, key }: SettingReference): Plain => {
  const node = Option.getOrUndefined(nodeAt(root, path))
  const written = Option.getOrUndefined(nodeAt(raw, path))
  if (path[0] === "database" && key === "url") return databaseShown(textOf(node))
  if (isSecret(path) || node === undefined) return hidden
  const counts = plainKinds.has(form.kind) || written === undefined ? node : written
  const value = valueOf(counts)
  return typeof value === "string" ? maskCredentials(value) : isJson(value) ? value : hidden
}

const valueOf = (node: ConfigNode | undefined): unknown => (node === undefined ? undefined : toPlain(node))

const textOf = (node: ConfigNode | undefined): string => {
  const value = valueOf(node)
  return typeof value === "string" ? value : ""
}

const settingsOf = (written: Written, table: TableReference, at: ConfigPath): ReadonlyArray<EffectiveSetting> =>
  table.settings.flatMap((setting): ReadonlyArray<EffectiveSetting> => {
    const path = [...at, setting.key]
    const name = showPath(path)
    const node = Option.getOrUndefined(nodeAt(written.root, path))
    if (node !== undefined) {
      return [{ name, value: shown(written, path, setting), source: sourceOf(written.file, node.origin) }]
    }
    return setting.fallback === undefined ? [] : [{ name, value: setting.fallback, source: { from: "default" } }]
  })

const placesOf = (root: ConfigTable, { isList, name }: TableReference): ReadonlyArray<ConfigPath> => {
  if (!isList) return [[name]]
  const list = Option.getOrUndefined(nodeAt(root, [name]))
  return list?._tag === "List" ? list.items.map((_, index) => [name, index]) : []
}

/** All settings of a configuration that has been found valid. */
export const effectiveSettings = (written: Written): ReadonlyArray<EffectiveSetting> =>
  tables.flatMap((table) => placesOf(written.root, table).flatMap((place) => settingsOf(written, table, place)))
