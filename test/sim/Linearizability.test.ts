/** The search agrees with the definition, tried out on every order of small histories, and tells what it has found. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { linearizable } from "../../sim/Linearizability.ts"
import type { LinearizableOptions, Model, Operation, Verdict } from "../../sim/Linearizability.ts"
import { describeVerdict } from "../../sim/LinearizabilityReport.ts"

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

/** Offers of an item, or takes of the oldest one. Two items at most. */
const queue: Model<ReadonlyArray<number>, number | undefined, number> = {
  init: [],
  step: (items, added, output) => {
    if (added !== undefined) return items.length < 2 ? [...items, added] : undefined
    if (output === undefined) return items.slice(1)
    return items[0] === output ? items.slice(1) : undefined
  }
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
const byDefinition = <State, In, Out>(
  model: Model<State, In, Out>,
  state: State,
  left: ReadonlyArray<Operation<In, Out>>
): boolean => {
  if (left.every((operation) => operation.returned === undefined)) return true
  return left.some((operation, i) => {
    const others = left.filter((_, j) => j !== i)
    if (!mayComeNext(operation, others)) return false
    const next = model.step(state, operation.input, operation.returned?.output)
    return next !== undefined && byDefinition(model, next, others)
  })
}

const mayComeNext = <In, Out>(operation: Operation<In, Out>, others: ReadonlyArray<Operation<In, Out>>): boolean =>
  !others.some(({ returned }) => returned !== undefined && returned.at < operation.calledAt)

const times = fc.record({ calledAt: fc.nat(10), lasts: fc.nat(8), isPending: fc.boolean() })

const registerHistories = fc.array(
  fc
    .record({ times, value: fc.nat(2), isWrite: fc.boolean(), key: fc.constantFrom("x", "x", "y") })
    .map(({ isWrite, key, times: { calledAt, isPending, lasts }, value }) => {
      const at = calledAt + lasts
      if (isWrite) return write(value, calledAt, isPending ? undefined : at, key)
      return isPending && value === 0
        ? { ...read(value, calledAt, at, key), returned: undefined }
        : read(value, calledAt, at, key)
    }),
  { maxLength: 6 }
)

const queueHistories = fc.array(
  fc
    .record({ times, value: fc.nat(2), isOffer: fc.boolean() })
    .map(({ isOffer, times: { calledAt, isPending, lasts }, value }) => ({
      client: "c",
      input: isOffer ? value : undefined,
      calledAt,
      returned: isPending && value < 2 ? undefined : { at: calledAt + lasts, output: value }
    })),
  { maxLength: 6 }
)

/** What a verdict claims holds. */
const assertTrue = <State, In, Out>(
  model: Model<State, In, Out>,
  history: ReadonlyArray<Operation<In, Out>>,
  verdict: Verdict<In, Out>
) => {
  const partitions = new Set(history.map(({ input }) => model.partition?.(input) ?? ""))
  const ofPartition = (name: string) => history.filter(({ input }) => (model.partition?.(input) ?? "") === name)
  const isExplained = (name: string) => byDefinition(model, model.init, ofPartition(name))
  assert.strictEqual(verdict._tag === "linearizable", Array.from(partitions).every(isExplained))
  if (verdict._tag !== "not-linearizable") return
  assert.sameMembers(Array.from(verdict.operations), ofPartition(verdict.partition))
  assert.isFalse(isExplained(verdict.partition))

  let state = model.init
  const left = new Set(verdict.operations)
  for (const operation of verdict.explained) {
    left.delete(operation)
    assert.isTrue(mayComeNext(operation, Array.from(left)))
    const next = model.step(state, operation.input, operation.returned?.output)
    assert.isDefined(next)
    state = next
  }
  const refused = Array.from(left).filter(
    (operation) => operation.returned !== undefined && mayComeNext(operation, Array.from(left))
  )
  assert.deepStrictEqual(verdict.refused, refused)
  assert.isAbove(refused.length, 0)
  for (const { input, returned } of refused) assert.isUndefined(model.step(state, input, returned?.output))
}

describe("linearizable", () => {
  const assertAgrees = <State, In, Out>(
    model: Model<State, In, Out>,
    histories: fc.Arbitrary<ReadonlyArray<Operation<In, Out>>>
  ) => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(histories, (history) => {
        const verdict = linearizable(model, history)
        seen.add(verdict._tag)
        assertTrue(model, history, verdict)
      }),
      { numRuns: 5_000 }
    )
    assert.sameMembers(Array.from(seen), ["linearizable", "not-linearizable"])
  }

  it("agrees with the definition on small histories of registers", () => assertAgrees(register, registerHistories))

  it("agrees with the definition when it knows which operations only read", () =>
    assertAgrees({ ...register, isRead: ({ write: value }) => value === undefined }, registerHistories))

  it("agrees with the definition on a queue whose states have no key", () => assertAgrees(queue, queueHistories))

  it("agrees with the definition when the model compares its states itself", () =>
    assertAgrees({ ...queue, equal: (a, b) => a.join() === b.join() }, queueHistories))

  it("explains a history without operations", () => {
    assert.deepStrictEqual(linearizable(register, []), { _tag: "linearizable" })
    assert.deepStrictEqual(linearizable(register, [], { statesMax: 0 }), { _tag: "linearizable" })
  })

  it("tells a stale read, its partition and what could be explained", () => {
    const history = [write(1, 0, 1, "ok"), write(1, 0, 1), read(1, 2, 3), read(0, 4, 5)]
    assert.deepStrictEqual(linearizable(register, history), {
      _tag: "not-linearizable",
      partition: "x",
      operations: history.slice(1),
      explained: history.slice(1, 3),
      refused: history.slice(3),
      state: "1"
    })
  })

  it("lets an operation without a return take effect late or never", () => {
    assert.strictEqual(linearizable(register, [write(1, 0), read(0, 1, 2), read(1, 3, 4)])._tag, "linearizable")
    assert.strictEqual(linearizable(register, [write(1, 0), read(0, 1, 2)])._tag, "linearizable")
    assert.strictEqual(linearizable(register, [write(1, 5), read(1, 1, 2)])._tag, "not-linearizable")
  })

  it("takes a call at the moment of a return as overlapping, and one after it as later", () => {
    assert.strictEqual(linearizable(register, [write(1, 0, 5), read(0, 5, 9)])._tag, "linearizable")
    assert.strictEqual(linearizable(register, [write(1, 0, 5), read(0, 6, 9)])._tag, "not-linearizable")
    assert.strictEqual(linearizable(register, [write(1, 5, 5), read(0, 5, 5), read(1, 5, 5)])._tag, "linearizable")
  })

  it("counts an operation that happened twice twice", () => {
    const offer = { client: "p", input: 7, calledAt: 0, returned: { at: 1, output: 0 } }
    const take = (calledAt: number) => ({
      client: "c",
      input: undefined,
      calledAt,
      returned: { at: calledAt, output: 7 }
    })
    assert.strictEqual(linearizable(queue, [offer, offer, take(2), take(2)])._tag, "linearizable")
    assert.strictEqual(linearizable(queue, [offer, take(2), take(2)])._tag, "not-linearizable")
  })

  it("keeps the order of a queue", () => {
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

  it("refuses a return before its call, and times that are none", () => {
    assert.throws(
      () => linearizable(register, [write(1, 5, 4)]),
      RangeError,
      "of w returned at 4, before its call at 5"
    )
    assert.throws(() => linearizable(register, [write(1, 5, Number.NaN)]), RangeError, "of w returned at NaN")
    assert.throws(() => linearizable(register, [write(1, Number.NaN)]), RangeError, "of w was called at NaN")
  })
})

/** No answer explains a read of 99; the writes before it can be in any order. */
const hard = (writes: number) => Array.from({ length: writes }, (_, i) => write(i, 0, 100)).concat(read(99, 101, 102))

describe("the bounds of the search", () => {
  const search = (options: LinearizableOptions, history = hard(20)) => linearizable(register, history, options)

  it("do not make it guess", () => {
    assert.deepStrictEqual(search({ statesMax: 50 }), { _tag: "unknown", statesSeen: 50 })
    assert.deepStrictEqual(search({ statesMax: 0 }), { _tag: "unknown", statesSeen: 0 })
    assert.strictEqual(search({}, hard(8))._tag, "not-linearizable")
  })

  it("leave what was found in one partition as it is, however hard another one is", () => {
    const history = [...hard(20), write(1, 0, 1, "y"), read(0, 2, 3, "y")]
    const verdict = search({ statesMax: 50 }, history)
    assert.strictEqual(verdict._tag === "not-linearizable" ? verdict.partition : verdict._tag, "y")
  })

  it("take a time by the caller's clock, or in states", () => {
    let nowMs = 0
    const ticking = search({ timeoutMs: 10, now: () => nowMs++ })
    assert.deepStrictEqual(ticking, { _tag: "unknown", statesSeen: 9 * 64 })
    assert.deepStrictEqual(search({ timeoutMs: 10 }), { _tag: "unknown", statesSeen: 500 })
    assert.deepStrictEqual(search({ timeoutMs: 10, statesMax: 70 }), { _tag: "unknown", statesSeen: 70 })
  })

  it("are numbers", () => {
    assert.throws(() => search({ statesMax: -1 }), RangeError, "statesMax is -1")
    assert.throws(() => search({ timeoutMs: Number.NaN }), RangeError, "timeoutMs is NaN")
  })

  it("are out of reach for a thousand operations over a hundred keys, and for ten busy clients on one", () => {
    const busy = (clients: number, each: number, keys: number) => {
      const history: Array<Op> = []
      const values = new Map<string, number>()
      // Client k is in its i-th operation from time 10 i + k on, for 11 moments; its effect is at its end.
      for (let i = 0; i < each; i++) {
        for (let k = 0; k < clients; k++) {
          const key = `k${(7 * i + k) % keys}`
          const [from, to] = [10 * i + k, 10 * i + k + 11]
          if ((i + k) % 2 === 0) history.push(write(values.set(key, 100 * i + k).get(key) ?? 0, from, to, key))
          else history.push(read(values.get(key) ?? 0, from, to, key))
        }
      }
      return history
    }
    const states = { statesMax: 20_000 }
    assert.strictEqual(linearizable(register, busy(10, 100, 100), states)._tag, "linearizable")
    assert.strictEqual(linearizable(register, busy(10, 20, 1), states)._tag, "linearizable")
    const spoilt = [...busy(10, 20, 1), read(-1, 300, 301)]
    assert.strictEqual(linearizable(register, spoilt, { statesMax: 200_000 })._tag, "not-linearizable")
  })
})

describe("the report of a verdict", () => {
  const show = ({ input, returned }: Op) =>
    input.write === undefined ? `read ${returned?.output}` : `write ${input.write}`

  it("draws the operations in time, numbers those explained and marks what cannot follow", () => {
    const history = [write(1, 0, 4), read(1, 3, 5), write(2, 4, undefined), read(0, 9, 12), read(1, 30, 40)]
    assert.deepStrictEqual(describeVerdict(linearizable(register, history), { show }).split("\n"), [
      "not linearizable on x: no order of 5 operations explains all answers, the longest explains 2",
      "  1  w  write 1  |-|",
      "  2  r  read 1    |-|",
      "     w  write 2    |----->",
      "  ?  r  read 0       ||",
      "     r  read 1         ||",
      "after 1 to 2 the state is 1, where the operation marked ? cannot have answered so"
    ])
  })

  it("shows the end of a long explanation and what follows it", () => {
    const history = Array.from({ length: 100 }, (_, i) => write(i, 2 * i, 2 * i + 1))
    const lines = describeVerdict(linearizable(register, [...history, read(7, 500, 501), read(99, 502, 503)]), {
      show,
      operationsMax: 3
    }).split("\n")
    assert.deepStrictEqual(lines.slice(1), [
      "   99  w  write 98  ||",
      "  100  w  write 99    ||",
      "    ?  r  read 7        ||",
      "  (99 more before and after)",
      "after 1 to 100 the state is 99, where the operation marked ? cannot have answered so"
    ])
  })

  it("says when there is nothing to explain with", () => {
    const verdict = linearizable(queue, [
      { client: "c", input: undefined, calledAt: 1, returned: { at: 1, output: 3 } }
    ])
    assert.deepStrictEqual(describeVerdict(verdict).split("\n"), [
      "not linearizable: no order of 1 operation explains all answers, the longest explains 0",
      "  ?  c  undefined -> 3  |",
      "after nothing the state is [], where the operation marked ? cannot have answered so"
    ])
  })

  it("says how far a search came that was given up", () => {
    const verdict = linearizable(register, hard(12), { statesMax: 50 })
    assert.strictEqual(describeVerdict(verdict), "unknown: the search was given up after 50 states")
    assert.strictEqual(describeVerdict(linearizable(register, [])), "linearizable")
  })
})
