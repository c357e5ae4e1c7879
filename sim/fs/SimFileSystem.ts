/**
 * Effect's `FileSystem` over a simulated disk: the whole interface, with the errors that Effect's own gives on Node and
 * Linux (tag, method, path or descriptor, name of the system call, and a cause with its code).
 *
 * Models: one program with a user, a umask, a working directory and a limit of open files (`EMFILE`). What Node does in
 * several system calls is several here, and other fibers may run in between: `readFile` and `writeFile` open, go
 * through pieces and close, `remove` and `copy` go through a tree entry by entry. Names of temporary directories are
 * drawn from the `data` stream. An operation that is interrupted is done or undone, or stops between two such steps.
 * An opening is not interrupted, as with the real one: it hangs if a rule says so.
 *
 * Does not model: an operation that goes on in the background after its interruption (Node's cannot be called back),
 * watching with a backend of one's own (`WatchBackend`), and what Disk.ts lists.
 */
import { Clock, Effect, FileSystem, Layer, Path, type PlatformError } from "effect"
import { RunContext } from "../RunContext.ts"
import { makeCopy } from "./CopyTree.ts"
import { Disk } from "./Disk.ts"
import { badArgument, nulRefused } from "./Errno.ts"
import { fileInfo } from "./FileInfo.ts"
import { makeOpen } from "./OpenFile.ts"
import { permission } from "./PathWalk.ts"
import { call, makePerform } from "./Perform.ts"
import type { Program, ProgramOptions } from "./Program.ts"
import { makeRemove } from "./RemoveTree.ts"
import { SystemCalls } from "./SystemCalls.ts"
import { makeTemporary } from "./Temporary.ts"
import { makeWatch } from "./Watch.ts"
import { makeWholeFile } from "./WholeFile.ts"

const defaults: ProgramOptions = {
  uid: 1000,
  gid: 1000,
  umask: 0o022,
  workingDirectory: "/",
  temporaryDirectory: "/tmp",
  openFilesMax: 1024
}

export const layer = (
  options: Partial<ProgramOptions> = {}
): Layer.Layer<FileSystem.FileSystem, never, Disk | RunContext> =>
  Layer.effect(FileSystem.FileSystem, make(options)).pipe(Layer.provide(Path.layer))

/** A program of its own on the disk: its open files do not count for others. */
export const make = (given: Partial<ProgramOptions> = {}) =>
  Effect.gen(function* () {
    const options = { ...defaults, ...given }
    const disk = yield* Disk
    const clock = yield* Clock.Clock
    const program: Program = {
      options,
      disk,
      context: yield* RunContext,
      path: yield* Path.Path,
      perform: makePerform(disk, options.workingDirectory),
      calls: new SystemCalls({
        volume: disk.volume,
        handles: disk.attach(options.openFilesMax),
        credentials: { uid: options.uid, gid: options.gid },
        umask: options.umask,
        workingDirectory: options.workingDirectory,
        nowMs: () => clock.currentTimeMillisUnsafe()
      })
    }
    const remove = makeRemove(program)
    const wholeFile = makeWholeFile(program)
    return FileSystem.make({
      ...names(program),
      ...directories(program),
      ...attributes(program),
      ...wholeFile,
      ...makeTemporary(program, { remove, writeFile: wholeFile.writeFile }),
      copy: makeCopy(program),
      remove: (path, how) => remove("remove", path, how),
      open: makeOpen(program),
      watch: makeWatch(program)
    })
  })

const names = ({ calls, options, path: paths, perform }: Program) => ({
  link: (from: string, to: string) =>
    perform(call("link", "link", "link", from, to), { run: () => calls.link(from, to) }),
  symlink: (target: string, path: string) =>
    perform(
      { ...call("symlink", "symlink", "symlink", target, path), point: path },
      { run: () => calls.symlink(target, path) }
    ),
  readLink: (path: string) =>
    perform(call("readLink", "readLink", "readlink", path), { run: () => calls.readLink(path) }),
  rename: (from: string, to: string) =>
    perform(call("rename", "rename", "rename", from, to), { run: () => calls.rename(from, to) }),
  /** Node resolves the text first (so that `""` is the working directory), then looks at each name from the top. */
  realPath: (path: string) =>
    perform(call("realPath", "stat", "lstat", path), {
      run: () => calls.realPath(paths.resolve(options.workingDirectory, path))
    })
})

