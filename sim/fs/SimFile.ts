/** An open file as Effect's `File`: a cursor of its own over the calls on a handle. */
import { Effect, FileSystem, Option, type PlatformError } from "effect"
import type { RunContext } from "../RunContext.ts"
import { badArgument } from "./Errno.ts"
import { fileInfo } from "./FileInfo.ts"
import type { FileHandle } from "./HandleTable.ts"
import type { Operation } from "./Disk.ts"
import { type Call, flipBit, type Perform } from "./Perform.ts"
import type { SystemCalls } from "./SystemCalls.ts"

export interface SimFileOptions {
  readonly handle: FileHandle
  readonly calls: SystemCalls
  readonly perform: Perform
  readonly context: RunContext["Service"]
}

/**
 * Reads advance the cursor unless a position is given; writes do unless the file was opened to append. A short write is
 * a success: the caller goes on with the rest, as `writeAll` does.
 */
class Cursor {
  private at = 0n
  private readonly options: SimFileOptions

  constructor(options: SimFileOptions) {
    this.options = options
  }

  seek(offset: bigint, from: FileSystem.SeekMode): Failing<bigint> {
    return Effect.suspend(() => {
      const target = from === "start" ? offset : this.at + offset
      if (target < 0n) return Effect.fail(badArgument("seek", "a file has nothing before its start"))
      this.at = target
      return Effect.succeed(target)
    })
  }

  read(method: string, length: number, position: bigint | undefined): Failing<Uint8Array<ArrayBuffer>> {
    return Effect.suspend(() => {
      if (position !== undefined && position < 0n) {
        return Effect.fail(badArgument(method, "a file has nothing before its start"))
      }
      // Node answers without asking the system.
      if (length === 0) return Effect.succeed(new Uint8Array(0))
      const start = position ?? this.at
      return Effect.map(readBytes(this.options, method, Number(start), length), (bytes) => {
        if (position === undefined) this.at = start + BigInt(bytes.length)
        return bytes
      })
    })
  }

  write(method: string, bytes: Uint8Array): Failing<number> {
    return Effect.suspend(() => {
      const { append } = this.options.handle
      const start = this.at
      if (!append && start > BigInt(Number.MAX_SAFE_INTEGER)) {
        return Effect.fail(badArgument(method, `the position ${start} is beyond the safe integers`))
      }
      return Effect.map(writeBytes(this.options, method, Number(start), bytes), (count) => {
        if (!append) this.at = start + BigInt(count)
        return count
      })
    })
  }

  writeAll(bytes: Uint8Array): Failing<void> {
    if (bytes.length === 0) return Effect.void
    return Effect.flatMap(this.write("writeAll", bytes), (count) => this.writeAll(bytes.subarray(count)))
  }

  /** The file ends here now. */
  clamp(length: number): void {
    const end = BigInt(length)
    if (!this.options.handle.append && this.at > end) this.at = end
  }
}

type Failing<A> = Effect.Effect<A, PlatformError.PlatformError>

export const makeFile = (options: SimFileOptions): FileSystem.File => {
  const { calls, handle, perform } = options
  const cursor = new Cursor(options)
  return {
    [FileSystem.FileTypeId]: FileSystem.FileTypeId,
    stat: perform(onHandle(handle, "stat", "stat", "fstat"), { run: () => fileInfo(calls.statOpen(handle)) }),
    sync: perform(onHandle(handle, "sync", "sync", "fsync"), {
      run: () => calls.sync(handle),
      lie: () => {},
      failed: (code) => {
        if (code === "EIO") calls.failSync(handle)
      }
    }),
    seek: (offset, from) => cursor.seek(offset, from),
    read: (buffer, where) =>
      Effect.map(cursor.read("read", buffer.length, where?.position), (bytes) => {
        buffer.set(bytes)
        return bytes.length
      }),
    readAlloc: (size, where) => {
      if (!Number.isInteger(size) || size < 0) {
        return Effect.fail(badArgument("readAlloc", `the size ${size} is no count of bytes`))
      }
      return Effect.map(cursor.read("readAlloc", size, where?.position), (bytes) =>
        bytes.length === 0 ? Option.none() : Option.some(bytes)
      )
    },
    truncate: (length = 0) =>
      Effect.map(
        perform(onHandle(handle, "truncate", "truncate", "ftruncate"), {
          run: () => calls.truncate(handle, Math.max(0, length))
        }),
        () => cursor.clamp(length)
      ),
    write: (bytes) => cursor.write("write", bytes),
    writeAll: (bytes) => cursor.writeAll(bytes)
  }
}

const onHandle = (handle: FileHandle, method: string, operation: Operation, syscall: string): Call => ({
  method,
  operation,
  syscall,
  path: handle.path,
  reported: handle.descriptor,
  unnamed: true
})

/** One `read`. `reported` is for methods that know the file by its path. */
export const readBytes = (
  { calls, context, handle, perform }: SimFileOptions,
  method: string,
  offset: number,
  length: number,
  reported: string | number = handle.descriptor
) =>
  perform(
    { ...onHandle(handle, method, "read", "read"), reported },
    {
      run: () => calls.read(handle, offset, length),
      spoiled: () => {
        const bytes = calls.read(handle, offset, length)
        flipBit(context, bytes)
        return bytes
      }
    }
  )

/** One `write`, of all or of the first part of the bytes; gives how many. */
export const writeBytes = (
  { calls, context, handle, perform }: SimFileOptions,
  method: string,
  offset: number,
  bytes: Uint8Array,
  reported: string | number = handle.descriptor
) => {
  const write = (given: Uint8Array) => calls.write(handle, offset, given)
  return perform(
    { ...onHandle(handle, method, "write", "write"), reported },
    {
      run: () => write(bytes),
      spoiled: () => {
        const spoilt = bytes.slice()
        flipBit(context, spoilt)
        return write(spoilt)
      }
    }
  )
}
