/**
 * The hub: who is connected, and what each is sent.
 *
 * - The bus hands it one event after another. Each is encoded once and put into the outbox of every client that wants
 *   it; that never waits for a client and never changes the set of clients (R1.2, R1.5).
 * - One cleanup fiber removes clients. Whoever finds that a client has to go (its session, the broadcast, the
 *   heartbeat, shutdown) only asks for it: at most once a client, so what waits for the fiber is bounded.
 * - The last numbered events are kept: a client that comes back is sent what it missed instead of a snapshot.
 * - A client is told only of what its principal sees. Its rights are looked at again as it joins, as it subscribes,
 *   when they are said to have changed, and once in a while; with others than before it is let go, and told nothing
 *   more.
 */
import { Context, Deferred, Effect, Layer, Random, Schema, Scope } from "effect"
import { EventBus } from "../bus/EventBus.ts"
import type { BusEvent } from "../bus/BusEvent.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { seenSnapshot } from "../fleet/FleetSight.ts"
import { LogFollow } from "../fleet/LogFollow.ts"
import { Components } from "../health/Components.ts"
import * as Marks from "../Marks.ts"
import * as Cleanup from "./Cleanup.ts"
import { EventRing } from "./EventRing.ts"
import * as LogLeases from "./LogLeases.ts"
import { Members } from "./Members.ts"
import type { Member, Origin, Refusal } from "./Members.ts"
import * as OutFrame from "./OutFrame.ts"
import type { Outbox, SlowClientPolicy } from "./Outbox.ts"
import { goingAway, wants } from "./Protocol.ts"
import type { CloseReason, Subscription } from "./Protocol.ts"
import * as Review from "./Review.ts"
import { frameFor, streamFor } from "./Sight.ts"

export interface HubOptions {
  readonly clientsMax: number
  readonly clientsPerAddressMax: number
  readonly clientsPerUserMax: number
  /** Numbered events that a client may have missed and still get when it comes back. */
  readonly eventsKept: number
  /** Bounds its bytes too: 16 KiB for each frame. */
  readonly outboxFramesMax: number
  readonly slowClientPolicy: SlowClientPolicy
  readonly logsPerClientMax: number
  /** Told to clients in `hello`; see Heartbeat. */
  readonly heartbeatIntervalMs: number
  /** The longest wait at shutdown for clients to be told and their sessions to end. */
  readonly closeTimeoutMs: number
}

/**
 * No client is admitted: as many as allowed are connected, in all or from there, the console shuts down, or it is short
 * of memory.
 */
export class JoinRefused extends Schema.TaggedError<JoinRefused>()("JoinRefused", {
  reason: Schema.Literals(["full", "closing", "address", "user"]),
  /** The limit that is reached. */
  clientsMax: Schema.Int
}) {}

/** Who joins, and with what. */
export interface Joining extends Origin {
  /**
   * The last event that it knows, and of which stream; without a stream that of this console is meant, as one sees it
   * who sees everything.
   */
  readonly since?: number | undefined
  readonly stream?: string | undefined
  /** What it wants from the start; logs are followed only later. */
  readonly subscription?: Omit<Subscription, "logs">
}

/** A connected client, for the session that serves it. */
export interface Client {
  readonly id: number
  readonly outbox: Outbox
  /**
   * Changes what it gets and answers by `subscribed`; events broadcast later follow it. Refused, with an `error` frame
   * and no change, when it names too many logs. A log that cannot be followed is told by an `error` frame afterwards.
   */
  readonly subscribe: (subscription: Subscription) => Effect.Effect<void>
  /** Puts a frame that is no event into the outbox. */
  readonly send: (text: string) => Effect.Effect<void>
  /** Asks for the client to be removed; the first reason counts. */
  readonly close: (reason: CloseReason) => Effect.Effect<void>
  /** Why it has to go, once it has to. */
  readonly closing: Effect.Effect<CloseReason>
  /** Waits until it is no member any more: it is not counted, nothing is broadcast to it, and it follows no log. */
  readonly gone: Effect.Effect<void>
  /** Says that its session is over. The hub holds nothing of it afterwards. */
  readonly leave: Effect.Effect<void>
}

