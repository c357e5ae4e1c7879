/** Generated XML-RPC values, for property tests. */
import * as fc from "fast-check"
import type { XmlRpcValue } from "../../../core/xmlrpc/XmlRpcValue.ts"

/** Text that XML can carry, rich in what needs escaping. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({
    unit: fc.constantFrom(
      "a",
      "é",
      "漢",
      "😀",
      "<",
      ">",
      "&",
      "]]>",
      "\r",
      "\n",
      "\t",
      " ",
      '"',
      "'",
      "&amp;",
      "<![CDATA["
    )
  }),
  fc.string({ unit: "grapheme" }).filter((it) => !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(it))
)

const number = fc
  .oneof(
    fc.maxSafeInteger(),
    fc.integer(),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter((it) => !Number.isInteger(it) || Number.isSafeInteger(it))
  )
  .map((it) => it + 0)

/** Values of every kind, nested up to five deep. */
export const value: fc.Arbitrary<XmlRpcValue> = fc.letrec<{ readonly value: XmlRpcValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "small" },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(fc.oneof(text, fc.constantFrom("__proto__", "constructor", "toString", "")), tie("value"), {
      maxKeys: 5,
      noNullPrototype: false
    })
  )
})).value

/** A seed for all property tests here, so that a run can be repeated; the runs are many instead. */
export const runs = { seed: 20261121, numRuns: 500 } as const
