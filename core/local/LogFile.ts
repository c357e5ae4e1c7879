/**
 * A log file that a program's output is appended to, and that is rotated when it is full: it becomes `.1`, that one
 * becomes `.2`, and so on, as supervisord does it.
 *
 * Whoever writes waits for the disk, so that a program that writes faster than the disk takes it waits at its full
 * pipe, and no memory grows. A file that cannot be written (a full disk, no permission, no directory, a disk that does
 * not answer) stops nobody: output is counted as dropped, and the file is tried again after a while. The file is
 * opened for each write and its size looked at, so that another program may move it away or empty it.
 */
import { Clock, Effect, FileSystem, Option, type PlatformError, Semaphore } from "effect"
import { shortCause } from "./SpawnFailure.ts"

export const logFileLimits = {
  /** One step on the disk that takes longer has failed. */
  stepMsMax: 5_000,
  /** After a failure nothing is written for so long. */
  retryMs: 5_000
} as const

export interface LogFileOptions {
  readonly path: string
  /** A file of so many bytes is rotated after the write that filled it; 0 is never. */
  readonly bytesMax: number
  /** Rotated files that are kept; with 0 a full file is emptied. */
  readonly backups: number
  /** Told when the file becomes unwritable, with the reason, and when it is written again. */
  readonly onTrouble: (reason: Option.Option<string>) => Effect.Effect<void>
}

export interface LogFile {
  readonly path: string
  /** Appends the bytes, or drops them. */
  readonly write: (chunk: Uint8Array) => Effect.Effect<void>
  /** Empties the file. Rotated ones stay, as with supervisord. Fails with the reason. */
  readonly clear: Effect.Effect<void, string>
  /** Reads up to so many bytes from an offset on, or the newest; gives the size as well. Fails with the reason. */
  readonly read: (range: {
    readonly from: number | "end"
    readonly lengthBytesMax: number
  }) => Effect.Effect<{ readonly bytes: Uint8Array; readonly offset: number; readonly size: number }, string>
  /** Bytes that did not get into the file. */
  readonly dropped: () => number
}

const isMissing = (error: PlatformError.PlatformError): boolean => error.reason._tag === "NotFound"

/** A step on the disk, with its bound, and its failure in short words that name no path. */
const step = <A>(effect: Effect.Effect<A, PlatformError.PlatformError>): Effect.Effect<A, string> =>
  Effect.mapError(effect, shortCause).pipe(
    Effect.timeoutOrElse({
      duration: logFileLimits.stepMsMax,
      orElse: () => Effect.fail(`no answer within ${logFileLimits.stepMsMax} ms`)
    })
  )

const orMissing =
  <B>(missing: B) =>
  <A>(effect: Effect.Effect<A, PlatformError.PlatformError>): Effect.Effect<A | B, PlatformError.PlatformError> =>
    Effect.catchIf(effect, isMissing, () => Effect.succeed(missing))

const sizeOf = (fs: FileSystem.FileSystem, path: string) =>
  step(
    fs.stat(path).pipe(
      Effect.map(({ size }) => Number(size)),
      orMissing(0)
    )
  )

/** Shifts the files by one: the oldest is overwritten. Or empties the file where none is kept. */
const rotate = (fs: FileSystem.FileSystem, { backups, path }: LogFileOptions): Effect.Effect<void, string> =>
  Effect.gen(function* () {
    if (backups === 0) return yield* step(fs.truncate(path, 0).pipe(orMissing(undefined)))
    const shift = (from: string, to: string) => step(fs.rename(from, to).pipe(orMissing(undefined)))
    for (let number = backups - 1; number >= 1; number--) {
      yield* shift(`${path}.${number}`, `${path}.${number + 1}`)
    }
    yield* shift(path, `${path}.1`)
  })

const read = (
  fs: FileSystem.FileSystem,
  path: string,
  { from, lengthBytesMax }: Parameters<LogFile["read"]>[0]
): ReturnType<LogFile["read"]> =>
  Effect.gen(function* () {
    const file = yield* fs.open(path, { flag: "r" })
    const size = Number((yield* file.stat).size)
    const offset = from === "end" ? Math.max(0, size - lengthBytesMax) : from > size ? 0 : from
    const length = Math.min(lengthBytesMax, size - offset)
    if (length <= 0) return { bytes: new Uint8Array(0), offset, size }
    yield* file.seek(BigInt(offset), "start")
    const bytes = yield* file.readAlloc(length)
    return { bytes: Option.getOrElse(bytes, () => new Uint8Array(0)), offset, size }
  }).pipe(Effect.scoped, orMissing({ bytes: new Uint8Array(0), offset: 0, size: 0 }), step)

/** A log file. Writes, rotation and clearing come one after another, whoever asks for them. */
export const make = Effect.fnUntraced(function* (
  options: LogFileOptions
): Effect.fn.Return<LogFile, never, FileSystem.FileSystem> {
  const { bytesMax, onTrouble, path } = options
  const fs = yield* FileSystem.FileSystem
  const turn = yield* Semaphore.make(1)
  let dropped = 0
  /** When the file may be tried again, by the monotonic clock; none while it is well. */
  let retryAtNanos = Option.none<bigint>()

  const rotateIfFull = Effect.gen(function* () {
    if (bytesMax > 0 && (yield* sizeOf(fs, path)) >= bytesMax) yield* rotate(fs, options)
  })
  const failed = (reason: string) =>
    Effect.gen(function* () {
      const wasWell = Option.isNone(retryAtNanos)
      const nowNanos = yield* Clock.monotonicTimeNanos
      retryAtNanos = Option.some(nowNanos + BigInt(logFileLimits.retryMs) * 1_000_000n)
      if (wasWell) yield* onTrouble(Option.some(reason))
    })
  const append = (chunk: Uint8Array) =>
    Effect.gen(function* () {
      // Again, where an earlier rotation has failed: a file that cannot be rotated must not grow on.
      if (Option.isSome(retryAtNanos)) yield* rotateIfFull
      yield* step(fs.writeFile(path, chunk, { flag: "a" }))
    }).pipe(
      Effect.tapError(() =>
        Effect.sync(() => {
          dropped += chunk.length
        })
      ),
      Effect.andThen(rotateIfFull),
      Effect.matchEffect({
        onFailure: failed,
        onSuccess: () => {
          if (Option.isNone(retryAtNanos)) return Effect.void
          retryAtNanos = Option.none()
          return onTrouble(Option.none())
        }
      })
    )
  return {
    path,
    write: (chunk) =>
      Effect.gen(function* () {
        const nowNanos = yield* Clock.monotonicTimeNanos
        if (Option.isNone(retryAtNanos) || nowNanos >= retryAtNanos.value) return yield* append(chunk)
        dropped += chunk.length
      }).pipe((effect) => turn.withPermit(effect)),
    clear: turn.withPermit(step(fs.truncate(path, 0).pipe(orMissing(undefined)))),
    read: (range) => read(fs, path, range),
    dropped: () => dropped
  }
})
