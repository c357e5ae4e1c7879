/** Scenarios that go deeper into one part than the property that they belong to. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { parts } from "../../core/Console.ts"
import { Components } from "../../core/health/Components.ts"
import * as HubMutants from "../../scenarios/mutants/HubMutants.ts"
import * as OperationMutants from "../../scenarios/mutants/OperationMutants.ts"
import { P3 } from "../../scenarios/properties/P03SeparateCleanup.ts"
import * as Batches from "../../scenarios/properties/P13Batches.ts"
import * as Logs from "../../scenarios/properties/P02Logs.ts"
import * as Resume from "../../scenarios/properties/P02Resume.ts"
import type { Violation } from "../../scenarios/Property.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import * as Sim from "../../sim/Sim.ts"

const check = (program: Effect.Effect<void, Violation, RunContext>, runs: number) =>
  Sim.check(program, { runs, name: "deep", stepsMax: 1_000_000, shrink: false })

describe("batches on nodes that do not keep still", () => {
  it("end in time, add up and say what was", { timeout: 120_000 }, () => {
    const { failure, sometimes } = check(Batches.program(parts), 60)
    assert.strictEqual(failure?.message, undefined)
    for (const status of ["done", "failed", "cancelled"]) {
      assert.isAbove(sometimes.get(`a batch ended ${status}`) ?? 0, 0, status)
    }
  })

  it("are seen to say what was not", { timeout: 120_000 }, () => {
    const { failure } = check(Batches.program(OperationMutants.doneUnseen.mutate(parts)), 60)
    assert.include(failure?.message, "says done")
  })
})

describe("a component that does not get over an error", () => {
  it("is seen when all is well again", { timeout: 120_000 }, () => {
    const never = Layer.effect(
      Components,
      Effect.map(Components, (components) => ({ ...components, succeeded: () => Effect.void }))
    ).pipe(Layer.provide(parts.components))
    const { failure } = check(Resume.program({ ...parts, components: never }), 60)
    assert.include(failure?.message, "every component is healthy")
  })
})

describe("logs over a bus with little room", () => {
  it("lose nothing of which nobody is told", { timeout: 120_000 }, () => {
    const { failure, sometimes } = check(Logs.programWith(parts, 1), 100)
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.isAbove(sometimes.get("a gap in a log was told: lost within the console") ?? 0, 0)
  })
})

describe("what mutants of the hub are made with", () => {
  it("changes nothing by itself", { timeout: 120_000 }, () => {
    const same = HubMutants.wrapClients((client) =>
      HubMutants.clientWith(client, { outbox: HubMutants.takingOther(client.outbox, () => client.outbox.take()) })
    )
    assert.isUndefined(check(P3.program(same(parts)), 20).failure?.message)
  })
})
