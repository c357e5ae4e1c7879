/** What opens a file, does one thing with it and closes it: reading and writing it whole, truncating, copying. */
import { Effect, type FileSystem, type PlatformError } from "effect"
import { badArgument } from "./Errno.ts"
import type { FileHandle } from "./HandleTable.ts"
import { type OpenOptions, openHandle } from "./OpenFile.ts"
import { call } from "./Perform.ts"
import { readBytes, type SimFileOptions, writeBytes } from "./SimFile.ts"
import type { Program } from "./Program.ts"

/** Node's own: others may read or write the file between two pieces. */
const pieceBytes = 512 * 1024

export const makeWholeFile = (program: Program) => {
  const { calls, context, perform } = program

  const using = <A>(
    method: string,
    path: string,
    options: OpenOptions,
    use: (handle: FileHandle) => Effect.Effect<A, PlatformError.PlatformError>
  ) =>
    Effect.acquireUseRelease(openHandle(program, method, path, options), use, (handle) =>
      Effect.sync(() => calls.close(handle))
    )

  const readFile: FileSystem.FileSystem["readFile"] = (path) =>
    using("readFile", path, {}, (handle) => readAll({ handle, calls, perform, context }, path))

  const writeFile: FileSystem.FileSystem["writeFile"] = (path, data, options) =>
    using("writeFile", path, { flag: "w", ...definedOnly(options) }, (handle) =>
      writeAll({ handle, calls, perform, context }, path, data)
    )

  const truncate: FileSystem.FileSystem["truncate"] = (path, length = 0) => {
    if (!Number.isInteger(length)) return Effect.fail(badArgument("truncate", `len is out of range: ${length}`))
    return using("truncate", path, { flag: "r+" }, (handle) =>
      perform(
        { ...call("truncate", "truncate", "ftruncate", path), unnamed: true },
        { run: () => calls.truncate(handle, Math.max(0, length)) }
      )
    )
  }

  const copyFile: FileSystem.FileSystem["copyFile"] = (from, to) =>
    perform(call("copyFile", "copy", "copyfile", from, to), { run: () => calls.copyFile(from, to) })

  return { readFile, writeFile, truncate, copyFile }
}

const definedOnly = (options: OpenOptions = {}): OpenOptions => ({
  ...(options.flag === undefined ? {} : { flag: options.flag }),
  ...(options.mode === undefined ? {} : { mode: options.mode })
})

const readAll = (file: SimFileOptions, path: string) =>
  Effect.gen(function* () {
    const pieces: Array<Uint8Array> = []
    let size = 0
    for (;;) {
      const piece = yield* readBytes(file, "readFile", size, pieceBytes, path)
      pieces.push(piece)
      size += piece.length
      if (piece.length < pieceBytes) break
    }
    const whole = new Uint8Array(size)
    let at = 0
    for (const piece of pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  })

const writeAll = (file: SimFileOptions, path: string, data: Uint8Array) =>
  Effect.gen(function* () {
    let at = 0
    // Once at least: no bytes at all are written too, to a file that may refuse it.
    do {
      at += yield* writeBytes(file, "writeFile", at, data.subarray(at, at + pieceBytes), path)
    } while (at < data.length)
  })
