/** `open`: the flags of Effect's file system, and a file that is closed with its scope. */
import { Effect, type FileSystem } from "effect"
import { call } from "./Perform.ts"
import { makeFile } from "./SimFile.ts"
import type { Program } from "./Program.ts"
import { type OpenMode, openMode } from "./SystemCalls.ts"

const modes: Record<FileSystem.OpenFlag, OpenMode> = {
  r: openMode({ read: true }),
  "r+": openMode({ read: true, write: true }),
  w: openMode({ write: true, create: true, truncate: true }),
  wx: openMode({ write: true, create: true, truncate: true, exclusive: true }),
  "w+": openMode({ read: true, write: true, create: true, truncate: true }),
  "wx+": openMode({ read: true, write: true, create: true, truncate: true, exclusive: true }),
  a: openMode({ write: true, create: true, append: true }),
  ax: openMode({ write: true, create: true, append: true, exclusive: true }),
  "a+": openMode({ read: true, write: true, create: true, append: true }),
  "ax+": openMode({ read: true, write: true, create: true, append: true, exclusive: true })
}

const defaultMode = 0o666

export interface OpenOptions {
  readonly flag?: FileSystem.OpenFlag | undefined
  readonly mode?: number | undefined
  readonly noFollow?: boolean | undefined
}

/** The call alone; whoever makes it closes the handle. */
export const openHandle = ({ calls, perform }: Program, method: string, path: string, options: OpenOptions = {}) => {
  const how = { ...modes[options.flag ?? "r"], noFollow: options.noFollow ?? false }
  return perform(call(method, "open", "open", path), { run: () => calls.open(path, how, options.mode ?? defaultMode) })
}

export const makeOpen = (program: Program): FileSystem.FileSystem["open"] => {
  const { calls, context, perform } = program
  return (path, options) =>
    Effect.acquireRelease(openHandle(program, "open", path, options), (handle) =>
      Effect.sync(() => calls.close(handle))
    ).pipe(Effect.map((handle) => makeFile({ handle, calls, perform, context })))
}
