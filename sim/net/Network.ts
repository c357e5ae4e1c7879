/**
 * A simulated network: hosts by name, listeners on ports, and connections that carry whole messages in order.
 *
 * Models: latency drawn for each message (order within a direction is kept), bandwidth of a link, a window of messages
 * and bytes under way after which the sender waits, refused connections, unknown hosts, a close that arrives behind
 * what was sent before it, resets (what is under way is lost), half-open connections, readers that are slow, hosts that
 * crash with or without a word, and rules by which scenarios break any of this.
 * Does not model: bytes and segments, loss that TCP repairs (it is latency), reordering within a connection,
 * half-closed connections (a close ends both directions), name resolution, TLS.
 *
 * What a verdict of a rule means:
 * - of a connection attempt: `delay` answers it later, `drop` never, `refuse` as a closed port does, `reset` after it
 *   was made, `fail` with the code (`ETIMEDOUT`, `EHOSTUNREACH`); `corrupt` is as `pass`.
 * - of a message: `delay` lets it and what follows arrive later, `drop` silences this direction for good (TCP cannot
 *   lose one message: the connection is half open, and its sender waits once the window is full), `corrupt` spoils a
 *   byte of the body or makes garbage of a message without one, `refuse` and `reset` break the connection off for both
 *   ends at once and the message is lost, `fail` does so too and gives the sender the code.
 * - of a `Close` on its way to the peer: as of a message; of a `Reset`: only `delay` and `drop` mean something.
 * A rule on `Request` strikes before the peer has acted, one on `Head` after it.
 */
import { Context, Effect, Layer, Option, Queue, type Scope } from "effect"
import type { RunContext } from "../RunContext.ts"
import { pass } from "../Rules.ts"
import type { Rule } from "../Rules.ts"
import { Wire } from "./Connection.ts"
import type { Connection, CrashKind } from "./Connection.ts"
import type { Latency } from "./Latency.ts"
import type { Shape } from "./Links.ts"
import { make as makeMedium } from "./Medium.ts"
import type { Alter, Medium } from "./Medium.ts"
import { NetworkError } from "./NetworkError.ts"
import type { Ends, Link, Packet } from "./Packet.ts"

export interface NetworkOptions {
  readonly latencyMsMin: number
  readonly latencyMsMax: number
  /** Instead of the two bounds. */
  readonly latency?: Latency
  /** Bytes that leave in a millisecond from one host to another. Without it as many as there are. */
  readonly bytesPerMs?: number
  /** Messages under way in one direction before the sender waits. */
  readonly windowMessages: number
  /** Bytes under way in one direction before the sender waits; a single message may be larger. */
  readonly windowBytes: number
}

const defaults: NetworkOptions = { latencyMsMin: 1, latencyMsMax: 10, windowMessages: 16, windowBytes: 262_144 }

/** Connections to one port, as their listener takes them. */
export interface Listener {
  /**
   * Can be interrupted while it waits, in any region; within an uninterruptible one, no connection is lost between the
   * taking and what follows.
   */
  readonly accept: Effect.Effect<Connection>
}

export class Network extends Context.Service<
  Network,
  {
    /** Takes connections to a port of a host until the scope closes. */
    readonly listen: (host: string, port: number) => Effect.Effect<Listener, NetworkError, Scope.Scope>
    /** Connects; the connection is closed with the scope. */
    readonly connect: (from: string, host: string, port: number) => Effect.Effect<Connection, NetworkError, Scope.Scope>
    /** Installs a rule until the scope closes. */
    readonly rule: (rule: Rule<Packet>) => Effect.Effect<void, never, Scope.Scope>
    /** Replaces messages by others until the scope closes. The one who alters counts the fault. */
    readonly alter: (alter: Alter) => Effect.Effect<void, never, Scope.Scope>
    /** Changes the links that match until the scope closes. */
    readonly shape: (matches: (link: Link) => boolean, shape: Shape) => Effect.Effect<void, never, Scope.Scope>
    /** Resets the connections that exist now and match, for both ends; gives their number. */
    readonly cut: (matches: (link: Link) => boolean) => Effect.Effect<number>
    /**
     * What a crash of the host means for the others: its listeners are gone and its connections end, by a reset or
     * without a word, as when the power fails; then connection attempts get no answer either, until the host listens or
     * connects again. Its own fibers are for the caller to stop; what they still do to their connections does nothing.
     */
    readonly crash: (host: string, kind?: CrashKind) => Effect.Effect<void>
    /** Ends all rules, alterations and shapes, whatever their scopes. */
    readonly heal: Effect.Effect<void>
    /** Connections that neither end has ended. */
    readonly openConnections: Effect.Effect<number>
  }
