import { assert, describe, it } from "@effect/vitest"
import { SaxesParser } from "saxes"
import type { CheckReport } from "../../reports/CheckReport.ts"
import { junit } from "../../reports/JUnit.ts"
import { failed, failure, hostile, property, report } from "./SampleReport.ts"

interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Array<Element>
  text: string
}

/** The root element; throws when it is not well formed. */
const parsed = (xml: string): Element => {
  const parser = new SaxesParser()
  const root: Element = { name: "", attributes: {}, children: [], text: "" }
  const open = [root]
  parser.on("error", (error) => {
    throw error
  })
  parser.on("opentag", ({ attributes, name }) => {
    const element: Element = { name, attributes, children: [], text: "" }
    open.at(-1)?.children.push(element)
    open.push(element)
  })
  parser.on("text", (text) => {
    const current = open.at(-1)
    if (current !== undefined) current.text += text
  })
  parser.on("closetag", () => open.pop())
  parser.write(xml).close()
  const [first = root] = root.children
  return first
}

const suiteOf = (of: CheckReport) => {
  const root = parsed(junit(of))
  const [suite = root] = root.children
  return { root, suite, cases: suite.children.filter(({ name }) => name === "testcase") }
}

const namesOf = ({ children }: Element) => children.map(({ name }) => name)

describe("JUnit XML", () => {
  const mixed = report([
    property("P1"),
    failed("P2"),
    property("P3", { status: "interrupted", runs: 4 }),
    property("P4", { status: "skipped", reason: "no supervisord", runs: 0, requirements: [] })
  ])

  it("counts what holds, fails and is skipped", () => {
    const { cases, root, suite } = suiteOf(mixed)
    const counts = { tests: "4", failures: "1", errors: "0", time: "0.050" }
    assert.deepStrictEqual(root.attributes, { name: "muster", ...counts })
    assert.deepStrictEqual(suite.attributes, { name: "muster check", ...counts, skipped: "2" })
    assert.deepStrictEqual(cases.map(namesOf), [
      ["system-out"],
      ["failure", "system-out"],
      ["skipped", "system-out"],
      ["skipped", "system-out"]
    ])
    const skipped = cases.map(({ children: [first] }) => first?.attributes["message"])
    assert.strictEqual(skipped[2], "ended early; it held in all runs so far, which are 4")
    assert.strictEqual(skipped[3], "no supervisord")
  })

  it("has a case for each property, in the class of its requirements", () => {
    assert.deepStrictEqual(
      suiteOf(mixed).cases.map(({ attributes }) => attributes),
      [
        { classname: "muster.R1", name: "P1 title of P1", time: "0.020" },
        { classname: "muster.R1", name: "P2 title of P2", time: "0.020" },
        { classname: "muster.R1", name: "P3 title of P3", time: "0.020" },
        { classname: "muster.other", name: "P4 title of P4", time: "0.020" }
      ]
    )
  })

  it("tells a failure with its story and the line that replays it", () => {
    const found = suiteOf(mixed).cases[1]?.children[0]
    const { message, story } = failure()
    assert.strictEqual(found?.attributes["message"], message)
    assert.strictEqual(found?.text, `${message}\n${story}\nreplay: npx muster replay m2.P2.shrunk`)
  })

  it("says only once what a story of one line says again", () => {
    const once = failed("P1", { message: "it differs", story: "=> it differs" })
    const found = suiteOf(report([once])).cases[0]?.children[0]
    assert.strictEqual(found?.text, "it differs\nreplay: npx muster replay m2.P2.shrunk")
  })

  it("says which sweep it was", () => {
    const of = (changes: Partial<CheckReport>) =>
      suiteOf(report([property("P1"), property("P2")], changes)).suite.children[0]?.children.map(({ attributes }) =>
        Object.values(attributes)
      )
    const facts = [
      ["version", "0.1.0"],
      ["world", "sim"],
      ["seed", "0"]
    ]
    assert.deepStrictEqual(of({}), [...facts, ["seeds", "20"], ["strategy", "portfolio"], ["runs", "20"]])
    const { seeds: _, ...timed } = report([property("P1")], {
      world: "real",
      uncontrolled: ["the clock", "the kernel"]
    })
    assert.include(junit(timed), '<property name="uncontrolled" value="the clock; the kernel"/>')
    assert.notInclude(junit(timed), '"seeds"')
    const merged = junit(report([property("P1")], { shards: 2 }))
    assert.include(merged, '<property name="shards" value="2"/>')
    assert.include(merged, "distinct traces: at least 9<")
    assert.include(junit(report([], { shard: "1/2" })), '<property name="shard" value="1/2"/>')
  })

  it("names the marks that were not reached", () => {
    const { cases } = suiteOf(report([property("P1", { unreached: ["resumed", "slow client"] }), property("P2")]))
    assert.match(cases[0]?.children[0]?.text ?? "", /\nmarks not reached: resumed, slow client$/)
    assert.notInclude(cases[1]?.children[0]?.text, "marks")
  })

  it("keeps any text, but for characters that XML has no way to write", () => {
    const { cases } = suiteOf(
      report([property("P1", { title: hostile }), failed("P2", { message: hostile, story: hostile })])
    )
    const kept = hostile.replaceAll(/[\u0000\u001b\ufffe]|\ud800(?! *[\udc00-\udfff])/g, "\ufffd")
    assert.notStrictEqual(kept, hostile)
    assert.strictEqual(cases[0]?.attributes["name"], `P1 ${kept}`)
    assert.strictEqual(cases[1]?.children[0]?.attributes["message"], kept)
    assert.include(cases[1]?.children[0]?.text, `${kept}\n${kept}\n`)
  })
})
