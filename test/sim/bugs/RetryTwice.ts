/** The order that shows it: the bank books in the instant of the timeout, the shop gives up first and asks again. */
import { Deferred, Effect } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const bankMs = 400

/** `isNew` says whether the bank books a charge, given what it has booked. */
const purchase = (isNew: (booked: ReadonlyArray<string>, charge: string) => boolean) =>
  Effect.gen(function* () {
    const booked: Array<string> = []
    const bank = Effect.fn("bank books")(function* (charge: string) {
      yield* Effect.sleep(bankMs)
      if (isNew(booked, charge)) booked.push(charge)
    })
    const ask = Effect.fn("shop asks for the money")(function* () {
      const reply = yield* Deferred.make<void>()
      // The bank goes on when the shop no longer listens.
      yield* Effect.forkScoped(Effect.andThen(bank("order 7"), Deferred.succeed(reply, undefined)))
      yield* Effect.timeout(Deferred.await(reply), bankMs)
    })
    yield* Effect.ignore(Effect.retry(ask(), { times: 1 }))
    yield* Effect.sleep(2 * bankMs)
    yield* must(booked.length === 1, () => `the customer paid ${booked.length} times`)
  }).pipe(Effect.scoped)

export const retryTwice: Bug = {
  name: "retry of a charge",
  what: "A request that timed out is sent again although the first one may have done its work.",
  buggy: purchase(() => true),
  fixed: purchase((booked, charge) => !booked.includes(charge)),
  shows: { outcome: "failed", message: "the customer paid 2 times" }
}
