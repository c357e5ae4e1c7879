import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { empty, enter, giveUp, leave, total } from "../../../core/fleet/Bulkhead.ts"
import type { Bulkhead, BulkheadOptions, CallKind } from "../../../core/fleet/Bulkhead.ts"

const options: BulkheadOptions = { callsMax: 4, waitingMax: 2 }

const enterAll = (kinds: ReadonlyArray<CallKind>, limits = options) => {
  let bulkhead: Bulkhead = empty
  const decisions = kinds.map((kind, id) => {
    const [next, decision] = enter(bulkhead, limits, { id, kind })
    bulkhead = next
    return decision
  })
  return { bulkhead, decisions }
}

describe("Bulkhead", () => {
  it("keeps a place free for polls from commands", () => {
    const { decisions } = enterAll(["command", "command", "command", "command", "poll"])
    assert.deepStrictEqual(decisions, ["goes", "goes", "goes", "waits", "goes"])
  })

  it("keeps a place free for commands from logs", () => {
    const { decisions } = enterAll(["log", "log", "log", "command", "poll"])
    assert.deepStrictEqual(decisions, ["goes", "goes", "waits", "goes", "goes"])
  })

  it("refuses what finds no place to wait, but lets one poll wait beyond", () => {
    const busy = enterAll(["poll", "poll", "poll", "poll", "command", "log", "command", "poll", "poll"])
    assert.deepStrictEqual(busy.decisions.slice(4), ["waits", "waits", "refused", "waits", "refused"])
  })

  it("gives turns in the order of asking, and passes over a kind that may not go", () => {
    const { bulkhead } = enterAll(["command", "log", "log", "log", "command"])
    const [next, turns] = leave(bulkhead, options, "command")
    assert.deepStrictEqual(turns, [4])
    assert.deepStrictEqual(leave(next, options, "log")[1], [3])
  })

  it("does not let a call overtake one of its kind that waits", () => {
    const { bulkhead } = enterAll(["log", "log", "log"])
    const [freed] = leave({ ...bulkhead, waiting: [] }, options, "log")
    const [, decision] = enter({ ...freed, waiting: bulkhead.waiting }, options, { id: 9, kind: "log" })
    assert.strictEqual(decision, "waits")
  })

  it("lets all kinds take turns where there is one place", () => {
    const one = { callsMax: 1, waitingMax: 5 }
    const { bulkhead, decisions } = enterAll(["log", "command", "poll", "log"], one)
    assert.deepStrictEqual(decisions, ["goes", "waits", "waits", "waits"])
    assert.deepStrictEqual(leave(bulkhead, one, "log")[1], [1])
  })
})

// Model -----------------------------------------------------------------------------------------------------------------

const kind = fc.constantFrom<CallKind>("poll", "command", "log")
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("enter" as const), kind }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("leave" as const), index: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("give up" as const), index: fc.nat(8) }) }
)

describe("any history", () => {
  it("keeps its limits, loses no call, and leaves nobody waiting beside a free place", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.nat(3),
        fc.array(step, { maxLength: 60 }),
        (callsMax, max, steps) => {
          const limits = { callsMax, waitingMax: max }
          let bulkhead: Bulkhead = empty
          const kinds = new Map<number, CallKind>()
          let going: Array<number> = []
          steps.forEach((one, id) => {
            if (one.do === "enter") {
              const [next, decision] = enter(bulkhead, limits, { id, kind: one.kind })
              bulkhead = next
              kinds.set(id, one.kind)
              if (decision === "goes") going.push(id)
            } else if (one.do === "leave") {
              const [ends] = going.splice(one.index, 1)
              const endsKind = ends === undefined ? undefined : kinds.get(ends)
              if (endsKind === undefined) return
              const [next, turns] = leave(bulkhead, limits, endsKind)
              bulkhead = next
              going = [...going, ...turns]
            } else {
              const waits = bulkhead.waiting[one.index]
              if (waits !== undefined) bulkhead = giveUp(bulkhead, waits.id)
            }
            assert.strictEqual(total(bulkhead), going.length)
            assert.isAtMost(going.length, callsMax)
            assert.isAtMost(bulkhead.waiting.length, max + 1)
            for (const name of ["poll", "command", "log"] as const) {
              assert.strictEqual(bulkhead.underWay[name], going.filter((call) => kinds.get(call) === name).length)
            }
            // Whoever waits would wait if it came now.
            for (const { kind: waits } of bulkhead.waiting) {
              const [, decision] = enter(
                { ...bulkhead, waiting: [] },
                { ...limits, waitingMax: 1 },
                { id, kind: waits }
              )
              assert.strictEqual(decision, "waits")
            }
          })
        }
      ),
      { numRuns: 500 }
    )
  })
})
