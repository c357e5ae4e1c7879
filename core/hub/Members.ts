/**
 * Who is connected, what each wants, and who has to go: the one owner of that state. Synchronous, so that each call is
 * one step; it waits for nobody.
 *
 * Whoever finds that a client has to go asks for it by `dismiss`. That does no more than to put it on the list of those
 * that leave, each at most once; only the cleanup fiber of the hub takes them from there and calls `remove`. So the set
 * of clients never changes in a walk over it (R1.2, R1.5).
 */
import { Deferred, Exit, Latch, type Scope } from "effect"
import type { BusEvent } from "../bus/BusEvent.ts"
import type { Principal } from "../domain/Access.ts"
import type { FollowedPiece, LogId } from "../domain/Log.ts"
import { limitsOf } from "../fleet/FleetSight.ts"
import * as Marks from "../Marks.ts"
import * as LogHole from "./LogHole.ts"
import * as OutFrame from "./OutFrame.ts"
import { Outbox } from "./Outbox.ts"
import type { OutboxOptions, Sent } from "./Outbox.ts"
import { logKey, slowClient, wants, wantsNumbered } from "./Protocol.ts"
import type { CloseReason, Subscription } from "./Protocol.ts"
import { frameFor } from "./Sight.ts"

export interface Limits {
  readonly clientsMax: number
  readonly clientsPerAddressMax: number
  readonly clientsPerUserMax: number
}

/** On whose behalf a client comes; what is not known is not limited. */
export interface Origin {
  readonly address?: string | undefined
  readonly principal?: Principal | undefined
}

/** Why a client is not admitted, and the limit. */
export interface Refusal {
  readonly reason: "full" | "closing" | "address" | "user"
  readonly clientsMax: number
}

export interface Member {
  readonly id: number
  readonly outbox: Outbox
  readonly origin: Origin
  /** The principal, when there is anything that it does not see. */
  readonly limited: Principal | undefined
  readonly closing: Deferred.Deferred<CloseReason>
  readonly gone: Deferred.Deferred<void>
  readonly left: Deferred.Deferred<void>
  subscription: Subscription
  /** What holds each log that it follows, by key; undefined until it follows one. */
  logs: Map<string, Scope.Closeable> | undefined
}

/** A log that a client follows from now on. */
export interface Begun {
  readonly key: string
  readonly log: LogId
  readonly lease: Scope.Closeable
}

/** How the logs change with a subscription. */
export interface LogChanges {
  readonly begun: ReadonlyArray<Begun>
  readonly ended: ReadonlyArray<Scope.Closeable>
}

/** A log that somebody follows. */
interface Followed {
  readonly members: Set<Member>
  told: LogHole.Told | undefined
}

const noChanges: LogChanges = { begun: [], ended: [] }

export class Members {
  /** Frames and bytes that connections were given. */
  readonly sent: Sent = { frames: 0, bytes: 0 }
  /** Open while somebody leaves. */
  readonly somebodyLeaves = Latch.makeUnsafe(false)
  joined = 0
  slow = 0
  refused = 0
  private readonly limits: Limits
  private readonly outboxOptions: OutboxOptions
  private readonly members = new Map<number, Member>()
  /** The members to walk over; made anew after a change. */
  private walk: ReadonlyArray<Member> | undefined
  /** Sessions that are not over: of members, and of those that are being told why they had to go. */
  private readonly sessions = new Map<number, Deferred.Deferred<void>>()
  private readonly byAddress = new Map<string, number>()
  private readonly byUser = new Map<string, number>()
  private readonly followers = new Map<string, Followed>()
  private leaving: Array<Member> = []
  private closed = false

  constructor(limits: Limits, outboxOptions: OutboxOptions) {
    this.limits = limits
    this.outboxOptions = outboxOptions
  }

  admit(origin: Origin, subscription: Subscription): Member | Refusal {
    const refusal = this.refusal(origin)
    if (refusal !== undefined) {
      this.refused++
      Marks.reached(
        refusal.reason === "closing" ? "a client joined while the hub closed" : "a client came when no more are allowed"
      )
      return refusal
    }
    const member: Member = {
      id: ++this.joined,
      outbox: new Outbox(this.outboxOptions, this.sent),
      origin,
      limited: limitsOf(origin.principal),
      closing: Deferred.makeUnsafe(),
      gone: Deferred.makeUnsafe(),
      left: Deferred.makeUnsafe(),
      subscription,
      logs: undefined
    }
    this.members.set(member.id, member)
    this.sessions.set(member.id, member.left)
    this.walk = undefined
    count(this.byAddress, origin.address, 1)
    count(this.byUser, origin.principal?.userId, 1)
    return member
  }

  private refusal({ address, principal }: Origin): Refusal | undefined {
    const { clientsMax, clientsPerAddressMax, clientsPerUserMax } = this.limits
    const user = principal?.userId
    if (this.closed) return { reason: "closing", clientsMax }
    if (this.members.size >= clientsMax) return { reason: "full", clientsMax }
    if (address !== undefined && (this.byAddress.get(address) ?? 0) >= clientsPerAddressMax) {
      return { reason: "address", clientsMax: clientsPerAddressMax }
    }
    if (user !== undefined && (this.byUser.get(user) ?? 0) >= clientsPerUserMax) {
      return { reason: "user", clientsMax: clientsPerUserMax }
    }
    return undefined
  }

  /** Puts the event into the outboxes of those that want it, as far as they see it. */
  broadcast(event: BusEvent, frame: OutFrame.OutFrame): void {
    if (this.leaving.length > 0) Marks.reached("a broadcast met a client that leaves")
    for (const member of this.all()) {
      if (!wants(member.subscription, event)) continue
      const due = frameFor(member.limited, event, frame)
      if (due !== undefined) this.push(member, due)
    }
  }

