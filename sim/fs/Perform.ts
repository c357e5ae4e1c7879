/** How a program makes a system call: when it happens, what rules make of it, and what its failure looks like. */
import { Effect, type PlatformError } from "effect"
import type { RunContext } from "../RunContext.ts"
import type { Disk, Operation } from "./Disk.ts"
import { badArgument, Errno, type FailedCall, systemError } from "./Errno.ts"
import { normalize } from "./PathWalk.ts"

export interface Call {
  /** The method of `FileSystem` that makes the call. */
  readonly method: string
  readonly operation: Operation
  readonly syscall: string
  readonly path: string
  readonly dest?: string
  /** What rules are asked of, when it is not the path. */
  readonly point?: string
  /** Under what the error reports it, when it is not the path. */
  readonly reported?: string | number
  /** The error names no path within its cause: the call is on an open file. */
  readonly unnamed?: boolean
}

/** One call on a path, or on two. */
export const call = (method: string, operation: Operation, syscall: string, path: string, dest?: string): Call => ({
  method,
  operation,
  syscall,
  path,
  ...(dest === undefined ? {} : { dest })
})

export interface Action<A> {
  /** The call itself: at once, or throws `Errno`. */
  readonly run: () => A
  /** The call when bytes are spoilt on their way. Calls without one fail with `EIO` instead. */
  readonly spoiled?: () => A
  /** What a call answers that does nothing and says that it did. Calls without one never end. */
  readonly lie?: () => A
  /** A rule lets the call fail. */
  readonly failed?: (code: string) => void
}

export type Perform = <A>(call: Call, action: Action<A>) => Effect.Effect<A, PlatformError.PlatformError>

/** The clock may move and others may run before the call and after it: it happens somewhere in between, at once. */
export const makePerform =
  (disk: Disk["Service"], workingDirectory: string): Perform =>
  <A>(made: Call, action: Action<A>) => {
    const attempt = (run: () => A) => Effect.suspend(() => answer(made, run))
    const fail = (code: string) =>
      Effect.suspend(() => {
        action.failed?.(code)
        return Effect.fail(systemError(failedCall(made), code))
      })
    const decided = Effect.suspend(() => {
      const verdict = disk.decide({
        operation: made.operation,
        path: normalize(workingDirectory, made.point ?? made.path)
      })
      const { lie, run, spoiled } = action
      switch (verdict._tag) {
        case "pass":
          return attempt(run)
        case "delay":
          return Effect.andThen(Effect.sleep(verdict.ms), attempt(run))
        case "fail":
          return fail(verdict.code)
        case "refuse":
          return fail("EACCES")
        case "reset":
          return fail("EIO")
        case "corrupt":
          return spoiled === undefined ? fail("EIO") : attempt(spoiled)
        case "drop":
          return lie === undefined ? Effect.never : Effect.sync(lie)
      }
    })
    return Effect.suspend(() => {
      if (made.path.includes("\0") || made.dest?.includes("\0") === true) return Effect.fail(nulInPath(made.method))
      return Effect.yieldNow.pipe(Effect.andThen(decided), Effect.tap(Effect.yieldNow))
    })
  }

export const nulInPath = (method: string): PlatformError.PlatformError =>
  badArgument(method, "a path must not hold null bytes")

const answer = <A>(made: Call, run: () => A): Effect.Effect<A, PlatformError.PlatformError> => {
  try {
    return Effect.succeed(run())
  } catch (cause) {
    if (!(cause instanceof Errno)) throw cause
    const { code, syscall = made.syscall } = cause
    return Effect.fail(systemError(failedCall({ ...made, syscall }), code))
  }
}

const failedCall = ({ dest, method, path, reported, syscall, unnamed }: Call): FailedCall => ({
  method,
  syscall,
  path: unnamed === true ? undefined : path,
  dest,
  pathOrDescriptor: reported ?? path
})

/** One bit of the bytes, drawn, is the other way round. */
export const flipBit = (context: RunContext["Service"], bytes: Uint8Array): void => {
  const index = context.choose("faults", bytes.length)
  const byte = bytes[index]
  if (byte !== undefined) bytes[index] = byte ^ (1 << context.choose("faults", 8))
}
