/** The parent's ends of a child's pipes as streams and sinks, which behave as the platform's around their end. */
import { Cause, Deferred, Effect, Exit, type PlatformError, Pull, Sink, Stream } from "effect"
import type { ChildProcess } from "effect/process"
import type { Verdict } from "../Rules.ts"
import type { PipeReader, PipeWriter } from "./Pipe.ts"
import { errno, failure, streamError } from "./SpawnError.ts"
import type { System } from "./System.ts"

export type Input = Sink.Sink<void, Uint8Array, never, PlatformError.PlatformError>
export type Output = Stream.Stream<Uint8Array, PlatformError.PlatformError>

/** Whose streams these are. */
export interface Owner {
  readonly system: System
  readonly command: ChildProcess.StandardCommand
  readonly pid: number
}

const streamName = (fd: number): string => ["stdin", "stdout", "stderr"][fd] ?? `fd${fd}`

/** One bad moment of a pipe; `code` is what it fails with where the rule names none. */
const suffer = (
  verdict: Verdict,
  code: string,
  fail: (code: string) => PlatformError.PlatformError
): Effect.Effect<void, PlatformError.PlatformError> => {
  switch (verdict._tag) {
    case "pass":
      return Effect.void
    case "delay":
      return Effect.sleep(verdict.ms)
    case "drop":
      return Effect.never
    case "fail":
      return Effect.fail(fail(verdict.code))
    case "refuse":
    case "reset":
      return Effect.fail(fail(code))
    case "corrupt":
      return Effect.die(new Error("process: a pipe does not corrupt what is in it"))
  }
}

/** Sometimes what is there comes in two parts, as with a reader that is quicker than the writer. */
const cut =
  ({ context, options }: System) =>
  (bytes: number) =>
    options.splitReads && bytes > 1 && context.choose("faults", 4) === 3
      ? 1 + context.choose("faults", bytes - 1)
      : bytes

/** A reader that stops before the end leaves a stream that only fails; the pipe stays open, and fills up. */
export const output = ({ command, pid, system }: Owner, reader: PipeReader, fd: number): Output => {
  let state: "open" | "ended" | "abandoned" = "open"
  const method = `fromReadable(${streamName(fd)})`
  const fail = (code: string) => failure(method, command, errno(code, "read"))
  const pull = Effect.gen(function* () {
    const bytes = yield* reader.read(cut(system))
    if (bytes === undefined) {
      state = "ended"
      return yield* Cause.done()
    }
    yield* suffer(system.decide({ operation: "read", command: command.command, pid }), "EIO", fail)
    return [bytes] as const
  })
  return Stream.suspend(() => {
    if (state === "ended") return Stream.empty
    if (state === "abandoned") {
      return Stream.fail(failure(method, command, streamError("ERR_STREAM_PREMATURE_CLOSE", "Premature close")))
    }
    return Stream.ensuring(
      Stream.fromPull(Effect.succeed(pull)),
      Effect.sync(() => {
        if (state === "open") state = "abandoned"
      })
    )
  })
}

/** With `endOnDone` the first stream that is run into it ends it, in whatever way it ends itself. */
export const input = (
  { command, pid, system }: Owner,
  writer: PipeWriter,
  { endOnDone, fd }: { readonly fd: number; readonly endOnDone: boolean }
): Input => {
  let ended = false
  const method = `fromWritable(${streamName(fd)})`
  const fail = (code: string) => failure(method, command, errno(code, "write"))
  const write = (bytes: Uint8Array) =>
    Effect.gen(function* () {
      if (ended) return yield* failure(method, command, streamError("ERR_STREAM_WRITE_AFTER_END", "write after end"))
      yield* suffer(system.decide({ operation: "write", command: command.command, pid }), "EPIPE", fail)
      if (!(yield* writer.write(bytes))) return yield* fail("EPIPE")
    })
  const end = Effect.sync(() => {
    if (!endOnDone) return
    ended = true
    writer.close()
  })
  return Sink.fromTransform((upstream: Pull.Pull<readonly [Uint8Array, ...Array<Uint8Array>], never, void>) =>
    upstream.pipe(
      Effect.flatMap((chunk) => Effect.forEach(chunk, write, { discard: true })),
      Effect.forever({ disableYield: true }),
      Pull.catchDone(() => Effect.succeed<Sink.End<void>>([undefined])),
      Effect.ensuring(end)
    )
  )
}

/** Runs a given stream into the input. A failure of it is news about the child: its input is not complete. */
export const feed = (stream: Output, sink: Input, broken: Deferred.Deferred<never, PlatformError.PlatformError>) =>
  Effect.forkScoped(
    Stream.run(
      Stream.tapError(stream, (error) => Deferred.done(broken, Exit.fail(error))),
      sink
    )
  )
