/** Pieces of a program's log, as they are read and as they are followed. */
import { Schema } from "effect"

export const LogChannel = Schema.Literals(["stdout", "stderr"])
export type LogChannel = typeof LogChannel.Type

/** Bytes read at once, at most. */
export const logBytesMax = 1_048_576

/** A stretch of a log. Offsets count bytes from the beginning of the file that the log is now. */
export const LogChunk = Schema.Struct({
  /** As UTF-8; what is none stands as U+FFFD, and a character cut at an end belongs to the neighbouring chunk. */
  text: Schema.String,
  /** Where `text` begins. */
  offset: Schema.Int,
  /** Where the next chunk begins. */
  next: Schema.Int,
  /** Bytes in the log now. */
  size: Schema.Int,
  /** Bytes between what was asked for and `offset` that are not there: too old, or not to be had. */
  gap: Schema.Int,
  /** The log is shorter than what was asked for: it was cleared, rotated or truncated, and is read anew from 0. */
  rotated: Schema.Boolean,
  /** Some bytes could not be carried as they are and were replaced. */
  lossy: Schema.Boolean
})
export type LogChunk = typeof LogChunk.Type

/** Which log. */
export const LogId = Schema.Struct({
  node: Schema.String,
  group: Schema.String,
  name: Schema.String,
  channel: LogChannel
})
export type LogId = typeof LogId.Type

/** `node/group:name/channel`: one log, one text. No part holds a `/`. */
export const formatLogId = ({ channel, group, name, node }: LogId): string => `${node}/${group}:${name}/${channel}`

/**
 * What a followed log brings: text as it is written, or a note about the following itself.
 *
 * - `began`: from here on text is live; what came before it is the newest part of what was there already.
 * - `gap`: text was lost, or comes again (the connection broke off, it came too fast, or pieces were lost within the
 *   console); following goes on.
 * - `ended`: nothing more comes; `detail` says why.
 */
export const LogEvent = Schema.Struct({
  type: Schema.Literal("log"),
  ...LogId.fields,
  text: Schema.optionalKey(Schema.String),
  note: Schema.optionalKey(Schema.Literals(["began", "gap", "ended"])),
  detail: Schema.optionalKey(Schema.String)
})
export type LogEvent = typeof LogEvent.Type

/**
 * What of a followed log travels within the console: each piece has its place, so that lost ones leave a hole that can
 * be seen. Clients are not sent the place. A piece without text and note only says how far the following is.
 */
export interface FollowedPiece extends LogEvent {
  readonly place: {
    /** Which following of the log: larger for a later one. */
    readonly following: number
    /** The first piece of a following is 1. One without text and note has the number of the last piece before it. */
    readonly number: number
  }
}
