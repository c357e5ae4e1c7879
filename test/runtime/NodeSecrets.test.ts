import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { Secrets } from "../../core/Secrets.ts"
import * as NodeSecrets from "../../runtime/NodeSecrets.ts"

const password = Redacted.make("correct horse")

describe("NodeSecrets", () => {
  it.live("hashes with the parameters of today", () =>
    Effect.gen(function* () {
      assert.match(yield* (yield* Secrets).hashPassword(password), /^\$scrypt\$ln=15,r=8,p=1\$/)
    }).pipe(Effect.provide(NodeSecrets.layer))
  )

  it.live("leaves the main thread to others while it hashes", () =>
    Effect.gen(function* () {
      const secrets = yield* Secrets
      const hashing = yield* Effect.forkChild(secrets.hashPassword(password))
      let turns = 0
      while (hashing.pollUnsafe() === undefined) {
        turns++
        yield* Effect.sleep(1)
      }
      yield* Fiber.join(hashing)
      assert.isAbove(turns, 5)
    }).pipe(Effect.provide(NodeSecrets.layer))
  )

  it.live("keeps who is interrupted waiting until the thread is free", () =>
    Effect.gen(function* () {
      const secrets = yield* Secrets
      const hashing = yield* Effect.forkChild(secrets.hashPassword(password))
      yield* Effect.sleep(1)
      const startMs = performance.now()
      yield* Fiber.interrupt(hashing)
      assert.isAbove(performance.now() - startMs, 10)
    }).pipe(Effect.provide(NodeSecrets.layer))
  )

  it.live("takes as long for a text that is no hash as for one that is", () =>
    Effect.gen(function* () {
      const secrets = yield* Secrets
      const stored = yield* secrets.hashPassword(password)
      const timed = (text: string) =>
        Effect.gen(function* () {
          const startMs = performance.now()
          yield* secrets.verifyPassword(password, text)
          return performance.now() - startMs
        })
      const real = yield* timed(stored)
      assert.isAbove(yield* timed("no hash"), real / 10)
    }).pipe(Effect.provide(NodeSecrets.layer))
  )
})
