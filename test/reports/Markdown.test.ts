import { assert, describe, it } from "@effect/vitest"
import { compare } from "../../reports/Comparison.ts"
import { markdown } from "../../reports/Markdown.ts"
import { failed, failure, hostile, mutantsReport, property, report } from "./SampleReport.ts"

/** The rows of the tables, each as its cells. */
const rowsOf = (text: string) =>
  Array.from(text.matchAll(/^\| ?(.*) \|$/gm), ([, row = ""]) => row.split(/(?<!\\)\|/).map((each) => each.trim()))

const mixed = report([
  property("P1", { unreached: ["resumed"], requirements: ["R1.1", "R1.2"] }),
  failed("P2"),
  property("P3", { status: "interrupted", requirements: [] }),
  property("P4", { status: "skipped", runs: 0, reason: "no supervisord", requirements: ["R10.5"] })
])

describe("Markdown", () => {
  it("says first how many hold", () => {
    const text = markdown(mixed)
    assert.match(text, /^## 1 of 4 properties hold, 1 failed, 1 interrupted, 1 skipped\n\n/)
    assert.include(text, "\nmuster 0.1.0, in the simulator, seed 0, 20 seeds, strategy portfolio\n")
    assert.match(markdown(report([property("P1")])), /^## 1 of 1 property holds\n/)
  })

  it("has a row for each property", () => {
    const rows = rowsOf(markdown(mixed))
    assert.deepStrictEqual(rows[2], [
      "P1 title of P1",
      "holds",
      "10",
      "1000",
      "60",
      "9",
      "3",
      "1 of 2, not resumed",
      "0.0 s"
    ])
    assert.deepStrictEqual(
      rows.slice(3, 6).map(([name, status]) => [name, status]),
      [
        ["P2 title of P2", "**FAILED**"],
        ["P3 title of P3", "ended early"],
        ["P4 title of P4", "skipped: no supervisord"]
      ]
    )
  })

  it("tells a failure, how it came about, and the line that replays it", () => {
    const { message, story } = failure()
    assert.include(
      markdown(mixed),
      [
        "### P2 failed in run 3\n",
        `\`\`\`text\n${message}\n\`\`\`\n`,
        `<details><summary>How it came about</summary>\n\n\`\`\`text\n${story}\n\`\`\`\n\n</details>\n`,
        "```text\nnpx muster replay m2.P2.shrunk\n```\n"
      ].join("\n")
    )
    assert.notInclude(markdown(report([failed("P2", { token: "" })])), "replay m2")
  })

  it("has the requirements by area, with the properties that are about them", () => {
    const text = markdown(mixed)
    const rows = rowsOf(text).filter(([first]) => /^R\d+ /.test(first ?? ""))
    assert.deepStrictEqual(rows, [
      ["R1 The hub", "P1, P2 **FAILED**", "P1", "–", "–", "–"],
      ["R2 The fleet", "–", "–", "P2 **FAILED**", "–", "–"],
      ["R10 Observability", "–", "–", "–", "–", "P4 skipped"]
    ])
    assert.match(text, /\n\nNot checked here: 46 of 50\n$/)
    assert.match(markdown(report([])), /### Requirements\n\nNot checked here: 50 of 50\n$/)
  })

  it("tells that shards were merged, and what that leaves open", () => {
    const text = markdown(report([property("P1")], { shards: 4 }))
    assert.include(text, ", 4 shards merged\n")
    assert.include(text, "| distinct traces, at least |")
    assert.notInclude(markdown(mixed), "at least")
  })

  it("tells what is not controlled", () => {
    const text = markdown(report([], { world: "real", uncontrolled: ["the clock", "the kernel"] }))
    assert.include(text, "\nNot controlled: the clock; the kernel\n")
    assert.include(text, "in the real world")
  })

  it("tells what has changed, if it is given", () => {
    const before = report([property("P2"), property("P1", { sometimes: {}, wallMs: 1 }), property("P9")], {
      version: "0.0.9"
    })
    const text = markdown(mixed, { comparison: compare(mixed, before) })
    assert.include(
      text,
      "### Against muster 0.0.9, seed 0, 20 seeds\n\n- **newly failing**: P2\n- marks newly reached: P1 `gap told`\n" +
        "- slower: P1 0.1 ms a run, now 2.0 ms\n- added: P3\n- gone: P9\n"
    )
    assert.include(markdown(mixed, { comparison: compare(mixed, mixed) }), "Nothing has changed.")
    assert.notInclude(markdown(mixed), "Against")
  })

  it("tells which mutants were missed, if they are given", () => {
    const text = markdown(mixed, { mutants: mutantsReport })
    assert.include(text, "### Mutants: 2 of 3 caught within 1000 runs\n")
    assert.include(text, "- **missed** by P1: `late-cleanup` cleans up &lt;late&gt;\n")
    assert.deepStrictEqual(rowsOf(text).slice(-2), [
      ["P1", "1 of 2", "1000"],
      ["P2", "1 of 1", "7"]
    ])
  })

  it("keeps any text as text", () => {
    const text = markdown(
      report([
        property("P1", { title: hostile, unreached: [hostile] }),
        failed("P2", { message: hostile, story: hostile })
      ])
    )
    const [, , row = []] = rowsOf(text)
    assert.strictEqual(row.length, 9)
    assert.include(row[0], "a\\|b \\`c\\` &lt;img onerror=x&gt; \\]\\]&gt; &amp;")
    // Outside of the blocks, which are longer than any row of marks in them, nothing is left of it.
    const outside = text.replaceAll(/^(`{3,})text$[^]*?^\1$/gm, "")
    assert.notInclude(outside, "<img")
    assert.strictEqual(outside.split("</details>").length, 2)
    assert.include(text, `\`\`\`\`text\n${hostile}\n\`\`\`\`\n`)
  })
})
