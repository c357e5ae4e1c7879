/**
 * Why a program could not be spawned, in supervisord's words where it has some; and errors without what may be secret.
 */
import type { PlatformError } from "effect"
import type { ProgramConfig } from "./ProgramConfig.ts"

/** `spawnerr` for a failed spawn. It names the program and its directory, never its arguments or its environment. */
export const describeSpawnFailure = (config: ProgramConfig, error: PlatformError.PlatformError): string => {
  const command = config.command[0]
  const { reason } = error
  // The spawner looks at the directory first, as a file.
  if (reason.module === "FileSystem") return `couldn't chdir to ${config.directory ?? "."}: ${reason._tag}`
  switch (reason._tag) {
    case "NotFound":
      return `can't find command '${command}'`
    case "PermissionDenied":
      return `command at '${command}' is not executable`
    case "BadArgument":
      return `can't run command '${command}': ${reason.description ?? reason._tag}`
    default:
      return `unknown error during fork for '${config.name}': ${shortCause(error)}`
  }
}

/** The code of an error, else its kind. Its message would show the command with all of its arguments. */
export const shortCause = ({ reason }: PlatformError.PlatformError): string => errorCode(reason.cause) ?? reason._tag

/** `EAGAIN`, `EMFILE` and the like; undefined for what has no code. */
export const errorCode = (cause: unknown): string | undefined =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined
