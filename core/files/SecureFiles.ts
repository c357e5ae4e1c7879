/**
 * Files with secrets in them (S30), over the file system of the surroundings.
 *
 * A temporary one lies in a folder that nobody else may enter, was created for it alone with mode 0600, holds all of
 * its content on disk before anybody gets its name, and goes with its scope, however that ends. What a crash leaves is
 * swept at the next start: by the life in its name, so that consoles that share a folder never sweep each other's.
 *
 * A file that is replaced has its old content or the new one whole, whenever the machine stops.
 */
import { Context, Effect, FileSystem, Layer, Path, type PlatformError, type Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { type FileOwner, nameFor, prefixOf, staleAmong } from "./FileOwner.ts"
import { failedAt, SecureFileError } from "./SecureFileError.ts"

export interface SecureFilesOptions {
  /** Where the temporary files are; made when it is missing, in a folder that exists. Private, or refused. */
  readonly folder: string
  /** What the console is known by across its restarts: it sweeps what belongs to this, and nothing else. */
  readonly instance: string
  readonly owner: FileOwner
}

export interface Replacement {
  /** Permissions of the new file, whatever the old one had. */
  readonly mode: number
  /** What is there is replaced; else it is `Exists`, and stays. */
  readonly overwrite: boolean
}

export class SecureFiles extends Context.Service<
  SecureFiles,
  {
    /** A file with this content until the scope closes; gives its path. */
    readonly temporary: (content: Uint8Array) => Effect.Effect<string, SecureFileError, Scope.Scope>
    /** Puts a file with this content in place of what is there. A symbolic link is replaced, not followed. */
    readonly write: (
      path: string,
      content: Uint8Array,
      replacement: Replacement
    ) => Effect.Effect<void, SecureFileError>
    /**
     * The same for content that something else writes: `fill` gets the path of an empty file of mode 0600 in a private
     * folder of its own beside the target. Only when it succeeds anything takes the place of the target.
     */
    readonly fill: <A, E, R>(
      path: string,
      replacement: Replacement,
      fill: (path: string) => Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | SecureFileError, R>
  }
>()("core/files/SecureFiles") {}

const modes = { folder: 0o700, file: 0o600, others: 0o077, permissions: 0o7777 } as const

/** A file system that does not take a piece of content by then has failed. */
const writeMsMax = 10_000

/** Fails when the folder is not private. What an earlier life has left in it is gone when the layer is there. */
export const layer = (
  options: SecureFilesOptions
): Layer.Layer<SecureFiles, SecureFileError, FileSystem.FileSystem | Path.Path | SecureRandom.SecureRandom> =>
  Layer.effect(SecureFiles, make(options))

const make = Effect.fnUntraced(function* ({ folder, instance, owner }: SecureFilesOptions) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const random = yield* SecureRandom.SecureRandom
  const named = (prefix: string) => Effect.provideService(nameFor(prefix, owner), SecureRandom.SecureRandom, random)
  const own = prefixOf(instance, { hidden: false })
  // By the instance and not by the target: the next target in that folder may have another name, as of a new day.
  const ownHidden = prefixOf(instance, { hidden: true })

  yield* privateFolder(fs, folder, owner.uid)
  yield* sweep(fs, paths, { folder, prefix: own, owner })

  const temporary = (content: Uint8Array) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const path = paths.join(folder, yield* named(own))
        yield* created(fs, path, (file) => restore(written(path, file, content)))
        yield* Effect.addFinalizer(() => removed(fs, path))
        return path
      }).pipe(Effect.mapError(typed(folder)))
    ).pipe(Effect.withSpan("SecureFiles.temporary"))

  /** A private folder beside the target, so that what is in it can be renamed to the target. */
  const staging = Effect.fnUntraced(function* (target: string) {
    const beside = paths.dirname(target)
    yield* sweep(fs, paths, { folder: beside, prefix: ownHidden, owner })
    const path = paths.join(beside, yield* named(ownHidden))
    return yield* Effect.acquireRelease(
      Effect.as(Effect.mapError(fs.makeDirectory(path, { mode: modes.folder }), failedAt(beside)), path),
      () => removed(fs, path)
    )
  })

  const fill = <A, E, R>(target: string, replacement: Replacement, act: (path: string) => Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const failed = failedAt(target)
      // Said before the work is done, and held to again by the last step of it.
      if (!replacement.overwrite && (yield* exists(fs, target))) {
        return yield* new SecureFileError({ reason: "Exists", path: target, detail: "exists already" })
      }
      const path = paths.join(yield* staging(target), "content")
      yield* Effect.mapError(
        created(fs, path, () => Effect.void),
        failed
      )
      const result = yield* act(path)
      yield* Effect.mapError(placed(fs, { path, target, folder: paths.dirname(target), replacement }), failed)
      return result
    }).pipe(Effect.scoped, Effect.withSpan("SecureFiles.fill"))

  const write = (target: string, content: Uint8Array, replacement: Replacement) =>
    fill(target, replacement, (path) =>
      Effect.mapError(
        Effect.scoped(Effect.flatMap(fs.open(path, { flag: "r+" }), (file) => written(target, file, content))),
        typed(target)
      )
    )

  return SecureFiles.of({ temporary, write, fill })
})

