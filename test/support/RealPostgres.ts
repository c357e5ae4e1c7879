/**
 * A real PostgreSQL for tests. Where no server answers, the tests that need it are skipped, and say so in their name;
 * with MUSTER_REQUIRE_ALL=1 they fail instead. These tests use the real clock.
 */
import { it } from "@effect/vitest"
import { Effect, type Redacted, type Scope } from "effect"
import { database, whyMissing } from "../../runtime/real/PostgresDatabase.ts"

export { breakConnections, database } from "../../runtime/real/PostgresDatabase.ts"

/** Why there is no server for the tests; undefined when there is one. */
export const missing: string | undefined = await Effect.runPromise(whyMissing)

/** A test against a database of its own, on the real clock. Skipped by name, or failing, where there is no server. */
export const itPostgres = <E>(
  name: string,
  body: (url: Redacted.Redacted) => Effect.Effect<void, E, Scope.Scope>,
  timeoutMs?: number
): void => {
  const isSkipped = missing !== undefined && process.env["MUSTER_REQUIRE_ALL"] !== "1"
  const test = () =>
    missing === undefined
      ? Effect.scoped(Effect.flatMap(database, body))
      : Effect.die(`MUSTER_REQUIRE_ALL=1, but ${missing}`)
  return isSkipped ? it.skip(`${name} [skipped: ${missing}]`) : it.live(name, test, timeoutMs)
}
