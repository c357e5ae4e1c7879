/**
 * The hub: who is connected, and what each is sent.
 *
 * - One fiber takes events from the bus and puts each, encoded once, into the outbox of every client that wants it. It
 *   never waits for a client and never changes the set of clients (R1.2, R1.5).
 * - Each client has a cleanup fiber of its own, owned by the hub. Whoever finds that a client has to go (its session,
 *   the broadcast, the heartbeat, shutdown) completes `closing`; only the cleanup fiber removes it.
 * - Who is a member and whose session is not over is one immutable value, changed in single steps.
 */
import { Context, Deferred, Effect, Exit, Layer, MutableRef, Ref, Schema, Scope } from "effect"
import { EventBus } from "../bus/EventBus.ts"
import type { FleetEvent } from "../domain/FleetEvent.ts"
import { Fleet } from "../fleet/Fleet.ts"
import * as Outbox from "./Outbox.ts"
import type { SlowClientPolicy } from "./Outbox.ts"
import { CloseCode, wants } from "./Protocol.ts"
import type { CloseReason, Subscription } from "./Protocol.ts"

export interface HubOptions {
  readonly clientsMax: number
  readonly outboxFramesMax: number
  readonly slowClientPolicy: SlowClientPolicy
  /** Told to clients in `hello`; see Session. */
  readonly heartbeatIntervalMs: number
  /** The longest wait at shutdown for clients to be told and their sessions to end. */
  readonly closeTimeoutMs: number
}

/** No client is admitted: as many as allowed are connected, or the console shuts down. */
export class JoinRefused extends Schema.TaggedError<JoinRefused>()("JoinRefused", {
  reason: Schema.Literals(["full", "closing"]),
  clientsMax: Schema.Int
}) {}

/** A connected client, for the session that serves it. */
export interface Client {
  readonly id: number
  readonly outbox: Outbox.Outbox
  /** Changes what it gets; events broadcast later follow it, and `answer` comes before them. */
  readonly subscribe: (subscription: Subscription, answer: string) => Effect.Effect<void>
  /** Puts a frame that is no event into the outbox. */
  readonly send: (text: string) => Effect.Effect<void>
  /** Asks for the client to be removed; the first reason counts. */
  readonly close: (reason: CloseReason) => Effect.Effect<void>
  /** Why it has to go, once it has to. */
  readonly closing: Effect.Effect<CloseReason>
  /** Waits until it is no member any more: it is not counted and nothing is broadcast to it. */
  readonly gone: Effect.Effect<void>
  /** Says that its session is over. The hub holds nothing of it afterwards. */
  readonly leave: Effect.Effect<void>
}

export interface HubCounts {
  readonly connected: number
  readonly joined: number
  readonly left: number
}

export class Hub extends Context.Service<
  Hub,
  {
    /**
     * Adds a client; its outbox opens with the snapshot of the fleet. In the end the caller must `close` it, and
     * `leave` once nothing is under way for it any more.
     */
    readonly join: Effect.Effect<Client, JoinRefused>
    readonly counts: Effect.Effect<HubCounts>
    /** Admits nobody any more, asks all clients to leave, and waits a bounded time until their sessions are over. */
    readonly close: Effect.Effect<void>
  }
>()("core/hub/Hub") {}

interface Member {
  readonly id: number
  readonly outbox: Outbox.Outbox
  readonly subscription: Subscription
  readonly closing: Deferred.Deferred<CloseReason>
  readonly gone: Deferred.Deferred<void>
  readonly left: Deferred.Deferred<void>
}

/** What a member consists of from the start. */
type Parts = Pick<Member, "outbox" | "closing" | "gone" | "left">

interface HubState {
  readonly members: ReadonlyMap<number, Member>
  /** Sessions that are not over, by client: of members, and of those that are being told why they had to go. */
  readonly sessions: ReadonlyMap<number, Deferred.Deferred<void>>
  readonly joined: number
  readonly closed: boolean
}

