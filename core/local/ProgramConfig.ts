/**
 * What the local process manager is told about a program, with the fields and the defaults of a `[program:x]` section
 * of supervisord. Decoding gives every default, so that the rest of the manager knows hardly an optional field.
 *
 * Differences to supervisord, on purpose: times may have fractions of a second; a command that needs a shell is refused
 * (`CommandText.ts`); `stopasgroup` and `killasgroup` are on unless they are turned off; and output goes to no file
 * unless one is named. There is no `numprocs` and no `umask`.
 */
import { Effect, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { CommandText } from "./CommandText.ts"

/** Bounds of the settings. The longest time is below what a timer of the platform can take (24 days). */
export const programLimits = {
  nameCharsMax: 255,
  secsMax: 604_800,
  startRetriesMax: 100_000,
  outputBytesMin: 1_024,
  outputBytesMax: 16_777_216,
  priorityMax: 1_000_000,
  pathCharsMax: 4_096,
  logFileBytesMax: 1_099_511_627_776,
  logFileBackupsMax: 1_000
} as const

/** The signals that supervisord accepts as a stop signal. */
export const StopSignal = Schema.Literals(["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2"])
export type StopSignal = typeof StopSignal.Type

/** Written with or without `SIG`, as in a file of supervisord. */
const StopSignalName = Schema.String.pipe(
  Schema.decodeTo(
    StopSignal,
    SchemaTransformation.transformEffect<StopSignal, string>({
      decode: (name, options) => {
        const signal = StopSignal.literals.find((known) => known === name || known === `SIG${name}`)
        const message = `Expected one of ${StopSignal.literals.join(", ")}`
        return signal === undefined
          ? Effect.fail(new SchemaIssue.InvalidValue({ message }, name, options))
          : Effect.succeed(signal)
      },
      encode: (signal) => Effect.succeed(signal)
    })
  )
)

const Name = Schema.String.check(
  Schema.isPattern(/^[^\s:/\p{Cc}]+$/u, { expected: "a name without spaces, colons, slashes and control characters" }),
  Schema.isMaxLength(programLimits.nameCharsMax)
)

const Secs = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: programLimits.secsMax }))
const Retries = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: programLimits.startRetriesMax }))
const ExitCodes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
const OutputBytes = Schema.Int.check(
  Schema.isBetween({ minimum: programLimits.outputBytesMin, maximum: programLimits.outputBytesMax })
)

const Priority = Schema.Int.check(
  Schema.isBetween({ minimum: -programLimits.priorityMax, maximum: programLimits.priorityMax })
)
const LogFileBytes = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: programLimits.logFileBytesMax }))
const LogFileBackups = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: programLimits.logFileBackupsMax }))

/** The name of a user, or its number. It is a word of a command line, so that it must not look like an option. */
const User = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, { expected: "the name of a user, or its number" })
)

/** Words that supervisord takes for something else than a file. */
const noFiles: ReadonlySet<string> = new Set(["AUTO", "NONE", "SYSLOG"])

/** A path. A relative one is below the console's own working directory and stays there. */
const LogFile = Schema.String.check(
  Schema.isMaxLength(programLimits.pathCharsMax),
  Schema.makeFilter((path) => path !== "" || "Expected the path of a file; without one output is in memory only"),
  Schema.makeFilter((path) => !/\p{Cc}/u.test(path) || "Expected a path without NUL and control characters"),
  Schema.makeFilter((path) => !path.endsWith("/") || "Expected a file, got a directory"),
  Schema.makeFilter(
    (path) => !noFiles.has(path.toUpperCase()) || "Expected a path: there is no AUTO, NONE or syslog here"
  ),
  Schema.makeFilter((path) => !path.split("/").includes("..") || 'Expected a path without ".."')
)

/** Values may be secrets: no error names one. */
const Environment = Schema.Record(Schema.String, Schema.String).check(
  Schema.makeFilter((environment) =>
    Object.entries(environment).flatMap(([name, value]) => [
      ...(name === "" || /[=\0]/.test(name) ? [{ path: [name], issue: "Expected a name without '=' and NUL" }] : []),
      ...(value.includes("\0") ? [{ path: [name], issue: "Expected a value without NUL" }] : [])
    ])
  )
)

const defaultKey = Schema.withDecodingDefaultKey

/** supervisord's: 50 MB and ten old files. */
export const logFileDefaults = { bytesMax: 52_428_800, backups: 10 } as const

