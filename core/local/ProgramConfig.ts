/**
 * What the local process manager is told about a program, with the fields and the defaults of a `[program:x]` section
 * of supervisord. Decoding gives every default, so that the rest of the manager knows hardly an optional field.
 *
 * Differences to supervisord, on purpose: times may have fractions of a second; a command that needs a shell is refused
 * (`CommandText.ts`); and signals go to the whole process group, as with `stopasgroup` and `killasgroup`.
 */
import { Effect, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { CommandText } from "./CommandText.ts"

/** Bounds of the settings. The longest time is below what a timer of the platform can take (24 days). */
export const programLimits = {
  nameCharsMax: 255,
  secsMax: 604_800,
  startRetriesMax: 100_000,
  outputBytesMin: 1_024,
  outputBytesMax: 16_777_216
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

const settings = {
  name: Name,
  /** Words to run. As text it is split into words at blanks, with quotes; a list is taken as it is. */
  command: CommandText,
  /** Where to run it; the console's own working directory when not given. */
  directory: Schema.optionalKey(Schema.NonEmptyString),
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
  /** Bytes of output kept in memory, of stdout and of stderr each. */
  outputBytesMax: OutputBytes.pipe(defaultKey(Effect.succeed(65_536)))
} as const

/** A program to run. `group` is the program's own name unless it is given. */
export const ProgramConfig = Schema.Struct({ ...settings, group: Schema.optionalKey(Name) }).pipe(
  Schema.decodeTo(
    Schema.toType(Schema.Struct({ ...settings, group: Name })),
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

/** The programs of one manager: no two of them have the same group and name. */
export const ProgramConfigs = Schema.Array(ProgramConfig).check(
  Schema.makeFilter((programs) =>
    repeatedPrograms(programs).map((index) => ({
      path: [index, "name"],
      issue: "Expected a group and name that no other program has"
    }))
  )
)
