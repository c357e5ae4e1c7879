/**
 * What `ChildProcessSpawner` promises, for the simulated one and the real one alike. Each side brings commands that
 * behave as their names say.
 *
 * Deliberate differences, and therefore not here: how much a child can print before it waits for a reader (a pipe in
 * the simulation, a pipe and the buffers of Node in reality), what `inherit` shows, and errors that need another user
 * (EPERM) or a machine at its limits (EAGAIN, ENOMEM).
 */
import { assert } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, PlatformError, Scope, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"

export const behaviours = [
  "exits with 0",
  "exits with 1",
  "exits with 127",
  /** Sends SIGKILL to itself. */
  "kills itself",
  /** out 1, out 2 to its output and err 1, err 2 to its error output. */
  "prints",
  /** 1,048,576 times the letter x. */
  "prints a megabyte",
  /** Its input, up to the end of it. */
  "echoes",
  /** Closes its input, prints `closed`, and stays. */
  "closes its input",
  /** Until a signal. */
  "stays",
  /** Prints `ready` and stays. */
  "ignores SIGTERM",
  /** Prints `ready`; exits with 3 a moment after SIGTERM. */
  "ends slowly",
  /** The variable GREETING, the working folder, and `home` if there is a variable HOME, a line for each. */
  "tells where it is",
  /** The letters of its input as capitals. */
  "shouts",
  /** Prints `leader` and exits with 0; a child of it prints `late` after a moment, and ends. */
  "leaves a child that prints",
  /** Prints the pid of a child, which stays; stays itself. */
  "has a child",
  /** Prints the pid of a child, which stays; exits with 0. */
  "leaves a child",
  /** Prints the pid of a child, which stays; exits with 1. */
  "fails and leaves a child",
  /** What it reads on descriptor 4 to descriptor 3. */
  "copies from 4 to 3"
] as const
export type Behaviour = (typeof behaviours)[number]

export interface Side<R> {
  /** Declares a test. */
  readonly it: (
    name: string,
    test: () => Effect.Effect<void, unknown, ChildProcessSpawner.ChildProcessSpawner | Scope.Scope | R>
  ) => void
  readonly command: (behaviour: Behaviour, options?: ChildProcess.CommandOptions) => ChildProcess.StandardCommand
  /** The process runs; one that has ended and is a zombie does not. */
  readonly isAlive: (pid: number) => Effect.Effect<boolean, unknown, R>
  readonly notFound: string
  readonly notExecutable: string
}

const bytes = (text: string) => new TextEncoder().encode(text)
const textOf = (stream: Stream.Stream<Uint8Array, PlatformError.PlatformError>) =>
  Stream.mkString(Stream.decodeText(stream))

/** The first line; who reads so gets the rest from the same pull of the stream. */
const firstLine = (handle: ChildProcessSpawner.ChildProcessHandle) =>
  handle.stdout.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runHead,
    Effect.map(Option.getOrElse(() => "nothing"))
  )

const reasonOf = <A, R>(effect: Effect.Effect<A, PlatformError.PlatformError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const describeReason = (reason: PlatformError.PlatformError["reason"]) =>
  reason._tag === "BadArgument"
    ? `${reason._tag} ${reason.module}.${reason.method}: ${reason.description}`
    : `${reason._tag} ${reason.module}.${reason.method}: ${codeOf(reason.cause)}`

const codeOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  return "code" in cause ? String(cause.code) : cause.message
}

/** Tests of ends that nobody has to wait for. */
const ends = <R>({ command, it }: Side<R>) => {
  for (const code of [0, 1, 127] as const) {
    it(`tells an exit with ${code}`, () =>
      Effect.gen(function* () {
        const handle = yield* command(`exits with ${code}`)
        assert.strictEqual(yield* handle.exitCode, ChildProcessSpawner.ExitCode(code))
        assert.isFalse(yield* handle.isRunning)
      }))
  }

  it("tells death by a signal as an error without a code", () =>
    Effect.gen(function* () {
      const handle = yield* command("kills itself")
      const reason = yield* reasonOf(handle.exitCode)
      assert.strictEqual(
        describeReason(reason),
        "Unknown ChildProcess.exitCode: Process interrupted due to receipt of signal: 'SIGKILL'"
      )
    }))

  it("runs before its end and not after, for whoever asks", () =>
    Effect.gen(function* () {
      const handle = yield* command("stays")
      assert.isTrue(yield* handle.isRunning)
      yield* handle.kill()
      assert.isFalse(yield* handle.isRunning)
      const waiting = [handle.exitCode, handle.exitCode].map((exit) => Effect.map(reasonOf(exit), describeReason))
      const [first, second] = yield* Effect.all(waiting, { concurrency: "unbounded" })
      assert.include(first, "SIGTERM")
      assert.strictEqual(second, first)
    }))
}

