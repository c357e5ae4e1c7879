/**
 * The form of a configuration file as JSON Schema (2020-12), for editors that check TOML by one. Rules between settings
 * are not in it: `muster config check` knows them all.
 */
import { type SettingReference, type TableReference, tables } from "./SettingReference.ts"

type JsonSchema = Readonly<Record<string, unknown>>

/** Any setting may take its value from the environment. */
const fromEnvironment = { type: "string", pattern: "\\$\\{" }

const formOf = ({ form, json }: SettingReference): JsonSchema => {
  const { expected, kind, max, min, words } = form
  const range = { ...(min === undefined ? {} : { minimum: min }), ...(max === undefined ? {} : { maximum: max }) }
  switch (kind) {
    case "integer":
      return { anyOf: [{ type: "integer", ...range }, { type: "string", pattern: "^[0-9]{1,15}$" }, fromEnvironment] }
    case "size":
      return { anyOf: [{ type: "integer", ...range }, { type: "string" }] }
    case "duration":
      return { type: "string", pattern: "^([0-9.]+(d|h|m|s|ms))+$|\\$\\{" }
    case "choice":
      return { anyOf: [{ enum: words ?? [] }, fromEnvironment] }
    case "boolean":
      return { anyOf: [{ type: "boolean" }, { enum: ["true", "false"] }, fromEnvironment] }
    case "jitter":
      return { type: ["number", "string"] }
    case "list":
    case "text":
      return { type: "string" }
    case "secret":
      return { type: "string", writeOnly: true }
    case "json":
      return { ...json, $comment: expected }
  }
}

const propertyOf = (setting: SettingReference): JsonSchema => ({
  description: `${setting.description} Expected: ${setting.form.expected}.`,
  ...(setting.fallback === undefined ? {} : { default: setting.fallback }),
  ...formOf(setting)
})

const tableOf = ({ description, isList, settings }: TableReference): JsonSchema => {
  const required = settings.filter(({ isRequired }) => isRequired).map(({ key }) => key)
  const table = {
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(settings.map((setting) => [setting.key, propertyOf(setting)])),
    ...(required.length === 0 ? {} : { required })
  }
  return isList ? { description, type: "array", items: table } : { description, ...table }
}

/** The whole file. */
export const configJsonSchema: JsonSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Muster's configuration",
  type: "object",
  additionalProperties: false,
  properties: Object.fromEntries(tables.map((table) => [table.name, tableOf(table)]))
}
