/**
 * The accounts in memory, kept equal to those in the database, and the one way to change them.
 *
 * A change waits for its turn, is decided on the state in memory, committed, applied in one step, told to those who
 * watch, and only then answered. It runs on a fiber of its own: whoever asked may be interrupted, and the change still
 * is both in the database and in memory, or in neither. When a commit was not acknowledged, or another console was
 * there before, everything is read again before anything else is decided.
 */
import { Clock, Effect, Fiber, Result, type Scope, Semaphore } from "effect"
import * as Marks from "../Marks.ts"
import type { Secrets } from "../Secrets.ts"
import type { Database } from "../storage/Database.ts"
import { DatabaseError } from "../storage/DatabaseError.ts"
import { AccountsUnknown } from "./Accounts.ts"
import { type AccountsState, apply, type Change, concerned, concernedBetween } from "./AccountsState.ts"
import * as Store from "./AccountsStore.ts"

/** What is to be changed, and the answer when that is done. Without changes nothing is written. */
export interface Decision<A> {
  readonly changes: ReadonlyArray<Change>
  readonly answer: A
}

/** Decides on the state as it is when the change has its turn. Pure: it may be asked again. */
export type Decide<A, E> = (state: AccountsState, nowMs: number) => Result.Result<Decision<A>, E>

export interface AccountsCopy {
  /** Undefined until it was read for the first time. */
  readonly stateUnsafe: () => AccountsState | undefined
  readonly change: <A, E>(
    operation: string,
    decide: Decide<A, E>
  ) => Effect.Effect<A, E | DatabaseError | AccountsUnknown>
  /** Reads it again, if it may differ from the database. */
  readonly follow: Effect.Effect<void, DatabaseError>
  /** Whether memory may be behind the database by a commit of ours. */
  readonly isDoubtfulUnsafe: () => boolean
  /** Writes when tokens were last used, beside the changes. */
  readonly used: (atMs: ReadonlyMap<string, number>) => Effect.Effect<void, DatabaseError>
}

/** Changes that wait for their turn; one that waits longer fails. */
const waiting = { max: 1000, ms: 10_000 } as const

/** How often a change is decided anew because another console was there before. */
const attemptsMax = 10

const changeIdBytes = 16

export const make = (options: {
  readonly database: Database["Service"]
  readonly secrets: Secrets["Service"]
  /** Runs after each change of rights, before it is answered. Never fails. */
  readonly tell: (userIds: ReadonlySet<string>) => Effect.Effect<void>
}): Effect.Effect<AccountsCopy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const turn = yield* Semaphore.make(1)
    const copy = new Copy(options)
    let inTurn = 0

    const busy = (operation: string) => {
      const detail = "too many changes of the accounts wait for their turn"
      return new DatabaseError({ operation, reason: "Exhausted", detail })
    }
    /** On a fiber of this service, which nobody but the end of the service interrupts. */
    const alone = <A, E>(operation: string, work: Effect.Effect<A, E>): Effect.Effect<A, E | DatabaseError> =>
      Effect.suspend(() => {
        if (inTurn >= waiting.max) return busy(operation)
        inTurn++
        return Effect.scoped(
          Effect.andThen(
            Effect.timeoutOrElse(Effect.interruptible(turn.takeScoped(1)), {
              duration: waiting.ms,
              orElse: () => busy(operation)
            }),
            work
          )
        ).pipe(
          Effect.withSpan(operation),
          Effect.interruptible,
          Effect.ensuring(Effect.sync(() => void inTurn--)),
          // Uninterruptible at first, so that what was counted is also taken back.
          Effect.forkIn(scope, { uninterruptible: true }),
          Effect.flatMap(Fiber.join)
        )
      })

    return {
      stateUnsafe: () => copy.state,
      isDoubtfulUnsafe: () => copy.isDoubtful,
      change: (operation, decide) => alone(operation, copy.change(operation, decide)),
      follow: alone("Accounts.follow", copy.follow),
      used: (atMs) => alone("Accounts.used", copy.used(atMs))
    }
  })