const failures = <R>({ command, it, notExecutable, notFound }: Side<R>) => {
  const spawned = (wanted: ChildProcess.Command) => Effect.map(reasonOf(Effect.scoped(wanted)), describeReason)

  it("fails with ENOENT for a command that is not there", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf(Effect.scoped(ChildProcess.make(notFound, ["a b"])))
      assert.strictEqual(describeReason(reason), "NotFound ChildProcess.spawn: ENOENT")
      if (reason._tag === "BadArgument") return assert.fail(reason.message)
      assert.deepStrictEqual([reason.pathOrDescriptor, reason.syscall], [`${notFound} 'a b'`, `spawn ${notFound}`])
    }))

  it("fails with EACCES for what cannot be executed", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* spawned(ChildProcess.make(notExecutable)),
        "PermissionDenied ChildProcess.spawn: EACCES"
      )
    }))

  it("fails for a folder that is not there", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* spawned(command("exits with 0", { cwd: "/no/such/folder" })),
        "NotFound FileSystem.access: ENOENT"
      )
    }))

  it("refuses NUL characters, and a shell with arguments", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* spawned(ChildProcess.make(notFound, ["a", "b\0"])),
        "BadArgument ChildProcess.spawn: Argument 2 contains a NUL character"
      )
      assert.include(yield* spawned(ChildProcess.make(notFound, ["a"], { shell: true })), "cannot be combined")
    }))
}

const outputs = <R>({ command, it }: Side<R>) => {
  it("gives output and error output apart, each in order", () =>
    Effect.gen(function* () {
      const handle = yield* command("prints")
      const both = yield* Effect.all([textOf(handle.stdout), textOf(handle.stderr)], { concurrency: 2 })
      assert.deepStrictEqual(both, ["out 1\nout 2\n", "err 1\nerr 2\n"])
    }))

  it("gives both together", () =>
    Effect.gen(function* () {
      const text = yield* textOf((yield* command("prints")).all)
      // A line of one may be in the midst of a line of the other.
      assert.strictEqual(text.length, "out 1\nout 2\nerr 1\nerr 2\n".length)
      assert.deepStrictEqual(Array.from(text.replaceAll(/[^1-9]/g, "")).toSorted(), ["1", "1", "2", "2"])
    }))

  it("loses nothing of a megabyte", () =>
    Effect.gen(function* () {
      const handle = yield* command("prints a megabyte")
      const text = yield* textOf(handle.stdout)
      assert.strictEqual(text.length, 1_048_576)
      assert.strictEqual(text.replaceAll("x", ""), "")
      assert.strictEqual(yield* handle.exitCode, ChildProcessSpawner.ExitCode(0))
    }))

  it("keeps a child waiting that prints a megabyte to nobody", () =>
    Effect.gen(function* () {
      const handle = yield* command("prints a megabyte")
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(handle.exitCode, 200)))
      assert.isTrue(yield* handle.isRunning)
    }))

  it("gives what was printed after the end of who printed it, once", () =>
    Effect.gen(function* () {
      const handle = yield* command("prints")
      yield* handle.exitCode
      assert.strictEqual(yield* textOf(handle.stdout), "out 1\nout 2\n")
      assert.strictEqual(yield* textOf(handle.stdout), "")
    }))

  it("fails for a second reader when the first gave up", () =>
    Effect.gen(function* () {
      const handle = yield* command("ignores SIGTERM", { killSignal: "SIGKILL" })
      assert.strictEqual(yield* firstLine(handle), "ready")
      assert.strictEqual(
        describeReason(yield* reasonOf(Stream.runDrain(handle.stdout))),
        "Unknown ChildProcess.fromReadable(stdout): ERR_STREAM_PREMATURE_CLOSE"
      )
    }))

  it("does not end the output before everybody who can print has ended", () =>
    Effect.gen(function* () {
      const handle = yield* command("leaves a child that prints")
      assert.strictEqual(yield* handle.exitCode, ChildProcessSpawner.ExitCode(0))
      assert.strictEqual(yield* textOf(handle.stdout), "leader\nlate\n")
    }))

  it("gives nothing of an output that is ignored", () =>
    Effect.gen(function* () {
      const handle = yield* command("prints", { stdout: "ignore" })
      assert.deepStrictEqual([yield* textOf(handle.stdout), yield* textOf(handle.stderr)], ["", "err 1\nerr 2\n"])
    }))
}

