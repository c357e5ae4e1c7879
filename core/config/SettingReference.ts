/**
 * Every setting as data, read from the schema: for the documentation, the example, a schema for editors, and for
 * whoever shows a configuration.
 */
import { Schema } from "effect"
import { NodeTable, ProgramTable, scalarSections } from "./ConfigSchema.ts"
import { programForms } from "./ProgramForms.ts"
import { defaultAnnotation, formAnnotation } from "./Setting.ts"
import type { SettingForm } from "./Setting.ts"

/** A value as TOML writes it. */
export type Plain = string | number | boolean | ReadonlyArray<Plain> | { readonly [key: string]: Plain }

export interface SettingReference {
  readonly key: string
  readonly description: string
  readonly form: Omit<SettingForm, "kind"> & { readonly kind: SettingForm["kind"] | "json" }
  /** Undefined where nothing is the default; then `isRequired` says whether that is allowed. */
  readonly fallback: Plain | undefined
  readonly isRequired: boolean
  /** A fragment of JSON Schema, for kinds that have none of their own. */
  readonly json?: Readonly<Record<string, unknown>>
}

export interface TableReference {
  readonly name: string
  readonly description: string
  /** One of many of its name, `[[nodes]]`; else one by itself, which variables can set too. */
  readonly isList: boolean
  readonly settings: ReadonlyArray<SettingReference>
}

const isForm = (value: unknown): value is SettingForm =>
  typeof value === "object" && value !== null && "kind" in value && "expected" in value

const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"

const unknownForm: SettingForm = { kind: "text", expected: "text" }

const reference = (key: string, field: Schema.Top, required: ReadonlySet<string>): SettingReference => {
  const annotations = Schema.resolveAnnotations(field)
  const [form, fallback] = [annotations?.[formAnnotation], annotations?.[defaultAnnotation]]
  return {
    key,
    description: annotations?.description ?? "",
    form: isForm(form) ? form : unknownForm,
    fallback: isPlain(fallback) ? fallback : undefined,
    isRequired: required.has(key)
  }
}

const references = (
  fields: Readonly<Record<string, Schema.Top>>,
  required: ReadonlyArray<string> = []
): ReadonlyArray<SettingReference> => {
  const names = new Set(required)
  return Object.entries(fields).map(([key, field]) => reference(key, field, names))
}

const descriptions: Readonly<Record<string, string>> = {
  server: "The console's own HTTP server.",
  poll: "How the nodes are watched.",
  operations: "Operations on processes. The timeouts are upper bounds: a program's own timing may end it sooner.",
  bus: "Events on their way to the hub, the log and whoever else listens.",
  hub: "The WebSocket hub.",
  log: "What the console says about itself.",
  local: "The process manager on the console's own machine.",
  database: "Where users, tokens, the activity log and the last known state of the fleet are kept.",
  auth: "Who is let in, and how.",
  activity: "The activity log.",
  limits: "What the console may use of its machine.",
  telemetry: "OpenTelemetry."
} satisfies Readonly<Record<keyof typeof scalarSections, string>>

/** Every table of a file, in the order in which the example shows them. */
export const tables: ReadonlyArray<TableReference> = [
  ...Object.entries(scalarSections).map(([name, { fields }]) => ({
    name,
    description: descriptions[name] ?? "",
    isList: false,
    settings: references(fields)
  })),
  {
    name: "nodes",
    description: "One [[nodes]] table for each supervisord. None by default.",
    isList: true,
    settings: references(NodeTable.fields, ["name", "url"])
  },
  {
    name: "programs",
    description:
      "One [[programs]] table for each program that Muster itself runs on this machine, with the settings of " +
      "supervisord's [program:x]. None by default.",
    isList: true,
    settings: Object.keys(ProgramTable.from.fields).flatMap((key) => programForms.get(key) ?? [])
  }
]

const sectionSettings: ReadonlyMap<string, ReadonlyMap<string, SettingReference>> = new Map(
  tables
    .filter(({ isList }) => !isList)
    .map(({ name, settings }) => [name, new Map(settings.map((setting) => [setting.key, setting]))])
)

/** The setting at `section.key` of a section that is one by itself. */
export const settingAt = (section: string, key: string): SettingReference | undefined =>
  sectionSettings.get(section)?.get(key)
