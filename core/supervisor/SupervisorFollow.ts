/**
 * Follows a log of a supervisord: `GET /logtail/<group:name>/<channel>`, raw bytes as they are written, without the
 * limits of XML.
 *
 * A connection that is lost, or silent for long, is opened again after a pause; `FollowJoin` sees that nothing comes
 * twice and tells what may be missing. Silence need not mean that nothing is written: supervisord knows a file by its
 * inode, which a log that is rotated twice between two of its looks may have again, and then it stays with the old one.
 * It ends with an error when the node refuses, or is away for too long. The body
 * of the response is given up with the connection, whichever way that ends.
 */
import { Effect, Stream } from "effect"
import { monotonicMs } from "../MonotonicMs.ts"
import { HttpClient, HttpClientRequest } from "effect/http"
import type { LogChannel } from "../domain/Log.ts"
import { NodeError, type NodeErrorReason, TimedOut } from "../domain/NodeError.ts"
import { formatId, type ProcessId } from "../domain/Process.ts"
import type { LogPiece } from "../fleet/NodeDriver.ts"
import { ConnectionOptions, type TlsOptions } from "./Connection.ts"
import * as FollowJoin from "./FollowJoin.ts"
import * as FollowPace from "./FollowPace.ts"
import { faultReason, SupervisorFaultCode } from "./SupervisorFault.ts"
import { refusalOf, signed, type SupervisorAddress } from "./SupervisorHttp.ts"
import { logtailUrl } from "./SupervisorUrl.ts"
import { transportReason } from "./TransportReason.ts"

export interface SupervisorFollowOptions extends SupervisorAddress {
  readonly tls?: TlsOptions | undefined
  /** Until the head of an answer. */
  readonly deadlineMs: number
  /** A node that cannot be followed for so long is given up. */
  readonly giveUpMs: number
  /** Silence after which the connection is opened again: the node may have gone without a word. */
  readonly silenceMs: number
}

const operation = "logtail"

/** Makes the function that follows one log. */
export const make = (client: HttpClient.HttpClient, options: SupervisorFollowOptions) => {
  const http = HttpClient.withScope(client)
  // To a request that says it will close the connection supervisord answers in blocks of 64 KiB instead of chunks.
  const connection: ConnectionOptions = { mode: "keep-alive", tls: options.tls }

  const connect = Effect.fn("SupervisorFollow.connect")(
    function* (id: ProcessId, channel: LogChannel) {
      const url = logtailUrl(options.url, formatId(id), channel)
      const response = yield* http
        .execute(signed(HttpClientRequest.get(url), options))
        .pipe(Effect.mapError(transportReason))
      if (response.status === 404) {
        return yield* Effect.fail(faultReason(SupervisorFaultCode.BAD_NAME, `BAD_NAME: ${formatId(id)}, or no log yet`))
      }
      const refusal = refusalOf(response.status)
      return refusal === undefined ? response : yield* Effect.fail(refusal)
    },
    Effect.timeoutOrElse({
      duration: options.deadlineMs,
      orElse: () => Effect.fail(new TimedOut({ afterMs: options.deadlineMs }))
    }),
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    Effect.provideService(ConnectionOptions, connection)
  )

  return (id: ProcessId, channel: LogChannel): Stream.Stream<LogPiece, NodeError> =>
    Stream.suspend(() => {
      const state = new Following(options.giveUpMs)
      const once = Effect.gen(function* () {
        yield* state.pause
        const response = yield* connect(id, channel)
        state.take({ _tag: "Answered" })
        return response.stream.pipe(
          Stream.timeout(options.silenceMs),
          // However it ends, it is opened again.
          Stream.catch(() => Stream.empty),
          Stream.map((bytes) => state.join(bytes)),
          Stream.flattenIterable,
          Stream.onEnd(state.lost)
        )
      }).pipe(
        Effect.catch((reason) =>
          Effect.map(state.failed(reason), (isOver) =>
            isOver ? Stream.fail(new NodeError({ operation, reason })) : Stream.empty
          )
        )
      )
      return Stream.forever(Stream.unwrap(once))
    })
}

/** One log that is followed: the owner of its state. */
class Following {
  private pace = FollowPace.freshPace
  private joined = FollowJoin.nothingYet
  private readonly giveUpMs: number

  constructor(giveUpMs: number) {
    this.giveUpMs = giveUpMs
  }

  take(event: FollowPace.PaceEvent): void {
    this.pace = FollowPace.pace(this.pace, event)
  }

  /** Waits until the next connection may be opened. */
  readonly pause: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    yield* Effect.sleep(FollowPace.delayMs(this.pace, yield* monotonicMs))
    this.take({ _tag: "Opening", nowMs: yield* monotonicMs })
  })

  readonly lost: Effect.Effect<void> = Effect.map(
    Effect.suspend(() => monotonicMs),
    (nowMs) => {
      this.take({ _tag: "Lost", nowMs })
      this.joined = FollowJoin.reconnected(this.joined)
    }
  )

  /** Whether that is the end. */
  failed(reason: NodeErrorReason): Effect.Effect<boolean> {
    return Effect.map(monotonicMs, (nowMs) => {
      this.take({ _tag: "Failed", nowMs })
      return !mayPass(reason) || FollowPace.isOver(this.pace, nowMs, this.giveUpMs)
    })
  }

  join(bytes: Uint8Array): ReadonlyArray<LogPiece> {
    this.take({ _tag: "Received" })
    const [next, pieces] = FollowJoin.join(this.joined, bytes)
    this.joined = next
    return pieces
  }
}

/** A node that is away may come back; a refusal stays. */
const mayPass = (reason: NodeErrorReason): boolean => {
  switch (reason._tag) {
    case "Unreachable":
    case "ConnectionLost":
    case "TimedOut":
    case "ShuttingDown":
      return true
    case "HttpStatus":
      return reason.status >= 500
    default:
      return false
  }
}
