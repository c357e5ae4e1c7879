/**
 * What Muster relies on in secure randomness, for the real one and for the simulated one: shapes, ranges and what dies.
 * Deliberate difference: the simulated bytes are those of the run's seed, so that its values repeat with it.
 */
import { Cause, Effect, Exit } from "effect"
import { SecureRandom } from "effect/crypto"
import { assert, describe, it } from "vitest"

export interface Side {
  readonly label: string
  /** Runs the program; a failure or a defect fails the test. */
  readonly run: <A>(program: Effect.Effect<A, unknown, SecureRandom.SecureRandom>) => Promise<A>
}

/** The name of the error that an effect dies with, and what it says. */
const defectOf = (effect: Effect.Effect<unknown, never, never>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    return defect instanceof Error ? `${defect.name}: ${defect.message}` : "no error"
  })

const many = Array.from({ length: 200 }, (_, i) => i)

type Test = (random: SecureRandom.SecureRandom["Service"]) => Effect.Effect<void>

const assertHolds = (side: Side, test: Test) => side.run(Effect.flatMap(SecureRandom.SecureRandom, test))

export const secureRandomContract = (side: Side): void => {
  const check = (name: string, test: Test) => it(`${side.label} ${name}`, () => assertHolds(side, test))

  describe("secure randomness", () => {
    check("gives as many bytes as asked for, of all values, not twice the same", (random) =>
      Effect.gen(function* () {
        for (const size of [0, 1, 3, 4, 7, 16, 32, 100_000]) assert.lengthOf(yield* random.randomBytes(size), size)
        const bytes = yield* random.randomBytes(20_000)
        assert.equal(new Set(bytes).size, 256)
        const keys = yield* Effect.forEach(many, () => Effect.map(random.randomBytes(16), String))
        assert.equal(new Set(keys).size, many.length)
      })
    )

    check("dies of a size that is none", (random) =>
      Effect.gen(function* () {
        for (const size of [-1, 1.5, Number.NaN, Infinity]) {
          const died = yield* defectOf(random.randomBytes(size))
          assert.equal(died, "RangeError: size must be a non-negative safe integer")
        }
      })
    )

    check("gives integers of the range, both ends included unless told otherwise", (random) =>
      Effect.gen(function* () {
        const dice = yield* Effect.forEach(many, () => random.intBetween(1, 6))
        assert.deepEqual(new Set(dice), new Set([1, 2, 3, 4, 5, 6]))
        const halfOpen = yield* Effect.forEach(many, () => random.intBetween(0, 2, { halfOpen: true }))
        assert.deepEqual(new Set(halfOpen), new Set([0, 1]))
        assert.equal(yield* random.intBetween(5, 5), 5)
        const wide = yield* random.intBetween(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
        assert.isTrue(Number.isSafeInteger(wide))
        assert.equal(yield* defectOf(random.intBetween(2, 1)), "RangeError: range must contain at least one integer")
      })
    )

    check("shuffles a copy", (random) =>
      Effect.gen(function* () {
        const shuffled = yield* random.shuffle(many)
        assert.notDeepEqual(shuffled, many)
        assert.deepEqual(
          shuffled.toSorted((a, b) => a - b),
          many
        )
      })
    )

    check("makes random ids, as text and as bytes, all different", (random) =>
      Effect.gen(function* () {
        const ids = yield* Effect.forEach(many, () => random.uuidV4())
        assert.equal(new Set(ids).size, many.length)
        for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        const bytes = yield* random.uuidV4({ format: "bytes" })
        assert.lengthOf(bytes, 16)
        assert.equal((bytes[6] ?? 0) >> 4, 4)
      })
    )

    check("makes ids that sort by time", (random) =>
      Effect.gen(function* () {
        const ids = yield* Effect.forEach(many, () => random.uuidV7())
        assert.deepEqual(ids, ids.toSorted())
        assert.equal(new Set(ids).size, many.length)
        for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        const ulids = yield* Effect.forEach(many, () => random.ulid)
        assert.deepEqual(ulids, ulids.toSorted())
        for (const id of ulids) assert.match(id, /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
      })
    )
  })
}