const inputs = <R>({ command, it }: Side<R>) => {
  it("passes input on, and its end", () =>
    Effect.gen(function* () {
      const handle = yield* command("echoes")
      yield* Stream.run(Stream.make(bytes("one "), bytes("two")), handle.stdin)
      assert.strictEqual(yield* textOf(handle.stdout), "one two")
      assert.strictEqual(yield* handle.exitCode, ChildProcessSpawner.ExitCode(0))
    }))

  it("fails for input after the end of it", () =>
    Effect.gen(function* () {
      const handle = yield* command("echoes")
      yield* Stream.run(Stream.make(bytes("one")), handle.stdin)
      const late = yield* reasonOf(Stream.run(Stream.make(bytes("two")), handle.stdin))
      assert.strictEqual(describeReason(late), "Unknown ChildProcess.fromWritable(stdin): ERR_STREAM_WRITE_AFTER_END")
      assert.strictEqual(yield* textOf(handle.stdout), "one")
    }))

  it("takes input in several parts when it is told to leave it open", () =>
    Effect.gen(function* () {
      const handle = yield* command("echoes", { stdin: { stream: "pipe", endOnDone: false } })
      yield* Stream.run(Stream.make(bytes("one\n")), handle.stdin)
      yield* Stream.run(Stream.make(bytes("two\n")), handle.stdin)
      const lines = handle.stdout.pipe(Stream.decodeText, Stream.splitLines, Stream.take(2), Stream.runCollect)
      assert.deepStrictEqual(yield* lines, ["one", "two"])
    }))

  it("takes more input than a pipe holds from a stream, as the child reads it", () =>
    Effect.gen(function* () {
      const chunk = bytes("y".repeat(50_000))
      const handle = yield* command("echoes", { stdin: Stream.make(chunk, chunk, chunk, chunk) })
      assert.strictEqual((yield* textOf(handle.stdout)).length, 200_000)
    }))

  it("fails with EPIPE for a child that has closed its input", () =>
    Effect.gen(function* () {
      const handle = yield* command("closes its input")
      assert.strictEqual(yield* firstLine(handle), "closed")
      const chunk = bytes("z".repeat(100_000))
      const reason = yield* reasonOf(Stream.run(Stream.make(chunk, chunk), handle.stdin))
      assert.strictEqual(describeReason(reason), "Unknown ChildProcess.fromWritable(stdin): EPIPE")
    }))

  it("tells the failure of a given input in place of the exit code", () =>
    Effect.gen(function* () {
      const busy = PlatformError.systemError({ _tag: "Busy", module: "Test", method: "read" })
      const handle = yield* command("echoes", { stdin: Stream.fail(busy) })
      assert.strictEqual(yield* Effect.flip(handle.exitCode), busy)
    }))

  it("reads and writes additional descriptors", () =>
    Effect.gen(function* () {
      const fd4 = { type: "input", stream: Stream.make(bytes("through")) } as const
      const handle = yield* command("copies from 4 to 3", { additionalFds: { fd3: { type: "output" }, fd4 } })
      assert.strictEqual(yield* textOf(handle.getOutputFd(3)), "through")
      assert.strictEqual(yield* textOf(handle.getOutputFd(5)), "")
    }))

  it("pipes one command into another", () =>
    Effect.gen(function* () {
      const handle = yield* ChildProcess.pipeTo(command("prints"), command("shouts"))
      assert.strictEqual(yield* textOf(handle.stdout), "OUT 1\nOUT 2\n")
      assert.strictEqual(yield* handle.exitCode, ChildProcessSpawner.ExitCode(0))
      const errors = yield* ChildProcess.pipeTo(command("prints"), command("shouts"), { from: "stderr" })
      assert.strictEqual(yield* textOf(errors.stdout), "ERR 1\nERR 2\n")
    }))

  it("shows the environment and the folder that it was given", () =>
    Effect.gen(function* () {
      const handle = yield* command("tells where it is", {
        env: { GREETING: "good day" },
        cwd: "/tmp",
        extendEnv: true
      })
      assert.strictEqual(yield* textOf(handle.stdout), "good day\n/tmp\nhome\n")
      const bare = yield* command("tells where it is", { env: {}, cwd: "/" })
      assert.strictEqual(yield* textOf(bare.stdout), "\n/\n\n")
      const without = yield* command("tells where it is", { env: { HOME: undefined }, cwd: "/", extendEnv: true })
      assert.strictEqual(yield* textOf(without.stdout), "\n/\n\n")
    }))
}

