/**
 * Oracle: what clients of the hub received, against what was published.
 *
 * After its snapshot, or after the event that it came back with when it is resumed, a client must get every event that
 * it asked for, in order and unchanged, and none that it did not ask for; except those that a `gap` frame told it of.
 * While it is connected it must also get the last one. A snapshot holds all events up to its number and none after it.
 */
import { Effect, Layer, Ref, Schema } from "effect"
import type { Fiber, Scope } from "effect"
import type { BusEvent } from "../../core/bus/BusEvent.ts"
import { EventBus } from "../../core/bus/EventBus.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import type { FleetEvent } from "../../core/domain/FleetEvent.ts"
import { FleetSnapshot } from "../../core/domain/Node.ts"
import { wants } from "../../core/hub/Protocol.ts"
import type { Subscription } from "../../core/hub/Protocol.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import type { HubClient, Received } from "../peers/HubClient.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Violation } from "../Property.ts"
import { differenceOf } from "./FleetReplay.ts"

/** With what a client came back. */
export interface CameBack {
  readonly since: number
  /** Undefined when it named none. */
  readonly stream: string | undefined
  /** It was sent that event itself, by this stream: the hub has had it. */
  readonly hadEvent: boolean
}

/** A client that was there, for the oracle. */
export interface Witness {
  readonly name: string
  readonly client: HubClient
  /** What it asked for by the query of its connection. Default: everything. */
  readonly initial?: Subscription
  /** What it changed its subscription to by a frame, if it did. */
  readonly narrowed: Subscription | undefined
  readonly cameBack?: CameBack | undefined
  /** Its reader: while that runs, the client is connected. */
  readonly reading: Fiber.Fiber<number>
}

/** A client as the comparison needs it. */
export type Observed = Pick<Witness, "cameBack" | "initial" | "narrowed">

/** What is known of the console. */
export interface Expected {
  /** With them, who missed no more than these and lost nothing on the way must be resumed. */
  readonly eventsKept?: number
  /** The events are all there ever were: snapshots are compared with them. Default false. */
  readonly isWhole?: boolean
}

/** Takes down all that is published from now on. */
export const record = (
  bus: EventBus["Service"]
): Effect.Effect<Effect.Effect<ReadonlyArray<FleetEvent>>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const published = yield* Ref.make<ReadonlyArray<FleetEvent>>([])
    yield* bus.subscribe({
      name: "event stream oracle",
      wants: isNumbered,
      handle: (event) => (isNumbered(event) ? Ref.update(published, (all) => [...all, event]) : Effect.void)
    })
    return Ref.get(published)
  })

/** Takes down what is handed to the bus, whatever becomes of it there. */
export const watch = (
  parts: ConsoleParts
): { readonly parts: ConsoleParts; readonly published: () => ReadonlyArray<FleetEvent> } => {
  const published: Array<FleetEvent> = []
  const watched = Effect.map(EventBus, (bus) => ({
    ...bus,
    publish: (events: ReadonlyArray<BusEvent>) =>
      Effect.suspend(() => {
        published.push(...events.filter(isNumbered))
        return bus.publish(events)
      })
  }))
  return {
    parts: {
      ...parts,
      bus: (options) => Layer.effect(EventBus, watched).pipe(Layer.provide(parts.bus(options)))
    },
    published: () => published
  }
}

const isNumbered = (event: BusEvent): event is FleetEvent => "seq" in event

/** Compares once nothing is published any more. */
export const verify = (
  witnesses: ReadonlyArray<Witness>,
  events: ReadonlyArray<FleetEvent>,
  expected: Expected = {}
): Effect.Effect<void, Violation, RunContext> =>
  Effect.gen(function* () {
    yield* holds(
      events.every((event, i) => event.seq === (events[0]?.seq ?? 0) + i),
      () => `a subscriber of the bus got events ${events.map((event) => event.seq).join(" ")}`
    )
    for (const witness of witnesses) {
      if (witness.reading.pollUnsafe() === undefined) yield* caughtUp(witness, events)
      yield* compare(witness, yield* witness.client.received, events, expected)
    }
  })

