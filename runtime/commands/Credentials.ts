/**
 * The sessions that `muster login` began, one for each console, in a file that its user alone can read.
 *
 * Whoever changes it has the lock of a file beside it, which the system lets go when its holder ends in whatever way:
 * a refresh token works once, so two commands must not use the same one at the same time.
 */
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Effect, FileSystem, Schedule, Schema, type Scope } from "effect"
import * as SecureFiles from "../../core/files/SecureFiles.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as NodeSecureFiles from "../NodeSecureFiles.ts"

/** What is kept of a session. Times are ISO 8601. */
export const StoredSession = Schema.Struct({
  username: Schema.String,
  token: Schema.String,
  expires: Schema.String,
  refresh_token: Schema.String,
  session_expires: Schema.String
})
export type StoredSession = typeof StoredSession.Type

const Stored = Schema.Struct({ version: Schema.Literal(1), sessions: Schema.Record(Schema.String, StoredSession) })
type Stored = typeof Stored.Type
const StoredText = Schema.fromJsonString(Stored)

const modes = { file: 0o600, folder: 0o700, others: 0o077 } as const

/** Longer than any answer of a console is waited for. */
const lockWait = { everyMs: 20, times: 3_000 } as const

/** `$XDG_CONFIG_HOME/muster/credentials.json`. */
export const path = (): string => {
  const configured = process.env["XDG_CONFIG_HOME"]
  const folder = configured === undefined || configured === "" ? join(homedir(), ".config") : configured
  return join(folder, "muster", "credentials.json")
}

const unusable = (detail: string) => new ExitStatus({ status: 1, message: `${path()}: ${detail}` })

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const none: Stored = { version: 1, sessions: {} }

const readAll: Effect.Effect<Stored, ExitStatus, FileSystem.FileSystem> = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const file = path()
  const info = yield* Effect.catchIf(
    fs.stat(file),
    ({ reason }) => reason._tag === "NotFound",
    () => Effect.succeed(undefined)
  )
  if (info === undefined) return none
  if ((info.mode & modes.others) !== 0) return yield* unusable("others can read it: chmod 600")
  const text = yield* fs.readFileString(file)
  return yield* Effect.mapError(Schema.decodeUnknownEffect(StoredText)(text), () =>
    unusable("is not understood; remove it and log in again")
  )
}).pipe(Effect.catchTag("PlatformError", (error) => Effect.fail(unusable(error.message))))

/** The session with the console at this URL, if there is one. */
export const read = (url: string): Effect.Effect<StoredSession | undefined, ExitStatus, FileSystem.FileSystem> =>
  Effect.map(readAll, ({ sessions }) => (Object.hasOwn(sessions, url) ? sessions[url] : undefined))

/** The lock, until the scope closes. */
const locked: Effect.Effect<void, ExitStatus, Scope.Scope> = Effect.gen(function* () {
  const file = `${path()}.lock`
  const db = yield* Effect.acquireRelease(
    Effect.try({
      try: () => {
        mkdirSync(dirname(file), { recursive: true, mode: modes.folder })
        closeSync(openSync(file, "a", modes.file))
        chmodSync(file, modes.file)
        return new DatabaseSync(file)
      },
      catch: (cause) => unusable(messageOf(cause))
    }),
    (opened) => Effect.sync(() => opened.close())
  )
  yield* Effect.try({ try: () => db.exec("BEGIN EXCLUSIVE"), catch: messageOf }).pipe(
    Effect.retry({
      schedule: Schedule.spaced(lockWait.everyMs),
      times: lockWait.times,
      while: (message) => message.includes("locked")
    }),
    Effect.mapError((message) => unusable(`cannot be locked: ${message}`))
  )
})

/**
 * Changes what is kept of the console at this URL: `act` gets it as it is now, and gives what is to be kept, or
 * undefined for nothing. Nobody else changes it meanwhile.
 */
export const change = <E, R>(
  url: string,
  act: (session: StoredSession | undefined) => Effect.Effect<StoredSession | undefined, E, R>
): Effect.Effect<StoredSession | undefined, E | ExitStatus, R | FileSystem.FileSystem> =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* locked
      const before = yield* readAll
      const session = Object.hasOwn(before.sessions, url) ? before.sessions[url] : undefined
      const next = yield* act(session)
      if (next !== session) yield* writeAll(withSession(before, url, next))
      return next
    })
  )

const withSession = ({ sessions }: Stored, url: string, session: StoredSession | undefined): Stored => {
  const others = Object.entries(sessions).filter(([each]) => each !== url)
  return { version: 1, sessions: Object.fromEntries(session === undefined ? others : [...others, [url, session]]) }
}

const writeAll = (stored: Stored) =>
  Effect.flatMap(SecureFiles.SecureFiles, (files) => {
    const text = `${JSON.stringify(stored, undefined, 2)}\n`
    return files.write(path(), new TextEncoder().encode(text), { mode: modes.file, overwrite: true })
  }).pipe(
    Effect.provide(NodeSecureFiles.layer({ instance: NodeSecureFiles.instances.commands })),
    Effect.mapError(({ message }) => new ExitStatus({ status: 1, message }))
  )
