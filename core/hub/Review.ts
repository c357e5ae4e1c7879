/**
 * Looks at the rights of clients: as they join and subscribe, when those of their users have changed, and at an
 * interval, which sees what ends by itself. A look and what follows from it are one step, so that after a change was
 * answered nothing more is put into the outbox of one who may not be told.
 */
import { Effect } from "effect"
import type { Clock, Scope } from "effect"
import * as Marks from "../Marks.ts"
import type { Joining } from "./Hub.ts"
import type { Member, Members, Refusal } from "./Members.ts"
import { rightsChanged, signedOut } from "./Protocol.ts"
import { isSameRights, Rights } from "./Rights.ts"

export interface Review {
  /** Admits a client with the rights that its principal has now; it has to go at once when there are none. */
  readonly admit: (joining: Joining) => Effect.Effect<Member | Refusal>
  /** Lets the client go when its rights are not those that it came with. */
  readonly look: (member: Member) => Effect.Effect<void>
  /** Rights of these users have changed. */
  readonly changed: (userIds: ReadonlySet<string>) => Effect.Effect<void>
  /** Nothing is limited for the client, and never was since the start, as far as is known. */
  readonly neverLimited: (member: Member) => boolean
}

/** Looks at everybody every `intervalMs` until the scope closes. */
export const make = Effect.fnUntraced(function* (
  members: Members,
  intervalMs: number
): Effect.fn.Return<Review, never, Scope.Scope> {
  const rights = yield* Rights
  /** Users whose rights have changed since the start. */
  const changed = new Set<string>()

  const nowOf = (principal: Joining["principal"], clock: Clock.Clock) =>
    rights === undefined || principal === undefined
      ? principal
      : rights.currentUnsafe(principal.credential, clock.currentTimeMillisUnsafe())

  const lookUnsafe = (member: Member, clock: Clock.Clock): void => {
    const { principal } = member.origin
    if (principal === undefined || member.outbox.isShut) return
    const now = nowOf(principal, clock)
    if (now === undefined) {
      Marks.reached("a session ended with a socket open")
      members.bar(member, signedOut)
    } else if (!isSameRights(now, principal)) {
      Marks.reached("rights changed with a socket open")
      members.bar(member, rightsChanged)
    }
  }

  if (rights !== undefined) {
    yield* Effect.sleep(intervalMs).pipe(
      Effect.andThen(
        Effect.clockWith((clock) =>
          Effect.sync(() => {
            for (const member of members.all()) lookUnsafe(member, clock)
          })
        )
      ),
      Effect.forever,
      Effect.withSpan("Hub.rights"),
      Effect.forkScoped
    )
  }

  return {
    admit: ({ address, principal, subscription = {} }) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          const now = nowOf(principal, clock)
          const member = members.admit({ address, principal: now ?? principal }, subscription)
          if (principal !== undefined && now === undefined && "outbox" in member) members.bar(member, signedOut)
          return member
        })
      ),
    look: (member) => Effect.clockWith((clock) => Effect.sync(() => lookUnsafe(member, clock))),
    changed: (userIds) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          for (const userId of userIds) changed.add(userId)
          for (const member of members.all()) {
            const userId = member.origin.principal?.userId
            if (userId !== undefined && userIds.has(userId)) lookUnsafe(member, clock)
          }
        })
      ),
    neverLimited: ({ limited, origin }) => {
      const userId = origin.principal?.userId
      return limited === undefined && (userId === undefined || !changed.has(userId))
    }
  }
})
