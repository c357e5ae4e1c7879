/** What becomes of the output of local programs: in memory, in files, and with followers; on a simulated machine. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Option, Stream } from "effect"
import type { LogPiece } from "../../../core/fleet/NodeDriver.ts"
import { logFileLimits } from "../../../core/local/LogFile.ts"
import type { Process, Program } from "../../../sim/process/Process.ts"
import { elapse, holds, setUp, settle } from "./SimulatedPrograms.ts"

const web = { group: "web", name: "web" }
const logged = { stdoutLogfile: "/tmp/web.log", startsecs: 0 } as const
const all = { from: 0, lengthBytesMax: 1_000_000 } as const

/** Prints what the script says, one text each second. */
const printing = (...texts: ReadonlyArray<string | Uint8Array>): { readonly program: Program } => ({
  program: {
    main: (process: Process) =>
      Effect.gen(function* () {
        for (const text of texts) {
          yield* process.print(text)
          yield* Effect.sleep(1_000)
        }
        return yield* Effect.never
      })
  }
})

const flooding: Program = {
  main: (process) => Effect.andThen(Effect.sleep(100), Effect.forever(process.print("x".repeat(8_192))))
}

const textOf = (pieces: ReadonlyArray<LogPiece>) =>
  pieces.map((piece) => (piece._tag === "Gap" ? "<gap>" : new TextDecoder().decode(piece.bytes))).join("")

/** Output is split at will on its way; it is read as a whole. */
const quiet = Effect.provide(Logger.layer([]))

describe("a log file", () => {
  it("gets all output, and is read from any offset", () => {
    holds(
      Effect.gen(function* () {
        const { driver, files } = yield* setUp(() => printing("hello ", "world"), logged)
        yield* elapse(2_000)
        assert.strictEqual(yield* files.readFileString("/tmp/web.log"), "hello world")
        const chunk = yield* driver.readLog(web, "stdout", { from: 6, lengthBytesMax: 3 })
        assert.deepInclude(chunk, { text: "wor", offset: 6, next: 9, size: 11, gap: 0, rotated: false, lossy: false })
        assert.strictEqual((yield* driver.readLog(web, "stdout", { from: "end", lengthBytesMax: 5 })).text, "world")
        assert.deepInclude(yield* driver.readLog(web, "stdout", { from: 99, lengthBytesMax: 5 }), {
          text: "hello",
          offset: 0,
          rotated: true
        })
        const { stderr_logfile, stdout_logfile } = yield* driver.process(web)
        assert.deepStrictEqual([stdout_logfile, stderr_logfile], ["/tmp/web.log", ""])
      })
    )
  })

  it("is rotated when it is full, and keeps as many as it is told", () => {
    holds(
      Effect.gen(function* () {
        const lines = ["aaaa", "bbbb", "cccc", "dddd", "e"]
        const { driver, files } = yield* setUp(() => printing(...lines), {
          ...logged,
          stdoutLogfileMaxBytes: 4,
          stdoutLogfileBackups: 2
        })
        yield* elapse(1_500)
        const before = yield* driver.readLog(web, "stdout", all)
        yield* elapse(4_000)
        const names = ["/tmp/web.log", "/tmp/web.log.1", "/tmp/web.log.2"]
        assert.deepStrictEqual(yield* Effect.forEach(names, (name) => files.readFileString(name)), [
          "e",
          "dddd",
          "cccc"
        ])
        assert.isFalse(yield* files.exists("/tmp/web.log.3"))
        // Nothing was there yet, or nothing any more: the reader goes on from 0 either way.
        assert.deepInclude(yield* driver.readLog(web, "stdout", { from: before.next, lengthBytesMax: 9 }), {
          text: "e",
          offset: 0
        })
      }),
      // Where a write is read in two parts, files are cut elsewhere.
      { runs: 1 }
    )
  })

  it("is emptied when it is full and no old one is kept, and by a clear", () => {
    holds(
      Effect.gen(function* () {
        const { driver, files } = yield* setUp(() => printing("aaaa", "b", "c"), {
          ...logged,
          stdoutLogfileMaxBytes: 4,
          stdoutLogfileBackups: 0
        })
        yield* elapse(1_500)
        assert.strictEqual(yield* files.readFileString("/tmp/web.log"), "b")
        yield* driver.clearLog(web)
        assert.strictEqual((yield* driver.readLog(web, "stdout", all)).size, 0)
        yield* elapse(1_000)
        assert.strictEqual(yield* files.readFileString("/tmp/web.log"), "c")
      }),
      { runs: 1 }
    )
  })

  it("takes both outputs with redirect_stderr", () => {
    holds(
      Effect.gen(function* () {
        const { driver, files } = yield* setUp(() => ({ stdout: ["out"], stderr: ["err"] }), {
          ...logged,
          redirectStderr: true,
          stderrLogfile: "/tmp/web.err"
        })
        yield* settle
        const text = yield* files.readFileString("/tmp/web.log")
        assert.strictEqual(text.split("").toSorted().join(""), "eorrtu")
        assert.isFalse(yield* files.exists("/tmp/web.err"))
        assert.strictEqual((yield* driver.process(web)).stderr_logfile, "")
      })
    )
  })

  it("stops nobody when the disk is full: output is kept in memory alone, and written again later", () => {
    holds(
      Effect.gen(function* () {
        const troubles: Array<string> = []
        const log = Logger.make(({ message }) => void troubles.push(String(message)))
        const { disk, driver, files } = yield* Effect.provide(
          setUp(() => printing("one ", "two ", "three ", "four ", "five ", "six ", "seven ", "eight "), logged),
          Logger.layer([log])
        )
        yield* settle
        yield* disk.setCapacity(4)
        const follow = yield* Effect.forkChild(Stream.runCollect(Stream.take(driver.followLog(web, "stdout"), 3)))
        yield* elapse(2_500)
        assert.strictEqual((yield* driver.process(web)).state, "RUNNING")
        yield* disk.setCapacity(1_000_000)
        yield* elapse(logFileLimits.retryMs)
        const text = yield* files.readFileString("/tmp/web.log")
        assert.match(text, /^one .*eight $/)
        assert.notInclude(text, "three")
        assert.match(textOf(yield* Fiber.join(follow)), /^one t/)
        assert.strictEqual(troubles.filter((line) => line.includes("cannot be written (ENOSPC)")).length, 1)
        assert.strictEqual(troubles.filter((line) => line.includes("is written again")).length, 1)
      })
    )
  })

  it("stops nobody when it can never be written, nor when the disk does not answer", () => {
    holds(
      Effect.gen(function* () {
        const { disk, driver, state } = yield* setUp(() => printing("one", "two"), {
          ...logged,
          stdoutLogfile: "/nowhere/web.log"
        })
        yield* elapse(3_000)
        assert.strictEqual(yield* state, "RUNNING")
        assert.deepInclude(yield* driver.readLog(web, "stdout", all), { text: "", size: 0 })
        yield* disk.rule(() => ({ _tag: "drop" }))
        yield* elapse(10_000)
        yield* driver.stop(web)
        yield* elapse(12_000)
        assert.strictEqual(yield* state, "STOPPED")
      }).pipe(quiet)
    )
  })

  it("makes a flood wait for the disk, and holds no more than the newest bytes", () => {
    holds(
      Effect.gen(function* () {
        const { disk, driver } = yield* setUp(() => ({ program: flooding }), {
          ...logged,
          outputBytesMax: 1_024,
          stdoutLogfileMaxBytes: 20_000,
          stdoutLogfileBackups: 1
        })
        // Each step of the disk takes its time, so that the flood is as slow as the disk.
        yield* disk.rule(() => ({ _tag: "delay", ms: 10 }))
        yield* elapse(500)
        assert.isAtMost(yield* disk.usedBytes, 2 * (20_000 + 65_536))
        assert.strictEqual((yield* driver.process(web)).state, "RUNNING")
        yield* driver.stop(web)
        yield* elapse(2_000)
        assert.strictEqual((yield* driver.process(web)).state, "STOPPED")
      }),
      { runs: 3 }
    )
  })
})

