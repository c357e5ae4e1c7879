/**
 * A real supervisord for a test. Where supervisord is not installed the tests that need it are skipped, and say so in
 * their name; with MUSTER_REQUIRE_ALL=1 they fail instead. These tests use the real clock: declare them with `itReal`.
 */
import { it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { available } from "../../runtime/real/Supervisord.ts"

export * from "../../runtime/real/Supervisord.ts"

/** A test against a real supervisord, on the real clock. Skipped by name, or failing, where there is none. */
export const itReal = <E>(
  name: string,
  body: () => Effect.Effect<void, E, Scope.Scope>,
  options: { readonly timeoutMs?: number } = {}
): void => {
  const missing = Effect.die("MUSTER_REQUIRE_ALL=1, but supervisord is not on PATH")
  const isSkipped = !available && process.env["MUSTER_REQUIRE_ALL"] !== "1"
  return isSkipped
    ? it.skip(`${name} [skipped: supervisord is not on PATH]`)
    : it.live(name, available ? body : () => missing, options.timeoutMs ?? 30_000)
}