export interface HubCounts {
  readonly connected: number
  readonly joined: number
  readonly left: number
  /** Clients that had to go because they did not read fast enough. */
  readonly slow: number
  /** Clients that were not admitted. */
  readonly refused: number
  /** Sessions that are not over; at rest as many as are connected. */
  readonly sessions: number
  /** Logs that are followed, those of each client counted. */
  readonly logs: number
  /** Frames that connections were given, and their bytes without framing. */
  readonly framesSent: number
  readonly bytesSent: number
  /** Number of the newest event. */
  readonly seq: number
}

export class Hub extends Context.Service<
  Hub,
  {
    /**
     * Adds a client; its outbox opens with what it missed or the snapshot of the fleet. In the end the caller must
     * `close` it, and `leave` once nothing is under way for it any more.
     */
    readonly join: (joining?: Joining) => Effect.Effect<Client, JoinRefused>
    readonly counts: Effect.Effect<HubCounts>
    /** Rights of these users have changed: lets those of their clients go that have others now. Waits for nobody. */
    readonly rightsChanged: (userIds: ReadonlySet<string>) => Effect.Effect<void>
    /** Gives up the events that it keeps for clients that come back: these take the snapshot. */
    readonly shed: Effect.Effect<void>
    /** Admits nobody any more, asks all clients to leave, and waits a bounded time until their sessions are over. */
    readonly close: Effect.Effect<void>
  }
>()("core/hub/Hub") {}

/**
 * Bytes that an outbox may hold for each of the frames that it may: far more than an event has, and 4 MiB with the 256
 * frames that are the default.
 */
const bytesPerFrame = 16 * 1_024

/** Name of the hub as a component. */
const component = "hub"

export const layer = (options: HubOptions): Layer.Layer<Hub, never, EventBus | Fleet | LogFollow | Components> =>
  Layer.effect(
    Hub,
    Effect.gen(function* () {
      const bus = yield* EventBus
      const fleet = yield* Fleet
      const components = yield* Components
      const scope = yield* Effect.scope
      const members = new Members(options, {
        framesMax: options.outboxFramesMax,
        bytesMax: options.outboxFramesMax * bytesPerFrame,
        policy: options.slowClientPolicy
      })
      const ring = new EventRing(options.eventsKept)
      const stream = yield* drawStream
      const leases = LogLeases.make(members, scope, yield* LogFollow, options.logsPerClientMax)

      const counts = countsOf(members, ring)
      yield* components.register(
        component,
        Effect.map(counts, ({ connected, refused, slow }) => ({ clients: connected, slow, refused }))
      )
      yield* Cleanup.start(members, scope, (message) => components.failed(component, message))
      yield* bus.subscribe({ name: "hub", handle: (event) => report(broadcast(members, ring, event), components) })
      // Events of before are in the snapshot of every client; only what is lost from here on is a hole.
      ring.begin((yield* fleet.snapshot).seq)

      const review = yield* Review.make(members, options.heartbeatIntervalMs)
      const greet = (member: Member, joining: Joining) =>
        Effect.suspend(() => {
          const { limited, id: client } = member
          const own = streamFor(stream, limited)
          const hello = (resumed: boolean) =>
            OutFrame.plain({
              type: "hello",
              client,
              stream: own,
              heartbeat_ms: options.heartbeatIntervalMs,
              resumed
            })
          // One atomic step: what is broadcast next is the event after the last of these.
          const missed = isOfStream(joining, own, review.neverLimited(member)) ? ring.after(joining.since) : undefined
          if (missed !== undefined) {
            const wanted = missed.filter(({ event }) => wants(member.subscription, event))
            const frames = wanted.flatMap(({ event, frame }) => frameFor(limited, event, frame) ?? [])
            member.outbox.open([hello(true), ...frames], ring.seq)
            return Effect.void
          }
          if (joining.since !== undefined) Marks.reached("a client came back and had to take the snapshot")
          // The client is a member before the snapshot is taken: what is broadcast in between waits in its outbox, so
          // that nothing falls between the snapshot and the first event.
          return Effect.map(fleet.snapshot, (snapshot) => {
            const seen = seenSnapshot(limited, snapshot)
            member.outbox.open([hello(false), OutFrame.plain({ type: "snapshot", ...seen })], seen.seq)
          })
        })

      const join = (joining: Joining = {}) =>
        Effect.uninterruptible(
          Effect.gen(function* () {
            const member = yield* review.admit(joining)
            if (isRefusal(member)) return yield* new JoinRefused(member)
            yield* greet(member, joining)
            return new MemberClient(members, leases, review, member)
          })
        )

      const close = shutdown(members, options.closeTimeoutMs)
      yield* Scope.addFinalizer(scope, close)
      return Hub.of({
        join,
        close,
        counts,
        rightsChanged: review.changed,
        shed: Effect.sync(() => ring.clear())
      })
    })
  )

