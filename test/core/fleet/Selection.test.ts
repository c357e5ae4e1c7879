import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { FleetSnapshot } from "../../../core/domain/Node.ts"
import { matches, select } from "../../../core/fleet/Selection.ts"
import { processIn } from "./Processes.ts"

const node = (name: string, environment: string | undefined, ids: ReadonlyArray<readonly [string, string]>) => ({
  node: {
    name,
    ...(environment === undefined ? {} : { environment }),
    kind: "supervisord",
    status: "up",
    since: "",
    stale: false,
    incarnation: 1,
    processes: {}
  } as const,
  processes: ids.map(([group, process]) => processIn("RUNNING", { group, name: process }))
})

const fleet: FleetSnapshot = {
  seq: 1,
  nodes: [
    node("web-1", "production", [
      ["app", "api"],
      ["app", "worker"],
      ["cron", "cron"]
    ]),
    node("web-2", "staging", [["app", "api"]]),
    node("db", undefined, [["pg", "pg"]])
  ]
}

const names = (...selectors: Parameters<typeof select>[1]) =>
  select(fleet, selectors).map((one) => `${one.node} ${one.group}:${one.name}`)

describe("select", () => {
  it("takes the whole fleet, in its order, with no field", () => {
    assert.deepStrictEqual(names({}), [
      "web-1 app:api",
      "web-1 app:worker",
      "web-1 cron:cron",
      "web-2 app:api",
      "db pg:pg"
    ])
  })

  it("takes what matches every field, and what matches any selector, each once", () => {
    assert.deepStrictEqual(names({ node: "web-*", name: "api" }), ["web-1 app:api", "web-2 app:api"])
    assert.deepStrictEqual(names({ name: "pg" }, { group: "app", node: "web-1" }, { name: "api", node: "web-1" }), [
      "web-1 app:api",
      "web-1 app:worker",
      "db pg:pg"
    ])
    assert.deepStrictEqual(names({ node: "nope" }), [])
  })

  it("finds a node without environment in none", () => {
    assert.deepStrictEqual(names({ environment: "*" }).includes("db pg:pg"), false)
    assert.deepStrictEqual(names({ environment: "prod*", group: "cron" }), ["web-1 cron:cron"])
  })
})

/** Slow and plainly right. */
const slowly = (pattern: string, text: string): boolean => {
  if (pattern === "") return text === ""
  if (pattern.startsWith("*")) {
    return slowly(pattern.slice(1), text) || (text !== "" && slowly(pattern, text.slice(1)))
  }
  return text !== "" && pattern.at(0) === text.at(0) && slowly(pattern.slice(1), text.slice(1))
}

describe("matches", () => {
  it("agrees with trying everything", () => {
    const few = fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 8 }).map((parts) => parts.join(""))
    const text = fc.array(fc.constantFrom("a", "b"), { maxLength: 8 }).map((parts) => parts.join(""))
    fc.assert(
      fc.property(few, text, (pattern, one) => matches(pattern, one) === slowly(pattern, one)),
      { numRuns: 5_000, seed: 1 }
    )
  })

  it("takes characters of patterns by other rules for themselves", () => {
    assert.isTrue(matches("a.b+[c]?", "a.b+[c]?"))
    assert.isFalse(matches("a.b", "axb"))
  })

  it("tries nothing twice", () => {
    assert.isFalse(matches("*a".repeat(100_000), "a".repeat(99_999)))
    assert.isFalse(matches("*a".repeat(50) + "b", "a".repeat(100_000)))
  })
})
