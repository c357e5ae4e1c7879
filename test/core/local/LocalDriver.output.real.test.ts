/** What real programs write, and on which ways: bytes that are no text, lines without an end, files, other users. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Layer, Logger, Schema } from "effect"
import * as LocalDriver from "../../../core/local/LocalDriver.ts"
import { ProgramConfigs, type ProgramConfigInput } from "../../../core/local/ProgramConfig.ts"
import * as NodeHostProcesses from "../../../runtime/NodeHostProcesses.ts"
import { temporaryFolder } from "../../support/TemporaryFolder.ts"
import { eventually, isRunning } from "./RealProcesses.ts"

const Services = Layer.mergeAll(NodeServices.layer, NodeHostProcesses.layer, Logger.layer([]))

const web = { group: "web", name: "web" }

const make = (fields: Omit<ProgramConfigInput, "name">) =>
  LocalDriver.make({
    programs: Schema.decodeSync(ProgramConfigs)([
      { name: "web", startsecs: 0, startretries: 0, stopwaitsecs: 0.5, ...fields }
    ])
  })

const node = (text: string) => ({ command: [process.execPath, "-e", `${text}; setInterval(() => {}, 1000)`] }) as const

const all = { from: 0, lengthBytesMax: 1_000_000 } as const

const output = (driver: LocalDriver.LocalDriver, sizeMin: number, channel: "stdout" | "stderr" = "stdout") =>
  eventually(driver.readLog(web, channel, all), ({ size }) => size >= sizeMin)

const run = <A, E>(name: string, test: Effect.Effect<A, E, Effect.Services<ReturnType<typeof make>>>) =>
  it.live(name, () => Effect.scoped(test).pipe(Effect.provide(Services)), 30_000)

describe("LocalDriver with what real programs write", () => {
  run(
    "keeps control characters, and waits for the end of a character that is cut",
    Effect.gen(function* () {
      const driver = yield* make(
        node(
          "process.stdout.write(Buffer.from([0x1b, 0x5b, 0x00, 0x07, 0xe2, 0x82]));" +
            "process.stdin.on('data', () => process.stdout.write(Buffer.from([0xac, 0xff])))"
        )
      )
      const cut = yield* output(driver, 6)
      assert.deepStrictEqual([cut.text, cut.next, cut.lossy], ["\u001b[\0\u0007", 4, false])
      yield* driver.sendStdin(web, "go\n")
      yield* output(driver, 8)
      const rest = yield* driver.readLog(web, "stdout", { from: cut.next, lengthBytesMax: 100 })
      assert.deepStrictEqual([rest.text, rest.next, rest.lossy], ["€\ufffd", 8, true])
    })
  )

  run(
    "takes a line of 20 MB without an end, and rotates its file meanwhile",
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const fs = yield* FileSystem.FileSystem
      const driver = yield* make({
        ...node("process.stdout.write('x'.repeat(20e6)); process.stderr.write('done')"),
        stdoutLogfile: `${folder}/out.log`,
        stdoutLogfileMaxBytes: 4_000_000,
        stdoutLogfileBackups: 2
      })
      yield* output(driver, 4, "stderr")
      const sizes = yield* eventually(
        Effect.forEach(["out.log.1", "out.log.2"], (name) =>
          Effect.map(fs.stat(`${folder}/${name}`), ({ size }) => Number(size))
        ),
        (found) => found.every((size) => size >= 4_000_000)
      )
      // A write more than the limit at most.
      assert.isTrue(
        sizes.every((size) => size < 4_000_000 + 1_048_576),
        String(sizes)
      )
      assert.isFalse(yield* fs.exists(`${folder}/out.log.3`))
      const { text } = yield* driver.readLog(web, "stdout", { from: "end", lengthBytesMax: 9 })
      assert.match(text, /^x*$/)
    })
  )

  run(
    "keeps a flood from filling the disk or the memory, and still stops it at once",
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const fs = yield* FileSystem.FileSystem
      const before = process.memoryUsage().rss
      const driver = yield* make({
        command: ["sh", "-c", "exec yes flood"],
        stdoutLogfile: `${folder}/out.log`,
        stdoutLogfileMaxBytes: 1_000_000,
        stdoutLogfileBackups: 3
      })
      yield* eventually(fs.exists(`${folder}/out.log.3`), (is) => is)
      yield* Effect.sleep(1_000)
      assert.isBelow(process.memoryUsage().rss - before, 200_000_000)
      yield* driver.stop(web)
      yield* eventually(driver.process(web), ({ state }) => state === "STOPPED")
      // Only now: while they are written the files take each other's names. The first is missing if it was full.
      const backups = Effect.map(fs.readDirectory(folder), (names) => names.filter((name) => name !== "out.log"))
      const names = yield* eventually(backups, ({ length }) => length >= 3)
      assert.deepStrictEqual(names.toSorted(), ["out.log.1", "out.log.2", "out.log.3"])
    })
  )

  run(
    "runs a program as another user, with that user's group, where it may",
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const driver = yield* make({
        command: ["sh", "-c", "id -un; id -gn; exec sleep 1000"],
        user: "nobody",
        stdoutLogfile: `${folder}/out.log`
      })
      if (process.getuid?.() !== 0) {
        const { spawnerr } = yield* eventually(driver.process(web), ({ state }) => state === "FATAL")
        assert.strictEqual(spawnerr, "couldn't setuid to nobody: only root may run a program as another user")
        return
      }
      const { text } = yield* eventually(
        driver.readLog(web, "stdout", all),
        (chunk) => chunk.text.split("\n").length > 2
      )
      assert.match(text, /^nobody\nno(group|body)\n$/)
      const { pid } = yield* driver.process(web)
      yield* driver.stop(web)
      yield* eventually(driver.process(web), ({ state }) => state === "STOPPED")
      assert.isFalse(yield* isRunning(pid))
    })
  )

  run(
    "says that a user is unknown",
    Effect.gen(function* () {
      const driver = yield* make({ command: "true", user: "no-such-user" })
      const { spawnerr } = yield* eventually(driver.process(web), ({ state }) => state === "FATAL")
      assert.strictEqual(spawnerr, `couldn't setuid to no-such-user: no user "no-such-user" is known`)
    })
  )

  run(
    "signals the program alone, and stops only the leader first where it is told to",
    Effect.gen(function* () {
      const inner = "trap 'echo inner' USR1 TERM; echo up; while :; do sleep 0.05; done"
      const driver = yield* make({
        command: ["sh", "-c", `sh -c "${inner}" & trap 'echo outer' USR1; while :; do sleep 0.05; done`],
        stopasgroup: false,
        killasgroup: false
      })
      yield* output(driver, 3)
      yield* driver.signal(web, "USR1")
      yield* output(driver, 9)
      assert.strictEqual((yield* driver.readLog(web, "stdout", all)).text, "up\nouter\n")
      yield* driver.stop(web)
      yield* eventually(driver.process(web), ({ state }) => state === "STOPPED")
      // The leader died of SIGTERM; what it left was asked after it.
      assert.strictEqual((yield* driver.readLog(web, "stdout", all)).text, "up\nouter\ninner\n")
    })
  )
})
