/** Pages lead to each other: no link is dead, and from the README every page can be reached. */
import { existsSync } from "node:fs"
import { posix } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { anchorsOf, fileOf, linksOf, pages, read } from "./Pages.ts"

const isElsewhere = (target: string): boolean => /^[a-z]+:/.test(target)

/** What a link of a page leads to: a path of the repository, and an anchor or nothing. */
const resolve = (page: string, target: string) => {
  const [path = "", anchor = ""] = target.split("#", 2)
  return { path: path === "" ? page : posix.join(posix.dirname(page), path), anchor }
}

/** Why a link leads nowhere; undefined for a good one. */
const fault = (page: string, target: string): string | undefined => {
  if (isElsewhere(target)) return undefined
  const { anchor, path } = resolve(page, target)
  if (!existsSync(fileOf(path))) return `${path} does not exist`
  if (anchor === "") return undefined
  return path.endsWith(".md") && anchorsOf(read(path)).has(anchor) ? undefined : `${path} has no heading #${anchor}`
}

describe("the pages", () => {
  it.each(pages)("have no dead link in %s", (page) => {
    const faults = linksOf(read(page)).flatMap(({ line, target }) => {
      const found = fault(page, target)
      return found === undefined ? [] : [`${page}:${line}: ${found}`]
    })
    assert.deepStrictEqual(faults, [])
  })

  it("can all be reached from the README", () => {
    const reached = new Set(["README.md"])
    for (const page of reached) {
      for (const { target } of linksOf(read(page))) {
        if (isElsewhere(target)) continue
        const { path } = resolve(page, target)
        if (path.endsWith(".md")) reached.add(path)
      }
    }
    assert.deepStrictEqual(
      pages.filter((page) => !reached.has(page)),
      []
    )
  })

  it("have links and headings that this test finds", () => {
    const text = "# A `b` c!\n\n[x](y.md#z) `[no](code.md)` ![p](q.svg)\n\n## Two, three\n"
    assert.deepStrictEqual(
      linksOf(text).map(({ target }) => target),
      ["y.md#z", "q.svg"]
    )
    assert.deepStrictEqual([...anchorsOf(text)], ["a-b-c", "two-three"])
  })
})
