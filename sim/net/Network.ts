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
import { Clock, Context, Effect, Layer, Queue, Schema, Scope } from "effect"
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
    /** Takes connections to a port of a host until the scope closes. */
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

const make = (options: NetworkOptions) =>
  Effect.gen(function* () {
    const context = yield* RunContext
    const listeners = new Map<string, Queue.Queue<Connection>>()
    const hosts = new Set<string>()
    const rules: Array<Rule> = []
    let open = 0

    const verdict = (packet: Packet): RuleVerdict => {
      for (const rule of rules) {
        const answer = rule(packet)
        if (answer._tag !== "pass") return answer
      }
      return { _tag: "pass" }
    }
    const latencyMs = () =>
      options.latencyMsMin + context.choose("faults", options.latencyMsMax - options.latencyMsMin + 1)

    const listen = Effect.fnUntraced(function* (host: string, port: number) {
      const address = `${host}:${port}`
      hosts.add(host)
      if (listeners.has(address)) return yield* new NetworkError({ reason: "AddressInUse", address })
      const backlog = yield* Queue.bounded<Connection>(backlogMax)
      listeners.set(address, backlog)
      yield* Effect.addFinalizer(() =>
        Effect.gen(function* () {
          listeners.delete(address)
          for (const waiting of yield* Queue.clear(backlog)) yield* waiting.reset
          yield* Queue.shutdown(backlog)
        })
      )
      return { accept: Queue.take(backlog) }
    })

    const connect = Effect.fnUntraced(function* (from: string, host: string, port: number) {
      const address = `${host}:${port}`
      const answer = verdict({ kind: "connect", from, to: host, port })
      if (answer._tag === "stall") return yield* Effect.never
      yield* Effect.sleep(latencyMs() + (answer._tag === "delay" ? answer.ms : 0))
      if (!hosts.has(host)) return yield* new NetworkError({ reason: "UnknownHost", address })
      const backlog = listeners.get(address)
      if (answer._tag === "refuse" || backlog === undefined)
        return yield* new NetworkError({ reason: "Refused", address })
      const there = yield* makePipe({ from, to: host, port })
      const back = yield* makePipe({ from: host, to: from, port })
      const state = { ended: false }
      const end = (close: Effect.Effect<void>) =>
        Effect.suspend(() => {
          if (!state.ended) open--
          state.ended = true
          return close
        })
      const side = (peer: string, out: Pipe, inward: Pipe): Connection => ({
        peer,
        send: out.send,
        receive: inward.receive,
        close: end(Effect.andThen(out.finish, inward.finish)),
        reset: end(Effect.andThen(out.reset, inward.reset))
      })
      open++
      const local = side(host, there, back)
      yield* Effect.addFinalizer(() => local.close)
      if (!Queue.offerUnsafe(backlog, side(from, back, there))) {
        yield* local.reset
        return yield* new NetworkError({ reason: "Refused", address })
      }
      return local
    })

    const makePipe = (ends: { readonly from: string; readonly to: string; readonly port: number }) =>
      pipe({ ...ends, window: options.windowMessages, latencyMs, verdict })

    const rule = (added: Rule) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => rules.push(added)),
          () => Effect.sync(() => rules.splice(rules.indexOf(added), 1))
        )
      )

    return Network.of({ listen, connect, rule, openConnections: Effect.sync(() => open) })
  })

/** One direction of a connection. */
interface Pipe {
  readonly send: (message: Message) => Effect.Effect<void, NetworkError>
  readonly receive: Effect.Effect<Message, NetworkError>
  readonly finish: Effect.Effect<void>
  readonly reset: Effect.Effect<void>
}

const pipe = Effect.fnUntraced(function* (options: {
  readonly from: string
  readonly to: string
  readonly port: number
  readonly window: number
  readonly latencyMs: () => number
  readonly verdict: (packet: Packet) => RuleVerdict
}) {
  const address = `${options.to}:${options.port}`
  const queue = yield* Queue.bounded<InFlight, NetworkError>(options.window)
  const packet: Packet = { kind: "message", from: options.from, to: options.to, port: options.port }
  let lastArrivalMs = 0
  let ended: "Closed" | "Reset" | undefined
  let stalled = false

  const arrival = (nowMs: number, extraMs: number): number => {
    lastArrivalMs = Math.max(lastArrivalMs, nowMs + options.latencyMs() + extraMs)
    return lastArrivalMs
  }
  const reset = Effect.gen(function* () {
    if (ended === "Reset") return
    ended = "Reset"
    yield* Effect.ignore(Queue.clear(queue))
    yield* Queue.fail(queue, new NetworkError({ reason: "Reset", address }))
  })
  const send = Effect.fnUntraced(function* (message: Message) {
    if (ended !== undefined) return yield* new NetworkError({ reason: ended, address })
    if (stalled) return
    const answer = options.verdict(packet)
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
  return { send, receive, finish, reset }
})
