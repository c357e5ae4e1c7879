/** What the port `Secrets` promises, for the simulated and the real one alike. */
import { assert } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Secrets } from "../../core/Secrets.ts"

export interface Side {
  /** Declares a test. */
  readonly it: (name: string, test: () => Effect.Effect<void, unknown, Secrets>) => void
}

const password = Redacted.make("correct horse, battery: stäple 🐴")

/** Made by other programs, so that both sides agree with them and not only with themselves. */
const foreign = {
  /** scrypt("pleaseletmein", "SodiumChloride", N=16384, r=8, p=1), the third vector of RFC 7914. */
  stored:
    "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$" +
    "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
  password: Redacted.make("pleaseletmein")
}

const flipped = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1)

export const suite = ({ it }: Side): void => {
  it("takes the password that was hashed, and no other", () =>
    Effect.gen(function* () {
      const secrets = yield* Secrets
      const stored = yield* secrets.hashPassword(password)
      assert.match(stored, /^\$scrypt\$ln=\d+,r=\d+,p=\d+\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
      assert.deepStrictEqual(yield* secrets.verifyPassword(password, stored), { matches: true, outdated: false })
      for (const other of ["", "correct horse", `${Redacted.value(password)} `]) {
        assert.isFalse((yield* secrets.verifyPassword(Redacted.make(other), stored)).matches, other)
      }
      const digits = stored.lastIndexOf("$") + 1
      assert.isFalse((yield* secrets.verifyPassword(password, flipped(stored, digits))).matches)
    }))

  it("salts each hash anew", () =>
    Effect.gen(function* () {
      const secrets = yield* Secrets
      assert.notStrictEqual(yield* secrets.hashPassword(password), yield* secrets.hashPassword(password))
    }))

  it("takes the parameters from the stored text, and says that they are outdated", () =>
    Effect.gen(function* () {
      const secrets = yield* Secrets
      const verdict = yield* secrets.verifyPassword(foreign.password, foreign.stored)
      assert.deepStrictEqual(verdict, { matches: true, outdated: true })
    }))

  it("matches nothing with a text that is no hash or asks for too much", () =>
    Effect.gen(function* () {
      const secrets = yield* Secrets
      const stored = yield* secrets.hashPassword(password)
      const texts = ["", stored.slice(0, -1), stored.replace(/ln=\d+/, "ln=40")]
      for (const text of texts) {
        assert.isFalse((yield* secrets.verifyPassword(password, text)).matches, text)
      }
    }))

  it("gives random texts of so many bytes, never twice the same", () =>
    Effect.gen(function* () {
      const secrets = yield* Secrets
      for (const bytes of [16, 18, 32]) {
        const texts = yield* Effect.replicateEffect(secrets.randomText(bytes), 50)
        assert.strictEqual(new Set(texts).size, 50)
        for (const text of texts) assert.match(text, new RegExp(`^[A-Za-z0-9_-]{${Math.ceil((bytes * 4) / 3)}}$`))
      }
    }))

  it("signs and digests as everybody does", () =>
    Effect.gen(function* () {
      const secrets = yield* Secrets
      // RFC 4231, test case 2, and SHA-256 of "abc" and of text beyond ASCII.
      assert.strictEqual(
        secrets.sign(Redacted.make("SmVmZQ"), "what do ya want for nothing?"),
        "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM"
      )
      assert.strictEqual(secrets.digest("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0")
      assert.strictEqual(secrets.digest("ä"), secrets.digest("\u00e4"))
      assert.notStrictEqual(secrets.digest("ä"), secrets.digest("a"))
    }))

  it("compares texts of any lengths", () =>
    Effect.gen(function* () {
      const { equal } = yield* Secrets
      assert.isTrue(equal("", ""))
      assert.isTrue(equal("äb", "äb"))
      for (const other of ["", "ä", "äbc", "äB"]) assert.isFalse(equal("äb", other), other)
    }))
}
