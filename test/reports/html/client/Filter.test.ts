import { assert, describe, it } from "@effect/vitest"
import { filtered, nextOfKind } from "../../../../reports/html/client/Filter.ts"
import type { Picture } from "../../../../sim/Picture.ts"
import { samplePicture } from "../SamplePicture.ts"

const kinds = new Set(["stretch", "message", "fault"])

const picture: Picture = {
  ...samplePicture(0),
  lanes: [
    { kind: "fiber", label: "main", host: "" },
    { kind: "host", label: "console", host: "console" },
    { kind: "fiber", label: "fiber 1 (Hub.run)", host: "console" },
    { kind: "host", label: "web-1", host: "web-1" }
  ],
  events: [
    { kind: "stretch", step: 0, atMs: 0, lane: 0, text: "begins" },
    { kind: "stretch", step: 1, atMs: 0, lane: 2, text: "takes a frame" },
    { kind: "message", step: 2, atMs: 5, lane: 1, to: 3, text: "POST /RPC2" },
    { kind: "fault", step: 3, atMs: 5, lane: -1, text: "network reset" },
    { kind: "log", step: 4, atMs: 6, lane: 2, text: "WARN" }
  ]
}

describe("the filter of a picture", () => {
  it("lets pass what is of the kinds", () => {
    assert.deepStrictEqual(filtered(picture, { kinds, lane: -1, text: "" }), [0, 1, 2, 3])
    assert.deepStrictEqual(filtered(picture, { kinds: new Set(["log"]), lane: -1, text: "" }), [4])
  })

  it("takes a host for all of its fibers, and a message for both ends", () => {
    assert.deepStrictEqual(filtered(picture, { kinds, lane: 1, text: "" }), [1, 2])
    assert.deepStrictEqual(filtered(picture, { kinds, lane: 2, text: "" }), [1])
    assert.deepStrictEqual(filtered(picture, { kinds, lane: 3, text: "" }), [2])
  })

  it("finds words in texts and in names of lanes, in any case", () => {
    assert.deepStrictEqual(filtered(picture, { kinds, lane: -1, text: " rpc2 " }), [2])
    assert.deepStrictEqual(filtered(picture, { kinds, lane: -1, text: "HUB" }), [1])
  })
})

describe("the next of a kind", () => {
  const shown = [0, 2, 3, 4]

  it("is looked for among what is shown, in both directions", () => {
    assert.strictEqual(nextOfKind(picture, shown, { at: 0, by: 1, kind: "fault" }), 2)
    assert.strictEqual(nextOfKind(picture, shown, { at: 3, by: -1, kind: "message" }), 1)
  })

  it("is not the one that is looked at, nor beyond the ends", () => {
    assert.isUndefined(nextOfKind(picture, shown, { at: 2, by: 1, kind: "fault" }))
    assert.isUndefined(nextOfKind(picture, [], { at: 0, by: -1, kind: "fault" }))
  })
})
