/** A file system of a few megabytes that can be filled: a tmpfs, which only root may mount. */
import { execFile } from "node:child_process"
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { NotHere } from "./Episode.ts"

export interface SmallDisk {
  readonly folder: string
  /** Writes until there is no room for another byte; gives how many fitted. */
  readonly fill: Effect.Effect<number>
  readonly free: Effect.Effect<void>
}

const megabytes = 4

const run = (file: string, args: ReadonlyArray<string>) =>
  Effect.callback<void, NotHere>((resume) => {
    execFile(file, args, (error, _, stderr) =>
      resume(
        error === null
          ? Effect.void
          : Effect.fail(new NotHere({ reason: `${file}: ${(stderr || error.message).trim()}` }))
      )
    )
  })

/** Fills the file up to the last byte of the disk. */
const fillFile = (path: string): number => {
  const file = openSync(path, "w")
  let written = 0
  try {
    for (let size = 1_048_576; size >= 1;) {
      try {
        written += writeSync(file, Buffer.alloc(size))
      } catch {
        // No room for so much: smaller pieces may fit.
        size = Math.floor(size / 2)
      }
    }
  } finally {
    closeSync(file)
  }
  return written
}

/** Mounts it below the folder until the scope ends; `NotHere` says why it cannot be. */
export const make = (below: string): Effect.Effect<SmallDisk, NotHere, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = join(below, "disk")
    if (process.getuid?.() !== 0) return yield* new NotHere({ reason: "only root can mount a small disk" })
    yield* Effect.acquireRelease(
      Effect.andThen(
        Effect.sync(() => mkdirSync(folder)),
        run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder])
      ),
      () => Effect.orDie(run("umount", ["-l", folder]))
    )
    const filler = join(folder, "filler")
    return {
      folder,
      fill: Effect.sync(() => fillFile(filler)),
      free: Effect.sync(() => rmSync(filler, { force: true }))
    }
  })
