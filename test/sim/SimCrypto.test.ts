/** Ids, tokens and keys of a run are those of its seed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Random } from "effect"
import { SecureRandom, WebCrypto } from "effect/crypto"
import * as Sim from "../../sim/Sim.ts"
import * as SimCrypto from "../../sim/SimCrypto.ts"

const valueOf = <A>(program: Effect.Effect<A, unknown, Sim.RunContext>, seed: number): A => {
  const { exit, message } = Sim.run(program, { seed })
  return exit?._tag === "Success" ? exit.value : assert.fail(message)
}

/** The same in a run that is repeated, and other than in a run with another seed. */
const assertSeeded = (program: Effect.Effect<unknown, unknown, Sim.RunContext>) => {
  assert.deepEqual(valueOf(program, 1), valueOf(program, 1))
  assert.notDeepEqual(valueOf(program, 1), valueOf(program, 2))
}

const ids = Effect.gen(function* () {
  const random = yield* SecureRandom.SecureRandom
  return [yield* random.uuidV4(), yield* random.uuidV7(), yield* random.ulid, [...(yield* random.randomBytes(33))]]
}).pipe(Effect.provide(SimCrypto.layerSecureRandom))

describe("simulated crypto", () => {
  it("gives the ids and bytes of the seed", () => assertSeeded(ids))

  it("takes the time of ids from the virtual clock", () => {
    const later = Effect.gen(function* () {
      yield* Effect.sleep("1 hour")
      return yield* (yield* SecureRandom.SecureRandom).uuidV7()
    }).pipe(Effect.provide(SimCrypto.layerSecureRandom))
    const ms = Number.parseInt(valueOf(later, 1).replaceAll("-", "").slice(0, 12), 16)
    assert.equal(ms, Date.UTC(2026, 0, 1, 1))
  })

  it("tells ids apart even when every choice is 0", () => {
    const dull = Effect.updateService(ids200, Sim.RunContext, (context) => ({ ...context, choose: () => 0 }))
    const made = valueOf(dull, 1)
    assert.equal(new Set(made).size, made.length)
    assert.equal(made[0], "00000000-0000-4000-8000-000000000000")
  })

  it("gives each service of a run other ids", () => {
    const one = Effect.flatMap(SecureRandom.SecureRandom, (random) => random.uuidV4())
    const own = Layer.fresh(SimCrypto.layerSecureRandom)
    const two = Effect.all([Effect.provide(one, own), Effect.provide(one, own)])
    const [first, second] = valueOf(two, 1)
    assert.notEqual(first, second)
  })

  it("gives the random values and ids of WebCrypto, without leaving the run", () => {
    const values = Effect.gen(function* () {
      const crypto = yield* WebCrypto.WebCrypto
      const words = crypto.getRandomValues(new Uint16Array(8).subarray(2, 7))
      return [[...words], crypto.randomUUID()]
    }).pipe(Effect.provide(SimCrypto.layerWebCrypto))
    assertSeeded(values)
    const [words, id] = valueOf(values, 1)
    assert.lengthOf(words ?? [], 5)
    assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it("refuses more random values at a time than the real one, and what answers by promises", () => {
    const crypto = Effect.provide(WebCrypto.WebCrypto, SimCrypto.layerWebCrypto)
    const tooMany = Sim.run(Effect.map(crypto, (it) => it.getRandomValues(new Uint8Array(65_537))))
    assert.match(tooMany.message, /65537 bytes of at most 65536/)
    const subtle = Sim.run(Effect.map(crypto, (it) => it.subtle))
    assert.match(subtle.message, /subtle is not simulated/)
  })

  it("leaves Effect's Random to the kernel, which seeds it too", () => {
    assertSeeded(
      Effect.all([Random.next, Random.nextInt, Random.nextBetween(0, 1), Random.shuffle([1, 2, 3, 4, 5, 6, 7, 8])])
    )
  })
})

const ids200 = Effect.gen(function* () {
  const random = yield* SecureRandom.SecureRandom
  return yield* Effect.forEach(Array.from({ length: 200 }), () => random.uuidV4())
}).pipe(Effect.provide(SimCrypto.layerSecureRandom))
