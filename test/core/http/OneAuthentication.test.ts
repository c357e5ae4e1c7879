/**
 * P7 on the source: one module looks for credentials in requests, one lets anybody in by them, and one puts that around
 * all routes. On the syntax, so that no comment and no string counts.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { parseSync } from "oxc-parser"

const root = join(import.meta.dirname, "../../..")

const files = readdirSync(join(root, "core"), { recursive: true })
  .map((path) => `core/${String(path).replaceAll("\\", "/")}`)
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
  .toSorted()

const isNode = Schema.is(Schema.Struct({ type: Schema.String }))
const isNamed = Schema.is(Schema.Struct({ name: Schema.String }))
const isLiteral = Schema.is(Schema.Struct({ value: Schema.String }))

/** What a file reads: `.name` and `"name"` of members, and `{name}` of what is taken out of objects. */
const membersOf = (path: string): ReadonlySet<string> => {
  const found = new Set<string>()
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(walk)
    if (!isNode(node)) return
    if (node.type === "MemberExpression") {
      const property: unknown = Reflect.get(node, "property")
      if (isNamed(property)) found.add(`.${property.name}`)
      else if (isLiteral(property)) found.add(`"${property.value}"`)
    }
    if (node.type === "ObjectPattern") {
      const properties: unknown = Reflect.get(node, "properties")
      for (const property of Array.isArray(properties) ? properties : []) {
        const key: unknown = Reflect.get(property, "key")
        if (isNamed(key)) found.add(`{${key.name}}`)
        else if (isLiteral(key)) found.add(`{${key.value}}`)
      }
    }
    for (const child of Object.values(node)) walk(child)
  }
  const { errors, program } = parseSync(path, readFileSync(join(root, path), "utf8"), { sourceType: "module" })
  assert.deepStrictEqual(errors, [])
  walk(program)
  return found
}

/** Names that a file takes from others. */
const importsOf = (path: string): ReadonlySet<string> =>
  new Set(
    Array.from(
      readFileSync(join(root, path), "utf8").matchAll(/^import (?:type )?(?:\{([^}]*)\}|\* as (\w+))/gm),
      ([, list = "", all = ""]) => [...list.split(",").map((name) => name.trim()), all]
    ).flat()
  )

const members = new Map(files.map((path) => [path, membersOf(path)]))
const readers = (...names: ReadonlyArray<string>) =>
  files.filter((path) => names.some((name) => members.get(path)?.has(name)))
const inAnyForm = (name: string): ReadonlyArray<string> => [`.${name}`, `"${name}"`, `{${name}}`]
const importers = (name: string) => files.filter((path) => importsOf(path).has(name))

describe("the console", () => {
  it.effect("looks for credentials in one module", () =>
    Effect.sync(() => {
      const names = ["authorization", "Authorization", "cookies", "Cookie"]
      const forms = [...names.flatMap(inAnyForm), '"cookie"', ".cookie"]
      assert.deepStrictEqual(readers(...forms), ["core/http/Credentials.ts"])
      // A field of the body of a login.
      assert.deepStrictEqual(readers("{cookie}"), ["core/http/SessionsHandlers.ts"])
      assert.deepStrictEqual(importers("presented"), ["core/http/Authentication.ts"])
      // The refresh token lets nobody in: it gives the next pair of tokens.
      assert.deepStrictEqual(importers("presentedRefresh"), ["core/http/SessionsHandlers.ts"])
    })
  )

  it.effect("lets people in by one module", () =>
    Effect.sync(() => {
      const outside = (found: ReadonlyArray<string>) => found.filter((path) => !path.startsWith("core/auth/"))
      for (const decision of ["authenticate", "redeemTicket", "anonymous", "isAtLeast"]) {
        const by = outside(decision === "isAtLeast" ? importers(decision) : readers(...inAnyForm(decision)))
        assert.deepStrictEqual(by, ["core/http/Authentication.ts"], decision)
      }
    })
  )

  it.effect("has that around all routes at once", () =>
    Effect.sync(() => assert.deepStrictEqual(importers("authenticated"), ["core/http/Middleware.ts"]))
  )
})
