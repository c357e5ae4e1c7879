/** The search agrees with the definition, tried out on every order of small histories. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { linearizable } from "../../sim/Linearizability.ts"
import type { Model, Operation } from "../../sim/Linearizability.ts"

type Input = { readonly key: string; readonly write: number | undefined }
type Op = Operation<Input, number>

const register: Model<number, Input, number> = {
  init: 0,
  step: (state, { write }, output) => {
    if (write !== undefined) return write
    return output === undefined || output === state ? state : undefined
  },
  key: String,
  partition: ({ key }) => key
}

const write = (value: number, calledAt: number, at?: number, key = "x"): Op => ({
  client: "w",
  input: { key, write: value },
  calledAt,
  returned: at === undefined ? undefined : { at, output: 0 }
})
const read = (output: number, calledAt: number, at: number, key = "x"): Op => ({
  client: "r",
  input: { key, write: undefined },
  calledAt,
  returned: { at, output }
})

/** By the definition: some order of the operations keeps real time and explains each answer. */
const byDefinition = (model: Model<number, Input, number>, state: number, left: ReadonlyArray<Op>): boolean => {
  if (left.every((operation) => operation.returned === undefined)) return true
  return left.some((operation, i) => {
    const others = left.filter((_, j) => j !== i)
    if (others.some(({ returned }) => returned !== undefined && returned.at < operation.calledAt)) return false
    const next = model.step(state, operation.input, operation.returned?.output)
    return next !== undefined && byDefinition(model, next, others)
  })
}

const histories = fc.array(
  fc
    .record({
      calledAt: fc.nat(10),
      lasts: fc.nat(8),
      pending: fc.boolean(),
      value: fc.nat(2),
      writes: fc.boolean()
    })
    .map(({ calledAt, lasts, pending, value, writes }) =>
      writes ? write(value, calledAt, pending ? undefined : calledAt + lasts) : read(value, calledAt, calledAt + lasts)
    ),
  { maxLength: 6 }
)

describe("linearizable", () => {
  it("agrees with the definition on small histories", () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(histories, (history) => {
        const verdict = linearizable(register, history)
        seen.add(verdict._tag)
        assert.strictEqual(verdict._tag === "linearizable", byDefinition(register, register.init, history))
      }),
      { numRuns: 2_000 }
    )
    assert.sameMembers(Array.from(seen), ["linearizable", "not-linearizable"])
  })

  it("tells a stale read, its partition and what could be explained", () => {
    const history = [write(1, 0, 1, "ok"), write(1, 0, 1), read(1, 2, 3), read(0, 4, 5)]
    const verdict = linearizable(register, history)
    assert.deepStrictEqual(verdict, {
      _tag: "not-linearizable",
      partition: "x",
      operations: history.slice(1),
      explained: history.slice(1, 3)
    })
  })

  it("lets an operation without a return take effect late or never", () => {
    assert.strictEqual(linearizable(register, [write(1, 0), read(0, 1, 2), read(1, 3, 4)])._tag, "linearizable")
    assert.strictEqual(linearizable(register, [write(1, 0), read(0, 1, 2)])._tag, "linearizable")
    assert.strictEqual(linearizable(register, [write(1, 5), read(1, 1, 2)])._tag, "not-linearizable")
  })

  it("keeps the order of a queue", () => {
    const queue: Model<ReadonlyArray<number>, number | undefined, number> = {
      init: [],
      step: (items, added, output) => {
        if (added !== undefined) return [...items, added]
        return items[0] === output ? items.slice(1) : undefined
      },
      key: (items) => items.join()
    }
    const offer = (input: number, calledAt: number) => ({
      client: "p",
      input,
      calledAt,
      returned: { at: calledAt + 1, output: 0 }
    })
    const take = (output: number, calledAt: number) => ({
      client: "c",
      input: undefined,
      calledAt,
      returned: { at: calledAt + 1, output }
    })
    assert.strictEqual(linearizable(queue, [offer(1, 0), offer(2, 2), take(1, 4), take(2, 6)])._tag, "linearizable")
    assert.strictEqual(linearizable(queue, [offer(1, 0), offer(2, 2), take(2, 4)])._tag, "not-linearizable")
    assert.strictEqual(linearizable(queue, [offer(1, 0), offer(2, 1), take(2, 4)])._tag, "linearizable")
  })

  it("does not guess past its bound", () => {
    const history = Array.from({ length: 12 }, (_, i) => write(i, 0, 100)).concat(read(99, 101, 102))
    assert.deepStrictEqual(linearizable(register, history, { statesMax: 50 }), { _tag: "unknown", statesSeen: 50 })
  })

  it("refuses a return before its call", () => {
    assert.throws(
      () => linearizable(register, [write(1, 5, 4)]),
      RangeError,
      "of w returned at 4, before its call at 5"
    )
  })
})
