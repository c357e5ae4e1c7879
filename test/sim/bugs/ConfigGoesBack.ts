/**
 * The order that shows it: a reload fetches version 1 and is held up; version 2 is published, fetched by another
 * reload and seen; then the first one stores version 1.
 */
import { Effect, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

/** `store` keeps a version that was fetched. */
const reloads = (store: (config: Ref.Ref<number>, fetched: number) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const published = yield* Ref.make(1)
    const config = yield* Ref.make(0)
    const reload = (why: string) =>
      Effect.gen(function* () {
        yield* store(config, yield* Ref.get(published))
      }).pipe(Effect.withSpan(`reload on ${why}`))
    const publish = Effect.fn("admin publishes version 2")(function* () {
      yield* Ref.set(published, 2)
      yield* reload("change")
    })
    const watch = Effect.fn("watcher")(function* () {
      let seen = 0
      for (let i = 0; i < 4; i++) {
        const version = yield* Ref.get(config)
        yield* must(version >= seen, () => `the watcher saw version ${seen}, then version ${version}`)
        seen = version
      }
    })
    yield* Effect.all([reload("signal"), publish(), watch()], { concurrency: "unbounded" })
  })

export const configGoesBack: Bug = {
  name: "configuration goes back",
  what: "Reloads store what they fetched in the order in which they finish, and a reader sees an old version return.",
  buggy: reloads((config, fetched) => Ref.set(config, fetched)),
  fixed: reloads((config, fetched) => Ref.update(config, (version) => Math.max(version, fetched))),
  shows: { outcome: "failed", message: "saw version 2, then version 1" }
}
