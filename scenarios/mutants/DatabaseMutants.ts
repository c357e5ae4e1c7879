/** Wrong versions of the database. */
import { Cause, Effect, Exit, Layer, Random, Schedule, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { Database } from "../../core/storage/Database.ts"
import { DatabaseError, type DatabaseReason } from "../../core/storage/DatabaseError.ts"
import type { DatabaseOptions } from "../../core/storage/DatabaseOptions.ts"
import type { Mutant } from "../Property.ts"

type Service = Database["Service"]

const withOptions =
  (change: (options: DatabaseOptions) => DatabaseOptions): Mutant["mutate"] =>
  (parts) => ({ ...parts, database: (options) => parts.database(change(options)) })

/** The real one, but for what is put in its place. */
const withService =
  (change: (real: Service, sql: SqlClient.SqlClient, options: DatabaseOptions) => Partial<Service>): Mutant["mutate"] =>
  (parts) => ({
    ...parts,
    database: (options) =>
      Layer.effect(
        Database,
        Effect.gen(function* () {
          const real = yield* Database
          return Database.of({ ...real, ...change(real, yield* SqlClient.SqlClient, options) })
        })
      ).pipe(Layer.provide(parts.database(options)))
  })

/** Around each call. */
const around = (
  change: <A, E>(call: Effect.Effect<A, E>, options: DatabaseOptions) => Effect.Effect<A, E>
): Mutant["mutate"] =>
  withService((real, _, options) => ({
    run: (operation, use) => change(real.run(operation, use), options),
    transaction: (operation, use) => change(real.transaction(operation, use), options)
  }))

const again =
  (reasons: ReadonlyArray<DatabaseReason>, times: number) =>
  <A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.retry(call, {
      while: (error) => error instanceof DatabaseError && reasons.includes(error.reason),
      schedule: Schedule.spaced(50),
      times
    })

export const permanentRetried: Mutant = {
  id: "permanent-retried",
  what: "whatever fails is tried again, statements that are wrong included",
  mutate: around(again(["Failed", "Conflict"], 3))
}

export const exhaustedRetried: Mutant = {
  id: "exhausted-retried",
  what: "a call that found no free connection gets in line again until there is one",
  mutate: around(again(["Exhausted"], 100))
}

export const retriesWithoutGrowth: Mutant = {
  id: "retries-without-growth",
  what: "all pauses are as short as the first",
  mutate: withOptions((options) => ({ ...options, retryDelayMaxMs: options.retryDelayMs }))
}

export const retriesWithoutEnd: Mutant = {
  id: "retries-without-end",
  what: "retries are bounded by nothing but the time",
  mutate: withOptions((options) => ({ ...options, retriesMax: 1_000 }))
}

export const neverRetried: Mutant = {
  id: "never-retried",
  what: "a transient failure goes to the caller at once",
  mutate: withOptions((options) => ({ ...options, retriesMax: 0 }))
}

export const retriesWithoutJitter: Mutant = {
  id: "retries-without-jitter",
  what: "pauses have no random part: all consoles come back at the same moment",
  mutate: around((call) =>
    Effect.flatMap(Random.Random, (random) =>
      Effect.provideService(call, Random.Random, {
        nextIntUnsafe: () => random.nextIntUnsafe(),
        nextDoubleUnsafe: () => 1
      })
    )
  )
}

export const healthLookedAtRarely: Mutant = {
  id: "health-looked-at-rarely",
  what: "intervals that are given in seconds are taken for minutes",
  mutate: withOptions((options) => ({
    ...options,
    breakerOpenMs: options.breakerOpenMs * 60,
    healthIntervalMs: options.healthIntervalMs * 60
  }))
}

export const commitRetried: Mutant = {
  id: "commit-retried",
  what: "a transaction whose COMMIT was not acknowledged is done once more",
  mutate: around(again(["Unacknowledged"], 3))
}

export const statementsByThemselves: Mutant = {
  id: "statements-by-themselves",
  what: "the statements of a transaction are each committed by themselves",
  mutate: withService((real) => ({ transaction: (operation, use) => real.run(operation, use) }))
}

export const deadlineAroundCommit: Mutant = {
  id: "deadline-around-commit",
  what: "a transaction that runs out of time during its COMMIT is said to be rolled back",
  mutate: withService((real, sql, { transactionTimeoutMs }) => ({
    transaction: (operation, use) =>
      Effect.timeoutOrElse(
        real.run(operation, () => sql.withTransaction(Effect.suspend(() => use(sql)))),
        {
          duration: transactionTimeoutMs / 4,
          orElse: () => Effect.fail(new DatabaseError({ operation, reason: "TimedOut", detail: "too late" }))
        }
      )
  }))
}

export const connectionLostOnInterruption: Mutant = {
  id: "connection-lost-on-interruption",
  what: "a transaction takes a connection by hand, and gives it back only when nobody gives it up in between",
  mutate: withService((real, sql) => ({
    transaction: (operation, use) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* Effect.ignore(Scope.provide(sql.reserve, scope))
        const exit = yield* Effect.exit(real.transaction(operation, use))
        if (Exit.isSuccess(exit) || !Cause.hasInterrupts(exit.cause)) yield* Scope.close(scope, Exit.void)
        return yield* exit
      })
  }))
}
