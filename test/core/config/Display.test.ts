import { assert, describe, it } from "@effect/vitest"
import { maskCredentials, showPath, showString } from "../../../core/config/Display.ts"

describe("showString", () => {
  it("quotes, and escapes what could disturb a terminal", () => {
    assert.strictEqual(showString('a"b\\\n\u001b\u0085\u202e\u2028ü'), '"a\\"b\\\\\\n\\u001b\\u0085\\u202e\\u2028ü"')
  })

  it("cuts long text", () => {
    assert.strictEqual(showString("x".repeat(81)), `"${"x".repeat(80)}…"`)
    assert.strictEqual(showString("x".repeat(80)), `"${"x".repeat(80)}"`)
  })
})

describe("maskCredentials", () => {
  it.each([
    ["http://host:9001/RPC2", "http://host:9001/RPC2"],
    ["http://[::1]:9001", "http://[::1]:9001"],
    ["ftp://x", "ftp://x"],
    ["127.0.0.1:9001", "127.0.0.1:9001"],
    ["http://u:p@host", "http://***"],
    ["http://u:p/q@host", "http://***"],
    ["http://u:p", "http://***"],
    ["http://host?p=1", "http://***"],
    ["u:p@host", "***@host"],
    ["u:p@q@host", "***@host"]
  ])("shows %s as %s", (text, shown) => {
    assert.strictEqual(maskCredentials(text), shown)
  })
})

describe("showPath", () => {
  it("writes a path as the file would", () => {
    assert.strictEqual(showPath(["nodes", 1, "url"]), "nodes[1].url")
    assert.strictEqual(showPath(["a b", "", "c"]), '"a b"."".c')
    assert.strictEqual(showPath([]), "")
  })
})
