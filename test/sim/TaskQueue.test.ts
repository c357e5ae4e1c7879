import { assert, it } from "@effect/vitest"
import * as fc from "fast-check"
import { TaskQueue } from "../../sim/TaskQueue.ts"

it("takes what a plain list would, also past the point where it tidies up", () => {
  const operation = fc.oneof(
    { weight: 3, arbitrary: fc.record({ push: fc.nat(1_500) }) },
    { weight: 2, arbitrary: fc.record({ take: fc.nat(1_500), at: fc.nat(5) }) }
  )
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 12 }), (operations) => {
      const queue = new TaskQueue()
      const ran: Array<number> = []
      const expected: Array<number> = []
      const list: Array<number> = []
      let next = 0
      for (const given of operations) {
        if ("push" in given) {
          for (let i = 0; i < given.push; i++) {
            const task = next++
            queue.push(() => ran.push(task), task)
            list.push(task)
          }
        } else {
          for (let i = 0; i < given.take && list.length > 0; i++) {
            const k = given.at % list.length
            assert.strictEqual(queue.ownerAt(k), list[k])
            queue.take(k)()
            expected.push(...list.splice(k, 1))
          }
        }
        assert.strictEqual(queue.length, list.length)
      }
      assert.deepStrictEqual(ran, expected)
    }),
    { numRuns: 50 }
  )
})

it("names a task that is not there", () => {
  assert.throws(() => new TaskQueue().take(0), "no task 0 of 0")
})