>()("muster/sim/net/Network") {}

/** Connections waiting to be accepted by one listener. */
const backlogMax = 128

/** Wires kept before those that are over are dropped. */
const wiresKept = 256

interface Port {
  readonly host: string
  readonly backlog: Queue.Queue<Wire>
}

class Hosts {
  readonly medium: Medium
  readonly ports = new Map<string, Port>()
  /** Every host that ever listened: its name is known from then on. */
  readonly known = new Set<string>()
  /** How often each host has crashed. */
  private readonly crashes = new Map<string, number>()
  private wires: ReadonlyArray<Wire> = []
  private pruneAt = wiresKept

  constructor(medium: Medium) {
    this.medium = medium
  }

  add(wire: Wire): void {
    this.wires = [...this.live, wire]
  }

  /** Those of which somebody may still hear. */
  get live(): ReadonlyArray<Wire> {
    if (this.wires.length < this.pruneAt) return this.wires
    this.wires = this.wires.filter((wire) => !wire.isOver)
    this.pruneAt = Math.max(wiresKept, this.wires.length * 2)
    return this.wires
  }

  livesOf(host: string): number {
    return this.crashes.get(host) ?? 0
  }

  /** The host does something, so it has power. */
  wake(host: string): void {
    if (this.medium.down.delete(host)) this.linksChanged()
  }

  crash(host: string, kind: CrashKind): void {
    this.crashes.set(host, this.livesOf(host) + 1)
    this.known.add(host)
    if (kind === "silent") this.medium.down.add(host)
    for (const [address, port] of this.ports) if (port.host === host) this.ports.delete(address)
    for (const wire of this.live) wire.crash(host, kind)
  }

  linksChanged(): void {
    for (const wire of this.live) wire.release()
    this.medium.changed.raise()
  }
}

export const layer = (options: Partial<NetworkOptions> = {}): Layer.Layer<Network, never, RunContext> =>
  Layer.effect(Network, make({ ...defaults, ...options }))

const make = (options: NetworkOptions) =>
  Effect.gen(function* () {
    const { latencyMsMax: maxMs, latencyMsMin: minMs } = options
    const medium = yield* makeMedium({
      links: { latency: options.latency ?? { minMs, maxMs }, bytesPerMs: options.bytesPerMs },
      window: { messages: options.windowMessages, bytes: options.windowBytes }
    })
    const hosts = new Hosts(medium)
    return Network.of({
      listen: (host, port) => listen(hosts, host, port),
      connect: (from, host, port) => connect(hosts, { from, to: host, port }),
      ...faults(hosts),
      cut: (matches) =>
        Effect.sync(() => {
          const cut = hosts.live.filter((wire) => wire.isOpen && matches(wire.ends))
          for (const wire of cut) wire.cut()
          return cut.length
        }),
      crash: (host, kind = "reset") => Effect.sync(() => hosts.crash(host, kind)),
      openConnections: Effect.sync(() => hosts.live.filter((wire) => wire.isOpen).length)
    })
  })

