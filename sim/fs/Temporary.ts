/** Temporary files and directories, with names drawn from the `data` stream of the run. */
import { Effect, type FileSystem, type PlatformError } from "effect"
import { Errno } from "./Errno.ts"
import { call } from "./Perform.ts"
import type { Remove } from "./RemoveTree.ts"
import type { Program } from "./Program.ts"

interface TemporaryOptions {
  readonly directory?: string | undefined
  readonly prefix?: string | undefined
  readonly suffix?: string | undefined
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
const suffixLetters = 6
const directoryMode = 0o700
const attemptsMax = 1_000
const fileNameBytes = 6

export const makeTemporary = (
  program: Program,
  { remove, writeFile }: { readonly remove: Remove; readonly writeFile: FileSystem.FileSystem["writeFile"] }
) => {
  const { calls, context, disk, options, path: paths, perform } = program

  /** A name that is taken leads to the next one: a run whose choices are all 0 must not look for ever. */
  const makeUnique = (prefix: string): string => {
    const drawn = Array.from({ length: suffixLetters }, () => context.choose("data", letters.length))
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const path = prefix + suffix(drawn, attempt)
      try {
        calls.makeDirectory(path, directoryMode)
        return path
      } catch (cause) {
        if (!(cause instanceof Errno) || cause.code !== "EEXIST") throw cause
      }
    }
    throw new Errno({ code: "EEXIST" })
  }

  const makeDirectory = (method: string, given: TemporaryOptions = {}) =>
    Effect.suspend(() => {
      const directory = given.directory === undefined ? options.temporaryDirectory : paths.join(given.directory, ".")
      const prefix = given.prefix ? paths.join(directory, given.prefix) : `${directory}/`
      const held = () => {
        const path = makeUnique(prefix)
        disk.holdTemporary(calls.stat(path), path)
        return path
      }
      return perform(
        { ...call(method, "makeDirectory", "mkdtemp", `${prefix}XXXXXX`), reported: prefix, point: prefix },
        { run: held }
      )
    })

  const makeFile = (method: string, given: TemporaryOptions = {}) =>
    Effect.gen(function* () {
      const directory = yield* makeDirectory(method, given)
      const bytes = Array.from({ length: fileNameBytes }, () => context.choose("data", 256))
      const name = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")
      const path = paths.join(directory, `${name}${given.suffix ?? ""}`)
      yield* writeFile(path, new Uint8Array(0))
      return path
    })

  const removeAll = (method: string, directory: string): Effect.Effect<void> =>
    // As with the real one: what cannot be cleared away is a defect of whoever closes the scope.
    Effect.orDie(remove(method, directory, { recursive: true, force: true }))

  return {
    makeTempDirectory: (given?: TemporaryOptions) => makeDirectory("makeTempDirectory", given),
    makeTempDirectoryScoped: (given?: TemporaryOptions) =>
      Effect.acquireRelease(makeDirectory("makeTempDirectoryScoped", given), (directory) =>
        removeAll("makeTempDirectoryScoped", directory)
      ),
    makeTempFile: (given?: TemporaryOptions): Effect.Effect<string, PlatformError.PlatformError> =>
      makeFile("makeTempFile", given),
    makeTempFileScoped: (given?: TemporaryOptions) =>
      Effect.acquireRelease(makeFile("makeTempFileScoped", given), (file) =>
        removeAll("makeTempFileScoped", paths.dirname(file))
      )
  }
}

/** The drawn letters, counted up by `steps`. */
const suffix = (drawn: ReadonlyArray<number>, steps: number): string => {
  let carry = steps
  return drawn
    .toReversed()
    .map((digit) => {
      const sum = digit + carry
      carry = Math.floor(sum / letters.length)
      return letters.charAt(sum % letters.length)
    })
    .toReversed()
    .join("")
}
