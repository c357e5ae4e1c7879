/**
 * The words of a command: a list as it is, or a text that is split at blanks, with quotes and backslashes keeping what
 * they enclose. No shell is involved, and text that only a shell could understand (`|`, `$NAME`, `*` outside quotes) is
 * refused, where supervisord would pass the characters on as they are.
 */
import { Effect, Result, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { CommandLine } from "effect/process"

/** The program to run and its arguments. */
export const Argv = Schema.NonEmptyArray(Schema.String).check(
  Schema.makeFilter((argv) => argv[0] !== "" || "Expected a program to run, got an empty first word"),
  Schema.makeFilter((argv) => !argv.some((word) => word.includes("\0")) || "Expected words without NUL")
)
export type Argv = typeof Argv.Type

/** The reason in words, without those about a template, of which the text is the only part. */
const describeProblem = (error: CommandLine.CommandLineError): string => {
  const detail = error.message.replace(/ in template part \d+$/, "")
  return error.reason === "UnsupportedSyntax" ? `${detail}: quote it, or run a shell (sh -c '...')` : detail
}

const toArgv = ([first, ...rest]: ReadonlyArray<string>): Result.Result<Argv, string> =>
  first === undefined ? Result.fail("Expected a command, got no word") : Result.succeed([first, ...rest])

const splitWords = (text: string): Result.Result<Argv, string> => {
  const split = CommandLine.template(Object.assign([text], { raw: [text] }))
  if (Result.isFailure(split)) return Result.fail(describeProblem(split.failure))
  // Nothing is interpolated, so that no word is a redacted one.
  return toArgv(split.success.flatMap((word) => (typeof word === "string" ? [word] : [])))
}

/** `Argv` from a text, or from a list. Fails with what a shell would be needed for, or which quote is not closed. */
export const CommandText = Schema.Union([Schema.String, Schema.Array(Schema.String)]).pipe(
  Schema.decodeTo(
    Argv,
    SchemaTransformation.transformEffect<Argv, string | ReadonlyArray<string>>({
      decode: (command, options) => {
        const words = typeof command === "string" ? splitWords(command) : toArgv(command)
        return Result.isSuccess(words)
          ? Effect.succeed(words.success)
          : Effect.fail(new SchemaIssue.InvalidValue({ message: words.failure }, command, options))
      },
      encode: (argv) => Effect.succeed(argv)
    })
  )
)