/** What can be installed, each with a scope, and all of it undone by `heal`. */
const faults = (hosts: Hosts): Pick<Network["Service"], "rule" | "alter" | "shape" | "heal"> => {
  const { medium } = hosts
  let healed = 0
  const scoped = (install: () => () => void) =>
    Effect.asVoid(Effect.acquireRelease(Effect.sync(install), (undo) => Effect.sync(undo)))
  return {
    rule: (rule) =>
      Effect.suspend(() => {
        const since = healed
        return medium.rules.add((packet) => (since === healed ? rule(packet) : pass))
      }),
    alter: (alter) =>
      scoped(() => {
        medium.alterations = [...medium.alterations, alter]
        return () => {
          medium.alterations = medium.alterations.filter((other) => other !== alter)
        }
      }),
    shape: (matches, shape) =>
      scoped(() => {
        const undo = medium.links.lay(matches, shape)
        hosts.linksChanged()
        return () => {
          undo()
          hosts.linksChanged()
        }
      }),
    heal: Effect.sync(() => {
      healed++
      medium.alterations = []
      medium.links.clear()
      hosts.linksChanged()
    })
  }
}

// Uninterruptible, as is the end of connect: what is listed or counted must get its finalizer.
const listen = Effect.fnUntraced(function* (hosts: Hosts, host: string, port: number) {
  const address = `${host}:${port}`
  const { ports } = hosts
  if (ports.has(address)) return yield* new NetworkError({ reason: "AddressInUse", address })
  const backlog = yield* Queue.bounded<Wire>(backlogMax)
  const own: Port = { host, backlog }
  hosts.known.add(host)
  hosts.wake(host)
  ports.set(address, own)
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      // After a crash the port is gone, or another's.
      if (ports.get(address) !== own) return
      ports.delete(address)
      for (const waiting of yield* Queue.clear(backlog)) waiting.far.reset()
      yield* Queue.shutdown(backlog)
    })
  )
  const accept: Effect.Effect<Connection> = Effect.interruptible(Queue.peek(backlog)).pipe(
    Effect.andThen(Queue.poll(backlog)),
    Effect.flatMap(Option.match({ onNone: () => accept, onSome: (wire) => Effect.succeed(wire.far.take()) })),
    Effect.uninterruptible
  )
  return { accept }
}, Effect.uninterruptible)

const connect = Effect.fnUntraced(function* (hosts: Hosts, ends: Ends) {
  const { medium } = hosts
  const { from, port, to } = ends
  const address = `${to}:${port}`
  const lives = hosts.livesOf(from)
  hosts.wake(from)
  const verdict = medium.decide({ kind: "connect", what: "Connect", message: undefined, ...ends })
  if (verdict._tag === "drop") return yield* Effect.never
  yield* medium.released(ends)
  yield* Effect.sleep(medium.links.latencyMs(ends) + (verdict._tag === "delay" ? verdict.ms : 0))
  if (hosts.livesOf(from) !== lives || medium.down.has(to)) return yield* Effect.never
  if (!hosts.known.has(to)) return yield* failed(hosts, ends, new NetworkError({ reason: "UnknownHost", address }))
  if (verdict._tag === "fail") {
    return yield* failed(hosts, ends, new NetworkError({ reason: "Failed", address, code: verdict.code }))
  }
  if (verdict._tag === "refuse") return yield* failed(hosts, ends, new NetworkError({ reason: "Refused", address }))
  const connection = yield* Effect.uninterruptible(establish(hosts, ends))
  if (verdict._tag === "reset") yield* connection.reset
  return connection
})

const failed = ({ medium }: Hosts, { from, port, to }: Ends, error: NetworkError) => {
  const what = () => `${from} -> ${to}: no connection to port ${port}, ${error.code ?? error.reason}`
  medium.context.tell(what, { kind: "message", from, to })
  return Effect.fail(error)
}

const establish = Effect.fnUntraced(function* (hosts: Hosts, ends: Ends) {
  const { from, port, to } = ends
  const address = `${to}:${port}`
  const wire = new Wire(hosts.medium, ends)
  // Found and offered in one step: a listener that closes in between would leave the connection to nobody.
  const listener = hosts.ports.get(address)
  if (listener === undefined || !Queue.offerUnsafe(listener.backlog, wire)) {
    return yield* failed(hosts, ends, new NetworkError({ reason: "Refused", address }))
  }
  hosts.add(wire)
  const connection = wire.near.take()
  yield* Effect.addFinalizer(() => connection.close)
  hosts.medium.context.tell(() => `${from} -> ${to}: connected to port ${port}`, { kind: "message", from, to })
  return connection
})