const settings = {
  name: Name,
  /** Words to run. As text it is split into words at blanks, with quotes; a list is taken as it is. */
  command: CommandText,
  /** Where to run it; the console's own working directory when not given. */
  directory: Schema.optionalKey(Schema.NonEmptyString),
  /** Whom it runs as, by name or number; the console's own user when not given. */
  user: Schema.optionalKey(User),
  /** Added to the console's own environment. */
  environment: Environment.pipe(defaultKey(Effect.succeed({}))),
  /** Start it when the manager starts. */
  autostart: Schema.Boolean.pipe(defaultKey(Effect.succeed(true))),
  /** Start again after an exit: always, never, or when the exit status is not one of `exitcodes`. */
  autorestart: Schema.Union([Schema.Boolean, Schema.Literal("unexpected")]).pipe(
    defaultKey(Effect.succeed("unexpected" as const))
  ),
  /** Seconds that it must stay up to count as RUNNING. */
  startsecs: Secs.pipe(defaultKey(Effect.succeed(1))),
  /** Failed starts in a row before FATAL, not counting the first; each waits a second longer than the one before. */
  startretries: Retries.pipe(defaultKey(Effect.succeed(3))),
  /** Exit statuses that are expected of it. */
  exitcodes: ExitCodes.pipe(defaultKey(Effect.succeed([0]))),
  stopsignal: StopSignalName.pipe(defaultKey(Effect.succeed("SIGTERM"))),
  /** Seconds between the stop signal and SIGKILL. */
  stopwaitsecs: Secs.pipe(defaultKey(Effect.succeed(10))),
  /** The stop signal goes to its whole process group, not only to itself. */
  stopasgroup: Schema.Boolean.pipe(defaultKey(Effect.succeed(true))),
  /** SIGKILL goes to its whole process group. What is left of the group afterwards is ended in any case. */
  killasgroup: Schema.Boolean.pipe(defaultKey(Effect.succeed(true))),
  /** Programs of a lower number start earlier and stop later. */
  priority: Priority.pipe(defaultKey(Effect.succeed(999))),
  /** Its standard error goes where its standard output goes. */
  redirectStderr: Schema.Boolean.pipe(defaultKey(Effect.succeed(false))),
  /** The file that its standard output is appended to; without one it is kept in memory only. */
  stdoutLogfile: Schema.optionalKey(LogFile),
  /** A file of so many bytes is rotated: it becomes `.1`, that one `.2` and so on. 0 is never. */
  stdoutLogfileMaxBytes: LogFileBytes.pipe(defaultKey(Effect.succeed(logFileDefaults.bytesMax))),
  /** Rotated files that are kept; with 0 a full file is emptied. */
  stdoutLogfileBackups: LogFileBackups.pipe(defaultKey(Effect.succeed(logFileDefaults.backups))),
  stderrLogfile: Schema.optionalKey(LogFile),
  stderrLogfileMaxBytes: LogFileBytes.pipe(defaultKey(Effect.succeed(logFileDefaults.bytesMax))),
  stderrLogfileBackups: LogFileBackups.pipe(defaultKey(Effect.succeed(logFileDefaults.backups))),
  /** Bytes of output kept in memory, of stdout and of stderr each. */
  outputBytesMax: OutputBytes.pipe(defaultKey(Effect.succeed(65_536)))
} as const

/** A program to run. `group` is the program's own name unless it is given. */
export const ProgramConfig = Schema.Struct({ ...settings, group: Schema.optionalKey(Name) }).pipe(
  Schema.decodeTo(
    Schema.toType(Schema.Struct({ ...settings, group: Name })).check(
      Schema.makeFilter((program) =>
        program.stopasgroup && !program.killasgroup
          ? [{ path: ["killasgroup"], issue: "Expected true, or stopasgroup to be false as well" }]
          : []
      )
    ),
    SchemaTransformation.transform({
      decode: (program) => ({ ...program, group: program.group ?? program.name }),
      encode: (program) => program
    })
  )
)
export type ProgramConfig = typeof ProgramConfig.Type
/** A program as it is written, before defaults. */
export type ProgramConfigInput = typeof ProgramConfig.Encoded

/** Places of the programs whose group and name an earlier one has already. */
export const repeatedPrograms = (programs: ReadonlyArray<ProgramConfig>): ReadonlyArray<number> => {
  const seen = new Set<string>()
  return programs.flatMap(({ group, name }, index) => {
    // A name holds no colon, so that the text stands for one pair only.
    const id = `${group}:${name}`
    if (seen.has(id)) return [index]
    seen.add(id)
    return []
  })
}

/** Places of the programs that write to a file to which something else writes: they would rotate it for each other. */
export const sharedLogFiles = (programs: ReadonlyArray<ProgramConfig>): ReadonlyArray<number> => {
  const seen = new Set<string>()
  return programs.flatMap(({ stderrLogfile, stdoutLogfile }, index) => {
    const files = [stdoutLogfile, stderrLogfile].filter((file) => file !== undefined)
    const isShared = files.some((file) => seen.has(file)) || new Set(files).size < files.length
    for (const file of files) seen.add(file)
    return isShared ? [index] : []
  })
}

/** The programs of one manager: no two of them have the same group and name, or write to the same file. */
export const ProgramConfigs = Schema.Array(ProgramConfig).check(
  Schema.makeFilter((programs) => [
    ...repeatedPrograms(programs).map((index) => ({
      path: [index, "name"],
      issue: "Expected a group and name that no other program has"
    })),
    ...sharedLogFiles(programs).map((index) => ({
      path: [index],
      issue: "Expected log files that no other program writes to"
    }))
  ])
)