const kills = <R>({ command, isAlive, it }: Side<R>) => {
  it("waits for the end that a signal brings about, however slow", () =>
    Effect.gen(function* () {
      const handle = yield* command("ends slowly")
      assert.strictEqual(yield* firstLine(handle), "ready")
      yield* handle.kill()
      assert.isFalse(yield* handle.isRunning)
      assert.strictEqual(yield* handle.exitCode, ChildProcessSpawner.ExitCode(3))
    }))

  it("kills what ignores the signal after the time that it is given, and not before", () =>
    Effect.gen(function* () {
      const handle = yield* command("ignores SIGTERM", { killSignal: "SIGKILL" })
      assert.strictEqual(yield* firstLine(handle), "ready")
      const [took] = yield* Effect.timed(handle.kill({ killSignal: "SIGTERM", forceKillAfter: 150 }))
      // A timer of Node's may be a moment early.
      assert.isAtLeast(Duration.toMillis(took), 148)
      assert.include(describeReason(yield* reasonOf(handle.exitCode)), "SIGKILL")
    }))

  it("waits without a bound for what ignores the signal when there is no such time", () =>
    Effect.gen(function* () {
      const handle = yield* command("ignores SIGTERM", { killSignal: "SIGKILL" })
      assert.strictEqual(yield* firstLine(handle), "ready")
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(handle.kill({ killSignal: "SIGTERM" }), 300)))
      assert.isTrue(yield* isAlive(handle.pid))
    }))

  it("fails to kill what has ended", () =>
    Effect.gen(function* () {
      const handle = yield* command("exits with 0")
      yield* handle.exitCode
      assert.strictEqual(
        describeReason(yield* reasonOf(handle.kill())),
        "Unknown ChildProcess.kill: Failed to kill child process"
      )
    }))

  it("signals the whole group", () =>
    Effect.gen(function* () {
      const handle = yield* command("has a child")
      const child = Number(yield* firstLine(handle))
      assert.deepStrictEqual([yield* isAlive(handle.pid), yield* isAlive(child)], [true, true])
      yield* handle.kill()
      assert.deepStrictEqual([yield* isAlive(handle.pid), yield* isAlive(child)], [false, false])
    }))

  it("signals the child alone when it has no group of its own", () =>
    Effect.gen(function* () {
      const handle = yield* command("stays", { detached: false })
      yield* handle.kill()
      assert.include(describeReason(yield* reasonOf(handle.exitCode)), "SIGTERM")
    }))

  it("ends the rest of a group whose leader has failed", () =>
    Effect.gen(function* () {
      const handle = yield* command("fails and leaves a child")
      const child = Number(yield* firstLine(handle))
      assert.strictEqual(yield* handle.exitCode, ChildProcessSpawner.ExitCode(1))
      yield* Effect.sleep(100)
      assert.isFalse(yield* isAlive(child))
    }))

  it("leaves the rest of a group whose leader has ended well, until the scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const handle = yield* Scope.provide(command("leaves a child"), scope)
      const child = Number(yield* firstLine(handle))
      assert.strictEqual(yield* handle.exitCode, ChildProcessSpawner.ExitCode(0))
      yield* Effect.sleep(50)
      assert.isTrue(yield* isAlive(child))
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(yield* isAlive(child))
    }))
}

const scopes = <R>({ command, isAlive, it }: Side<R>) => {
  it("ends a child with its scope", () =>
    Effect.gen(function* () {
      const handle = yield* Effect.scoped(Effect.flatMap(command("stays"), Effect.succeed))
      assert.isFalse(yield* isAlive(handle.pid))
      assert.include(describeReason(yield* reasonOf(handle.exitCode)), "SIGTERM")
    }))

  it("kills with the scope what ignores the signal of its end, when it is told to", () =>
    Effect.gen(function* () {
      const handle = yield* Effect.scoped(Effect.tap(command("ignores SIGTERM", { forceKillAfter: 50 }), firstLine))
      assert.isFalse(yield* isAlive(handle.pid))
    }))

  it("ends a child when whoever waits for it is interrupted", () =>
    Effect.gen(function* () {
      let pid = 0
      const waiter = yield* Effect.forkChild(
        Effect.scoped(
          Effect.gen(function* () {
            const handle = yield* command("stays")
            pid = handle.pid
            return yield* handle.exitCode
          })
        )
      )
      yield* Effect.sleep(50)
      assert.isTrue(yield* isAlive(pid))
      yield* Fiber.interrupt(waiter)
      assert.isFalse(yield* isAlive(pid))
    }))

  it("leaves a child alone that it does not refer to any more", () =>
    Effect.gen(function* () {
      const handle = yield* Effect.scoped(Effect.tap(command("stays"), ({ unref }) => unref))
      assert.isTrue(yield* isAlive(handle.pid))
      yield* handle.kill()
      assert.isFalse(yield* isAlive(handle.pid))
    }))
}

export const suite = <R>(side: Side<R>): void => {
  ends(side)
  failures(side)
  outputs(side)
  inputs(side)
  kills(side)
  scopes(side)
}