/** What happens in a turn; one at a time. */
class Copy {
  state: AccountsState | undefined
  isDoubtful = false
  private readonly database: Database["Service"]
  private readonly secrets: Secrets["Service"]
  private readonly tell: (userIds: ReadonlySet<string>) => Effect.Effect<void>

  constructor(options: Parameters<typeof make>[0]) {
    this.database = options.database
    this.secrets = options.secrets
    this.tell = options.tell
  }

  change<A, E>(operation: string, decide: Decide<A, E>): Effect.Effect<A, E | DatabaseError | AccountsUnknown> {
    return Effect.gen({ self: this }, function* () {
      if (this.isDoubtful) yield* this.reload
      for (let attempts = 0; attempts < attemptsMax; attempts++) {
        const state = this.state
        if (state === undefined) return yield* new AccountsUnknown()
        const { answer, changes } = yield* Effect.fromResult(decide(state, yield* Clock.currentTimeMillis))
        if (changes.length === 0 || (yield* this.commit(operation, state, changes))) return answer
      }
      const detail = "other consoles change the accounts all the time"
      return yield* new DatabaseError({ operation, reason: "Unavailable", detail })
    })
  }

  /** Whether it was committed; if not, others were there before, and what they did is known now. */
  private commit(
    operation: string,
    state: AccountsState,
    changes: ReadonlyArray<Change>
  ): Effect.Effect<boolean, DatabaseError> {
    return Effect.gen({ self: this }, function* () {
      const changeId = yield* this.secrets.randomText(changeIdBytes)
      const version = state.version
      // Until it is known how it ended, also when it ends by a bug.
      this.isDoubtful = true
      const committed = yield* Effect.result(Store.commit(this.database, operation, { version, changeId, changes }))
      if (Result.isSuccess(committed)) {
        const concerns = new Set(changes.flatMap((change) => concerned(state, change)))
        this.state = { ...changes.reduce(apply, state), version: version + 1, changeId }
        this.isDoubtful = false
        if (concerns.size > 0) yield* this.tell(concerns)
        return true
      }
      const error = committed.failure
      if (error._tag === "StaleAccounts") {
        yield* this.reload
        return false
      }
      if (error.reason !== "Unacknowledged") {
        this.isDoubtful = false
        return yield* error
      }
      return yield* this.settle(error, version, changeId)
    })
  }

  /** Finds out whether a commit that was not acknowledged was done. */
  private settle(error: DatabaseError, version: number, changeId: string): Effect.Effect<boolean, DatabaseError> {
    return Effect.gen({ self: this }, function* () {
      if (Result.isFailure(yield* Effect.result(this.reload))) return yield* error
      Marks.reached("the accounts were read again after a commit without an answer")
      if (this.state?.changeId === changeId) return true
      // It still may have been done if others have changed something since.
      if (this.state?.version !== version) return yield* error
      return yield* new DatabaseError({ operation: error.operation, reason: "Unavailable", detail: error.detail })
    })
  }

  /** What the database says takes the place of what is in memory. */
  private get reload(): Effect.Effect<void, DatabaseError> {
    return Effect.gen({ self: this }, function* () {
      const after = yield* Store.read(this.database)
      const before = this.state
      this.state = after
      this.isDoubtful = false
      const concerns = before === undefined ? new Set<string>() : concernedBetween(before, after)
      if (concerns.size > 0) yield* this.tell(concerns)
    })
  }

  get follow(): Effect.Effect<void, DatabaseError> {
    return Effect.gen({ self: this }, function* () {
      if (this.state === undefined || this.isDoubtful) return yield* this.reload
      const { changeId, version } = yield* Store.readHead(this.database)
      if (version !== this.state.version || changeId !== this.state.changeId) yield* this.reload
    })
  }

  used(atMs: ReadonlyMap<string, number>): Effect.Effect<void, DatabaseError> {
    return Effect.gen({ self: this }, function* () {
      yield* Store.commitUses(this.database, atMs)
      if (this.state !== undefined) this.state = apply(this.state, { _tag: "TokensUsed", atMs })
    })
  }
}