export const layer = (options: HubOptions): Layer.Layer<Hub, never, EventBus | Fleet> =>
  Layer.effect(
    Hub,
    Effect.gen(function* () {
      const bus = yield* EventBus
      const fleet = yield* Fleet
      const scope = yield* Effect.scope
      const state = yield* Ref.make<HubState>({ members: new Map(), sessions: new Map(), joined: 0, closed: false })

      const subscription = yield* bus.subscribe
      yield* subscription.take.pipe(
        Effect.flatMap((event) => broadcast(state, event)),
        Effect.forever,
        Effect.withSpan("Hub.broadcast"),
        Effect.forkIn(scope)
      )

      const remove = (id: number) =>
        Ref.update(state, (before) => ({ ...before, members: without(before.members, id) }))

      const join = Effect.uninterruptible(
        Effect.gen(function* () {
          const outbox = yield* Outbox.make({ framesMax: options.outboxFramesMax, policy: options.slowClientPolicy })
          const parts: Parts = {
            outbox,
            closing: yield* Deferred.make<CloseReason>(),
            gone: yield* Deferred.make<void>(),
            left: yield* Deferred.make<void>()
          }
          const admitted = yield* Ref.modify(state, (before) => admit(before, options.clientsMax, parts))
          if (typeof admitted === "string")
            return yield* new JoinRefused({ reason: admitted, clientsMax: options.clientsMax })
          const id = admitted
          yield* Deferred.await(parts.closing).pipe(
            Effect.ensuring(Effect.andThen(remove(id), Deferred.succeed(parts.gone, undefined))),
            Effect.withSpan("Hub.cleanup", { attributes: { client: id } }),
            Effect.forkIn(scope, { startImmediately: true })
          )
          // The client is a member before the snapshot is taken: what is broadcast in between waits in its outbox, so
          // that nothing falls between the snapshot and the first event.
          const snapshot = yield* fleet.snapshot
          yield* outbox.open(
            [
              JSON.stringify({ type: "hello", client: id, heartbeat_ms: options.heartbeatIntervalMs }),
              JSON.stringify({ type: "snapshot", ...snapshot })
            ],
            snapshot.seq
          )
          return makeClient(state, id, parts)
        })
      )

      const close = shutdown(state, options.closeTimeoutMs)
      yield* Scope.addFinalizer(scope, close)
      return Hub.of({
        join,
        close,
        counts: Effect.map(Ref.get(state), ({ joined, members }) => ({
          connected: members.size,
          joined,
          left: joined - members.size
        }))
      })
    })
  )

/**
 * Puts the event into the outboxes and asks those clients to leave whose outbox refuses it. One atomic step, the look
 * at the members included: a subscription that was answered before it is the one that counts.
 */
const broadcast = (state: Ref.Ref<HubState>, event: FleetEvent): Effect.Effect<void> =>
  Effect.sync(() => {
    const frame = { text: JSON.stringify(event), seq: event.seq }
    for (const member of Ref.getUnsafe(state).members.values()) {
      if (wants(member.subscription, event) && !member.outbox.pushUnsafe(frame)) {
        Deferred.doneUnsafe(member.closing, Exit.succeed(slowClient))
      }
    }
  })

const slowClient: CloseReason = { code: CloseCode.slowClient, reason: "too slow: the outbox is full" }

const admit = (
  before: HubState,
  clientsMax: number,
  parts: Parts
): readonly [number | JoinRefused["reason"], HubState] => {
  if (before.closed) return ["closing", before]
  if (before.members.size >= clientsMax) return ["full", before]
  const id = before.joined + 1
  const members = new Map(before.members).set(id, { ...parts, id, subscription: {} })
  const sessions = new Map(before.sessions).set(id, parts.left)
  return [id, { ...before, members, sessions, joined: id }]
}

const without = <A>(all: ReadonlyMap<number, A>, id: number): ReadonlyMap<number, A> => {
  const rest = new Map(all)
  rest.delete(id)
  return rest
}

const makeClient = (state: Ref.Ref<HubState>, id: number, { closing, gone, left, outbox }: Parts): Client => {
  const push = (text: string) => {
    if (!outbox.pushUnsafe({ text, seq: undefined })) Deferred.doneUnsafe(closing, Exit.succeed(slowClient))
  }
  return {
    id,
    outbox,
    // One atomic step, so that the answer stands between the events of before and those of after. The push comes last:
    // it may end the client, and its cleanup changes the state there and then.
    subscribe: (subscription, answer) =>
      Effect.sync(() => {
        const before = Ref.getUnsafe(state)
        const member = before.members.get(id)
        if (member === undefined) return
        const members = new Map(before.members).set(id, { ...member, subscription })
        MutableRef.set(state.ref, { ...before, members })
        push(answer)
      }),
    send: (text) => Effect.sync(() => push(text)),
    close: (reason) => Effect.asVoid(Deferred.succeed(closing, reason)),
    closing: Deferred.await(closing),
    gone: Deferred.await(gone),
    leave: Effect.andThen(
      Ref.update(state, (before) => ({ ...before, sessions: without(before.sessions, id) })),
      Deferred.succeed(left, undefined)
    )
  }
}

const goingAway: CloseReason = { code: CloseCode.goingAway, reason: "the console shuts down" }

const shutdown = (state: Ref.Ref<HubState>, timeoutMs: number) =>
  Effect.gen(function* () {
    const { members, sessions } = yield* Ref.updateAndGet(state, (before) => ({ ...before, closed: true }))
    yield* Effect.forEach(members.values(), (member) => Deferred.succeed(member.closing, goingAway), { discard: true })
    // A member is gone at once; its session has yet to tell it so. The server would cut that short.
    yield* Effect.forEach(sessions.values(), (left) => Deferred.await(left), { discard: true }).pipe(
      Effect.timeoutOption(timeoutMs)
    )
  })
