import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { plainReply } from "../../../core/xmlrpc/PlainReply.ts"
import { encodeReply } from "../../../core/xmlrpc/XmlRpc.ts"
import { decodeMessage } from "../../../core/xmlrpc/XmlRpcDecoder.ts"
import { captureNamed, captures } from "./Captures.ts"
import { runs, value } from "./Generated.ts"

/** What it reads must be what the decoder reads; it may leave anything to the decoder. Gives whether it has read it. */
const agrees = (xml: string): boolean => {
  const plain = plainReply(xml)
  if (plain === undefined) return false
  const whole = decodeMessage(xml)
  const seen = Result.isSuccess(whole) && whole.success._tag === "Reply" ? whole.success.values : whole
  assert.deepStrictEqual([plain], seen, xml)
  return true
}

const capturedReplies = captures.map(({ text }) => text)

/** Pieces that turn a good reply into another one, or a bad one. */
const piece = fc.constantFrom(
  ...["<", ">", "/", "&", "]]>", "]", "\r", "\n", " ", "x", "1", "-0", "\u0000", "\ud800", "<!-- -->", "<?x?>"].concat(
    ["value", "string", "int", "member", "name", "data", "param", "a"].flatMap((tag) => [`<${tag}>`, `</${tag}>`]),
    ["<nil/>", "<![CDATA[x]]>"]
  )
)

describe("plainReply", () => {
  it("reads what the decoder reads in every recorded response", () => {
    assert.isAbove(capturedReplies.filter(agrees).length, 50)
  })

  it("reads the processes of a node", () => {
    for (const { name, text } of captures) if (name.endsWith("getAllProcessInfo")) assert.isTrue(agrees(text), name)
    assert.isTrue(agrees(captureNamed("07-getAllProcessInfo").text))
  })

  it("reads what the decoder reads in generated replies", () => {
    let read = 0
    fc.assert(
      fc.property(value, (any) => {
        const text = encodeReply(any)
        if (Result.isSuccess(text) && agrees(text.success)) read++
      }),
      runs
    )
    assert.isAbove(read, runs.numRuns / 4)
  })

  it("accepts no broken reply that the decoder refuses", () => {
    const source = fc.oneof(
      fc.constantFrom(...capturedReplies.filter(agrees)),
      value.map((any) => Result.getOrElse(encodeReply(any), () => ""))
    )
    const change = fc.record({ at: fc.nat(), removes: fc.nat({ max: 12 }), inserts: fc.array(piece, { maxLength: 2 }) })
    fc.assert(
      fc.property(source, fc.array(change, { minLength: 1, maxLength: 3 }), (text, changes) => {
        let broken = text
        for (const { at, inserts, removes } of changes) {
          const from = at % (broken.length + 1)
          broken = broken.slice(0, from) + inserts.join("") + broken.slice(from + removes)
        }
        agrees(broken)
      }),
      { ...runs, numRuns: 5_000 }
    )
  })

  it.each([
    ["text beside a type", "<value>x<int>5</int></value>"],
    ["text that hides a type", "<value>Xint>5</int></value>"],
    ["a second type", "<value><int>5</int><int>6</int></value>"],
    ["a reference", "<value>&amp;</value>"],
    ["the end of a CDATA section", "<value>]]></value>"],
    ["a carriage return", "<value>a\rb</value>"],
    ["a number that is none", "<value><int>1x</int></value>"],
    ["a member without a value", "<value><struct><member><name>a</name></member></struct></value>"]
  ])("leaves %s to the decoder", (_, inside) => {
    const xml = `<methodResponse><params><param>${inside}</param></params></methodResponse>`
    assert.isUndefined(plainReply(xml))
  })

  it("leaves to the decoder what follows the reply", () => {
    const xml = "<methodResponse><params><param><value>a</value></param></params></methodResponse>"
    assert.strictEqual(plainReply(`${xml}\n`), "a")
    assert.isUndefined(plainReply(`${xml}<a/>`))
    assert.isUndefined(plainReply(xml.slice(0, -1)))
  })
})
