/** The behaviours of the ChildProcess contract as programs of the simulated machine. */
import { Effect, Stream } from "effect"
import { ChildProcess } from "effect/process"
import type { Process, Program } from "../../sim/process/Process.ts"
import type { Behaviour, Side } from "./ChildProcess.ts"

const exits = (code: number): Program => ({ main: () => Effect.succeed(code) })
const stay: Program = { main: () => Effect.never }

/** All that comes in on a descriptor. */
const inputOf = (process: Process, fd = 0) =>
  Stream.unfold(undefined, () =>
    Effect.map(process.read(fd), (chunk) => (chunk === undefined ? undefined : ([chunk, undefined] as const)))
  )

/** Starts a child that stays, says its pid, and ends so. */
const withChild = (end: Effect.Effect<number>): Program => ({
  main: (process) =>
    Effect.gen(function* () {
      const pid = yield* process.fork(stay, { command: "child" })
      yield* process.print(`${pid}\n`)
      return yield* end
    })
})

const programs: Record<Behaviour, Program> = {
  "exits with 0": exits(0),
  "exits with 1": exits(1),
  "exits with 127": exits(127),
  "kills itself": { main: (process) => Effect.andThen(process.kill(process.pid, "SIGKILL"), Effect.never) },
  prints: {
    main: (process) =>
      Effect.gen(function* () {
        yield* process.print("out 1\n")
        yield* process.printError("err 1\n")
        yield* process.print("out 2\n")
        yield* process.printError("err 2\n")
        return 0
      })
  },
  "prints a megabyte": { main: (process) => Effect.as(process.print("x".repeat(1_048_576)), 0) },
  echoes: { main: (process) => Effect.as(Stream.runForEach(inputOf(process), process.print), 0) },
  "closes its input": {
    main: (process) => Effect.andThen(process.close(0), Effect.andThen(process.print("closed\n"), Effect.never))
  },
  stays: stay,
  "ignores SIGTERM": {
    ignores: ["SIGTERM"],
    main: (process) => Effect.andThen(process.print("ready\n"), Effect.never)
  },
  "ends slowly": {
    main: (process) =>
      Effect.gen(function* () {
        yield* process.on("SIGTERM", Effect.andThen(Effect.sleep(50), process.exit(3)))
        yield* process.print("ready\n")
        return yield* Effect.never
      })
  },
  "tells where it is": {
    main: ({ cwd, env, print }) =>
      Effect.as(print(`${env["GREETING"] ?? ""}\n${cwd}\n${env["HOME"] === undefined ? "" : "home"}\n`), 0)
  },
  shouts: {
    main: (process) =>
      inputOf(process).pipe(
        Stream.decodeText,
        Stream.runForEach((text) => process.print(text.toUpperCase())),
        Effect.as(0)
      )
  },
  "leaves a child that prints": {
    main: (process) =>
      Effect.gen(function* () {
        yield* process.print("leader\n")
        yield* process.fork({ main: (child) => Effect.as(Effect.andThen(Effect.sleep(50), child.print("late\n")), 0) })
        return 0
      })
  },
  "has a child": withChild(Effect.never),
  "leaves a child": withChild(Effect.succeed(0)),
  "fails and leaves a child": withChild(Effect.succeed(1)),
  "copies from 4 to 3": {
    main: (process) =>
      Effect.as(
        Stream.runForEach(inputOf(process, 4), (chunk) => process.write(3, chunk)),
        0
      )
  }
}

export const machineOptions = { programs: { ...programs, plain: "not executable" as const }, env: { HOME: "/root" } }

export const simulatedCommands: Pick<Side<never>, "command" | "notFound" | "notExecutable"> = {
  command: (behaviour, options = {}) => ChildProcess.make(behaviour, [], options),
  notFound: "no-such-command",
  notExecutable: "plain"
}
