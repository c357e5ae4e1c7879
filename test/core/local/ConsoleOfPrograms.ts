/**
 * Runs the programs of its first argument, as JSON, under the name of its second, tells their pids on stdout once all
 * of them run, and waits to be killed.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Logger, Schema } from "effect"
import * as LocalDriver from "../../../core/local/LocalDriver.ts"
import { ProgramConfigs } from "../../../core/local/ProgramConfig.ts"
import * as NodeProcesses from "../../../runtime/NodeProcesses.ts"
import { eventually } from "./RealProcesses.ts"

const [programs = "[]", instance = "console"] = process.argv.slice(2)

const main = Effect.gen(function* () {
  const driver = yield* LocalDriver.make({
    programs: yield* Schema.decodeUnknownEffect(Schema.fromJsonString(ProgramConfigs))(programs),
    instance
  })
  const pids = yield* eventually(
    Effect.map(driver.processes, (all) => all.map((each) => (each.state === "RUNNING" ? each.pid : 0))),
    (all) => !all.includes(0)
  )
  yield* Console.log(pids.join(" "))
  return yield* Effect.never
})

NodeRuntime.runMain(Effect.scoped(main).pipe(Effect.provide([NodeProcesses.layer, Logger.layer([])])))
