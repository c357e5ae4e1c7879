/** Programs that the tests of worker threads sweep. Threads load this file, so it does nothing but declare them. */
import process from "node:process"
import { Effect, Queue, Ref } from "effect"
import { chance, choose, fault, sometimes } from "../../sim/Program.ts"
import * as Workers from "../../sim/Workers.ts"
import { bugs } from "./bugs/Bugs.ts"

/** Always ends well, in many ways: fibers that draw, sleep and hand values to each other. */
const market = Effect.gen(function* () {
  const queue = yield* Queue.bounded<number>(2)
  const producer = Effect.fnUntraced(function* (me: number) {
    for (let i = 0; i < 3; i++) {
      yield* Effect.sleep(yield* choose("workload", 20))
      if (yield* chance("faults", { num: 1, den: 4 })) yield* fault("late delivery")
      yield* Queue.offer(queue, me)
    }
  })
  const taken: Array<number> = []
  const consumer = Effect.forEach([1, 2, 3], () => Effect.map(Queue.take(queue), (n) => taken.push(n)))
  yield* Effect.all([producer(1), producer(2), consumer, consumer], { concurrency: "unbounded" })
  if (taken[0] === 2) yield* sometimes("the second was first")
})

/** Fails in about one of so many runs, whatever the schedule, among runs of many different traces. */
const fragile = (oneIn: number) =>
  Effect.gen(function* () {
    yield* market
    const drawn = yield* choose("faults", oneIn)
    if (drawn === oneIn - 1) return yield* Effect.fail(`drew ${drawn}`)
  })

/** Whether a run that was drawn ends the thread that it is on. */
const deadly = Effect.gen(function* () {
  yield* market
  const drawn = yield* choose("faults", 50)
  if (drawn === 49) return yield* Effect.sync(() => process.exit(3))
})

const lostUpdate = Effect.gen(function* () {
  const counter = yield* Ref.make(0)
  const increment = Effect.flatMap(Ref.get(counter), (n) => Ref.set(counter, n + 1))
  yield* Effect.all([increment, increment], { concurrency: 2 })
  if ((yield* Ref.get(counter)) !== 2) return yield* Effect.die("an update was lost")
})

const byName = new Map<string, Workers.Program>([
  ["market", market],
  ["fragile-30", fragile(30)],
  ["fragile-300", fragile(300)],
  ["deadly", deadly],
  ["lost-update", lostUpdate],
  ["endless", Effect.forever(Effect.yieldNow)],
  ...bugs.map(({ buggy, name }): [string, Workers.Program] => [`bug ${name}`, buggy])
])

export const programs = Workers.programs(import.meta.url, (name) => {
  if (name === "unmakeable") throw new Error("its table has no legs")
  return byName.get(name)
})
