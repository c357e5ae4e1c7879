/** Errors of the simulated spawner, shaped as those of the platform. */
import { PlatformError, Redacted } from "effect"
import { type ChildProcess, CommandLine } from "effect/process"

/** Numbers of Linux. */
const errnos: Readonly<Record<string, number>> = {
  EPERM: -1,
  ENOENT: -2,
  ESRCH: -3,
  EIO: -5,
  E2BIG: -7,
  ENOEXEC: -8,
  EAGAIN: -11,
  ENOMEM: -12,
  EACCES: -13,
  ENFILE: -23,
  EMFILE: -24,
  EPIPE: -32
}

const tagOf = (code: string): PlatformError.SystemErrorTag => {
  if (code === "ENOENT") return "NotFound"
  return code === "EACCES" || code === "EPERM" ? "PermissionDenied" : "Unknown"
}

/** Codes with which the platform's spawn reports an error; with any other it throws. */
const reportedCodes: ReadonlySet<string> = new Set(["EACCES", "EAGAIN", "EMFILE", "ENFILE", "ENOENT"])

export const isReported = (code: string): boolean => reportedCodes.has(code)

/** The words of a command as errors show them; no secret is in it. */
export const display = (commands: ReadonlyArray<ChildProcess.StandardCommand>): string =>
  commands.map(({ args, command }) => CommandLine.display([command, ...args])).join(" | ")

/** What Node gives as the cause. */
export const errno = (code: string, syscall: string, fields: Readonly<Record<string, unknown>> = {}): Error =>
  Object.assign(new Error(`${syscall} ${code}`), { errno: errnos[code], code, syscall, ...fields })

/** The process could not be made. */
export const spawnErrno = (code: string, { args, command }: ChildProcess.StandardCommand): Error =>
  errno(code, `spawn ${command}`, {
    path: command,
    spawnargs: args.map((word) => (Redacted.isRedacted(word) ? "<redacted>" : word))
  })

/** An error that the platform gives for a code of the system, or for none. */
export const failure = (
  method: string,
  command: ChildProcess.StandardCommand,
  cause: Error & { readonly code?: string; readonly syscall?: string }
): PlatformError.PlatformError =>
  PlatformError.systemError({
    _tag: tagOf(cause.code ?? ""),
    module: "ChildProcess",
    method,
    pathOrDescriptor: display([command]),
    ...(cause.syscall === undefined ? {} : { syscall: cause.syscall }),
    cause
  })

/** A stream of Node's that ended otherwise than by its end. */
export const streamError = (code: string, message: string): Error => Object.assign(new Error(message), { code })

/** The folder that a command names is not there: the platform looks at it as a file. */
export const folderMissing = (folder: string): PlatformError.PlatformError =>
  PlatformError.systemError({
    _tag: "NotFound",
    module: "FileSystem",
    method: "access",
    pathOrDescriptor: folder,
    syscall: "access",
    cause: Object.assign(new Error(`ENOENT: no such file or directory, access '${folder}'`), {
      errno: errnos["ENOENT"],
      code: "ENOENT",
      syscall: "access",
      path: folder
    })
  })

export const badArgument = (description: string): PlatformError.PlatformError =>
  PlatformError.badArgument({ module: "ChildProcess", method: "spawn", description })
