import { assert, describe, it } from "@effect/vitest"
import { blockSize, extents, labelEvery, rowsOf, timeMarks } from "../../../../reports/html/client/Rows.ts"
import type { Picture, PictureEvent } from "../../../../sim/Picture.ts"
import { samplePicture } from "../SamplePicture.ts"

const lanes: Picture["lanes"] = [
  { kind: "host", label: "a", host: "a" },
  { kind: "fiber", label: "fiber 1", host: "a" },
  { kind: "host", label: "b", host: "b" },
  { kind: "fiber", label: "fiber 2", host: "b" }
]

const pictureOf = (events: ReadonlyArray<Partial<PictureEvent>>): Picture => ({
  ...samplePicture(0),
  lanes,
  events: events.map((event, step) => ({ kind: "stretch", step, atMs: 0, lane: 1, text: "", ...event }))
})

const all = ({ events }: Picture) => events.map((_, index) => index)

describe("rows", () => {
  it("are the lanes that something touches near by, with their hosts", () => {
    const picture = pictureOf([...Array.from({ length: 4 * blockSize }, () => ({})), { lane: 3 }])
    assert.deepStrictEqual(rowsOf(picture, all(picture), 0), [0, 1])
    assert.deepStrictEqual(rowsOf(picture, all(picture), 3), [0, 1, 2, 3])
    assert.deepStrictEqual(rowsOf(picture, [], 0), [])
  })

  it("have one of their own for what belongs to no lane, above the others", () => {
    const picture = pictureOf([{ lane: -1 }, { lane: 0, to: 2 }])
    assert.deepStrictEqual(rowsOf(picture, all(picture), 0), [-1, 0, 2])
  })
})

describe("marks of time", () => {
  it("stand where time has gone on, with labels where there is room", () => {
    const picture = pictureOf([0, 0, 7, 7, 7.2, 9, 9].map((atMs) => ({ atMs })))
    assert.deepStrictEqual(timeMarks(picture, all(picture)), [
      { column: 0, atMs: 0, isLabelled: true },
      { column: 2, atMs: 7, isLabelled: false },
      { column: labelEvery, atMs: 9, isLabelled: true }
    ])
  })
})

describe("extents", () => {
  it("reach from the first to the last event of a lane, at either end", () => {
    const picture = pictureOf([{ lane: 1 }, { lane: 3, to: 1 }, { lane: 3 }])
    assert.deepStrictEqual(
      [...extents(picture, all(picture))],
      [
        [1, { first: 0, last: 1 }],
        [3, { first: 1, last: 2 }]
      ]
    )
  })
})
