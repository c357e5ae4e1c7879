/** What a command and its options ask of the machine, with the defaults of the platform. */
import { Effect, type PlatformError, Redacted, Sink, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { badArgument, folderMissing } from "./SpawnError.ts"
import type { System } from "./System.ts"

type Input = Stream.Stream<Uint8Array, PlatformError.PlatformError>
type Output = Sink.Sink<Uint8Array, Uint8Array, never, PlatformError.PlatformError>

/** A descriptor of the child that leads to its parent. */
export interface Channel {
  readonly fd: number
  /** The child reads what the parent writes. */
  readonly input: boolean
  readonly output: boolean
  /** Runs into the input. */
  readonly stream?: Input | undefined
  /** Transforms the output. */
  readonly sink?: Output | undefined
  /** The input ends with what is run into it first. */
  readonly endOnDone: boolean
}

export interface SpawnRequest {
  /** The program's name on the machine, and its arguments. */
  readonly file: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** The child leads a group of its own. */
  readonly detached: boolean
  readonly channels: ReadonlyArray<Channel>
}

const reveal = (word: string | Redacted.Redacted): string => (Redacted.isRedacted(word) ? Redacted.value(word) : word)

const findNul = ({ args, command, options }: ChildProcess.StandardCommand): string | undefined => {
  if (command.includes("\0")) return "The command contains a NUL character"
  const argument = args.findIndex((word) => reveal(word).includes("\0"))
  if (argument >= 0) return `Argument ${argument + 1} contains a NUL character`
  const variable = Object.entries(options.env ?? {}).find(
    ([, value]) => value !== undefined && reveal(value).includes("\0")
  )
  return variable === undefined ? undefined : `The environment variable ${variable[0]} contains a NUL character`
}

const environment = ({ env, extendEnv }: ChildProcess.CommandOptions, own: Readonly<Record<string, string>>) => {
  if (env === undefined) return own
  const given = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, reveal(value)] as const]
  )
  const kept = extendEnv === true ? Object.entries(own).filter(([name]) => !Object.hasOwn(env, name)) : []
  return Object.fromEntries([...kept, ...given])
}

const isPiped = (what: unknown): boolean => what === undefined || what === "pipe" || what === "overlapped"

const stdin = ({ stdin: given }: ChildProcess.CommandOptions): ReadonlyArray<Channel> => {
  const config = typeof given === "object" && !Stream.isStream(given) ? given : { stream: given }
  const endOnDone = "endOnDone" in config ? (config.endOnDone ?? true) : true
  const { stream } = config
  if (Stream.isStream(stream)) return [{ fd: 0, input: true, output: false, stream, endOnDone }]
  return isPiped(stream) ? [{ fd: 0, input: true, output: false, endOnDone }] : []
}

const outputOf = (
  fd: number,
  given: ChildProcess.CommandOutput | { readonly stream?: ChildProcess.CommandOutput | undefined } | undefined
): ReadonlyArray<Channel> => {
  const target = typeof given === "object" && !Sink.isSink(given) ? given.stream : given
  if (Sink.isSink(target)) return [{ fd, input: false, output: true, sink: target, endOnDone: true }]
  return isPiped(target) ? [{ fd, input: false, output: true, endOnDone: true }] : []
}

const additional = ({ additionalFds }: ChildProcess.CommandOptions): ReadonlyArray<Channel> =>
  Object.entries(additionalFds ?? {}).flatMap(([name, config]) => {
    const fd = ChildProcess.parseFdName(name)
    if (fd === undefined) return []
    const stream = config.type === "output" ? undefined : config.stream
    const sink = config.type === "input" ? undefined : config.sink
    return [{ fd, input: config.type !== "output", output: config.type !== "input", stream, sink, endOnDone: true }]
  })

/** Fails as the platform does before it tries: NUL characters, a shell with arguments, a folder that is not there. */
export const make = (
  command: ChildProcess.StandardCommand,
  { env, folders }: Pick<System["options"], "env" | "folders">
): Effect.Effect<SpawnRequest, PlatformError.PlatformError> => {
  const { args, options } = command
  const { cwd = folders[0], shell = false } = options
  if (shell !== false && args.length > 0) {
    return Effect.fail(
      badArgument("The shell option cannot be combined with arguments; pass the whole script as the command")
    )
  }
  const nul = findNul(command)
  if (nul !== undefined) return Effect.fail(badArgument(nul))
  if (!folders.includes(cwd)) return Effect.fail(folderMissing(cwd))
  return Effect.succeed({
    file: shell === false ? command.command : shell === true ? "/bin/sh" : shell,
    args: shell === false ? args.map(reveal) : ["-c", command.command],
    env: environment(options, env),
    cwd,
    detached: options.detached !== false,
    channels: [
      ...stdin(options),
      ...outputOf(1, options.stdout),
      ...outputOf(2, options.stderr),
      ...additional(options)
    ]
  })
}
