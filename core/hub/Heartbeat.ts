/**
 * The heartbeat of all clients, by one fiber: it pings a client at `heartbeatIntervalMs` of silence and gives it up at
 * `heartbeatTimeoutMs`. It sleeps until the first of them is due, and for as long as nobody is there. All moments are
 * monotonic: whoever sets the wall clock makes nobody silent.
 */
import { Effect, Latch, type Scope } from "effect"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import type { Client } from "./Hub.ts"
import { CloseCode } from "./Protocol.ts"

export interface HeartbeatOptions {
  /** After so long without a frame from the client it is sent a `ping`. */
  readonly heartbeatIntervalMs: number
  /** After so long without a frame from the client, the interval included, it is closed. Larger than the interval. */
  readonly heartbeatTimeoutMs: number
}

/** What is known of the silence of a client. */
export interface Silence {
  readonly heardMs: number
  /** The last ping was about the silence since then. */
  readonly pingedSinceMs: number | undefined
}

/** What to do about it, and when to look again. */
export interface Look {
  readonly action: "none" | "ping" | "close"
  readonly nextMs: number
}

/**
 * One ping a silence. The wait for its answer is looked at again after an interval: by then the next ping may be due,
 * since the client may have answered at once.
 */
export const look = ({ heardMs, pingedSinceMs }: Silence, nowMs: number, options: HeartbeatOptions): Look => {
  const { heartbeatIntervalMs, heartbeatTimeoutMs } = options
  const silentMs = nowMs - heardMs
  if (silentMs >= heartbeatTimeoutMs) return { action: "close", nextMs: nowMs }
  if (silentMs < heartbeatIntervalMs) return { action: "none", nextMs: heardMs + heartbeatIntervalMs }
  const nextMs = Math.min(nowMs + heartbeatIntervalMs, heardMs + heartbeatTimeoutMs)
  return { action: pingedSinceMs === heardMs ? "none" : "ping", nextMs }
}

export interface Heartbeat {
  /** Watches the client until it is told to `forget` it. Synchronous, as is all that follows. */
  readonly watch: (client: Client, nowMs: number) => Watched
  readonly forget: (watched: Watched) => void
}

/** A client whose silence is watched. */
export class Watched implements Silence {
  readonly client: Client
  heardMs: number
  pingedSinceMs: number | undefined = undefined

  constructor(client: Client, nowMs: number) {
    this.client = client
    this.heardMs = nowMs
  }

  /** A frame has come from it. */

  heard(nowMs: number): void {
    this.heardMs = nowMs
  }
}

/** Clients that are due within this share of the interval are looked at together, so some of them late by as much. */
const togetherShare = 0.01

const ping = JSON.stringify({ type: "ping" })

export const make = Effect.fnUntraced(function* (
  options: HeartbeatOptions
): Effect.fn.Return<Heartbeat, never, Scope.Scope> {
  const watched = new Set<Watched>()
  const anybody = Latch.makeUnsafe(false)

  /** Looks at everybody; gives the moment of the next look. */
  const lookAround = Effect.fnUntraced(function* (nowMs: number) {
    let nextMs = nowMs + options.heartbeatIntervalMs
    // A copy: whoever is closed may be gone before the walk is over.
    for (const each of Array.from(watched)) {
      const { action, nextMs: eachMs } = look(each, nowMs, options)
      const { heardMs } = each
      if (action === "ping") {
        each.pingedSinceMs = heardMs
        yield* each.client.send(ping)
      }
      if (action === "close") {
        Marks.reached("a client was silent for too long")
        const reason = `nothing heard for ${Math.round(nowMs - heardMs)} ms`
        yield* each.client.close({ code: CloseCode.heartbeat, reason })
      } else nextMs = Math.min(nextMs, eachMs)
    }
    return nextMs
  })

  yield* Effect.gen(function* () {
    for (;;) {
      if (watched.size === 0) anybody.closeUnsafe()
      yield* anybody.await
      const nowMs = yield* monotonicMs
      const nextMs = yield* lookAround(nowMs)
      yield* Effect.sleep(Math.max(nextMs - nowMs, options.heartbeatIntervalMs * togetherShare))
    }
  }).pipe(Effect.withSpan("Hub.heartbeat"), Effect.forkScoped)

  return {
    watch: (client, nowMs) => {
      const each = new Watched(client, nowMs)
      watched.add(each)
      anybody.openUnsafe()
      return each
    },
    forget: (each) => void watched.delete(each)
  }
})
