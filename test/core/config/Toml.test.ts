import { assert, describe, it } from "@effect/vitest"
import { Option, Result } from "effect"
import { type ConfigPath, dateTime, entryAt, toPlain } from "../../../core/config/ConfigTree.ts"
import { parseToml } from "../../../core/config/Toml.ts"

const tree = (text: string) => Result.getOrThrow(parseToml(text))

const plain = (text: string) => toPlain(tree(text))

/** Line and column of the key and of the value at a path. */
const places = (text: string, path: ConfigPath) => {
  const entry = Option.getOrThrow(entryAt(tree(text), path))
  return [entry.key, entry.node.origin].map((origin) =>
    origin._tag === "File" ? `${origin.line}:${origin.column}` : origin.name
  )
}

describe("parseToml", () => {
  it("gives the values", () => {
    assert.deepStrictEqual(
      plain('a = 1\nb = \'x\'\nc = true\nd = 1.5\ne = [1, [2]]\nf = { g = 1, h.i = 2, h.j = 3 }\n[k.l]\nm = """\nn"""'),
      {
        a: 1,
        b: "x",
        c: true,
        d: 1.5,
        e: [1, [2]],
        f: { g: 1, h: { i: 2, j: 3 } },
        k: { l: { m: "n" } }
      }
    )
  })

  it("gives lists of tables, and tables in their last item", () => {
    assert.deepStrictEqual(plain("[[a]]\nb = 1\n[a.c]\nd = 2\n[[a]]\n[[a.e]]\nf = 3\n[[a.e]]"), {
      a: [{ b: 1, c: { d: 2 } }, { e: [{ f: 3 }, {}] }]
    })
  })

  it("joins a table that is opened by its parts", () => {
    assert.deepStrictEqual(plain("[a.b]\nx = 1\n[a]\ny = 2\n[a.c]"), { a: { b: { x: 1 }, y: 2, c: {} } })
  })

  it("keeps dates apart from every other value", () => {
    assert.deepStrictEqual(plain("a = 1979-05-27\nb = 07:32:00"), { a: dateTime, b: dateTime })
  })

  it("makes every key an own property", () => {
    const value = plain("__proto__ = 1\nconstructor = 2\n[toString]\nvalueOf = 3")
    assert.deepStrictEqual(JSON.stringify(value), '{"__proto__":1,"constructor":2,"toString":{"valueOf":3}}')
  })

  it("remembers where keys and values stand, both from 1", () => {
    const text = "a = 1\n\n  b.c  =  [ 2,\n 3 ]\r\n[d]\ne = { f = 4 }\n[[g]]\n[[ g ]]\n\"h\" = 'ü'"
    assert.deepStrictEqual(places(text, ["a"]), ["1:1", "1:5"])
    assert.deepStrictEqual(places(text, ["b"]), ["3:3", "3:3"])
    assert.deepStrictEqual(places(text, ["b", "c"]), ["3:5", "3:11"])
    assert.deepStrictEqual(places(text, ["b", "c", 1]), ["4:2", "4:2"])
    assert.deepStrictEqual(places(text, ["d"]), ["5:1", "5:1"])
    assert.deepStrictEqual(places(text, ["d", "e", "f"]), ["6:7", "6:11"])
    assert.deepStrictEqual(places(text, ["g", 0]), ["7:1", "7:1"])
    assert.deepStrictEqual(places(text, ["g", 1]), ["8:1", "8:1"])
    assert.deepStrictEqual(places(text, ["g", 1, "h"]), ["9:1", "9:7"])
  })

  it("finds nothing on paths that do not exist", () => {
    const paths: ReadonlyArray<ConfigPath> = [["x"], ["a", 0], ["a", "x"], ["b", "x"], ["b", 1], [0]]
    assert.deepStrictEqual(
      paths.map((path) => Option.isSome(entryAt(tree("a = 1\nb = [1]"), path))),
      [false, false, false, false, false, false]
    )
  })

  it.each([
    ["a = 1\na = 2", 2, 1],
    ["a.b = 1\n[a]", 2, 2],
    ["[a]\nb = 1\n[a.b]", 3, 4],
    ["a = {}\n[a.b]", 2, 2],
    ["[[a]]\n[a]", 2, 2],
    ["a = [{}]\n[a.b]", 2, 2],
    ['x = "\\q"', 1, 7]
  ])("says where %j goes wrong", (text, line, column) => {
    const parsed = parseToml(text)
    assert.deepInclude(Result.isFailure(parsed) ? parsed.failure : {}, { line, column })
  })
})
