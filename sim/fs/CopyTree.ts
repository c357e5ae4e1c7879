/**
 * `copy`: a tree, entry by entry, with the rules of Node's `cp`: an existing file stays unless `overwrite` is given, a
 * directory merges into a directory, and neither takes the place of the other.
 * Links are made anew, with absolute targets.
 */
import { Effect, type FileSystem, type PlatformError } from "effect"
import { codeOf, systemError } from "./Errno.ts"
import type { Inode } from "./Image.ts"
import { call } from "./Perform.ts"
import type { Program } from "./Program.ts"

type Failing<A> = Effect.Effect<A, PlatformError.PlatformError>

/** One entry to copy. */
interface Entry {
  readonly from: string
  readonly to: string
}

export const makeCopy = (program: Program): FileSystem.FileSystem["copy"] => {
  return (from, to, options) => {
    const copier = new Copier(program, from, {
      overwrite: options?.overwrite ?? false,
      preserveTimestamps: options?.preserveTimestamps ?? false
    })
    return copier.copy({ from, to })
  }
}

class Copier {
  private readonly program: Program
  private readonly root: string
  private readonly options: { readonly overwrite: boolean; readonly preserveTimestamps: boolean }

  constructor(
    program: Program,
    root: string,
    options: { readonly overwrite: boolean; readonly preserveTimestamps: boolean }
  ) {
    this.program = program
    this.root = root
    this.options = options
  }

  copy(entry: Entry): Failing<void> {
    const { calls, path: paths } = this.program
    return Effect.gen({ self: this }, function* () {
      const { source, target } = yield* this.look(entry)
      if (source.kind === "Directory") yield* this.demandOutside(entry, source)
      const parent = paths.dirname(entry.to)
      yield* this.system("mkdir", parent, () => calls.makeDirectories(parent, 0o777))
      yield* this.copyEntry(entry, source, target)
    })
  }

  /** A directory is not copied into what is in it. Node looks upwards no further than where both are together. */
  private demandOutside({ from, to }: Entry, source: Inode): Failing<void> {
    const { calls, path: paths } = this.program
    const together = this.absolute(paths.dirname(from))
    return Effect.gen({ self: this }, function* () {
      for (let at = this.absolute(paths.dirname(to)); at !== together && at !== "/"; at = paths.dirname(at)) {
        const inode = yield* this.missing(this.system("stat", at, () => calls.stat(at)))
        if (inode === source) return yield* this.refuse("ERR_FS_CP_EINVAL", to)
        if (inode === undefined) return
      }
    })
  }

  private copyEntry(entry: Entry, source: Inode, target: Inode | undefined): Failing<void> {
    if (source.kind === "Directory") return this.copyDirectory(entry, source, target)
    if (source.kind === "SymbolicLink") return this.copyLink(entry, source.target, target)
    return this.copyFile(entry, source, target)
  }

  private copyFile(entry: Entry, source: Inode, target: Inode | undefined): Failing<void> {
    const { calls } = this.program
    const { from, to } = entry
    return Effect.gen({ self: this }, function* () {
      if (target !== undefined && !this.options.overwrite) return
      if (target !== undefined) yield* this.system("unlink", to, () => calls.unlink(to))
      yield* this.system("copyfile", from, () => calls.copyFile(from, to), to)
      const { atimeMs, mode, mtimeMs } = source.attributes
      if (this.options.preserveTimestamps) {
        yield* this.system("utime", to, () => calls.setTimes(to, atimeMs, mtimeMs))
      }
      yield* this.system("chmod", to, () => calls.chmod(to, mode))
    })
  }

  private copyDirectory({ from, to }: Entry, source: Inode, target: Inode | undefined): Failing<void> {
    const { calls, path: paths } = this.program
    return Effect.gen({ self: this }, function* () {
      if (target === undefined) yield* this.system("mkdir", to, () => calls.makeDirectory(to, 0o777))
      for (const { name } of yield* this.system("opendir", from, () => calls.list(from))) {
        const entry = { from: paths.join(from, name), to: paths.join(to, name) }
        const found = yield* this.look(entry)
        yield* this.copyEntry(entry, found.source, found.target)
      }
      if (target === undefined) yield* this.system("chmod", to, () => calls.chmod(to, source.attributes.mode))
    })
  }

  private copyLink({ from, to }: Entry, given: string, target: Inode | undefined): Failing<void> {
    const { calls, path: paths } = this.program
    const resolved = paths.resolve(paths.dirname(this.absolute(from)), given)
    return Effect.gen({ self: this }, function* () {
      if (target?.kind === "SymbolicLink") {
        const other = paths.resolve(paths.dirname(this.absolute(to)), target.target)
        const source = yield* this.system("stat", from, () => calls.stat(from))
        if (source.kind === "Directory" && isWithin(other, resolved)) return yield* this.refuse("ERR_FS_CP_EINVAL", to)
        if (source.kind === "Directory" && isWithin(resolved, other)) {
          return yield* this.refuse("ERR_FS_CP_SYMLINK_TO_SUBDIRECTORY", to)
        }
        yield* this.system("unlink", to, () => calls.unlink(to))
      }
      yield* this.system("symlink", resolved, () => calls.symlink(resolved, to), to)
    })
  }

  /** What is at both ends, if the one may be copied to the other. */
  private look({ from, to }: Entry): Failing<{ readonly source: Inode; readonly target: Inode | undefined }> {
    const { calls } = this.program
    return Effect.gen({ self: this }, function* () {
      const source = yield* this.system("lstat", from, () => calls.lstat(from))
      const target = yield* this.missing(this.system("lstat", to, () => calls.lstat(to)))
      if (target === source) return yield* this.refuse("ERR_FS_CP_EINVAL", to)
      const isDirectory = source.kind === "Directory"
      if (target !== undefined && isDirectory !== (target.kind === "Directory")) {
        return yield* this.refuse(isDirectory ? "ERR_FS_CP_DIR_TO_NON_DIR" : "ERR_FS_CP_NON_DIR_TO_DIR", to)
      }
      if (isDirectory && isWithin(this.absolute(to), this.absolute(from))) {
        return yield* this.refuse("ERR_FS_CP_EINVAL", to)
      }
      return { source, target }
    })
  }

  private absolute(path: string): string {
    return this.program.path.resolve(this.program.options.workingDirectory, path)
  }

  private system<A>(syscall: string, path: string, run: () => A, dest?: string): Failing<A> {
    const made = call("copy", "copy", syscall, path, dest)
    return this.program.perform({ ...made, reported: this.root }, { run })
  }

  private missing<A>(effect: Failing<A>): Failing<A | undefined> {
    return Effect.catch(effect, (error) =>
      codeOf(error) === "ENOENT" ? Effect.succeed(undefined) : Effect.fail(error)
    )
  }

  private refuse(code: string, path: string): Failing<never> {
    const failed = { method: "copy", syscall: "cp", path, dest: undefined, pathOrDescriptor: this.root }
    return Effect.fail(systemError(failed, code))
  }
}

const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`)
