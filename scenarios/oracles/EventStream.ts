/**
 * Oracle: what clients of the hub received, against what was published.
 *
 * After its snapshot a client must get every event that it asked for, in order and unchanged, except those that a
 * `gap` frame told it of; and while it is connected, also the last one.
 */
import { Effect, Ref, Schema } from "effect"
import type { Fiber, Scope } from "effect"
import type { EventBus } from "../../core/bus/EventBus.ts"
import type { FleetEvent } from "../../core/domain/FleetEvent.ts"
import { wants } from "../../core/hub/Protocol.ts"
import type { Subscription } from "../../core/hub/Protocol.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import type { HubClient, Received } from "../peers/HubClient.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Violation } from "../Property.ts"

/** A client that was there, for the oracle. */
export interface Witness {
  readonly name: string
  readonly client: HubClient
  /** What it narrowed its subscription to, if it did. */
  readonly narrowed: Subscription | undefined
  /** Its reader: while that runs, the client is connected. */
  readonly reading: Fiber.Fiber<number>
}

/** Takes down all that is published from now on. */
export const record = (
  bus: EventBus["Service"]
): Effect.Effect<Effect.Effect<ReadonlyArray<FleetEvent>>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const published = yield* Ref.make<ReadonlyArray<FleetEvent>>([])
    const tap = yield* bus.subscribe
    yield* Effect.forkScoped(
      Effect.forever(Effect.flatMap(tap.take, (event) => Ref.update(published, (all) => [...all, event])))
    )
    return Ref.get(published)
  })

/** Compares once nothing is published any more. */
export const verify = (
  witnesses: ReadonlyArray<Witness>,
  events: ReadonlyArray<FleetEvent>
): Effect.Effect<void, Violation, RunContext> =>
  Effect.gen(function* () {
    yield* holds(
      events.every((event, i) => event.seq === i + 1),
      () => `a subscriber of the bus got events ${events.map((event) => event.seq).join(" ")}`
    )
    for (const witness of witnesses) {
      if (witness.reading.pollUnsafe() === undefined) yield* caughtUp(witness, events)
      yield* compare(witness, yield* witness.client.received, events)
    }
  })

/** The longest that the last event may be under way to a client that reads. */
const lastEventMs = 5_000

const caughtUp = ({ client, name, narrowed }: Witness, events: ReadonlyArray<FleetEvent>) => {
  const last = events.findLast((event) => narrowed === undefined || wants(narrowed, event))?.seq ?? 0
  return eventually({
    what: `${name} knows of event ${last}`,
    withinMs: lastEventMs,
    look: Effect.map(client.received, (frames) => Math.max(0, ...frames.map(lastNumber))),
    until: (seq: number) => seq >= last
  })
}

const Gap = Schema.Struct({ type: Schema.Literal("gap"), from: Schema.Int, to: Schema.Int })
const decodeGap = Schema.decodeUnknownSync(Schema.fromJsonString(Gap))

const lastNumber = (frame: Received): number => (frame.type === "gap" ? decodeGap(frame.text).to : (frame.seq ?? 0))

const compare = (
  { name, narrowed }: Witness,
  frames: ReadonlyArray<Received>,
  events: ReadonlyArray<FleetEvent>
): Effect.Effect<void, Violation, RunContext> =>
  Effect.gen(function* () {
    const byNumber = new Map(events.map((event) => [event.seq, event]))
    let wanted: Subscription = {}
    let last: number | undefined
    let told = 0
    for (const frame of frames) {
      if (frame.type === "snapshot") last = frame.seq ?? 0
      if (frame.type === "subscribed" && narrowed !== undefined) {
        wanted = narrowed
        yield* sometimes("a narrowed subscription")
      }
      if (frame.type === "gap") {
        told = decodeGap(frame.text).to
        yield* sometimes("a gap was told")
      }
      if (frame.seq === undefined || frame.type === "snapshot") continue
      const event = byNumber.get(frame.seq)
      if (last === undefined) return yield* violated(`${name} received event ${frame.seq} before its snapshot`)
      if (event === undefined) return yield* violated(`${name} received event ${frame.seq}, which was never published`)
      if (JSON.stringify(event) !== frame.text) {
        return yield* violated(`${name} received another event ${frame.seq} than was published`)
      }
      if (frame.seq <= last) return yield* violated(`${name} received event ${frame.seq} after event ${last}`)
      for (let seq = Math.max(last, told) + 1; seq < frame.seq; seq++) {
        const missed = byNumber.get(seq)
        if (missed !== undefined && wants(wanted, missed)) {
          return yield* violated(`${name} received event ${frame.seq} but not event ${seq}, and was not told`)
        }
      }
      last = frame.seq
    }
  })
