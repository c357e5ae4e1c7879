/** The order that shows it: each transfer has locked its first account when the other wants it as its second. */
import { Effect, Ref, Semaphore } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

interface Account {
  readonly number: number
  readonly lock: Semaphore.Semaphore
  readonly balance: Ref.Ref<number>
}

const account = Effect.fnUntraced(function* (number: number) {
  return { number, lock: yield* Semaphore.make(1), balance: yield* Ref.make(100) } satisfies Account
})

const twoTransfers = (lockOrder: (from: Account, to: Account) => readonly [Account, Account]) =>
  Effect.gen(function* () {
    const one = yield* account(1)
    const two = yield* account(2)
    const transfer = (amount: number, from: Account, to: Account) =>
      Effect.gen(function* () {
        const [first, second] = lockOrder(from, to)
        const move = Effect.andThen(
          Ref.update(from.balance, (n) => n - amount),
          Ref.update(to.balance, (n) => n + amount)
        )
        yield* first.lock.withPermit(second.lock.withPermit(move))
      }).pipe(Effect.withSpan(`transfer from ${from.number} to ${to.number}`))
    yield* Effect.all([transfer(10, one, two), transfer(30, two, one)], { concurrency: "unbounded" })
    const balance = yield* Ref.get(one.balance)
    yield* must(balance === 120, () => `account 1 holds ${balance}, not 120`)
  })

export const lockOrder: Bug = {
  name: "lock order",
  what: "Two transfers in opposite directions lock the same two accounts in opposite orders.",
  buggy: twoTransfers((from, to) => [from, to]),
  fixed: twoTransfers((from, to) => (from.number < to.number ? [from, to] : [to, from])),
  shows: { outcome: "deadlock", message: "in transfer from 2 to 1" }
}
