/** A client of the hub over a real socket: reads frames, answers pings, and leaves. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Deferred, Effect, Option, Schema, type Scope } from "effect"
import { Socket } from "effect/socket"
import { hubPath } from "../../core/http/Routes.ts"
import type { Received } from "../../scenarios/peers/HubClient.ts"
import { type Episode, RealWorldError } from "./Episode.ts"

export interface HubClient {
  readonly name: string
  readonly frames: () => ReadonlyArray<Received>
  readonly send: (frame: unknown) => Effect.Effect<void>
  /** Waits for the end; gives the close code, 0 when there was none. */
  readonly closed: Effect.Effect<number>
  readonly isConnected: () => boolean
}

const openMsMax = 5_000

const Frame = Schema.fromJsonString(Schema.Struct({ type: Schema.String, seq: Schema.optionalKey(Schema.Int) }))
const decodeFrame = Schema.decodeUnknownOption(Frame)

/** The type of what is no frame of the protocol. */
export const malformed = "malformed"

/** Connects; leaves with the scope. The query is such as `?since=5`. */
export const connect = Effect.fnUntraced(
  function* (
    episode: Episode,
    { name, query = "", token, url }: { name: string; url: string; token: string; query?: string }
  ): Effect.fn.Return<HubClient, RealWorldError | Socket.SocketError, Scope.Scope | Socket.WebSocketConstructor> {
    const socket = yield* Socket.makeWebSocket(`${url.replace(/^http/, "ws")}${hubPath}${query}`, {
      openTimeout: openMsMax,
      headers: { authorization: `Bearer ${token}` }
    })
    const reader = yield* socket.reader
    const writer = yield* socket.writer
    const frames: Array<Received> = []
    const closed = yield* Deferred.make<number>()
    let isConnected = true
    episode.note("joined", { name, query })

    const take = Effect.fnUntraced(function* (data: string | Uint8Array) {
      const text = typeof data === "string" ? data : `binary of ${data.length} bytes`
      const { seq, type } = Option.getOrElse(decodeFrame(text), () => ({ type: malformed, seq: undefined }))
      frames.push({ type, seq, text })
      episode.note("frame", { name, text: text.slice(0, 300) })
      if (type === "ping") yield* writer.write(JSON.stringify({ type: "pong" }))
    })

    yield* reader.pull.pipe(
      Effect.flatMap((pieces) => Effect.forEach(pieces, take, { discard: true })),
      Effect.forever,
      Effect.catch(({ reason }) => Effect.succeed(reason._tag === "SocketCloseError" ? reason.code : 0)),
      Effect.tap((code) =>
        Effect.sync(() => {
          isConnected = false
          episode.note("left", { name, code })
        })
      ),
      Effect.flatMap((code) => Deferred.succeed(closed, code)),
      Effect.forkScoped({ startImmediately: true })
    )
    return {
      name,
      frames: () => frames,
      send: (frame) => Effect.ignore(writer.write(JSON.stringify(frame))),
      closed: Deferred.await(closed),
      isConnected: () => isConnected
    }
  },
  Effect.mapError((error) => new RealWorldError({ message: `no connection to the hub: ${error.message}` })),
  Effect.provide(NodeWS.layerWebSocketConstructor)
)
