/**
 * Reaches the database for the first time and brings its tables up to date, however long it is away: attempts go on
 * with pauses that grow to the interval of the health probe. Tables of a newer version end them.
 */
import { Deferred, Effect, Random, Result } from "effect"
import { SqlClient } from "effect/sql"
import * as Marks from "../Marks.ts"
import { own, sorted } from "./Attempts.ts"
import type { DatabaseError } from "./DatabaseError.ts"
import type { Watched } from "./HealthProbe.ts"
import { migrate, type MigrationSet, type SchemaTooNew } from "./Migrate.ts"
import { pauseMsMax } from "./RetryPolicy.ts"
import { type Trouble, troubleOf } from "./Trouble.ts"

export interface Starting extends Watched {
  readonly set: MigrationSet
  /** How the first attempt ended: a failure that waiting does not mend fails it. Being away does not. */
  readonly first: Deferred.Deferred<void, SchemaTooNew | DatabaseError>
}

const operation = "Database.migrate"

/** Gives whether the database is usable; false is for good. */
export const start = Effect.fnUntraced(function* ({ first, gate, options, report, set, sql }: Starting) {
  const migrating = own(Effect.provideService(migrate(set), SqlClient.SqlClient, sql), { isAnswered: true })
  // One whose COMMIT broke is simply looked at again.
  const once = sorted(migrating, (error) => troubleOf(error, "statement"))
  const policy = { retriesMax: 0, delayMs: options.retryDelayMs, delayMaxMs: options.healthIntervalMs }
  for (let failures = 0; ; failures++) {
    const result = yield* Effect.result(once)
    if (Result.isSuccess(result)) {
      yield* gate.reached() ? report.back : report.well
      yield* Deferred.succeed(first, undefined)
      return true
    }
    const failure = result.failure
    if (failure._tag === "Own") {
      const { message } = failure.error
      gate.refuse(message)
      yield* report.final(message)
      yield* Deferred.fail(first, failure.error)
      return false
    }
    Marks.reached("the database was away at the start")
    gate.lost(failure.detail)
    yield* report.away(failure.detail)
    yield* isAway(failure) ? Deferred.succeed(first, undefined) : Deferred.fail(first, failure.toError(operation))
    const spread = yield* Random.next
    yield* Effect.sleep(pauseMsMax(policy, failures) * (0.5 + spread / 2))
  }
})

const isAway = ({ reason }: Trouble): boolean => reason !== "Failed" && reason !== "Conflict" && reason !== "Unwritable"
