import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import { readFileSync } from "node:fs"
import { decodeConfig, defaults } from "../../../core/config/ConfigFile.ts"
import { NodeTable, ProgramTable, scalarSections } from "../../../core/config/ConfigSchema.ts"
import { toPlain } from "../../../core/config/ConfigTree.ts"
import { parseToml } from "../../../core/config/Toml.ts"

const file = "muster.example.toml"
const text = readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8")
const variables = { WEB_1_PASSWORD: "s3cr3t", WEB_3_TLS_KEY: "k3y" }
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
  it("is valid", () => {
    const config = Result.getOrThrow(decode(variables))
    assert.deepStrictEqual(
      config.nodes.map((node) => node.name),
      ["web-1", "web-2", "web-3"]
    )
    assert.strictEqual(config.nodes[0]?.password && Redacted.value(config.nodes[0].password), "s3cr3t")
    assert.deepStrictEqual(
      config.programs.map((program) => program.name),
      ["ticker"]
    )
  })

  it("tells the name of its variable when that is not set", () => {
    const result = decode({ WEB_3_TLS_KEY: "k3y" })
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
    assert.deepStrictEqual(keysOf(section), new Set(keys))
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
