/**
 * The configuration from a file. What cannot be read is reported in the same shape as what cannot be used.
 */
import { Effect, FileSystem, type PlatformError, Stream } from "effect"
import { ConfigErrors } from "./ConfigErrors.ts"
import { configCharsMax, inspectConfig, type Loaded } from "./ConfigFile.ts"
import type { Config } from "./ConfigSchema.ts"
import type { Environment } from "./Interpolation.ts"

export const loadLimits = {
  /** No more of a file is read than tells that it is too large. */
  fileBytesMax: configCharsMax,
  /** A file system that is gone must not hold up the start for ever. */
  readTimeoutMs: 10_000
} as const

const unreadable = (file: string, why: string): ConfigErrors =>
  new ConfigErrors({ problems: [{ reason: "Unreadable", file, field: "", message: `cannot be read: ${why}` }] })

const notAFile = "not a regular file"

const words: Partial<Record<PlatformError.PlatformError["reason"]["_tag"], string>> = {
  NotFound: "no such file",
  PermissionDenied: "permission denied",
  BadResource: notAFile
}

const describe = (error: PlatformError.PlatformError): string =>
  words[error.reason._tag] ?? error.reason.description ?? error.reason._tag

const readBytes = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  // Files are read by position, which pipes and devices do not have: their own error would tell nobody anything.
  if ((yield* fs.stat(file)).type !== "File") return yield* unreadable(file, notAFile)
  const chunks = yield* Stream.runCollect(fs.stream(file, { bytesToRead: loadLimits.fileBytesMax + 1 }))
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  chunks.reduce((offset, chunk) => {
    bytes.set(chunk, offset)
    return offset + chunk.length
  }, 0)
  return bytes
})

export interface ConfigSource {
  readonly file: string
  /** Gives overrides and `${NAME}`. */
  readonly environment: Environment
}

/** Reads and decodes the file; gives the source of every value too. Nothing is remembered between calls. */
export const inspectFile = Effect.fn("inspectFile")(function* (
  options: ConfigSource
): Effect.fn.Return<Loaded, ConfigErrors, FileSystem.FileSystem> {
  const { environment, file } = options
  const bytes = yield* readBytes(file).pipe(
    Effect.catchTag("PlatformError", (error) => Effect.fail(unreadable(file, describe(error)))),
    Effect.timeoutOrElse({
      duration: loadLimits.readTimeoutMs,
      orElse: () => Effect.fail(unreadable(file, `no end of it within ${loadLimits.readTimeoutMs} ms`))
    })
  )
  // Editors empty a file before they write it, and a loss of power leaves such files: that is no wish for no nodes.
  if (bytes.length === 0) return yield* unreadable(file, "it is empty")
  if (bytes.length > loadLimits.fileBytesMax) {
    return yield* unreadable(file, `larger than ${loadLimits.fileBytesMax} bytes`)
  }
  const text = yield* Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => unreadable(file, "not UTF-8 text")
  })
  return yield* Effect.fromResult(inspectConfig({ file, text, environment }))
})

/** Reads and decodes the file. */
export const loadConfig = (source: ConfigSource): Effect.Effect<Config, ConfigErrors, FileSystem.FileSystem> =>
  Effect.map(inspectFile(source), ({ config }) => config)
