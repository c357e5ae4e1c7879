/**
 * What the port `Signals` promises, for the simulated and the real adapter alike.
 *
 * Deliberate difference, and therefore not here: a second wish after a second ends a real process at once; the
 * simulated one tells its scenario. Terminals that are closed are not simulated.
 */
import { assert } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Signals } from "../../core/Signals.ts"

export interface Side<R> {
  /** Declares a test. */
  readonly it: (name: string, test: () => Effect.Effect<void, unknown, Signals | R>) => void
  readonly send: (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => Effect.Effect<void, never, R>
}

export const suite = <R>({ it, send }: Side<R>): void => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`waits until ${signal} comes, and names it`, () =>
      Effect.gen(function* () {
        const { terminate } = yield* Signals
        const waiting = yield* Effect.forkChild(terminate)
        yield* Effect.sleep(20)
        assert.isUndefined(waiting.pollUnsafe())
        yield* send(signal)
        assert.strictEqual(yield* Fiber.join(waiting), signal)
      }))
  }

  it("names the first of several to everybody, also to who asks later", () =>
    Effect.gen(function* () {
      const { terminate } = yield* Signals
      const waiting = yield* Effect.forkChild(Effect.all([terminate, terminate], { concurrency: "unbounded" }))
      yield* Effect.sleep(1)
      yield* send("SIGTERM")
      assert.deepStrictEqual(yield* Fiber.join(waiting), ["SIGTERM", "SIGTERM"])
      yield* send("SIGINT")
      yield* Effect.sleep(20)
      assert.strictEqual(yield* terminate, "SIGTERM")
    }))

  it("stays when one who waits is interrupted", () =>
    Effect.gen(function* () {
      const { terminate } = yield* Signals
      const [first, second] = [yield* Effect.forkChild(terminate), yield* Effect.forkChild(terminate)]
      yield* Effect.sleep(1)
      yield* Fiber.interrupt(first)
      yield* send("SIGINT")
      assert.strictEqual(yield* Fiber.join(second), "SIGINT")
    }))

  it("takes SIGHUP as a wish to reload, and not to end", () =>
    Effect.gen(function* () {
      const { reload, terminate } = yield* Signals
      const ending = yield* Effect.forkChild(terminate)
      const waiting = yield* Effect.forkChild(reload)
      yield* Effect.sleep(20)
      assert.isUndefined(waiting.pollUnsafe())
      yield* send("SIGHUP")
      yield* Fiber.join(waiting)
      assert.isUndefined(ending.pollUnsafe())
    }))

  it("counts wishes to reload that nobody has taken as one, and loses none that comes later", () =>
    Effect.gen(function* () {
      const { reload } = yield* Signals
      const settled = Effect.sleep(20)
      yield* send("SIGHUP")
      yield* send("SIGHUP")
      yield* settled
      yield* reload
      const second = yield* Effect.forkChild(reload)
      yield* settled
      assert.isUndefined(second.pollUnsafe(), "two that were not taken count as one")
      yield* Fiber.interrupt(second)
      yield* send("SIGHUP")
      yield* settled
      yield* reload
    }))
}
