import { assert, it } from "@effect/vitest"
import { Effect, Redacted, Result } from "effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as SignedToken from "../../../core/auth/SignedToken.ts"
import { Secrets } from "../../../core/Secrets.ts"
import * as SimSecrets from "../../../scenarios/ports/SimSecrets.ts"

const key = { id: "k1", secret: Redacted.make("c2VjcmV0") }
const other = { id: "k2", secret: Redacted.make("b3RoZXI") }
const claims = { sub: "u", sid: "s", iat: 100, exp: 200 }
const nowMs = 199_999

it.effect("takes a token as it was signed, to the second, and nothing else", () =>
  Effect.gen(function* () {
    const secrets = yield* Secrets
    const token = SignedToken.sign(secrets, key, claims)
    const [header = "", payload = "", signature = ""] = token.split(".")
    const remembering = SignedToken.makeVerify(secrets)
    const verify = (text: string, atMs = nowMs, keys = [key]) => {
      const result = remembering((id) => keys.find((each) => each.id === id), atMs, text)
      return Result.isSuccess(result) ? "in" : result.failure
    }
    const encoded = (value: unknown) => Base64Url.encode(JSON.stringify(value))
    /** Signed by the right key, so that only the form can be against it. */
    const forged = (head: unknown, body: unknown = claims) => {
      const text = `${encoded(head)}.${encoded(body)}`
      return `${text}.${secrets.sign(key.secret, text)}`
    }
    const table: ReadonlyArray<readonly [string, string, string]> = [
      ["as signed", token, "in"],
      ["alg none", `${encoded({ alg: "none", typ: "JWT", kid: "k1" })}.${payload}.`, "malformed"],
      ["alg none, signed", forged({ alg: "none", typ: "JWT", kid: "k1" }), "malformed"],
      ["other alg", forged({ alg: "HS512", typ: "JWT", kid: "k1" }), "malformed"],
      ["another field", forged({ alg: "HS256", typ: "JWT", kid: "k1", jku: "http://x" }), "malformed"],
      ["no kid", forged({ alg: "HS256", typ: "JWT" }), "malformed"],
      ["key rotated away", SignedToken.sign(secrets, other, claims), "unknown"],
      ["wrong key under this kid", SignedToken.sign(secrets, { ...other, id: "k1" }, claims), "unknown"],
      ["swapped payload", `${header}.${encoded({ ...claims, sub: "admin" })}.${signature}`, "unknown"],
      ["no expiry", forged({ alg: "HS256", typ: "JWT", kid: "k1" }, { sub: "u", sid: "s", iat: 1 }), "malformed"],
      ["truncated", token.slice(0, -1), "unknown"],
      ["no signature", `${header}.${payload}.`, "malformed"],
      ["two parts", `${header}.${payload}`, "malformed"],
      ["four parts", `${token}.x`, "malformed"],
      ["no base64", `${header}.${payload}.${signature}=`, "malformed"],
      ["line end", `${token}\n`, "malformed"],
      ["huge", `${token}${"A".repeat(10_000)}`, "malformed"],
      ["empty", "", "malformed"]
    ]
    for (const [name, text, expected] of table) assert.strictEqual(verify(text), expected, name)
    assert.strictEqual(verify(token, 200_000), "expired")
    // It is remembered by now, which is worth nothing without its key.
    assert.strictEqual(verify(token, nowMs, [other]), "unknown")
    assert.strictEqual(verify(token), "in")
    assert.strictEqual(verify(token, nowMs, [{ ...other, id: "k1" }]), "unknown")
    for (let at = 0; at < 2_000; at++) verify(SignedToken.sign(secrets, key, { ...claims, sid: `s${at}` }))
    assert.strictEqual(verify(token), "in")
    for (let at = 0; at < token.length; at++) {
      const changed = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1)
      assert.notStrictEqual(verify(changed), "in", `changed at ${at}`)
    }
  }).pipe(Effect.provide(SimSecrets.layer()))
)
