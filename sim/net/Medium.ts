/** What all connections of a network share: its rules, its links, its clock, and what is under way without a reader. */
import { Clock, Effect, type Scope } from "effect"
import { RunContext } from "../RunContext.ts"
import * as Rules from "../Rules.ts"
import type { Verdict } from "../Rules.ts"
import { Links } from "./Links.ts"
import type { LinkDefaults } from "./Links.ts"
import { spoil, tell } from "./Message.ts"
import type { Message } from "./Message.ts"
import { describePacket } from "./Packet.ts"
import type { Ends, Packet } from "./Packet.ts"
import { Signal } from "./Signal.ts"

/** How much may be under way in one direction before the sender waits. */
export interface Window {
  readonly messages: number
  readonly bytes: number
}

/** What travels instead of a message. */
export interface Alteration {
  /** In this order, each so many milliseconds after the one before. */
  readonly messages: ReadonlyArray<{ readonly message: Message; readonly afterMs: number }>
  /** The sender's end of the connection follows, and nothing that it sends later. */
  readonly ends: boolean
}

/** Asked for each message that passes the rules. */
export type Alter = (packet: Packet & { readonly message: Message }) => Alteration | undefined

interface Posted {
  readonly packet: Packet
  /** Milliseconds until it sets out; that is when the rules are asked. */
  readonly afterMs: number
  /** It does not overtake what was sent before it. */
  readonly notBeforeMs: () => number
  readonly arrive: () => void
}

export class Medium {
  readonly rules: Rules.Rules<Packet>
  readonly links: Links
  readonly window: Window
  readonly context: RunContext["Service"]
  /** Hosts without power: what comes to them gets no answer. */
  readonly down = new Set<string>()
  /** Raised whenever links change. */
  readonly changed = new Signal()
  alterations: ReadonlyArray<Alter> = []
  private readonly clock: Clock.Clock
  private readonly posted: Array<Effect.Effect<void>> = []
  private readonly posting = new Signal()

  constructor(options: {
    readonly rules: Rules.Rules<Packet>
    readonly context: RunContext["Service"]
    readonly clock: Clock.Clock
    readonly links: LinkDefaults
    readonly window: Window
  }) {
    this.rules = options.rules
    this.context = options.context
    this.clock = options.clock
    this.window = options.window
    this.links = new Links(options.links, (n) => options.context.choose("faults", n))
  }

  /** Monotonic: it does not jump with the wall clock. */
  nowMs(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  decide(packet: Packet): Verdict {
    return this.rules.decide(packet)
  }

  spoil(message: Message): Message {
    return spoil(message, (n) => this.context.choose("faults", n))
  }

  /** What a message becomes under the alterations that are laid; the first that changes it counts. */
  alter(ends: Ends, message: Message): Alteration | undefined {
    for (const alter of this.alterations) {
      const alteration = alter({ kind: "message", what: message._tag, message, ...ends })
      if (alteration !== undefined) return alteration
    }
    return undefined
  }

  tell({ from, to }: Ends, message: Message): void {
    if (message._tag === "Chunk" || message._tag === "End") return
    this.context.tell(() => `${from} -> ${to}: ${tell(message)}`, { kind: "message", from, to })
  }

  /** Sends something that no fiber waits for: the end of a connection on its way to a peer. */
  post(posted: Posted): void {
    const { afterMs, packet } = posted
    // A rule that is gone before the courier sets out must have been asked.
    const verdict = afterMs === 0 ? this.decide(packet) : undefined
    const carry = Effect.suspend(() => this.carry(posted, verdict ?? this.decide(packet)))
    this.posted.push(afterMs === 0 ? carry : Effect.andThen(Effect.sleep(afterMs), carry))
    this.posting.raise()
  }

  /** Carries what is posted, for as long as the scope lasts. Owned by the network, so it outlives crashed hosts. */
  readonly courier: Effect.Effect<void, never, Scope.Scope> = Effect.suspend(() => {
    const next = this.posted.shift()
    return next === undefined ? this.posting.after(this.posting.now) : Effect.asVoid(Effect.forkScoped(next))
  }).pipe(Effect.forever)

  private carry({ arrive, notBeforeMs, packet }: Posted, verdict: Verdict): Effect.Effect<void> {
    if (verdict._tag === "drop") return Effect.void
    const extraMs = verdict._tag === "delay" ? verdict.ms : 0
    return this.released(packet).pipe(
      Effect.andThen(Effect.suspend(() => Effect.sleep(this.links.latencyMs(packet) + extraMs))),
      Effect.andThen(Effect.suspend(() => Effect.sleep(Math.max(0, notBeforeMs() - this.nowMs())))),
      Effect.andThen(Effect.sync(() => (this.down.has(packet.to) ? undefined : arrive())))
    )
  }

  /** Waits while the link is held. */
  released(ends: Ends): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.links.isHeld(ends) ? Effect.andThen(this.changed.after(this.changed.now), this.released(ends)) : Effect.void
    )
  }
}

export const make = (options: {
  readonly links: LinkDefaults
  readonly window: Window
}): Effect.Effect<Medium, never, RunContext | Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* RunContext
    const rules = yield* Rules.make<Packet>({ service: "network", describe: describePacket })
    const medium = new Medium({ ...options, rules, context, clock: yield* Clock.Clock })
    yield* Effect.forkScoped(medium.courier)
    return medium
  })
