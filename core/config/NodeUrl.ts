/**
 * The address of a node: `http://host:port`, `https://host:port` or `unix:///absolute/path`.
 */
import { Result } from "effect"

/** A socket path is at most 107 bytes and a NUL (`sun_path` of unix(7) on Linux). */
export const socketPathBytesMax = 107

const schemes = "http://, https:// or unix:///path"

const checkSocket = (url: string): Result.Result<string, string> => {
  const path = url.slice("unix://".length)
  if (!path.startsWith("/") || path.endsWith("/")) {
    return Result.fail("unix:// with the absolute path of a socket, such as unix:///run/supervisor.sock")
  }
  return new TextEncoder().encode(path).length > socketPathBytesMax
    ? Result.fail(`a socket path of at most ${socketPathBytesMax} bytes`)
    : Result.succeed(url)
}

const checkHttp = (url: string): Result.Result<string, string> => {
  const rest = url.slice(url.indexOf("://") + 3)
  // The password itself may hold a "/" that ends the authority for a parser: any "@" is taken for credentials.
  if (rest.includes("@")) return Result.fail("a URL without credentials: set username and password instead")
  if (/[?#]/.test(rest)) return Result.fail("a URL without query and fragment")
  return /^[^/\\:]|^\[/.test(rest) && !rest.includes("\\") && URL.canParse(url)
    ? Result.succeed(url)
    : Result.fail("a URL with host and port, such as http://127.0.0.1:9001")
}

/** The address, unchanged, or the words for what was expected instead. Never quotes it: it may hold a password. */
export const checkNodeUrl = (input: unknown): Result.Result<string, string> => {
  if (typeof input !== "string" || !/^(?:https?|unix):\/\//.test(input)) return Result.fail(schemes)
  // URL parsers drop line breaks and blanks silently; an address that needs that is a mistake.
  if (/[\s\u0000-\u001f\u007f]/.test(input)) return Result.fail(`${schemes}, without blanks`)
  return input.startsWith("unix:") ? checkSocket(input) : checkHttp(input)
}
