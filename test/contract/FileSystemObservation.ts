/** What a test sees of an operation of a file system, as text that is the same on both sides when they agree. */
import { Effect, Exit, Cause, Option, type PlatformError } from "effect"

/** `NotFound stat stat ENOENT ./a`: tag, method, system call, code and path of a failure; else the value. */
export const observe = <A>(
  base: string,
  effect: Effect.Effect<A, PlatformError.PlatformError>
): Effect.Effect<string> =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) return hide(base, `ok ${show(exit.value)}`)
    return Option.match(Cause.findErrorOption(exit.cause), {
      onNone: () => `died ${Cause.pretty(exit.cause)}`,
      onSome: (error) => hide(base, describe(error))
    })
  })

/** The base is another folder on each side. */
const hide = (base: string, text: string): string => (base === "" ? text : text.replaceAll(base, "."))

const show = (value: unknown): string => {
  if (value === undefined) return ""
  if (value instanceof Uint8Array) return `bytes ${new TextDecoder("latin1").decode(value)}`
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? `${part}n` : part))
}

/** Everything of the error that a program may act upon. A descriptor is `fd`: its number is nobody's business. */
export const describe = ({ reason }: PlatformError.PlatformError): string => {
  if (reason._tag === "BadArgument") return `BadArgument ${reason.method}`
  const where = typeof reason.pathOrDescriptor === "number" ? "fd" : reason.pathOrDescriptor
  return [reason._tag, reason.method, reason.syscall ?? "-", codeOf(reason.cause), where].join(" ")
}

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string" ? cause.code : "-"
