/**
 * A file for results that a flag names. It is proven before the work whose results it takes that it can be written: a
 * wrong path costs no work. The results are written beside it and then take its place at once, so that nobody reads
 * half of them, and what was there stays until then.
 */
import { basename, dirname, join } from "node:path"
import { Effect, FileSystem, Option, type PlatformError } from "effect"
import { ExitStatus } from "./ExitStatus.ts"

/** Writes the results, whole and once. */
export type WriteResults = (results: unknown) => Effect.Effect<void, ExitStatus>

/** Writes the text, whole and once. */
export type WriteText = (text: string) => Effect.Effect<void, ExitStatus>

/** Makes sure that the file can be written; without a path the results go nowhere. They are written as JSON. */
export const open = (path: Option.Option<string>): Effect.Effect<WriteResults, ExitStatus, FileSystem.FileSystem> =>
  Option.match(path, {
    onNone: () => Effect.succeed(() => Effect.void),
    onSome: (file) =>
      Effect.map(openText(file), (write) => (results) => write(`${JSON.stringify(results, undefined, 2)}\n`))
  })

/** Makes sure that the file can be written. */
export const openText = (file: string): Effect.Effect<WriteText, ExitStatus, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const put = (to: string, text: string, flag: "a" | "w") => fs.writeFileString(to, text, { flag })
    const found = yield* fs.stat(file).pipe(
      Effect.asSome,
      Effect.catchReason("PlatformError", "NotFound", () => Effect.succeedNone)
    )
    if (Option.isSome(found) && isStream(file, found.value)) {
      return (text: string) => Effect.mapError(put(file, text, "a"), (error) => cannotWrite(file, error))
    }
    yield* put(file, "", "a")
    if (Option.isNone(found)) yield* fs.remove(file)
    // Behind a link its target is replaced, and not the link.
    const real = Option.isSome(found) ? yield* fs.realPath(file) : file
    const beside = join(dirname(real), `.${basename(real)}.${process.pid}.tmp`)
    return (text: string) =>
      put(beside, text, "w").pipe(
        Effect.andThen(fs.rename(beside, real)),
        // Some files cannot be replaced and yet be written, such as one that is mounted alone.
        Effect.catch(() => Effect.andThen(fs.remove(beside, { force: true }), put(real, text, "w"))),
        Effect.mapError((error) => cannotWrite(file, error))
      )
  }).pipe(Effect.catchTag("PlatformError", (error) => Effect.fail(cannotWrite(file, error))))

/** Makes the folder if it is not there. */
export const openFolder = (path: string): Effect.Effect<void, ExitStatus, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.mapError(fs.makeDirectory(path, { recursive: true }), (error) => cannotWrite(path, error))
  )

/** What is written to and never replaced: pipes, terminals, and what stdout stands for. */
const isStream = (file: string, { type }: FileSystem.File.Info): boolean =>
  (type !== "File" && type !== "Directory") || /^\/(?:dev|proc)\//.test(file)

const words: Partial<Record<PlatformError.PlatformError["reason"]["_tag"], string>> = {
  NotFound: "no such folder",
  PermissionDenied: "permission denied",
  BadResource: "not a regular file"
}

const cannotWrite = (file: string, error: PlatformError.PlatformError): ExitStatus => {
  const why = words[error.reason._tag] ?? error.reason.description ?? error.reason._tag
  return new ExitStatus({ status: 2, message: `${file}: cannot be written: ${why}` })
}
