/** The smallest race. As a program, this file prints the tokens of its first runs, to compare them over processes. */
import { Effect, Ref } from "effect"
import * as Sim from "../../sim/Sim.ts"

export const lostUpdate = Effect.gen(function* () {
  const counter = yield* Ref.make(0)
  const increment = Effect.flatMap(Ref.get(counter), (n) => Ref.set(counter, n + 1))
  yield* Effect.all([increment, increment], { concurrency: 2 })
  if ((yield* Ref.get(counter)) !== 2) return yield* Effect.die("an update was lost")
})

if (import.meta.main) {
  for (let seed = 0; seed < 20; seed++) process.stdout.write(`${Sim.run(lostUpdate, { seed }).token}\n`)
}
