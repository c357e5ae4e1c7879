/**
 * A pipe between processes: bytes in order, of which a bounded number waits. A writer waits while it is full; a reader
 * waits while it is empty and somebody has its other end open. Up to 4096 bytes are written as a whole or not at all.
 *
 * It outlives its writers: what is in it can be read after they have gone. Waiters are woken by whoever owns the pipe,
 * when it has been told of a change.
 */
import { Effect } from "effect"
import { Waiters } from "./Waiters.ts"

/** Bytes that a write keeps together (PIPE_BUF). */
const atomicBytesMax = 4_096

export interface PipeReader {
  /** The bytes that are there, at most as many as `cut` says of them; undefined at the end. */
  readonly read: (cut: (bytes: number) => number) => Effect.Effect<Uint8Array | undefined>
  readonly close: () => void
  /** Another reader of the same pipe, as after a fork. */
  readonly dup: () => PipeReader
}

export interface PipeWriter {
  /** True when everything is in the pipe; false when nobody can read it any more. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<boolean>
  readonly close: () => void
  readonly dup: () => PipeWriter
}

export interface PipeOptions {
  readonly bytesMax: number
  /** Something has changed for those who wait: `wake` is due. */
  readonly changed: (pipe: Pipe) => void
}

export class Pipe {
  private readonly options: PipeOptions
  private readonly waiters = new Waiters()
  private readonly chunks: Array<Uint8Array> = []
  private bytes = 0
  private readers = 0
  private writers = 0

  constructor(options: PipeOptions) {
    this.options = options
  }

  /** Somebody can still write into it. */
  get isWritable(): boolean {
    return this.writers > 0
  }

  /** Lets all who wait look again. */
  wake(): void {
    this.waiters.wake()
  }

  reader(): PipeReader {
    let open = true
    this.readers++
    const read = (cut: (bytes: number) => number): Effect.Effect<Uint8Array | undefined> =>
      Effect.suspend(() => {
        if (open && this.bytes > 0) return Effect.succeed(this.take(cut(this.bytes)))
        if (!open || this.writers === 0) return Effect.succeed(undefined)
        return Effect.andThen(
          this.waiters.until(() => !open || this.bytes > 0 || this.writers === 0),
          read(cut)
        )
      })
    const close = () => {
      if (!open) return
      open = false
      this.readers--
      this.options.changed(this)
    }
    return { read, close, dup: () => this.reader() }
  }

  writer(): PipeWriter {
    let open = true
    this.writers++
    const isBroken = () => !open || this.readers === 0
    const write = (bytes: Uint8Array): Effect.Effect<boolean> =>
      Effect.suspend(() => {
        if (isBroken()) return Effect.succeed(false)
        const rest = bytes.subarray(this.put(bytes))
        if (rest.length === 0) return Effect.succeed(true)
        return Effect.andThen(
          this.waiters.until(() => isBroken() || this.fitting(rest) > 0),
          write(rest)
        )
      })
    const close = () => {
      if (!open) return
      open = false
      this.writers--
      this.options.changed(this)
    }
    return { write, close, dup: () => this.writer() }
  }

  /** How many of these bytes go into the pipe now. */
  private fitting(bytes: Uint8Array): number {
    const room = this.options.bytesMax - this.bytes
    if (bytes.length <= room) return bytes.length
    return bytes.length > Math.min(atomicBytesMax, this.options.bytesMax) ? room : 0
  }

  private put(bytes: Uint8Array): number {
    const count = this.fitting(bytes)
    if (count > 0) {
      this.chunks.push(bytes.slice(0, count))
      this.bytes += count
      this.options.changed(this)
    }
    return count
  }

  private take(limit: number): Uint8Array {
    const taken = new Uint8Array(Math.min(limit, this.bytes))
    let filled = 0
    for (let first = this.chunks[0]; first !== undefined && filled < taken.length; first = this.chunks[0]) {
      const part = first.subarray(0, taken.length - filled)
      taken.set(part, filled)
      filled += part.length
      if (part.length === first.length) this.chunks.shift()
      else this.chunks[0] = first.subarray(part.length)
    }
    this.bytes -= taken.length
    this.options.changed(this)
    return taken
  }
}
