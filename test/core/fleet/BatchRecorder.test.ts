/** What is told of the items of a batch, and in whose name. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope, Stream } from "effect"
import { ActivityLog } from "../../../core/activity/ActivityLog.ts"
import { CurrentPrincipal } from "../../../core/domain/Access.ts"
import type { Attempt } from "../../../core/domain/ActivityEntry.ts"
import type { BatchRequest } from "../../../core/domain/Operation.ts"
import * as Batches from "../../../core/fleet/Batches.ts"
import * as BatchAudit from "../../../core/http/BatchAudit.ts"
import { RequestId } from "../../../core/http/ErrorBody.ts"
import { fault, make, starts, stopsAfter } from "./FakeDriver.ts"
import type { FakeDriverOptions } from "./FakeDriver.ts"
import { fleetOf, pass } from "./Fleets.ts"
import { processIn } from "./Processes.ts"

const options = { concurrency: 2, timeoutMs: 60_000, runningMax: 2, waitingMax: 1, kept: 3 }

const healthy: FakeDriverOptions = {
  process: processIn("RUNNING"),
  onStop: { turns: stopsAfter(1_000) },
  onStart: { turns: starts }
}
const broken: FakeDriverOptions = { ...healthy, onStop: { fails: fault("FAILED") } }

const build = Effect.fnUntraced(function* (
  nodes: Readonly<Record<string, FakeDriverOptions>>,
  record: (attempt: Attempt) => Effect.Effect<void>
) {
  const drivers = Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, make(node).driver]))
  const layer = Batches.layer(options).pipe(
    Layer.provide(BatchAudit.layer),
    Layer.provide(Layer.mock(ActivityLog, { record, all: () => Stream.empty })),
    Layer.provide(fleetOf(drivers))
  )
  const scope = yield* Scope.make()
  const batches = Context.get(yield* Layer.buildWithScope(layer, scope), Batches.Batches)
  yield* pass(1)
  return { batches, close: Scope.close(scope, Exit.void) }
})

const restart: BatchRequest = { operation: { kind: "restart" }, select: [{}] }

const line = ({ actor, node, outcome, request_id }: Attempt) => `${actor} ${node} ${outcome} ${request_id}`

describe("the items of a batch", () => {
  it.effect("are recorded as they end, each once, in the name of whoever submitted it", () =>
    Effect.gen(function* () {
      const recorded: Array<Attempt> = []
      const { batches } = yield* build({ a: healthy, b: broken, c: healthy }, (attempt) =>
        Effect.sync(() => void recorded.push(attempt))
      )
      yield* batches.submit(restart).pipe(
        Effect.provideService(CurrentPrincipal, {
          username: "ann",
          userId: "u1",
          actor: "ann/ci",
          credential: { _tag: "ApiToken", tokenId: "t1" },
          role: "admin",
          limits: []
        }),
        Effect.provideService(RequestId, "r7")
      )
      yield* pass(8_000)
      assert.deepStrictEqual(recorded.map(line).toSorted(), [
        "ann/ci a done r7",
        "ann/ci b failed r7",
        "ann/ci c done r7"
      ])
      assert.deepStrictEqual(new Set(recorded.map(({ action }) => action)), new Set(["batch.item"]))
      assert.isTrue(
        recorded.every(({ detail, process }) => detail?.startsWith("batch 1: restart: ") && process === "app:api")
      )
    })
  )

  it.effect("that are cancelled are recorded if they had begun, also at the end of the console", () =>
    Effect.gen(function* () {
      const recorded: Array<Attempt> = []
      const record = (attempt: Attempt) => Effect.sync(() => void recorded.push(attempt))
      const { batches, close } = yield* build({ a: healthy, b: healthy, c: healthy }, record)
      yield* batches.submit({ ...restart, concurrency: 2 })
      yield* pass(500)
      yield* close
      assert.deepStrictEqual(recorded.map(line), ["console a timeout undefined", "console b timeout undefined"])
    })
  )

  it.effect("do not wait for a log that hangs", () =>
    Effect.gen(function* () {
      const { batches } = yield* build({ a: healthy, b: healthy }, () => Effect.never)
      yield* batches.submit({ ...restart, concurrency: 1 })
      yield* pass(12_000)
      assert.strictEqual((yield* batches.get(1)).status, "done")
    })
  )
})
