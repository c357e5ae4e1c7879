/**
 * The order that shows it: one importer reads 0 and stops; the other counts all but its last; the first writes 1; the
 * other reads 1 and stops; the first counts to its end; the other writes 2. Two long stretches and three exact stops.
 */
import { Effect, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const recordsEach = 4

const twoImporters = (count: (imported: Ref.Ref<number>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const imported = yield* Ref.make(0)
    const importer = (which: string) =>
      Effect.gen(function* () {
        for (let i = 0; i < recordsEach; i++) yield* count(imported)
      }).pipe(Effect.withSpan(`importer ${which}`))
    yield* Effect.all([importer("north"), importer("south")], { concurrency: "unbounded" })
    const counted = yield* Ref.get(imported)
    yield* must(counted > 2, () => `${2 * recordsEach} records imported, only ${counted} counted`)
  })

export const worstCount: Bug = {
  name: "worst count",
  what: "A counter that is not atomic can lose all records but two, however many there are.",
  buggy: twoImporters((imported) => Effect.flatMap(Ref.get(imported), (n) => Ref.set(imported, n + 1))),
  fixed: twoImporters((imported) => Ref.update(imported, (n) => n + 1)),
  shows: { outcome: "failed", message: "only 2 counted" }
}
