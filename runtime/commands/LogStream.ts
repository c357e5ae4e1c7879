/** Follows a log over the WebSocket of a console. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Console, Effect, Option, Redacted, Schema } from "effect"
import { Socket } from "effect/socket"
import { formatLogId, LogEvent } from "../../core/domain/Log.ts"
import type { LogId } from "../../core/domain/Log.ts"
import { hubPath } from "../../core/http/Routes.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as Output from "../Output.ts"
import { printable } from "../Printable.ts"
import * as FollowedText from "./FollowedText.ts"
import type { Amount } from "./FollowedText.ts"

/** The longest wait for the connection. */
const openMsMax = 10_000

/** The longest wait for the console to say that what follows is live. */
const beganMsMax = 2_000

export interface FollowOptions {
  /** Of whoever follows. */
  readonly token: Redacted.Redacted | undefined
  /** What was read of the log beforehand. */
  readonly read: string
  /** How much of what was there before to show. */
  readonly amount: Amount
  /** Each event as a line of JSON instead. */
  readonly json: boolean
  /** Text of the log as it is written to stdout. */
  readonly shown: (text: string) => string
}

const Ping = Schema.Struct({ type: Schema.Literal("ping") })
const Refusal = Schema.Struct({ type: Schema.Literal("error"), message: Schema.String })
const Other = Schema.Struct({ type: Schema.String })
const decodeFrame = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Union([LogEvent, Ping, Refusal, Other])))

const failed = (message: string) => new ExitStatus({ status: 1, message: printable(message) })

/** Writes what is written to the log until the console ends it, which is a failure: nobody asked for it. */
export const follow = (
  url: string,
  log: LogId,
  options: FollowOptions
): Effect.Effect<never, ExitStatus | Output.OutputClosed> =>
  Effect.gen(function* () {
    const socket = yield* Socket.makeWebSocket(`${url.replace(/^http/, "ws")}${hubPath}`, {
      openTimeout: openMsMax,
      ...(options.token === undefined ? {} : { headers: { authorization: `Bearer ${Redacted.value(options.token)}` } })
    })
    const reader = yield* socket.reader
    const writer = yield* socket.writer
    const send = (frame: unknown) => writer.write(JSON.stringify(frame))
    yield* send({ type: "subscribe", topics: ["log"], logs: [log] })
    let state = FollowedText.before(options.read, options.amount)
    const advance = (input: FollowedText.FollowInput) =>
      Effect.suspend(() => {
        const [next, text] = FollowedText.step(state, input)
        state = next
        return options.json || text === "" ? Effect.void : Output.write(options.shown(text))
      })
    const id = formatLogId(log)
    const act = (text: string) =>
      Effect.gen(function* () {
        const frame = Option.getOrUndefined(decodeFrame(text))
        if (frame === undefined) return
        if (frame.type === "ping") return yield* send({ type: "pong" })
        if (frame.type === "error" && "message" in frame) return yield* failed(`refused: ${frame.message}`)
        if (!("channel" in frame) || formatLogId(frame) !== id) return
        if (options.json) yield* Output.write(`${JSON.stringify(frame)}\n`)
        yield* advance({ _tag: "Text", text: frame.text ?? "" })
        if (frame.note === "began") yield* advance({ _tag: "Began" })
        // Once the console reads the log anew, its newest part comes again.
        if (frame.note === "gap") {
          yield* Console.error(printable(`muster: text was lost, or comes again: ${frame.detail ?? ""}`))
        }
        if (frame.note === "ended") return yield* failed(`nothing more comes: ${frame.detail ?? ""}`)
      })
    const late = Effect.andThen(Effect.sleep(beganMsMax), advance({ _tag: "Began" }))
    const frames = Effect.forever(
      Effect.flatMap(reader.pull, (received) =>
        Effect.forEach(received, (frame) => (typeof frame === "string" ? act(frame) : Effect.void), { discard: true })
      )
    )
    return yield* Effect.raceFirst(frames, Effect.andThen(late, Effect.never))
  }).pipe(
    Effect.scoped,
    Effect.catchTag("SocketError", (error) =>
      Effect.fail(failed(`the connection to the console at ${url} ended: ${describe(error)}`))
    ),
    Effect.provide(NodeWS.layerWebSocketConstructor),
    Effect.withSpan("LogStream.follow", { attributes: { log: formatLogId(log) } })
  )

const describe = ({ message, reason }: Socket.SocketError): string =>
  reason._tag === "SocketCloseError" ? (reason.closeReason ?? `close code ${reason.code}`) : message