/** Makes the folder, or sees that the one that is there is of this user and for nobody else. */
const privateFolder = Effect.fnUntraced(
  function* (fs: FileSystem.FileSystem, path: string, uid: number | undefined) {
    yield* Effect.catchIf(
      fs.makeDirectory(path, { mode: modes.folder }),
      ({ reason }) => reason._tag === "AlreadyExists",
      () => Effect.void
    )
    const { mode, type, uid: user } = yield* fs.lstat(path)
    const refused = (detail: string) => new SecureFileError({ reason: "NotPrivate", path, detail })
    if (type !== "Directory") return yield* refused("is no folder")
    if (uid !== undefined && user._tag === "Some" && user.value !== uid) return yield* refused("is of another user")
    if ((mode & modes.others) !== 0) return yield* refused("others may use it: chmod 700")
  },
  (effect, _, path) => Effect.mapError(effect, typed(path))
)

const typed =
  (path: string) =>
  (error: PlatformError.PlatformError | SecureFileError): SecureFileError =>
    error._tag === "PlatformError" ? failedAt(path)(error) : error

interface Sweep {
  readonly folder: string
  readonly prefix: string
  readonly owner: FileOwner
}

/** Removes what those have left who are gone. A name that leads elsewhere goes, and not what it leads to. */
const sweep = (fs: FileSystem.FileSystem, paths: Path.Path, { folder, owner, prefix }: Sweep) =>
  Effect.gen(function* () {
    const stale = yield* staleAmong(yield* fs.readDirectory(folder), prefix, owner)
    yield* Effect.forEach(stale, (name) => removed(fs, paths.join(folder, name)), { discard: true })
  }).pipe(Effect.mapError(failedAt(folder)))

/** Whether the name is taken, by a link that leads nowhere too. */
const exists = (fs: FileSystem.FileSystem, path: string): Effect.Effect<boolean, SecureFileError> =>
  fs.lstat(path).pipe(
    Effect.as(true),
    Effect.catch((error) =>
      error.reason._tag === "NotFound" ? Effect.succeed(false) : Effect.fail(failedAt(path)(error))
    )
  )

/** Creates the file and does something with it; if that fails or is interrupted, the file goes at once. */
const created = <A, E, R>(
  fs: FileSystem.FileSystem,
  path: string,
  use: (file: FileSystem.File) => Effect.Effect<A, E, R>
) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.scoped(
      Effect.flatMap(fs.open(path, { flag: "wx", mode: modes.file }), (file) =>
        Effect.onError(restore(use(file)), () => removed(fs, path))
      )
    )
  )

const written = (path: string, file: FileSystem.File, content: Uint8Array) =>
  Effect.andThen(file.writeAll(content), file.sync).pipe(
    Effect.timeoutOrElse({
      duration: writeMsMax,
      orElse: () =>
        Effect.fail(new SecureFileError({ reason: "Failed", path, detail: `not written within ${writeMsMax} ms` }))
    })
  )

const synced = (fs: FileSystem.FileSystem, path: string) =>
  Effect.scoped(Effect.flatMap(fs.open(path), (file) => file.sync))

interface Placement {
  readonly path: string
  readonly target: string
  readonly folder: string
  readonly replacement: Replacement
}

/** On disk first, then under the name, then the name on disk. A link does not replace what has come meanwhile. */
const placed = (fs: FileSystem.FileSystem, { folder, path, replacement, target }: Placement) =>
  Effect.gen(function* () {
    if (replacement.mode !== modes.file) yield* fs.chmod(path, replacement.mode & modes.permissions)
    yield* synced(fs, path)
    yield* Effect.uninterruptible(
      Effect.andThen(replacement.overwrite ? fs.rename(path, target) : fs.link(path, target), synced(fs, folder))
    )
  })

/** Nobody waits for a file system that does not let go; the next start sweeps what it has kept. */
const removed = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void> =>
  fs.remove(path, { recursive: true, force: true }).pipe(
    Effect.timeout(writeMsMax),
    Effect.catch((error) =>
      Effect.logWarning(`a temporary file could not be removed, the next start tries again: ${error.message}`)
    ),
    Effect.annotateLogs({ path })
  )
