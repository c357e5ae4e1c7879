/** Two producers and two consumers on one bounded queue: every offer and take may wake another fiber. */
import { Effect, Queue } from "effect"

const items = 5_000

export const queueProgram = Effect.gen(function* () {
  const queue = yield* Queue.bounded<number>(4)
  const numbers = Array.from({ length: items }, (_, i) => i)
  const produce = Effect.forEach(numbers, (i) => Queue.offer(queue, i), { discard: true })
  const consume = Effect.forEach(numbers, () => Queue.take(queue), { discard: true })
  yield* Effect.all([produce, consume, produce, consume], { concurrency: "unbounded" })
})
