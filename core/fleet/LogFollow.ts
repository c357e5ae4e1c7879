/**
 * Followed logs: however many clients follow a log, the node is asked once. Pieces go over the bus as `log` events, cut
 * to whole characters and gathered for a moment, so that a program that writes a lot makes few events. It ends when the
 * last follower has gone.
 *
 * - `began` follows the newest part of what was there already, as far as that can be told: it comes after the first
 *   text, or soon when there is none. Who joins a log that is followed already gets what is written from then on, and
 *   no `began`; what was there before it reads for itself.
 * - When following breaks off, that is told as a `gap` once, and it is tried again, less and less often, for as long as
 *   somebody follows; the newest part and `began` come anew then.
 * - When there is no such node, process or log, or the node cannot do it, that is told as `ended`, and trying ends.
 * - The bus may lose pieces. They are numbered, so that the next one shows it. Since the last may be lost too, its
 *   number is told again from time to time, and so is the end, for as long as somebody follows.
 */
import { Context, Effect, Fiber, Layer, Random, type Scope, Stream } from "effect"
import { EventBus } from "../bus/EventBus.ts"
import { formatLogId } from "../domain/Log.ts"
import type { FollowedPiece, LogEvent, LogId } from "../domain/Log.ts"
import type { NodeError } from "../domain/NodeError.ts"
import { Fleet } from "./Fleet.ts"
import type { UnknownNode } from "./Fleet.ts"
import { concatenate, LogText } from "./LogText.ts"
import type { LogPiece } from "./NodeDriver.ts"

export class LogFollow extends Context.Service<
  LogFollow,
  {
    /** Follows the log until the scope closes. What goes wrong later is told by a `log` event with a note. */
    readonly follow: (log: LogId) => Effect.Effect<void, UnknownNode, Scope.Scope>
    /** Logs that are followed now, and by how many. */
    readonly following: Effect.Effect<ReadonlyArray<{ readonly log: LogId; readonly followers: number }>>
  }
>()("core/fleet/LogFollow") {}

/** Times and numbers of following. */
export const followLimits = {
  /** Pieces are gathered for so long after the first, or up to so many. */
  gatherMs: 100,
  gatherPiecesMax: 64,
  /** A log to which nothing was written for so long at first has begun. */
  beganMs: 1_000,
  /** The pause before the next try: at first, and at most; it doubles with each that brings nothing. */
  retryMs: 1_000,
  retryMsMax: 30_000,
  /** How far it is, or that it ended, is told again after so long at most. */
  remindMsMax: 6_000
} as const

interface Entry {
  readonly log: LogId
  followers: number
  fiber: Fiber.Fiber<void> | undefined
}

/** Of random length, so that logs that have begun together do not all tell it at once. */
const remindPause = Effect.flatMap(Random.nextBetween(followLimits.remindMsMax / 2, followLimits.remindMsMax), (ms) =>
  Effect.sleep(ms)
)

/** Numbers the pieces of one following, and publishes them. Nobody else publishes them. */
class Pieces {
  private readonly bus: EventBus["Service"]
  private readonly log: LogId
  private readonly following: number
  private numbered = 0
  /** What is told again: nothing new to whoever got all that was published. Undefined before the first. */
  private last: FollowedPiece | undefined

  constructor(bus: EventBus["Service"], log: LogId, following: number) {
    this.bus = bus
    this.log = log
    this.following = following
  }

  readonly publish = (notes: ReadonlyArray<Note>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const pieces = notes.map((note) => this.piece(++this.numbered, note))
      const last = pieces.at(-1)
      if (last === undefined) return Effect.void
      // Only what was handed over may be told again: else that could overtake it.
      return Effect.andThen(
        this.bus.publish(pieces),
        Effect.sync(() => {
          this.last = last.note === "ended" ? last : this.piece(last.place.number, {})
        })
      )
    })

  readonly remind: Effect.Effect<void> = Effect.suspend(() =>
    this.last === undefined ? Effect.void : this.bus.publish([this.last])
  )

  private piece(number: number, note: Note): FollowedPiece {
    return { type: "log", ...this.log, ...note, place: { following: this.following, number } }
  }
}

/** What a try to follow brings: pieces, the word that it was quiet for a while, and why it ended. */
type Piece = LogPiece | { readonly _tag: "Quiet" } | { readonly _tag: "Broke"; readonly error: UnknownNode | NodeError }

type Note = Pick<LogEvent, "text" | "note" | "detail">

