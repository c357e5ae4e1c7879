/** `remove`: entry by entry, as Node does, so that a failure or an interruption halfway leaves the rest. */
import { Effect, type PlatformError, Result } from "effect"
import { codeOf, systemError } from "./Errno.ts"
import { call } from "./Perform.ts"
import type { Program } from "./Program.ts"

export interface RemoveOptions {
  readonly recursive?: boolean | undefined
  readonly force?: boolean | undefined
}

export type Remove = (
  method: string,
  path: string,
  options?: RemoveOptions
) => Effect.Effect<void, PlatformError.PlatformError>

export const makeRemove = ({ calls, path: paths, perform }: Program): Remove => {
  const ignoring =
    (code: string) =>
    <A>(effect: Effect.Effect<A, PlatformError.PlatformError>) =>
      Effect.catch(effect, (error) => (codeOf(error) === code ? Effect.succeed(undefined) : Effect.fail(error)))

  return (method, root, options) => {
    const at = (syscall: string, path: string) => ({ ...call(method, "remove", syscall, path), reported: root })
    const look = (path: string) =>
      perform({ ...at("lstat", path), operation: "stat" }, { run: () => calls.lstat(path) })
    const list = (path: string) =>
      perform({ ...at("scandir", path), operation: "list" }, { run: () => calls.list(path) })

    const removeTree = (path: string): Effect.Effect<void, PlatformError.PlatformError> =>
      Effect.gen(function* () {
        const seen = yield* Effect.result(look(path))
        if (Result.isFailure(seen) && codeOf(seen.failure) === "ENOENT") return
        // What cannot be looked at is taken for a file: the next call says what is wrong.
        if (Result.isFailure(seen) || seen.success.kind !== "Directory") {
          yield* ignoring("ENOENT")(perform(at("unlink", path), { run: () => calls.unlink(path) }))
          return
        }
        const rmdir = perform(at("rmdir", path), { run: () => calls.removeDirectory(path) })
        const removeFull = Effect.gen(function* () {
          for (const { name } of yield* list(path)) yield* removeTree(paths.join(path, name))
          yield* rmdir
        })
        yield* Effect.catch(rmdir, (error) =>
          ["ENOTEMPTY", "EPERM"].includes(codeOf(error) ?? "") ? removeFull : Effect.fail(error)
        ).pipe(
          ignoring("ENOENT"),
          // Node takes this for success: of `link/` the link stays, and what it leads to.
          ignoring("ENOTDIR")
        )
      })

    return Effect.gen(function* () {
      const first = look(root)
      const inode = yield* options?.force === true ? ignoring("ENOENT")(first) : first
      if (inode === undefined) return
      if (inode.kind === "Directory" && options?.recursive !== true) {
        const failed = { method, syscall: "rm", path: root, dest: undefined, pathOrDescriptor: root }
        return yield* systemError(failed, "ERR_FS_EISDIR")
      }
      yield* removeTree(root)
    })
  }
}