/** The longest that the last event may be under way to a client that reads. */
const lastEventMs = 5_000

const caughtUp = ({ cameBack, client, initial = {}, name, narrowed }: Witness, events: ReadonlyArray<FleetEvent>) => {
  const isWanted = (event: FleetEvent) => wants(narrowed ?? initial, event) && wants(initial, event)
  const last = events.findLast(isWanted)?.seq ?? 0
  const isResumed = (frames: ReadonlyArray<Received>) =>
    frames.some(({ text, type }) => type === "hello" && decodeHello(text).resumed)
  return eventually({
    what: `${name} knows of event ${last}`,
    withinMs: lastEventMs,
    look: Effect.map(client.received, (frames) =>
      Math.max(lastKnown(frames), isResumed(frames) ? (cameBack?.since ?? 0) : 0)
    ),
    until: (seq: number) => seq >= last
  })
}

/** Number of the last event that a client knows by these frames; 0 when it knows none. */
export const lastKnown = (frames: ReadonlyArray<Received>): number => Math.max(0, ...frames.map(lastNumber))

const Gap = Schema.Struct({ type: Schema.Literal("gap"), from: Schema.Int, to: Schema.Int })
const decodeGap = Schema.decodeUnknownSync(Schema.fromJsonString(Gap))

const lastNumber = (frame: Received): number => (frame.type === "gap" ? decodeGap(frame.text).to : (frame.seq ?? 0))

const Hello = Schema.Struct({ type: Schema.Literal("hello"), stream: Schema.String, resumed: Schema.Boolean })

/** The greeting of the hub. */
export const decodeHello = Schema.decodeUnknownSync(Schema.fromJsonString(Hello))

const decodeSnapshot = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ type: Schema.Literal("snapshot"), ...FleetSnapshot.fields }))
)

/** What is wrong with what a client received, frame by frame; the owner of its place in the stream. */
class Comparison {
  readonly #witness: Observed
  readonly #events: ReadonlyArray<FleetEvent>
  readonly #byNumber: ReadonlyMap<number, FleetEvent>
  readonly #expected: Expected
  readonly reached = new Set<string>()
  /** Before the first, undefined. */
  #last: number | undefined
  /** What it was told to be missing. */
  #told = 0
  #wanted: Subscription
  /** Subscriptions since its last event: what is missing must have been wanted by all of them. */
  #meanwhile: ReadonlyArray<Subscription>

  constructor(witness: Observed, events: ReadonlyArray<FleetEvent>, expected: Expected) {
    this.#witness = witness
    this.#events = events
    this.#byNumber = new Map(events.map((event) => [event.seq, event]))
    this.#expected = expected
    this.#wanted = witness.initial ?? {}
    this.#meanwhile = [this.#wanted]
  }

  /** Takes in the next frame; gives what is wrong with it. */
  take(frame: Received): string | undefined {
    switch (frame.type) {
      case "hello":
        return this.#greet(frame)
      case "snapshot":
        return this.#snapshot(frame)
      case "subscribed":
        return this.#subscribed()
      case "gap":
        return this.#gap(frame)
      default:
        return frame.seq === undefined ? undefined : this.#event(frame.seq, frame.text)
    }
  }

