/**
 * One log of a program: what it has written to stdout or to stderr. The newest bytes are in memory, from where they are
 * followed; all of them are in a file, if one is configured, from where they are read.
 *
 * A follower reads from the memory at its own pace and is only told that there is more, so that a slow one costs
 * nothing and learns of what it has missed.
 */
import { Cause, Effect, type FileSystem, Option, PubSub, Stream } from "effect"
import { type LogChunk, logBytesMax } from "../domain/Log.ts"
import type { LogPiece, LogRange } from "../fleet/NodeDriver.ts"
import * as LogFile from "./LogFile.ts"
import { cutAtStart, toLogChunk } from "./LogText.ts"
import * as OutputRing from "./OutputRing.ts"

export const programLogLimits = {
  /** Bytes that were there already when somebody begins to follow. */
  followBytesMax: 8_192,
  /** Bytes of one piece. */
  pieceBytesMax: 65_536
} as const

export interface ProgramLog {
  /** Adds bytes. Waits for the file, where there is one; never fails. */
  readonly write: (chunk: Uint8Array) => Effect.Effect<void>
  /** A stretch of it. Offsets count from the last `clear`, and of a file from its beginning. Fails with the reason. */
  readonly read: (range: LogRange) => Effect.Effect<LogChunk, string>
  /** The newest part, and then what is written until `close`. */
  readonly follow: Stream.Stream<LogPiece>
  /** Forgets what is in memory and empties the file. Fails with the reason when the file cannot be emptied. */
  readonly clear: Effect.Effect<void, string>
  /** Nothing more is written: followers come to their end. */
  readonly close: Effect.Effect<void>
  /** Bytes that did not get into the file; 0 without one. */
  readonly dropped: () => number
}

export interface ProgramLogOptions {
  /** Bytes kept in memory. */
  readonly bytesMax: number
  readonly file: Option.Option<LogFile.LogFileOptions>
}

/** What is in memory, as a log of which the oldest bytes may be gone. */
const readRing = (ring: OutputRing.OutputRing, base: number, { from, lengthBytesMax }: LogRange): LogChunk => {
  const size = ring.written() - base
  const oldest = ring.oldest() - base
  const length = Math.max(0, Math.min(lengthBytesMax, logBytesMax))
  const rotated = from !== "end" && from > size
  const asked = from === "end" ? Math.max(0, size - length) : rotated ? 0 : from
  const offset = Math.max(asked, oldest)
  return toLogChunk({
    bytes: ring.read({ from: base + offset, lengthBytesMax: length }),
    offset,
    size,
    gap: from === "end" ? 0 : offset - asked,
    rotated,
    continues: offset === 0 || (from !== "end" && offset === asked)
  })
}

const readFile = (file: LogFile.LogFile, { from, lengthBytesMax }: LogRange): Effect.Effect<LogChunk, string> =>
  Effect.map(
    file.read({ from, lengthBytesMax: Math.max(0, Math.min(lengthBytesMax, logBytesMax)) }),
    ({ bytes, offset, size }) =>
      toLogChunk({
        bytes,
        offset,
        size,
        gap: 0,
        rotated: from !== "end" && from > size,
        continues: offset === 0 || from !== "end"
      })
  )

/** A log without an output yet. It lives until `close`. */
export const make = Effect.fnUntraced(function* ({
  bytesMax,
  file: fileOptions
}: ProgramLogOptions): Effect.fn.Return<ProgramLog, never, FileSystem.FileSystem> {
  const ring = OutputRing.make({ bytesMax })
  const file = Option.isSome(fileOptions) ? Option.some(yield* LogFile.make(fileOptions.value)) : Option.none()
  // Only the last word counts: that there is more, or that nothing more comes.
  const news = yield* PubSub.sliding<"more" | "closed">(1)
  let isClosed = false
  /** Where the log begins, in offsets of the ring. */
  let base = 0

  const follow = Effect.gen(function* () {
    const subscription = yield* PubSub.subscribe(news)
    let offset = Math.max(ring.oldest(), ring.written() - programLogLimits.followBytesMax)
    const first = ring.read({ from: offset, lengthBytesMax: programLogLimits.followBytesMax })
    // The log may begin with such bytes; what only seems to does not.
    if (offset > base) offset += cutAtStart(first)
    const next: Effect.Effect<readonly [LogPiece], Cause.Done> = Effect.gen(function* () {
      for (;;) {
        if (offset < ring.oldest()) {
          offset = ring.oldest()
          return [{ _tag: "Gap" }] as const
        }
        const bytes = ring.read({ from: offset, lengthBytesMax: programLogLimits.pieceBytesMax })
        if (bytes.length > 0) {
          offset += bytes.length
          return [{ _tag: "Bytes", bytes }] as const
        }
        if (isClosed) return yield* Cause.done()
        yield* PubSub.take(subscription)
      }
    })
    return Stream.fromPull(Effect.succeed(next))
  })

  return {
    write: (chunk) =>
      Effect.gen(function* () {
        if (chunk.length === 0) return
        ring.append(chunk)
        yield* PubSub.publish(news, "more")
        if (Option.isSome(file)) yield* file.value.write(chunk)
      }),
    read: (range) =>
      Option.match(file, {
        onNone: () => Effect.sync(() => readRing(ring, base, range)),
        onSome: (found) => readFile(found, range)
      }),
    follow: Stream.unwrap(follow),
    clear: Effect.gen(function* () {
      if (Option.isSome(file)) yield* file.value.clear
      base = ring.written()
      ring.forget()
    }),
    close: Effect.suspend(() => {
      isClosed = true
      return Effect.asVoid(PubSub.publish(news, "closed"))
    }),
    dropped: () => Option.match(file, { onNone: () => 0, onSome: (found) => found.dropped() })
  }
})
