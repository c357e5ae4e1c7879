/**
 * What has to be done for the accounts now and then: reading them for the first time, seeing what other consoles have
 * changed, new keys, the end of sessions and tokens, and noting when tokens were last used. It goes on whatever happens
 * to the database.
 */
import { Cause, Clock, Effect, HashMap, Result, Redacted } from "effect"
import type { Scope } from "effect"
import type { Components } from "../health/Components.ts"
import type { Secrets } from "../Secrets.ts"
import type { Database } from "../storage/Database.ts"
import type { AccountsCopy } from "./AccountsCopy.ts"
import type { AccountsOptions } from "./AccountsOptions.ts"
import { prepare } from "./FirstAdmin.ts"
import type { RightsWatch } from "./RightsWatch.ts"
import { keyChanges } from "./SigningKeys.ts"

export interface UpkeepParts {
  readonly copy: AccountsCopy
  readonly database: Database["Service"]
  readonly secrets: Secrets["Service"]
  readonly components: Components["Service"]
  readonly rights: RightsWatch
  /** When tokens were used that is not stored yet, by id; those that are stored are taken out. */
  readonly uses: Map<string, number>
  readonly options: AccountsOptions
}

/** The name of the component. */
export const component = "accounts"

const reloadIntervalMsDefault = 5_000
/** Before the accounts are known. */
const retryMs = 1_000
const upkeepMs = 60_000
/** Uses of tokens that are written at one time. */
const usesMax = 500

/** Begins it, for as long as the scope is open. Accounts that can be read at once are known when this ends. */
export const start = (parts: UpkeepParts): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { components, database } = parts
    yield* components.register(component)
    if ((yield* database.status) === "up") yield* reported(components, catchUp(parts))
    yield* Effect.forkScoped(Effect.withSpan(following(parts), "Accounts.follow"))
    yield* Effect.forkScoped(Effect.withSpan(Effect.forever(round(parts)), "Accounts.upkeep"))
  })

/** A failure is told, and ends nothing. */
const reported = <E extends { readonly message: string }>(
  components: Components["Service"],
  work: Effect.Effect<void, E>
): Effect.Effect<void> =>
  Effect.andThen(work, components.succeeded(component)).pipe(
    Effect.catch((error) => components.errored(component, error.message)),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.failCause(cause)
        : Effect.andThen(
            Effect.logError("the upkeep of the accounts met a bug", cause),
            components.errored(component, "a bug, which the log describes")
          )
    )
  )

const isPrepared = (copy: AccountsCopy): boolean => {
  const state = copy.stateUnsafe()
  return state !== undefined && !HashMap.isEmpty(state.users) && state.keys.length > 0
}

const catchUp = ({ copy, options, secrets }: UpkeepParts) =>
  Effect.gen(function* () {
    yield* copy.follow
    if (!isPrepared(copy)) yield* prepare(copy, secrets, options)
  })

const following = (parts: UpkeepParts) =>
  Effect.gen(function* () {
    const { components, copy, database } = parts
    const { isShared, reloadIntervalMs = reloadIntervalMsDefault } = parts.options.surroundings
    yield* database.ready
    while (true) {
      if (isShared || copy.isDoubtfulUnsafe() || !isPrepared(copy)) yield* reported(components, catchUp(parts))
      yield* Effect.sleep(isPrepared(copy) ? reloadIntervalMs : retryMs)
    }
  })

const round = (parts: UpkeepParts) =>
  Effect.gen(function* () {
    const sinceMs = yield* Clock.currentTimeMillis
    yield* Effect.sleep(upkeepMs)
    // Nothing to keep up: that the accounts are not known is told by those who read them.
    if (!isPrepared(parts.copy)) return
    for (const work of [rotate(parts), endSessions(parts), tellOfTokens(parts, sinceMs), writeUses(parts)]) {
      yield* reported(parts.components, work)
    }
  })

const rotate = ({ copy, options, secrets }: UpkeepParts) =>
  Effect.gen(function* () {
    const key = { id: yield* secrets.randomText(16), secret: Redacted.make(yield* secrets.randomText(32)) }
    yield* copy.change("Accounts.rotate", (state, nowMs) =>
      Result.succeed({ changes: keyChanges(state, key, nowMs, options), answer: undefined })
    )
  })

/** Those that are over let nobody in already; here they go, and their open sockets with them. */
const endSessions = ({ copy }: UpkeepParts) =>
  copy.change("Accounts.expire", ({ sessions }, nowMs) => {
    const ids = HashMap.toValues(sessions).flatMap(({ expiresMs, id }) => (expiresMs <= nowMs ? [id] : []))
    return Result.succeed({ changes: ids.length === 0 ? [] : [{ _tag: "SessionsEnded", ids }], answer: undefined })
  })

/** Tokens that are over stay, for people to see; who watches the rights of their owners looks again. */
const tellOfTokens = ({ copy, rights }: UpkeepParts, sinceMs: number) =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
    const state = copy.stateUnsafe()
    const over = state === undefined ? [] : HashMap.toValues(state.tokens)
    const owners = over.flatMap(({ expiresMs, userId }) =>
      expiresMs !== undefined && expiresMs > sinceMs && expiresMs <= nowMs ? [userId] : []
    )
    return owners.length === 0 ? Effect.void : rights.tell(new Set(owners))
  })

const writeUses = ({ copy, uses }: UpkeepParts) =>
  Effect.suspend(() => {
    const taken = new Map(Array.from(uses).slice(0, usesMax))
    if (taken.size === 0) return Effect.void
    const done = () => {
      for (const [id, atMs] of taken) if (uses.get(id) === atMs) uses.delete(id)
    }
    return Effect.andThen(copy.used(taken), Effect.sync(done))
  })