  /** Tells all that could have wanted them of events that were lost. */
  tellHole(hole: OutFrame.Gap): void {
    const frame = OutFrame.gap(hole)
    for (const member of this.all()) if (wantsNumbered(member.subscription)) this.push(member, frame)
  }

  /** Puts a piece of a log into the outboxes of those that follow it, and before it word of those that were lost. */
  broadcastLog(piece: FollowedPiece): void {
    const followed = this.followers.get(logKey(piece))
    if (followed === undefined) return
    const { isHole, isNew, told } = LogHole.look(followed.told, piece)
    followed.told = told
    if (isHole) Marks.reached("a piece of a followed log was lost")
    const frames = [...(isHole ? [OutFrame.logHole(piece)] : []), ...(isNew ? [OutFrame.log(piece)] : [])]
    // A copy: whoever is dismissed may be gone before the walk is over.
    const members = Array.from(followed.members)
    for (const frame of frames) for (const member of members) this.push(member, frame)
  }

  /** Puts a frame into the outbox; a client whose outbox refuses it has to go. */
  push(member: Member, frame: OutFrame.OutFrame): void {
    if (member.outbox.push(frame)) return
    if (!this.dismiss(member, slowClient)) return Marks.reached("a broadcast met a client that leaves")
    this.slow++
    Marks.reached("a slow client was let go")
  }

  /**
   * What the client wants from now on: what is broadcast later follows it, and `answer` comes before that. Takes a
   * lease from `lease` for each log that it does not follow yet.
   */
  subscribe(
    member: Member,
    subscription: Subscription,
    logs: ReadonlyMap<string, LogId>,
    answer: OutFrame.OutFrame,
    lease: () => Scope.Closeable
  ): LogChanges {
    if (!this.members.has(member.id) || member.outbox.isShut) return noChanges
    member.subscription = subscription
    const ended: Array<Scope.Closeable> = []
    for (const key of member.logs?.keys() ?? []) {
      const released = logs.has(key) ? undefined : this.unfollow(member, key)
      if (released !== undefined) ended.push(released)
    }
    const begun: Array<Begun> = []
    for (const [key, log] of logs) {
      if (member.logs?.has(key) === true) continue
      const taken = { key, log, lease: lease() }
      member.logs ??= new Map()
      member.logs.set(key, taken.lease)
      const followed = this.followers.get(key) ?? { members: new Set(), told: undefined }
      followed.members.add(member)
      this.followers.set(key, followed)
      begun.push(taken)
    }
    // Last: it may wake others, and they find everything as it is to be.
    this.push(member, answer)
    return { begun, ended }
  }

  /** Ends the following of a log; gives the lease to close. */
  unfollow(member: Member, key: string): Scope.Closeable | undefined {
    const lease = member.logs?.get(key)
    member.logs?.delete(key)
    const followed = this.followers.get(key)
    followed?.members.delete(member)
    if (followed?.members.size === 0) this.followers.delete(key)
    return lease
  }

  /** Asks for the client to be removed; the first reason counts. Says whether this was it. */
  dismiss(member: Member, reason: CloseReason): boolean {
    if (!Deferred.doneUnsafe(member.closing, Exit.succeed(reason))) return false
    this.leaving.push(member)
    this.somebodyLeaves.openUnsafe()
    return true
  }

  /** Has it go without another word about the fleet, whatever waits for it, and whatever was asked of it before. */
  bar(member: Member, reason: CloseReason): void {
    member.outbox.shut()
    this.dismiss(member, reason)
  }

  /** Those that leave and were not taken yet. */
  takeLeaving(): ReadonlyArray<Member> {
    const { leaving } = this
    this.leaving = []
    this.somebodyLeaves.closeUnsafe()
    return leaving
  }

  /** Removes a client: it is not counted and nothing is broadcast to it. Gives what held its logs. */
  remove(member: Member): ReadonlyArray<Scope.Closeable> {
    if (!this.members.delete(member.id)) return []
    this.walk = undefined
    count(this.byAddress, member.origin.address, -1)
    count(this.byUser, member.origin.principal?.userId, -1)
    const leases = [...(member.logs?.values() ?? [])]
    for (const key of Array.from(member.logs?.keys() ?? [])) this.unfollow(member, key)
    return leases
  }

  /** The session of the client is over. */
  end(member: Member): void {
    this.sessions.delete(member.id)
    Deferred.doneUnsafe(member.left, Exit.void)
  }

  /** Admits nobody any more and dismisses all; gives the sessions that are not over. */
  close(reason: CloseReason): ReadonlyArray<Deferred.Deferred<void>> {
    this.closed = true
    for (const member of this.all()) this.dismiss(member, reason)
    return [...this.sessions.values()]
  }

  get connected(): number {
    return this.members.size
  }

  get sessionsOpen(): number {
    return this.sessions.size
  }

  /** Leases of logs, all clients together. */
  get leases(): number {
    let all = 0
    for (const { members } of this.followers.values()) all += members.size
    return all
  }

  /** All of them; the same list as long as nobody comes or goes. */
  all(): ReadonlyArray<Member> {
    return (this.walk ??= [...this.members.values()])
  }
}

const count = (counts: Map<string, number>, key: string | undefined, by: 1 | -1): void => {
  if (key === undefined) return
  const now = (counts.get(key) ?? 0) + by
  if (now > 0) counts.set(key, now)
  else counts.delete(key)
}
