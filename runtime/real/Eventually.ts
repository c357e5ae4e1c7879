/** Waiting, on the real clock, for what has to come true. */
import { Effect } from "effect"
import { type Violation, violated } from "../../scenarios/Property.ts"

const lookEveryMs = 50

/** Looks until the value satisfies the condition, and gives it; says what was seen last when that takes too long. */
export const eventually = <A, E, R>({
  look,
  until,
  what,
  withinMs
}: {
  readonly what: string
  readonly withinMs: number
  readonly look: Effect.Effect<A, E, R>
  readonly until: (value: A) => boolean
}): Effect.Effect<A, E | Violation, R> =>
  Effect.suspend(() => {
    const endMs = performance.now() + withinMs
    const again: Effect.Effect<A, E | Violation, R> = Effect.flatMap(look, (value) => {
      if (until(value)) return Effect.succeed(value)
      if (performance.now() > endMs) {
        return violated(`not within ${withinMs} ms: ${what}; seen last: ${JSON.stringify(value)}`)
      }
      return Effect.andThen(Effect.sleep(lookEveryMs), again)
    })
    return again
  })
