/**
 * Tables of the pages say what the code says: who may use which endpoint, the codes of errors and of closed WebSockets,
 * and the endpoints. `MUSTER_UPDATE_DOCS=1` writes the table of roles.
 */
import { writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { statusByCode } from "../../core/http/ErrorBody.ts"
import type { Access } from "../../core/http/RouteAccess.ts"
import { routes } from "../../core/http/Routes.ts"
import { CloseCode } from "../../core/hub/Protocol.ts"
import { codeOf, fileOf, read, rowsOf } from "./Pages.ts"

const isUpdate = process.env["MUSTER_UPDATE_DOCS"] === "1"

/** The part of a page from one heading to the next of the same or a higher rank. */
const section = (page: string, heading: string): string => {
  const text = read(page)
  const begin = text.indexOf(`\n${heading}\n`)
  assert.isAtLeast(begin, 0, `${page} has no ${heading}`)
  const rest = text.slice(begin + heading.length + 2)
  const end = rest.search(new RegExp(`^#{1,${heading.indexOf(" ")}} `, "m"))
  return end === -1 ? rest : rest.slice(0, end)
}

const shownPath = (path: string): string => path.replaceAll(/:([a-z]+)/g, "{$1}")

const ranks = ["public", "viewer", "operator", "admin"] as const satisfies ReadonlyArray<Access>

describe("docs/security.md", () => {
  const byAccess = new Map(ranks.map((access) => [access, routes.filter((route) => route.access === access)]))
  const table = [
    "| from the role | endpoints |",
    "|---|---|",
    ...Array.from(
      byAccess,
      ([access, some]) =>
        `| ${access === "public" ? "none, `public`" : `\`${access}\``} | ` +
        `${some.map(({ method, path }) => `\`${method} ${shownPath(path)}\``).join(", ")} |`
    )
  ].join("\n")

  it("has the table of roles of the code", () => {
    const page = "docs/security.md"
    const text = read(page)
    const updated = text.replace(
      /(<!-- routes -->\n)[^]*(<!-- end -->)/,
      (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`
    )
    assert.include(updated, table)
    if (isUpdate) writeFileSync(fileOf(page), updated)
    else assert.strictEqual(text, updated)
  })
})

describe("docs/api.md", () => {
  it("names every code of an error with its status", () => {
    const shown = rowsOf(section("docs/api.md", "## Errors")).flatMap(([status = "", codes = ""]) =>
      /^\d{3}$/.test(status) ? codeOf(codes).map((code) => [code, Number(status)] as const) : []
    )
    const sorted = (entries: ReadonlyArray<readonly [string, number]>) =>
      entries.toSorted(([one], [other]) => (one < other ? -1 : 1))
    assert.deepStrictEqual(sorted(shown), sorted(Object.entries(statusByCode)))
  })

  it("names every endpoint", () => {
    const shown = new Set(
      codeOf(section("docs/api.md", "## Endpoints")).map((code) =>
        code.replace(/^.* /, "").replace("…", "/api/nodes/{node}/processes")
      )
    )
    const missing = routes.filter(({ isApi, path }) => isApi && !shown.has(shownPath(path)))
    assert.deepStrictEqual(
      missing.map(({ name, path }) => `${name}: ${path}`),
      []
    )
  })
})

describe("docs/protocol.md", () => {
  it("names every code of Muster's own that closes a WebSocket", () => {
    const shown = rowsOf(section("docs/protocol.md", "## How it ends")).map(([code = ""]) => Number(code))
    // 1009 is the one of the WebSocket implementation.
    assert.deepStrictEqual(
      shown.filter((code) => code > 0).toSorted((one, other) => one - other),
      [...Object.values(CloseCode), 1009].toSorted((one, other) => one - other)
    )
  })
})
