/** A real WebSocket client for a test, by `ws`: keeps what it received, and waits, bounded, for what is to come. */
import { Data, Effect, type Scope } from "effect"
import { WebSocket } from "ws"

/** What was waited for did not come. */
export class NotReceived extends Data.TaggedError("NotReceived")<{ readonly message: string }> {}

/** A frame from the hub. */
export interface Frame {
  readonly type: string
  readonly [field: string]: unknown
}

/** How the connection ended: the code of the close frame, 1006 when there was none. */
export interface Closed {
  readonly code: number
  readonly reason: string
}

export interface WsClient {
  readonly socket: WebSocket
  /** All frames so far. */
  readonly frames: ReadonlyArray<Frame>
  readonly send: (text: string) => Effect.Effect<void>
  /** The first frame, received already or not, for which this holds. */
  readonly frame: (holds: (frame: Frame) => boolean, timeoutMs?: number) => Effect.Effect<Frame, NotReceived>
  readonly closed: (timeoutMs?: number) => Effect.Effect<Closed, NotReceived>
}

const timeoutDefaultMs = 10_000

const isFrame = (value: unknown): value is Frame =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

/** Connects to `/api/ws` of the console at `url`, with a query such as `?since=1`; cut off when the scope ends. */
export const connect = Effect.fnUntraced(function* (
  url: string,
  options: WebSocket.ClientOptions = {},
  query = ""
): Effect.fn.Return<WsClient, NotReceived, Scope.Scope> {
  const frames: Array<Frame> = []
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocket(`${url.replace(/^http/, "ws")}/api/ws${query}`, options)),
    (opened) => Effect.sync(() => opened.terminate())
  )
  let ended: Closed | undefined
  let failed = ""
  socket.on("message", (data, isBinary) => {
    const value: unknown = isBinary || !Buffer.isBuffer(data) ? data : JSON.parse(data.toString())
    if (!isFrame(value)) throw new Error(`no frame of the hub: ${JSON.stringify(value)}`)
    frames.push(value)
  })
  socket.on("close", (code, reason) => (ended = { code, reason: reason.toString() }))
  // What follows an error is a close, which is what tests look at; the message is for their failures.
  socket.on("error", (error) => (failed = `, ${error.message}`))

  /** What `look` gives, now or after one of the events. */
  const awaits = <A>(what: string, look: () => A | undefined, timeoutMs: number) =>
    Effect.callback<A>((resume) => {
      const events = ["open", "message", "close"] as const
      const check = () => {
        const found = look()
        if (found !== undefined) resume(Effect.succeed(found))
      }
      for (const event of events) socket.on(event, check)
      check()
      return Effect.sync(() => {
        for (const event of events) socket.off(event, check)
      })
    }).pipe(
      Effect.timeoutOrElse({
        duration: timeoutMs,
        orElse: () => {
          const last = JSON.stringify(frames.slice(-3))
          const state = ended === undefined ? `connected${failed}` : `closed with ${ended.code}${failed}`
          return Effect.fail(new NotReceived({ message: `no ${what} within ${timeoutMs} ms, ${state}: ${last}` }))
        }
      })
    )

  yield* awaits("connection", () => (socket.readyState === WebSocket.OPEN ? true : undefined), timeoutDefaultMs)
  return {
    socket,
    frames,
    send: (text) => Effect.sync(() => socket.send(text)),
    frame: (holds, timeoutMs = timeoutDefaultMs) => awaits("such frame", () => frames.find(holds), timeoutMs),
    closed: (timeoutMs = timeoutDefaultMs) => awaits("end", () => ended, timeoutMs)
  }
})
