/** Runs the demo fleet, tells the pids of its programs on stdout and waits to be killed. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Logger } from "effect"
import * as LocalDriver from "../../../core/local/LocalDriver.ts"
import * as NodeHostProcesses from "../../../runtime/NodeHostProcesses.ts"
import { demoPrograms } from "../../../runtime/demo/DemoPrograms.ts"
import { eventually } from "../../core/local/RealProcesses.ts"

const lasting = demoPrograms.filter((program) => program.name !== "crasher")

const main = Effect.gen(function* () {
  const driver = yield* LocalDriver.make({ programs: lasting })
  const pids = yield* eventually(
    Effect.map(driver.processes, (all) => all.map((process) => (process.state === "RUNNING" ? process.pid : 0))),
    (all) => !all.includes(0)
  )
  yield* Console.log(pids.join(" "))
  return yield* Effect.never
})

NodeRuntime.runMain(
  Effect.scoped(main).pipe(Effect.provide([NodeServices.layer, NodeHostProcesses.layer, Logger.layer([])]))
)
