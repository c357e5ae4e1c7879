import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { configExample, configTables, tomlOf } from "../../../core/config/ConfigExample.ts"
import { configJsonSchema } from "../../../core/config/ConfigJsonSchema.ts"
import { decodeConfig, defaults } from "../../../core/config/ConfigFile.ts"
import { NodeTable, ProgramTable, scalarSections } from "../../../core/config/ConfigSchema.ts"
import { toPlain } from "../../../core/config/ConfigTree.ts"
import { tables } from "../../../core/config/SettingReference.ts"
import { parseToml } from "../../../core/config/Toml.ts"

const file = "muster.example.toml"
const at = (path: string) => new URL(`../../../${path}`, import.meta.url)
const updates = process.env["MUSTER_UPDATE_DOCS"] === "1"
if (updates) writeFileSync(at(file), configExample())
const text = readFileSync(at(file), "utf8")
const variables = { WEB_1_PASSWORD: "s3cr3t", WEB_1_TLS_KEY: "k3y" }

const page = "docs/configuration.md"
const between = /(?<=<!-- settings: made by the schema -->\n)[^]*(?=\n<!-- end of settings -->)/
const decode = (environment: Readonly<Record<string, string>>) => decodeConfig({ file, text, environment })

const Tables = Schema.Record(
  Schema.String,
  Schema.Union([
    Schema.Record(Schema.String, Schema.Unknown),
    Schema.Array(Schema.Record(Schema.String, Schema.Unknown))
  ])
)
const written = Schema.decodeUnknownSync(Tables)(toPlain(Result.getOrThrow(parseToml(text))))
const keysOf = (section: string): ReadonlySet<string> => new Set([written[section] ?? {}].flat().flatMap(Object.keys))

describe("the example configuration", () => {
  it("is what the schema makes of it", () => assert.strictEqual(text, configExample()))

  it("is valid", () => {
    const config = Result.getOrThrow(decode(variables))
    assert.deepStrictEqual(
      config.nodes.map((node) => node.name),
      ["web-1"]
    )
    assert.strictEqual(config.nodes[0]?.password && Redacted.value(config.nodes[0].password), "s3cr3t")
    assert.deepStrictEqual(
      config.programs.map((program) => program.name),
      ["ticker"]
    )
  })

  it("tells the name of its variable when that is not set", () => {
    const result = decode({ WEB_1_TLS_KEY: "k3y" })
    assert.match(
      Result.isFailure(result) ? result.failure.message : "",
      /^muster\.example\.toml:\d+:12 nodes\[0\]\.password: the environment variable WEB_1_PASSWORD is not set$/
    )
  })

  it("states the defaults", () => {
    const { nodes: _, programs: __, ...sections } = Result.getOrThrow(decode(variables))
    assert.deepStrictEqual({ ...sections, nodes: [], programs: [] }, Result.getOrThrow(defaults({})))
  })

  it.each([
    ...Object.entries(scalarSections).map(([section, { fields }]) => [section, Object.keys(fields)] as const),
    ["nodes", Object.keys(NodeTable.fields)] as const,
    ["programs", Object.keys(ProgramTable.from.fields)] as const
  ])("shows every setting of %s", (section, keys) => {
    const off = section === "telemetry" ? ["otlp_url", "otlp_headers"] : []
    assert.deepStrictEqual(keysOf(section), new Set(keys.filter((key) => !off.includes(key))))
    for (const key of off) assert.match(text, new RegExp(`^# ${key} = `, "m"))
  })

  it("has a description of every setting in the schema", () => {
    const fields = [...Object.values(scalarSections), NodeTable].flatMap((section) => Object.entries(section.fields))
    const silent = fields.filter(([, field]) => Schema.resolveAnnotations(field)?.description === undefined)
    assert.deepStrictEqual(
      silent.map(([name]) => name),
      []
    )
  })
})

describe("the tables of settings", () => {
  it("are those of the schema", () => {
    const before = readFileSync(at(page), "utf8")
    assert.match(before, between)
    if (updates)
      writeFileSync(
        at(page),
        before.replace(between, () => configTables())
      )
    assert.strictEqual(between.exec(readFileSync(at(page), "utf8"))?.[0], configTables())
  })

  it("tell the defaults of programs as the manager has them", () => {
    const minimal = decodeConfig({ file, text: '[[programs]]\nname = "a"\ncommand = "b"\n', environment: {} })
    const stated = tables
      .find(({ name }) => name === "programs")
      ?.settings.flatMap(({ fallback, key }) => (fallback === undefined ? [] : [`${key} = ${tomlOf(fallback)}`]))
    const full = decodeConfig({
      file,
      text: `[[programs]]\nname = "a"\ncommand = "b"\n${stated?.join("\n")}\n`,
      environment: {}
    })
    assert.deepStrictEqual(Result.getOrThrow(full), Result.getOrThrow(minimal))
  })
})

describe("the JSON Schema", () => {
  it("has every table and every setting, with the same defaults", () => {
    const Table = Schema.Struct({
      properties: Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Unknown))
    })
    const Lists = Schema.Struct({ items: Table })
    const { properties } = Schema.decodeUnknownSync(
      Schema.Struct({ properties: Schema.Record(Schema.String, Schema.Union([Table, Lists])) })
    )(configJsonSchema)
    for (const { name, settings } of tables) {
      const found = properties[name]
      const table = found !== undefined && "items" in found ? found.items : found
      assert.deepStrictEqual(
        Object.entries(table?.properties ?? {}).map(([key, schema]) => [key, schema["default"]]),
        settings.map(({ fallback, key }) => [key, fallback])
      )
    }
  })
})