const countsOf = (members: Members, ring: EventRing): Effect.Effect<HubCounts> =>
  Effect.sync(() => {
    const { connected, joined, leases: logs, refused, sent, sessionsOpen: sessions, slow } = members
    const left = joined - connected
    const { bytes: bytesSent, frames: framesSent } = sent
    return { connected, joined, left, slow, refused, sessions, logs, framesSent, bytesSent, seq: ring.seq }
  })

/** An id that no other start of the console has. */
const drawStream = Effect.map(
  Effect.all([Random.nextIntBetween(0, 0xffffffff), Random.nextIntBetween(0, 0xffffffff)]),
  (parts) => parts.map((part) => part.toString(16).padStart(8, "0")).join("")
)

const isRefusal = (admitted: Member | Refusal): admitted is Refusal => "reason" in admitted

/** Whether it comes back to the stream that it left. */
const isOfStream = (joining: Joining, own: string, mayOmit: boolean): joining is Joining & { readonly since: number } =>
  joining.since !== undefined && (joining.stream === undefined ? mayOmit : joining.stream === own)

/**
 * Puts the event into the outboxes; gives the numbers of events that were lost before it. One atomic step, the look at
 * the members included: a subscription that was answered before it is the one that counts.
 */
const broadcast = (members: Members, ring: EventRing, event: BusEvent): Effect.Effect<OutFrame.Gap | undefined> =>
  Effect.sync(() => {
    if (event.type === "log") {
      members.broadcastLog(event)
      return undefined
    }
    if (event.type === "component.status") {
      members.broadcast(event, OutFrame.plain(event))
      return undefined
    }
    const added = ring.add(event)
    if (added._tag === "Old") return undefined
    if (added.hole !== undefined) {
      Marks.reached("clients were told of events lost on the bus")
      members.tellHole(added.hole)
    }
    members.broadcast(event, added.kept.frame)
    return added.hole
  })

const report = (broadcasting: Effect.Effect<OutFrame.Gap | undefined>, components: Components["Service"]) =>
  Effect.flatMap(broadcasting, (hole) => {
    if (hole === undefined) return components.succeeded(component)
    const message = `events ${hole.from} to ${hole.to} were lost on the bus; clients were told`
    return Effect.andThen(Effect.logWarning(message), components.errored(component, message))
  })

/** A class, because one of its objects is far smaller than an object with a closure for each function. */
class MemberClient implements Client {
  private readonly members: Members
  private readonly leases: LogLeases.LogLeases
  private readonly review: Review.Review
  private readonly member: Member

  constructor(members: Members, leases: LogLeases.LogLeases, review: Review.Review, member: Member) {
    this.members = members
    this.leases = leases
    this.review = review
    this.member = member
  }

  get id(): number {
    return this.member.id
  }

  get outbox(): Outbox {
    return this.member.outbox
  }

  subscribe(subscription: Subscription): Effect.Effect<void> {
    return Effect.andThen(this.review.look(this.member), this.leases.subscribe(this.member, subscription))
  }

  send(text: string): Effect.Effect<void> {
    return Effect.sync(() => this.members.push(this.member, new OutFrame.OutFrame(text)))
  }

  close(reason: CloseReason): Effect.Effect<void> {
    return Effect.sync(() => this.members.dismiss(this.member, reason))
  }

  get closing(): Effect.Effect<CloseReason> {
    return Deferred.await(this.member.closing)
  }

  get gone(): Effect.Effect<void> {
    return Deferred.await(this.member.gone)
  }

  get leave(): Effect.Effect<void> {
    return Effect.sync(() => this.members.end(this.member))
  }
}

const shutdown = (members: Members, timeoutMs: number) =>
  Effect.suspend(() => {
    if (members.connected > 0) Marks.reached("the hub closed with clients")
    // A member is gone at once; its session has yet to tell it so. The server would cut that short.
    return Effect.forEach(members.close(goingAway), (left) => Deferred.await(left), { discard: true }).pipe(
      Effect.timeoutOption(timeoutMs)
    )
  })
