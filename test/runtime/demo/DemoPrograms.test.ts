import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Fiber, Logger, Stream } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { fileURLToPath } from "node:url"
import * as LocalDriver from "../../../core/local/LocalDriver.ts"
import * as NodeHostProcesses from "../../../runtime/NodeHostProcesses.ts"
import { demoPrograms } from "../../../runtime/demo/DemoPrograms.ts"
import { eventually, isRunning } from "../../core/local/RealProcesses.ts"

const idOf = (name: string) => ({ group: "demo", name })

const stdoutOf = (driver: LocalDriver.LocalDriver, name: string) =>
  Effect.map(driver.readLog(idOf(name), "stdout", { from: 0, lengthBytesMax: 65_536 }), ({ text }) => text)

const inState = (driver: LocalDriver.LocalDriver, name: string, state: string) =>
  eventually(driver.process(idOf(name)), (process) => process.state === state)

describe("demo programs", () => {
  it("are a steady one, one that logs, one that crashes and one that answers HTTP", () => {
    assert.deepStrictEqual(
      demoPrograms.map((program) => program.name),
      ["steady", "ticker", "crasher", "web"]
    )
    assert.isTrue(demoPrograms.every((program) => program.autostart && program.command[0] === process.execPath))
  })

  it.live(
    "run, log, answer, and end when they are asked to",
    () =>
      Effect.gen(function* () {
        const driver = yield* LocalDriver.make({ programs: demoPrograms })
        for (const name of ["steady", "ticker", "web"]) yield* inState(driver, name, "RUNNING")
        yield* eventually(stdoutOf(driver, "ticker"), (text) => /tick 1\n.*tick 2\n/.test(text))
        const log = yield* eventually(stdoutOf(driver, "web"), (text) => text.includes("listening on"))
        const [url = "none"] = log.match(/http:\/\/127\.0\.0\.1:\d+/) ?? []
        const answer = yield* Effect.flatMap(HttpClient.get(url), (response) => response.text)
        assert.include(answer, "from the demo fleet")
        for (const name of ["steady", "ticker", "web"]) {
          yield* driver.stop(idOf(name))
          assert.strictEqual((yield* inState(driver, name, "STOPPED")).exitstatus, 0)
        }
        const crasher = yield* inState(driver, "crasher", "FATAL")
        assert.strictEqual(crasher.exitstatus, 7)
      }).pipe(Effect.provide([NodeServices.layer, NodeHostProcesses.layer, FetchHttpClient.layer, Logger.layer([])])),
    40_000
  )

  it.live(
    "end by themselves when the console is killed",
    () =>
      Effect.gen(function* () {
        const console = fileURLToPath(new URL("./ConsoleThatIsKilled.ts", import.meta.url))
        const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
        const killed = yield* spawner.spawn(ChildProcess.make(process.execPath, [console]))
        const errors = yield* Effect.forkChild(Stream.mkString(Stream.decodeText(killed.stderr)))
        const [line = ""] = yield* killed.stdout.pipe(
          Stream.decodeText(),
          Stream.splitLines,
          Stream.take(1),
          Stream.runCollect,
          Effect.timeout("20 seconds")
        )
        const pids = line.split(" ").map(Number)
        assert.lengthOf(pids, 3, line)
        assert.deepStrictEqual(yield* Effect.forEach(pids, isRunning), [true, true, true])
        yield* killed.kill({ killSignal: "SIGKILL" })
        yield* eventually(Effect.forEach(pids, isRunning), (running) => !running.includes(true))
        assert.strictEqual(yield* Fiber.join(errors), "")
      }).pipe(Effect.provide(NodeServices.layer)),
    40_000
  )
})
