/**
 * A simulated network: hosts by name, listeners on ports, and connections that carry whole messages in order.
 *
 * Models: latency drawn for each message (order within a direction is kept), a window of messages under way after
 * which the sender waits, refused connections, unknown hosts, graceful close, reset (what is under way is lost), hosts
 * that swallow everything (a connection that stalls without an end), and rules that faults install.
 * Does not model: bytes and segments, bandwidth, reordering within a connection, name resolution.
 *
 * Rules are consulted in the order of their installation; the first that does not pass decides.
 */
import { Clock, Context, Effect, Layer, Option, Queue, Schema, type Scope } from "effect"
import { RunContext } from "../RunContext.ts"
import type { Message } from "./Message.ts"

/** Why a connection could not be made or ended. */
export class NetworkError extends Schema.TaggedError<NetworkError>()("NetworkError", {
  reason: Schema.Literals(["UnknownHost", "Refused", "Reset", "Closed", "AddressInUse"]),
  address: Schema.String
}) {
  override get message(): string {
    return `${this.reason}: ${this.address}`
  }
}

/** What a rule is asked about: a connection attempt, or a message on one. */
export interface Packet {
  readonly kind: "connect" | "message"
  readonly from: string
  readonly to: string
  readonly port: number
}

export type RuleVerdict =
  | { readonly _tag: "pass" }
  /** Later by so much. */
  | { readonly _tag: "delay"; readonly ms: number }
  /** A connection attempt is refused; a message resets its connection. */
  | { readonly _tag: "refuse" }
  /** The attempt, or everything from here on in this direction, gets no answer. */
  | { readonly _tag: "stall" }

export type Rule = (packet: Packet) => RuleVerdict

/** One end of a connection. Messages arrive in order; `receive` and `send` fail once the connection has ended. */
export interface Connection {
  /** Name of the host at the other end. */
  readonly peer: string
  /** Waits while the window is full. */
  readonly send: (message: Message) => Effect.Effect<void, NetworkError>
  readonly receive: Effect.Effect<Message, NetworkError>
  /** Lets the peer read what is under way, then fails its `receive` with `Closed`. */
  readonly close: Effect.Effect<void>
  /** Fails both ends with `Reset` at once. */
  readonly reset: Effect.Effect<void>
}

export interface NetworkOptions {
  readonly latencyMsMin: number
  readonly latencyMsMax: number
  /** Messages under way in one direction before the sender waits. */
  readonly windowMessages: number
}

const defaults: NetworkOptions = { latencyMsMin: 1, latencyMsMax: 10, windowMessages: 16 }

export class Network extends Context.Service<
  Network,
  {
    /**
     * Takes connections to a port of a host until the scope closes. `accept` can be interrupted while it waits, in any
     * region; within an uninterruptible one, no connection is lost between the taking and what follows.
     */
    readonly listen: (
      host: string,
      port: number
    ) => Effect.Effect<{ readonly accept: Effect.Effect<Connection> }, NetworkError, Scope.Scope>
    /** Connects; the connection is closed with the scope. */
    readonly connect: (from: string, host: string, port: number) => Effect.Effect<Connection, NetworkError, Scope.Scope>
    /** Adds a rule until the scope closes. */
    readonly rule: (rule: Rule) => Effect.Effect<void, never, Scope.Scope>
    /** Connections open on either end. */
    readonly openConnections: Effect.Effect<number>
  }
>()("muster/sim/net/Network") {}

/** Connections waiting to be accepted by one listener. */
const backlogMax = 128

interface InFlight {
  readonly arrivesAtMs: number
  /** undefined is the end of the stream. */
  readonly message: Message | undefined
}

export const layer = (options: Partial<NetworkOptions> = {}): Layer.Layer<Network, never, RunContext> =>
  Layer.effect(Network, make({ ...defaults, ...options }))

/** What all hosts share. */
interface World {
  readonly listeners: Map<string, Queue.Queue<Connection>>
  /** Every host that ever listened: its name is known from then on. */
  readonly hosts: Set<string>
  readonly rules: Array<Rule>
  readonly latencyMs: () => number
  /** Counts a fault that a rule brought about. */
  readonly fault: (kind: string) => void
  readonly windowMessages: number
  open: number
}

const make = (options: NetworkOptions) =>
  Effect.gen(function* () {
    const context = yield* RunContext
    const choicesMs = options.latencyMsMax - options.latencyMsMin + 1
    const world: World = {
      listeners: new Map(),
      hosts: new Set(),
      rules: [],
      latencyMs: () => options.latencyMsMin + context.choose("faults", choicesMs),
      fault: context.fault,
      windowMessages: options.windowMessages,
      open: 0
    }
    const rule = (added: Rule) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => world.rules.push(added)),
          () => Effect.sync(() => world.rules.splice(world.rules.indexOf(added), 1))
        )
      )
    return Network.of({
      listen: (host, port) => listen(world, host, port),
      connect: (from, host, port) => connect(world, { from, to: host, port }),
      rule,
      openConnections: Effect.sync(() => world.open)
    })
  })

const verdict = (world: World, packet: Packet): RuleVerdict => {
  for (const rule of world.rules) {
    const answer = rule(packet)
    if (answer._tag !== "pass") {
      world.fault(`${packet.kind} ${answer._tag}`)
      return answer
    }
  }
  return { _tag: "pass" }
}