describe("a log in memory", () => {
  it("says how much is gone, and begins anew when it is cleared", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUp(() => printing("x".repeat(1_500), "é"), { outputBytesMax: 1_024, startsecs: 0 })
        yield* settle
        assert.deepInclude(yield* driver.readLog(web, "stdout", { from: 100, lengthBytesMax: 10 }), {
          offset: 476,
          gap: 376,
          size: 1_500
        })
        yield* driver.clearLog(web)
        yield* elapse(1_000)
        assert.deepInclude(yield* driver.readLog(web, "stdout", all), {
          text: "é",
          offset: 0,
          next: 2,
          size: 2,
          gap: 0
        })
        assert.deepInclude(yield* driver.readLog(web, "stdout", { from: 1_500, lengthBytesMax: 9 }), {
          text: "é",
          rotated: true
        })
      })
    )
  })
})

describe("following a log", () => {
  it("gives what is there and then what comes, to each follower", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUp(() => printing("one ", "two ", "three"), { startsecs: 0 })
        yield* settle
        const seen: Array<LogPiece> = []
        const follower = yield* Effect.forkChild(
          Stream.runForEach(driver.followLog(web, "stdout"), (piece) => Effect.sync(() => seen.push(piece)))
        )
        yield* elapse(1_500)
        const late = yield* Effect.forkChild(Stream.runCollect(Stream.take(driver.followLog(web, "stdout"), 1)))
        yield* elapse(1_000)
        assert.strictEqual(textOf(seen), "one two three")
        assert.strictEqual(textOf(yield* Fiber.join(late)), "one two ")
        yield* Fiber.interrupt(follower)
      })
    )
  })

  it("tells a slow follower that it has missed something", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUp(() => printing("a", "b".repeat(3_000), "c"), {
          startsecs: 0,
          outputBytesMax: 1_024
        })
        yield* settle
        const seen: Array<LogPiece> = []
        const follower = yield* Effect.forkChild(
          Stream.runForEach(driver.followLog(web, "stdout"), (piece) =>
            Effect.andThen(
              Effect.sync(() => seen.push(piece)),
              Effect.sleep(2_500)
            )
          )
        )
        yield* elapse(10_000)
        assert.match(textOf(seen), /^a(b*)<gap>b+c$/)
        yield* Fiber.interrupt(follower)
      })
    )
  })

  it("ends when the program is removed, and fails for one that is not there", () => {
    holds(
      Effect.gen(function* () {
        const { driver } = yield* setUp(() => printing("bye"), { startsecs: 0 })
        yield* settle
        const follower = yield* Effect.forkChild(Effect.flip(Stream.runDrain(driver.followLog(web, "stdout"))))
        yield* settle
        yield* driver.reload([])
        const error = yield* Effect.timeoutOption(Fiber.join(follower), 1_000)
        assert.strictEqual(
          Option.map(error, ({ message }) => message).pipe(Option.getOrElse(() => "no end")),
          "local.followLog: refused with fault 10 BAD_NAME: web:web was removed or replaced"
        )
        const unknown = yield* Effect.flip(Stream.runDrain(driver.followLog(web, "stdout")))
        assert.include(unknown.message, "BAD_NAME")
      })
    )
  })
})
