/** One contract of `ChildProcessSpawner` for the simulated machine and for this one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as NodeProcesses from "../../runtime/NodeProcesses.ts"
import * as Machine from "../../sim/process/Machine.ts"
import * as SimProcesses from "../../sim/process/SimProcesses.ts"
import * as Sim from "../../sim/Sim.ts"
import { isRunning } from "../core/local/RealProcesses.ts"
import { suite } from "./ChildProcess.ts"
import { realCommands } from "./RealCommands.ts"
import { machineOptions, simulatedCommands } from "./SimulatedCommands.ts"

describe("ChildProcess, simulated", () => {
  suite<Machine.Machine>({
    ...simulatedCommands,
    it: (name, test) =>
      it(`${name}, simulated`, () => {
        const program = Effect.provide(
          Effect.scoped(test()),
          Layer.provideMerge(SimProcesses.layer, Machine.layer(machineOptions))
        )
        assert.isUndefined(Sim.check(program, { runs: 20 }).failure?.message)
      }),
    isAlive: (pid) =>
      Machine.Machine.use(({ processes }) =>
        Effect.map(processes, (all) => all.some((process) => process.pid === pid && process.state !== "zombie"))
      )
  })
})

describe("ChildProcess of this machine", () => {
  suite({
    ...realCommands,
    it: (name, test) => it.live(name, () => Effect.scoped(test()).pipe(Effect.provide(NodeProcesses.layer))),
    isAlive: isRunning
  })
})