// Uninterruptible, as is the end of connect: what is listed or counted must get its finalizer.
const listen = Effect.fnUntraced(function* (world: World, host: string, port: number) {
  const address = `${host}:${port}`
  const { hosts, listeners } = world
  const backlog = yield* Queue.bounded<Connection>(backlogMax)
  hosts.add(host)
  if (listeners.has(address)) return yield* new NetworkError({ reason: "AddressInUse", address })
  listeners.set(address, backlog)
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      listeners.delete(address)
      for (const waiting of yield* Queue.clear(backlog)) yield* waiting.reset
      yield* Queue.shutdown(backlog)
    })
  )
  const accept: Effect.Effect<Connection> = Effect.interruptible(Queue.peek(backlog)).pipe(
    Effect.andThen(Queue.poll(backlog)),
    Effect.flatMap(Option.match({ onNone: () => accept, onSome: Effect.succeed })),
    Effect.uninterruptible
  )
  return { accept }
}, Effect.uninterruptible)

interface Ends {
  readonly from: string
  readonly to: string
  readonly port: number
}

const connect = Effect.fnUntraced(function* (world: World, ends: Ends) {
  const address = `${ends.to}:${ends.port}`
  const answer = verdict(world, { kind: "connect", ...ends })
  if (answer._tag === "stall") return yield* Effect.never
  yield* Effect.sleep(world.latencyMs() + (answer._tag === "delay" ? answer.ms : 0))
  if (!world.hosts.has(ends.to)) return yield* new NetworkError({ reason: "UnknownHost", address })
  if (answer._tag === "refuse") return yield* new NetworkError({ reason: "Refused", address })
  return yield* Effect.uninterruptible(establish(world, ends))
})

const establish = Effect.fnUntraced(function* (world: World, ends: Ends) {
  const address = `${ends.to}:${ends.port}`
  const there = yield* pipe(world, ends)
  const back = yield* pipe(world, { from: ends.to, to: ends.from, port: ends.port })
  let ended = false
  const end = (close: Effect.Effect<void>) =>
    Effect.suspend(() => {
      if (!ended) world.open--
      ended = true
      return close
    }).pipe(Effect.uninterruptible)
  const side = (peer: string, out: Pipe, inward: Pipe): Connection => ({
    peer,
    send: out.send,
    receive: inward.receive,
    close: end(Effect.andThen(out.finish, inward.abandon)),
    reset: end(Effect.andThen(out.reset, inward.reset))
  })
  world.open++
  const local = side(ends.to, there, back)
  yield* Effect.addFinalizer(() => local.close)
  // Found and offered in one step: a listener that closes in between would leave the connection to nobody.
  const backlog = world.listeners.get(address)
  if (backlog === undefined || !Queue.offerUnsafe(backlog, side(ends.from, back, there))) {
    yield* local.reset
    return yield* new NetworkError({ reason: "Refused", address })
  }
  return local
})

/** One direction of a connection. */
interface Pipe {
  readonly send: (message: Message) => Effect.Effect<void, NetworkError>
  readonly receive: Effect.Effect<Message, NetworkError>
  /** The sender sends no more. */
  readonly finish: Effect.Effect<void>
  /** The reader reads no more: what is under way is lost, and what is sent from now on fails. */
  readonly abandon: Effect.Effect<void>
  readonly reset: Effect.Effect<void>
}

const pipe = Effect.fnUntraced(function* (world: World, ends: Ends) {
  const address = `${ends.to}:${ends.port}`
  const queue = yield* Queue.bounded<InFlight, NetworkError>(world.windowMessages)
  const packet: Packet = { kind: "message", ...ends }
  let lastArrivalMs = 0
  let ended: "Closed" | "Reset" | undefined
  let stalled = false

  const arrival = (nowMs: number, extraMs: number): number => {
    lastArrivalMs = Math.max(lastArrivalMs, nowMs + world.latencyMs() + extraMs)
    return lastArrivalMs
  }
  const breakOff = (reason: "Closed" | "Reset") =>
    Effect.gen(function* () {
      if (ended === "Reset") return
      ended = reason
      // Each round lets waiting senders in; what they send is lost like the rest.
      while ((yield* Effect.orElseSucceed(Queue.clear(queue), () => [])).length > 0);
      yield* Queue.fail(queue, new NetworkError({ reason, address }))
    })
  const reset = breakOff("Reset")
  const send = Effect.fnUntraced(function* (message: Message) {
    if (ended !== undefined) return yield* new NetworkError({ reason: ended, address })
    if (stalled) return
    const answer = verdict(world, packet)
    if (answer._tag === "refuse") {
      yield* reset
      return yield* new NetworkError({ reason: "Reset", address })
    }
    if (answer._tag === "stall") {
      stalled = true
      return
    }
    const nowMs = yield* Clock.currentTimeMillis
    const accepted = yield* Queue.offer(queue, {
      arrivesAtMs: arrival(nowMs, answer._tag === "delay" ? answer.ms : 0),
      message
    })
    if (!accepted) return yield* new NetworkError({ reason: ended ?? "Closed", address })
  })
  // Peek, wait, then take: a reader that is interrupted while the message is under way must not lose it.
  const receive = Effect.gen(function* () {
    const next = yield* Queue.peek(queue)
    const nowMs = yield* Clock.currentTimeMillis
    if (next.arrivesAtMs > nowMs) yield* Effect.sleep(next.arrivesAtMs - nowMs)
    const { message } = yield* Queue.take(queue)
    if (message !== undefined) return message
    const closed = new NetworkError({ reason: "Closed", address })
    yield* Queue.fail(queue, closed)
    return yield* closed
  })
  const finish = Effect.gen(function* () {
    if (ended !== undefined) return
    ended = "Closed"
    if (stalled) return
    const end = { arrivesAtMs: arrival(yield* Clock.currentTimeMillis, 0), message: undefined }
    if (!Queue.offerUnsafe(queue, end)) yield* Queue.fail(queue, new NetworkError({ reason: "Closed", address }))
  })
  return { send, receive, finish, abandon: breakOff("Closed"), reset }
})
