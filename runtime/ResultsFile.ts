/** The file that `--json` names. It is made before the work whose results it takes: a wrong path costs no work. */
import { Effect, FileSystem, Option, type PlatformError } from "effect"
import { ExitStatus } from "./ExitStatus.ts"

/** Writes the results, whole and once. */
export type WriteResults = (results: unknown) => Effect.Effect<void, ExitStatus>

/** Makes sure that the file can be written; without a path the results go nowhere. */
export const open = (path: Option.Option<string>): Effect.Effect<WriteResults, ExitStatus, FileSystem.FileSystem> =>
  Option.match(path, {
    onNone: () => Effect.succeed(() => Effect.void),
    onSome: (file) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const write = (text: string, flag: "a" | "w") =>
          Effect.mapError(fs.writeFileString(file, text, { flag }), (error) => cannotWrite(file, error))
        yield* write("", "a")
        return (results: unknown) => write(`${JSON.stringify(results, undefined, 2)}\n`, "w")
      })
  })

const words: Partial<Record<PlatformError.PlatformError["reason"]["_tag"], string>> = {
  NotFound: "no such folder",
  PermissionDenied: "permission denied",
  BadResource: "not a regular file"
}

const cannotWrite = (file: string, error: PlatformError.PlatformError): ExitStatus => {
  const why = words[error.reason._tag] ?? error.reason.description ?? error.reason._tag
  return new ExitStatus({ status: 2, message: `${file}: cannot be written: ${why}` })
}
