/** Error codes of system calls, and how they become the `PlatformError` that Effect's file system on Node gives. */
import { Data, PlatformError } from "effect"

/** Number and text of each code, as libuv has them on Linux. */
const codes: ReadonlyMap<string, readonly [number: number, text: string]> = new Map([
  ["EPERM", [1, "operation not permitted"]],
  ["ENOENT", [2, "no such file or directory"]],
  ["EINTR", [4, "interrupted system call"]],
  ["EIO", [5, "i/o error"]],
  ["EBADF", [9, "bad file descriptor"]],
  ["EAGAIN", [11, "resource temporarily unavailable"]],
  ["EACCES", [13, "permission denied"]],
  ["EBUSY", [16, "resource busy or locked"]],
  ["EEXIST", [17, "file already exists"]],
  ["EXDEV", [18, "cross-device link not permitted"]],
  ["ENOTDIR", [20, "not a directory"]],
  ["EISDIR", [21, "illegal operation on a directory"]],
  ["EINVAL", [22, "invalid argument"]],
  ["ENFILE", [23, "file table overflow"]],
  ["EMFILE", [24, "too many open files"]],
  ["ETXTBSY", [26, "text file is busy"]],
  ["EFBIG", [27, "file too large"]],
  ["ENOSPC", [28, "no space left on device"]],
  ["EROFS", [30, "read-only file system"]],
  ["EMLINK", [31, "too many links"]],
  ["ENAMETOOLONG", [36, "name too long"]],
  ["ENOTEMPTY", [39, "directory not empty"]],
  ["ELOOP", [40, "too many symbolic links encountered"]],
  ["EDQUOT", [122, "disk quota exceeded"]]
])

/** Node makes one tag of several codes; every other code is `Unknown`. */
const tags: ReadonlyMap<string, PlatformError.SystemErrorTag> = new Map([
  ["ENOENT", "NotFound"],
  ["EACCES", "PermissionDenied"],
  ["EPERM", "PermissionDenied"],
  ["EEXIST", "AlreadyExists"],
  ["EISDIR", "BadResource"],
  ["ENOTDIR", "BadResource"],
  ["ELOOP", "BadResource"],
  ["EBUSY", "Busy"]
])

/** A system call does not do what it was asked; who called it knows the rest. */
export class Errno extends Data.TaggedError("Errno")<{
  readonly code: string
  /** When another system call than the main one of an operation failed. */
  readonly syscall?: string
}> {}

/** The cause within a `PlatformError`, with the fields of the error that Node gives. */
export class ErrnoException extends Data.Error<{
  readonly code: string
  /** The negative number of the code; undefined for codes that are Node's own. */
  readonly errno: number | undefined
  readonly syscall: string
  readonly path: string | undefined
  readonly dest: string | undefined
}> {
  override get message(): string {
    const text = codes.get(this.code)?.[1] ?? "the call was refused"
    const path = this.path === undefined ? "" : ` '${this.path}'`
    const dest = this.dest === undefined ? "" : ` -> '${this.dest}'`
    return `${this.code}: ${text}, ${this.syscall}${path}${dest}`
  }
}

/** One system call, as an error tells of it. */
export interface FailedCall {
  /** The method of `FileSystem` that made it. */
  readonly method: string
  readonly syscall: string
  readonly path: string | undefined
  readonly dest: string | undefined
  readonly pathOrDescriptor: string | number
}

export const systemError = (call: FailedCall, code: string): PlatformError.PlatformError => {
  const number = codes.get(code)?.[0]
  return PlatformError.systemError({
    _tag: tags.get(code) ?? "Unknown",
    module: "FileSystem",
    method: call.method,
    pathOrDescriptor: call.pathOrDescriptor,
    syscall: call.syscall,
    cause: new ErrnoException({
      code,
      errno: number === undefined ? undefined : -number,
      syscall: call.syscall,
      path: call.path,
      dest: call.dest
    })
  })
}

/** The code of the system call that failed; undefined for a bad argument. */
export const codeOf = (error: PlatformError.PlatformError): string | undefined =>
  error.reason.cause instanceof ErrnoException ? error.reason.cause.code : undefined

/** What those of Node's methods say of a null byte that are made of promises. */
export const nulRefused = (method: string, path: string): PlatformError.PlatformError =>
  PlatformError.systemError({
    _tag: "Unknown",
    module: "FileSystem",
    method,
    pathOrDescriptor: path,
    cause: new ErrnoException({
      code: "ERR_INVALID_ARG_VALUE",
      errno: undefined,
      syscall: "",
      path: undefined,
      dest: undefined
    })
  })

/** An argument that never reaches the system. */
export const badArgument = (method: string, description: string): PlatformError.PlatformError =>
  PlatformError.badArgument({ module: "FileSystem", method, description })
