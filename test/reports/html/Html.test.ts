import { assert, describe, it } from "@effect/vitest"
import { dataBlock, html, nothing, trusted } from "../../../reports/html/Html.ts"

describe("html", () => {
  it("escapes every value", () =>
    assert.strictEqual(
      html`<a title="${`"'`}">${"<b>&"}</a>${3}${undefined}`.markup,
      `<a title="&quot;&#39;">&lt;b&gt;&amp;</a>3`
    ))

  it("takes HTML, alone and in lists, as it is", () =>
    assert.strictEqual(html`${html`<i>${"<"}</i>`}${[trusted("<hr>"), nothing]}`.markup, "<i>&lt;</i><hr>"))

  it("shows characters that HTML cannot hold", () =>
    assert.strictEqual(html`${"a\u0000b\tc\n"}`.markup, "a\ufffdb\tc\n"))

  it("lets no data end its block, and gives it back", () => {
    const data = { text: "</script><!-- & ' \" \u2028" }
    const { markup } = dataBlock("x", data)
    const inside = /^<script type="application\/json" id="x">(.*)<\/script>$/s.exec(markup)?.[1] ?? ""
    assert.notInclude(inside, "<")
    assert.deepStrictEqual(JSON.parse(inside), data)
  })
})