  #greet(frame: Received): string | undefined {
    const { resumed, stream } = decodeHello(frame.text)
    const { cameBack } = this.#witness
    if (!resumed) {
      if (cameBack !== undefined) this.reached.add("a client that came back got a snapshot")
      return undefined
    }
    if (cameBack === undefined) return "was resumed although it knew no event"
    const { since, stream: asked } = cameBack
    if (asked !== undefined && asked !== stream) return `was resumed in stream ${stream}, and came from ${asked}`
    if (since > (this.#events.at(-1)?.seq ?? 0)) return `was resumed after event ${since}, which is yet to come`
    this.reached.add("a client was resumed")
    this.#last = since
    return undefined
  }

  #snapshot(frame: Received): string | undefined {
    const { nodes, seq } = decodeSnapshot(frame.text)
    const { eventsKept, isWhole = false } = this.#expected
    const { cameBack } = this.#witness
    if (this.#last !== undefined) return `received a snapshot after event ${this.#last}`
    this.#last = seq
    if (cameBack?.hadEvent === true && seq < cameBack.since) {
      return `knows of event ${cameBack.since} and received a snapshot of event ${seq}`
    }
    if (cameBack?.hadEvent === true && eventsKept !== undefined && seq - cameBack.since <= eventsKept) {
      return `missed no more than events ${cameBack.since + 1} to ${seq} of ${eventsKept} kept and was not resumed`
    }
    if (!isWhole) return undefined
    const difference = differenceOf(this.#events.slice(0, seq), nodes)
    return difference === undefined ? undefined : `received a snapshot of event ${seq}, but ${difference}`
  }

  #subscribed(): undefined {
    const { narrowed } = this.#witness
    if (narrowed === undefined) return
    this.#wanted = narrowed
    this.#meanwhile = [...this.#meanwhile, narrowed]
    this.reached.add("a narrowed subscription")
  }

  #gap(frame: Received): string | undefined {
    const { from, to } = decodeGap(frame.text)
    this.reached.add("a gap was told")
    if (this.#last === undefined) return `was told of a gap of events ${from} to ${to} before its snapshot`
    if (from > to || from <= Math.max(this.#last, this.#told)) {
      return `was told of a gap of events ${from} to ${to} after event ${this.#last}, or a gap up to ${this.#told}`
    }
    const missing = this.#missing(from)
    this.#told = to
    return missing === undefined ? undefined : `was told of a gap from event ${from} on, but not of event ${missing}`
  }

  #event(seq: number, text: string): string | undefined {
    const event = this.#byNumber.get(seq)
    const last = this.#last
    if (last === undefined) return `received event ${seq} before its snapshot`
    if (event === undefined) return `received event ${seq}, which was never published`
    if (JSON.stringify(event) !== text) return `received another event ${seq} than was published`
    if (seq <= last) return `received event ${seq} after event ${last}`
    if (seq <= this.#told) return `received event ${seq} after it was told of a gap up to ${this.#told}`
    if (!wants(this.#wanted, event)) return `received event ${seq} (${event.type}), which it did not ask for`
    const missing = this.#missing(seq)
    this.#last = seq
    this.#meanwhile = [this.#wanted]
    return missing === undefined ? undefined : `received event ${seq} but not event ${missing}, and was not told`
  }

  /** The first event before this one that it should have got. */
  #missing(before: number): number | undefined {
    for (let seq = Math.max(this.#last ?? 0, this.#told) + 1; seq < before; seq++) {
      const missed = this.#byNumber.get(seq)
      if (missed !== undefined && this.#meanwhile.every((wanted) => wants(wanted, missed))) return seq
    }
    return undefined
  }
}

/** What is wrong with the frames of a client, undefined for nothing, and what it came across. Pure. */
export const wrongWith = (
  witness: Observed,
  frames: ReadonlyArray<Received>,
  events: ReadonlyArray<FleetEvent>,
  expected: Expected = {}
): { readonly wrong: string | undefined; readonly reached: ReadonlySet<string> } => {
  const comparison = new Comparison(witness, events, expected)
  for (const frame of frames) {
    const wrong = comparison.take(frame)
    if (wrong !== undefined) return { wrong, reached: comparison.reached }
  }
  return { wrong: undefined, reached: comparison.reached }
}

const compare = (
  witness: Witness,
  frames: ReadonlyArray<Received>,
  events: ReadonlyArray<FleetEvent>,
  expected: Expected
): Effect.Effect<void, Violation, RunContext> =>
  Effect.gen(function* () {
    const { reached, wrong } = wrongWith(witness, frames, events, expected)
    if (wrong !== undefined) return yield* violated(`${witness.name} ${wrong}`)
    for (const place of reached) yield* sometimes(place)
  })