const directories = ({ calls, path: paths, perform }: Program) => {
  // Node's promises tell of a null byte as of any failure of the system; its callbacks throw a bad argument.
  const list = (method: string, path: string, reported: string) =>
    path.includes("\0")
      ? Effect.fail(nulRefused(method, path))
      : perform({ ...call(method, "list", "scandir", path), reported }, { run: () => calls.list(path) })

  /** As Node does, through symbolic links to directories too, until the system refuses to follow more of them. */
  const listAll = (root: string, below: string): Effect.Effect<ReadonlyArray<string>, PlatformError.PlatformError> =>
    Effect.gen(function* () {
      const found: Array<string> = []
      const todo = [below]
      for (let at = todo.shift(); at !== undefined; at = todo.shift()) {
        for (const { name } of yield* list("readDirectory", paths.join(root, at), root)) {
          const relative = paths.join(at, name)
          found.push(relative)
          if (calls.isDirectory(paths.join(root, relative))) todo.push(relative)
        }
      }
      return found
    })

  return {
    makeDirectory: makeMakeDirectory({ calls, perform }),
    readDirectory: (path: string, how?: { readonly recursive?: boolean | undefined }) =>
      how?.recursive === true
        ? Effect.map(listAll(path, ""), (found) => [...found])
        : Effect.map(list("readDirectory", path, path), (entries) => entries.map(({ name }) => name)),
    readDirectoryEntries: (path: string) =>
      Effect.map(list("readDirectoryEntries", path, path), (entries) =>
        entries.map(({ kind, name }): FileSystem.DirectoryEntry => ({ name, type: kind }))
      )
  }
}

const makeMakeDirectory =
  ({ calls, perform }: Pick<Program, "calls" | "perform">) =>
  (path: string, how?: { readonly recursive?: boolean | undefined; readonly mode?: number | undefined }) => {
    const mode = how?.mode ?? 0o777
    const run = () => (how?.recursive === true ? calls.makeDirectories(path, mode) : calls.makeDirectory(path, mode))
    return perform(call("makeDirectory", "makeDirectory", "mkdir", path), { run })
  }

const idMax = 2 ** 32 - 1

const attributes = ({ calls, perform }: Program) => ({
  access: (path: string, how?: { readonly readable?: boolean | undefined; readonly writable?: boolean | undefined }) =>
    perform(call("access", "access", "access", path), {
      run: () =>
        calls.access(
          path,
          (how?.readable === true ? permission.read : 0) | (how?.writable === true ? permission.write : 0)
        )
    }),
  stat: (path: string) => perform(call("stat", "stat", "stat", path), { run: () => fileInfo(calls.stat(path)) }),
  lstat: (path: string) => perform(call("lstat", "stat", "lstat", path), { run: () => fileInfo(calls.lstat(path)) }),
  chmod: (path: string, mode: number) =>
    isInteger(mode, 0)
      ? perform(call("chmod", "chmod", "chmod", path), { run: () => calls.chmod(path, mode) })
      : Effect.fail(badArgument("chmod", `mode is out of range: ${mode}`)),
  chown: (path: string, uid: number, gid: number) =>
    isInteger(uid, -1) && isInteger(gid, -1)
      ? perform(call("chown", "chown", "chown", path), { run: () => calls.chown(path, uid, gid) })
      : Effect.fail(badArgument("chown", `uid or gid is out of range: ${uid}, ${gid}`)),
  utimes: (path: string, atime: Date | number, mtime: Date | number) =>
    Effect.clockWith((clock) => {
      const times = [atime, mtime].map((time) => milliseconds(time, clock.currentTimeMillisUnsafe()))
      const [atimeMs = Number.NaN, mtimeMs = Number.NaN] = times
      if (times.some((ms) => !Number.isFinite(ms))) return Effect.fail(badArgument("utime", "time must be a number"))
      return perform(call("utime", "utimes", "utime", path), { run: () => calls.setTimes(path, atimeMs, mtimeMs) })
    })
})

const isInteger = (value: number, from: number): boolean => Number.isInteger(value) && value >= from && value <= idMax

/** Numbers are seconds. Node takes a negative one for now. */
const milliseconds = (time: Date | number, nowMs: number): number =>
  typeof time === "number" ? (time < 0 ? nowMs : Math.floor(time * 1000)) : time.getTime()