export const layer: Layer.Layer<LogFollow, never, EventBus | Fleet> = Layer.effect(
  LogFollow,
  Effect.gen(function* () {
    const bus = yield* EventBus
    const fleet = yield* Fleet
    const scope = yield* Effect.scope
    const entries = new Map<string, Entry>()
    let followings = 0

    const forget = (entry: Entry) =>
      Effect.sync(() => {
        const key = formatLogId(entry.log)
        // One that ended may have a successor of the same name.
        if (entries.get(key) === entry) entries.delete(key)
      })
    const join = Effect.fnUntraced(function* (log: LogId) {
      const known = entries.get(formatLogId(log))
      if (known !== undefined) {
        known.followers++
        return known
      }
      const entry: Entry = { log, followers: 1, fiber: undefined }
      entries.set(formatLogId(log), entry)
      const pieces = new Pieces(bus, log, ++followings)
      const reminding = Effect.forever(Effect.andThen(remindPause, pieces.remind))
      const following = Effect.andThen(followed(fleet, log, pieces.publish), forget(entry))
      entry.fiber = yield* Effect.all([following, reminding], { concurrency: "unbounded", discard: true }).pipe(
        Effect.ensuring(forget(entry)),
        Effect.withSpan("LogFollow.log", { attributes: { log: formatLogId(log) } }),
        Effect.forkIn(scope)
      )
      return entry
    })
    const leave = Effect.fnUntraced(function* (entry: Entry) {
      if (--entry.followers > 0) return
      yield* forget(entry)
      if (entry.fiber !== undefined) yield* Fiber.interrupt(entry.fiber)
    })

    return LogFollow.of({
      follow: Effect.fn("LogFollow.follow")(function* (log) {
        yield* fleet.node(log.node)
        yield* Effect.acquireRelease(join({ ...log }), leave)
      }),
      following: Effect.sync(() => Array.from(entries.values(), ({ followers, log }) => ({ log, followers })))
    })
  })
)

type Publish = (notes: ReadonlyArray<Note>) => Effect.Effect<void>

/** Follows the log over its breaks, until it is interrupted or nothing more can come. */
const followed = Effect.fnUntraced(function* (fleet: Fleet["Service"], log: LogId, publish: Publish) {
  let pauseMs: number = followLimits.retryMs
  let isBroken = false
  for (;;) {
    const { error, isAlive } = yield* follow(fleet, log, publish)
    const detail = error?.message ?? "the node ended it"
    if (error !== undefined && isFinal(error)) return yield* publish([{ note: "ended", detail }])
    if (isAlive) pauseMs = followLimits.retryMs
    if (isAlive || !isBroken) yield* publish([{ note: "gap", detail: `${detail}; trying again` }])
    isBroken = true
    yield* Effect.sleep(pauseMs)
    pauseMs = Math.min(pauseMs * 2, followLimits.retryMsMax)
  }
})

/** Whether it is of no use to try again. */
const isFinal = (error: UnknownNode | NodeError): boolean =>
  error._tag === "UnknownNode" || error.reason._tag === "Fault" || error.reason._tag === "Unsupported"

/** One try: publishes what comes, and says why it ended and whether anything came. */
const follow = Effect.fnUntraced(function* (fleet: Fleet["Service"], log: LogId, publish: Publish) {
  const text = new LogText()
  let hasBegun = false
  let isAlive = false
  let error: UnknownNode | NodeError | undefined
  const began = (): ReadonlyArray<Note> => {
    if (hasBegun) return []
    hasBegun = true
    return [{ note: "began" }]
  }
  const notesOf = (piece: Piece): ReadonlyArray<Note> => {
    switch (piece._tag) {
      case "Bytes":
        isAlive = true
        return text.push(piece.bytes).map((written) => ({ text: written }))
      case "Gap":
        return [...text.flush().map((cut) => ({ text: cut })), { note: "gap" }]
      case "Quiet":
        return began()
      case "Broke":
        error = piece.error
        return text.flush().map((cut) => ({ text: cut }))
    }
  }
  const pieces: Stream.Stream<Piece> = fleet
    .followLog(log)
    .pipe(Stream.catch((broken) => Stream.succeed<Piece>({ _tag: "Broke", error: broken })))
  const quiet = Stream.fromEffect(Effect.as(Effect.sleep(followLimits.beganMs), { _tag: "Quiet" } as const))
  yield* Stream.merge(pieces, quiet, { haltStrategy: "left" }).pipe(
    Stream.groupedWithin(followLimits.gatherPiecesMax, followLimits.gatherMs),
    Stream.runForEach((group) => {
      const notes = gathered(group).flatMap(notesOf)
      const hasText = notes.some((note) => note.text !== undefined)
      return publish(hasText && error === undefined ? [...notes, ...began()] : notes)
    })
  )
  const cut = text.flush().map((left) => ({ text: left }))
  if (cut.length > 0) yield* publish(cut)
  return { error, isAlive }
})

/** Bytes that follow each other are one. */
const gathered = (pieces: ReadonlyArray<Piece>): ReadonlyArray<Piece> => {
  const whole: Array<Piece> = []
  let parts: Array<Uint8Array> = []
  const close = () => {
    if (parts.length > 0) whole.push({ _tag: "Bytes", bytes: concatenate(parts) })
    parts = []
  }
  for (const piece of pieces) {
    if (piece._tag === "Bytes") parts.push(piece.bytes)
    else {
      close()
      whole.push(piece)
    }
  }
  close()
  return whole
}
