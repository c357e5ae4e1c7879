import { assert, describe, it } from "@effect/vitest"
import { printable, printableLog } from "../../runtime/Printable.ts"
import { cell, roughly, table } from "../../runtime/Table.ts"

describe("a table", () => {
  it("aligns its columns and ends no line with blanks", () => {
    const rows = [
      [cell("long name"), cell(7), cell("")],
      [cell("é"), cell(""), cell("")]
    ]
    assert.strictEqual(table(["A", "B", "C"], rows, false), "A          B  C\nlong name  7\né")
  })

  it("colours on request alone, and never by what it shows", () => {
    const rows = [[cell("up\u001b[31m", "green")]]
    assert.notInclude(table(["A"], rows, false), "\u001b")
    assert.include(table(["A"], rows, true), "\u001b[32mup\\u001b[31m\u001b[0m")
  })

  it("tells times roughly", () => {
    assert.deepStrictEqual([-5, 0, 59_999, 60_000, 7_200_000, 200_000_000].map(roughly), [
      "0s",
      "0s",
      "59s",
      "1m",
      "2h",
      "2d"
    ])
  })
})

describe("printable text", () => {
  it("moves no cursor, breaks no line and turns no direction", () => {
    assert.strictEqual(printable("a\u001b[2J\r\nb\u202e\u0085"), "a\\u001b[2J\\u000d\\u000ab\\u202e\\u0085")
  })

  it("of a log keeps lines, tabs and colours, and nothing else", () => {
    const kept = "\u001b[1;31mred\u001b[0m\tx\r\ny\n"
    assert.strictEqual(printableLog(kept), kept)
    assert.strictEqual(printableLog("a\u001b[2Jb\rc\u001b]0;title\u0007"), "a\\u001b[2Jb\\u000dc\\u001b]0;title\\u0007")
  })
})
