import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import type { BusEvent } from "../../../core/bus/BusEvent.ts"
import { CurrentPrincipal } from "../../../core/domain/Access.ts"
import type { Principal } from "../../../core/domain/Access.ts"
import type { BatchRequest, BatchView } from "../../../core/domain/Operation.ts"
import * as BatchSight from "../../../core/fleet/BatchSight.ts"
import * as Batches from "../../../core/fleet/Batches.ts"
import { person } from "../domain/People.ts"
import { fault, make, starts, stopsAfter } from "./FakeDriver.ts"
import type { FakeDriverOptions } from "./FakeDriver.ts"
import * as Fleet from "../../../core/fleet/Fleet.ts"
import { fleetOf, pass, settle } from "./Fleets.ts"
import { processIn } from "./Processes.ts"

const options = { concurrency: 2, timeoutMs: 60_000, runningMax: 2, waitingMax: 1, kept: 3 }

const healthy: FakeDriverOptions = {
  process: processIn("RUNNING"),
  onStop: { turns: stopsAfter(1_000) },
  onStart: { turns: starts }
}

const broken: FakeDriverOptions = { ...healthy, onStop: { fails: fault("FAILED") } }

/** Batches over a fleet of these nodes, polled once. */
const build = (nodes: Readonly<Record<string, FakeDriverOptions>>, told: Array<BusEvent> = []) =>
  Effect.gen(function* () {
    const drivers = Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, make(node)]))
    const layer = Batches.layer(options).pipe(
      Layer.provideMerge(
        fleetOf(Object.fromEntries(Object.entries(drivers).map(([name, { driver }]) => [name, driver])), { told })
      )
    )
    const context = yield* Layer.build(layer)
    yield* pass(1)
    return {
      batches: Context.get(context, Batches.Batches),
      fleet: Context.get(context, Fleet.Fleet),
      asked: () =>
        Object.entries(drivers).flatMap(([name, { calls }]) =>
          calls.filter((call) => /stop|start/.test(call)).map((call) => `${name} ${call}`)
        )
    }
  })

const restart: BatchRequest = { operation: { kind: "restart" }, select: [{}] }

const lines = ({ items }: BatchView) => items.map(({ limit, node, state }) => `${node} ${state} ${limit ?? ""}`.trim())

describe("Batches", () => {
  it.effect("runs an operation on all that is selected, so many at a time, with a result for each", () =>
    Effect.gen(function* () {
      const told: Array<BusEvent> = []
      const { asked, batches } = yield* build({ a: healthy, b: broken, c: healthy }, told)
      const view = yield* batches.submit(restart)
      assert.deepStrictEqual([view.id, view.status, view.mode], [1, "running", "parallel"])
      yield* pass(6_000)
      const over = yield* batches.get(1)
      assert.deepStrictEqual(lines(over), ["a done", "b error", "c done"])
      assert.deepStrictEqual([over.status, over.stopped_early], ["failed", false])
      assert.include(over.items[1]?.detail, "refused with fault")
      assert.include(asked(), "c 1 stop")
      const changes = told.flatMap((event) => (event.type === "batch.changed" ? [event.batch] : []))
      assert.deepStrictEqual(changes.at(-1)?.counts, { done: 2, error: 1 })
      assert.deepStrictEqual(changes.at(-1)?.status, "failed")
      assert.isAtMost(changes.length, 5)
    })
  )

  it.effect("rolls through waves and stops when one did not end well", () =>
    Effect.gen(function* () {
      const { asked, batches } = yield* build({ a: healthy, b: broken, c: healthy })
      const waiting = yield* Effect.forkChild(
        batches.submit({ ...restart, mode: "rolling", concurrency: 1, wait: true })
      )
      yield* pass(6_000)
      const over = yield* Fiber.join(waiting)
      assert.deepStrictEqual(lines(over), ["a done", "b error", "c skipped"])
      assert.deepStrictEqual([over.status, over.stopped_early], ["failed", true])
      assert.isFalse(asked().some((call) => call.startsWith("c ")))
    })
  )

  it.effect("ends with its own time, and says whose time was up", () =>
    Effect.gen(function* () {
      const stuck = { ...healthy, onStop: { turns: [{ afterMs: 0, to: processIn("STOPPING") }] } }
      const { batches } = yield* build({ a: stuck, b: healthy, c: healthy })
      const waiting = yield* Effect.forkChild(
        batches.submit({ ...restart, concurrency: 1, timeout_ms: 3_000, wait: true })
      )
      yield* pass(3_000, 50)
      const over = yield* Fiber.join(waiting)
      assert.deepStrictEqual(lines(over), ["a timeout batch", "b skipped", "c skipped"])
      assert.deepStrictEqual(
        [over.status, over.started, over.ended],
        ["timeout", "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:03.001Z"]
      )
    })
  )

  it.effect("says what it would do without doing it", () =>
    Effect.gen(function* () {
      const { asked, batches } = yield* build({ a: healthy, b: healthy })
      const view = yield* batches.submit({ ...restart, dry_run: true })
      yield* pass(5_000)
      assert.deepStrictEqual([view.id, view.status, lines(view)], [0, "planned", ["a pending", "b pending"]])
      assert.deepStrictEqual([asked(), yield* batches.all], [[], []])
    })
  )

  it.effect("refuses what selects nothing, and more batches than may wait", () =>
    Effect.gen(function* () {
      const { batches } = yield* build({ a: healthy })
      const nothing = yield* Effect.flip(batches.submit({ ...restart, select: [{ node: "b" }] }))
      assert.deepStrictEqual([nothing._tag, nothing.reason], ["BadSelection", "nothing"])
      for (let i = 0; i < 3; i++) yield* batches.submit(restart)
      const full = yield* Effect.flip(batches.submit(restart))
      assert.deepStrictEqual([full._tag, full.reason], ["JobRefused", "full"])
      assert.strictEqual((yield* Effect.flip(batches.get(9)))._tag, "UnknownBatch")
    })
  )

  it.effect("cancels what is under way, what waits for its turn, and nothing that is over", () =>
    Effect.gen(function* () {
      const { asked, batches } = yield* build({ a: healthy, b: healthy, c: healthy })
      const first = yield* batches.submit(restart)
      const second = yield* batches.submit(restart)
      const waits = yield* batches.submit(restart)
      yield* pass(500)
      assert.strictEqual((yield* batches.cancel(waits.id)).status, "cancelled")
      const cancelled = yield* batches.cancel(first.id)
      assert.deepStrictEqual(lines(cancelled), ["a cancelled", "b cancelled", "c cancelled"])
      assert.include(cancelled.items[0]?.detail, "may still happen")
      const before = asked().length
      assert.strictEqual((yield* batches.cancel(second.id)).status, "cancelled")
      yield* pass(10_000)
      assert.strictEqual(asked().length, before, "nothing is asked after the cancellation")
      assert.strictEqual((yield* batches.cancel(first.id)).ended, cancelled.ended)
    })
  )

  it.effect("counts the time of a batch from the asking, also when it waits for its turn", () =>
    Effect.gen(function* () {
      const stuck = { ...healthy, onStop: { turns: [{ afterMs: 0, to: processIn("STOPPING") }] } }
      const { batches } = yield* build({ a: stuck })
      yield* batches.submit(restart)
      yield* batches.submit(restart)
      const waits = yield* batches.submit({ ...restart, timeout_ms: 2_000 })
      yield* pass(2_000)
      const over = yield* batches.get(waits.id)
      assert.deepStrictEqual([over.status, lines(over)], ["timeout", ["a skipped"]])
    })
  )

  it.effect("gives an error for an item whose node has gone since", () =>
    Effect.gen(function* () {
      const { batches, fleet } = yield* build({ a: healthy, b: healthy })
      const { id } = yield* batches.submit({ ...restart, concurrency: 1 })
      yield* settle
      assert.isTrue(yield* fleet.remove("b"))
      yield* pass(5_000)
      assert.deepStrictEqual(lines(yield* batches.get(id)), ["a done", "b error"])
    })
  )

  it.effect("keeps the newest of those that are over", () =>
    Effect.gen(function* () {
      const { batches } = yield* build({ a: { process: processIn("STOPPED") } })
      for (let i = 0; i < 4; i++) {
        yield* batches.submit({ operation: { kind: "stop" }, select: [{}] })
        yield* pass(1)
      }
      assert.deepStrictEqual(
        (yield* batches.all).map(({ id, status }) => `${id} ${status}`),
        ["4 done", "3 done", "2 done"]
      )
    })
  )

  it.effect("cancels everything at the end of its scope, and tells it", () =>
    Effect.gen(function* () {
      const told: Array<BusEvent> = []
      const scope = yield* Scope.make()
      const { asked, batches } = yield* Scope.provide(build({ a: healthy, b: healthy }, told), scope)
      for (let i = 0; i < 3; i++) yield* batches.submit(restart)
      yield* pass(500)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      const before = asked().length
      yield* pass(5_000)
      assert.isDefined(closing.pollUnsafe())
      assert.strictEqual(asked().length, before)
      assert.deepStrictEqual(
        (yield* batches.all).map(({ status }) => status),
        ["cancelled", "cancelled", "cancelled"]
      )
      assert.strictEqual(
        told.filter((event) => event.type === "batch.changed" && event.batch.status === "cancelled").length,
        3
      )
    })
  )
})

describe("batches of somebody with limits", () => {
  const by = (principal: Principal) => Effect.provideService(CurrentPrincipal, principal)
  const ada = person("ada", [{ nodes: ["a"] }])
  const bob = person("bob", [{ nodes: ["b"] }])
  const hidden = person("eve", [{ programs: ["other:*"] }], "admin")
  const both = person("cid", [{ nodes: ["a", "b", "x"] }])
  const root = person("root", [], "admin")

  it.effect("act on what that one sees, and show no more", () =>
    Effect.gen(function* () {
      const told: Array<BusEvent> = []
      const { asked, batches } = yield* build({ a: healthy, b: healthy, c: healthy }, told)
      const planned = yield* by(ada)(batches.submit({ ...restart, dry_run: true }))
      assert.deepStrictEqual([planned.status, lines(planned)], ["planned", ["a pending"]])
      assert.deepInclude(yield* Effect.flip(by(hidden)(batches.submit(restart))), { reason: "nothing" })
      yield* by(ada)(batches.submit(restart))
      const all = yield* by(root)(batches.submit({ ...restart, mode: "rolling", concurrency: 1 }))
      assert.deepStrictEqual([all.by, all.items.length], ["root", 3])
      const seenBy = (principal: Principal) =>
        Effect.map(by(principal)(batches.all), (views) =>
          views.map(({ counts, id, items }) => [id, items.map(({ node }) => node).join(""), counts])
        )
      assert.deepStrictEqual(yield* seenBy(ada), [
        [2, "a", { pending: 1 }],
        [1, "a", { pending: 1 }]
      ])
      assert.deepStrictEqual(yield* seenBy(bob), [[2, "b", { pending: 1 }]])
      assert.deepStrictEqual(yield* seenBy(hidden), [])
      assert.deepStrictEqual((yield* batches.all).length, 2)
      assert.deepInclude(yield* Effect.flip(by(bob)(batches.get(1))), { _tag: "UnknownBatch", id: 1 })
      yield* pass(20_000)
      assert.deepStrictEqual((yield* by(both)(batches.get(2))).counts, { done: 2 })
      assert.isEmpty(asked().filter((call) => call.startsWith("c 1 ")))
      const summaries = told.flatMap((event) => (event.type === "batch.changed" ? [event.batch] : []))
      assert.deepStrictEqual(
        summaries.map((batch) => BatchSight.summaryFor(bob, batch)?.id).filter((id) => id !== 2 && id !== undefined),
        []
      )
    })
  )

  it.effect("are cancelled by whoever submitted them, and by an administrator without limits", () =>
    Effect.gen(function* () {
      const { batches } = yield* build({ a: healthy, b: healthy })
      const submit = by(ada)(batches.submit(restart))
      const may: ReadonlyArray<readonly [Principal | undefined, string]> = [
        [bob, "UnknownBatch"],
        [hidden, "UnknownBatch"],
        [both, "NotPermitted"],
        [person("adm", [{ nodes: ["*"] }], "admin"), "NotPermitted"],
        [person("op"), "NotPermitted"],
        [ada, "cancelled"],
        [{ ...ada, actor: "ada/token", credential: { _tag: "ApiToken", tokenId: "1" } }, "cancelled"],
        [root, "cancelled"],
        [undefined, "cancelled"]
      ]
      for (const [who, outcome] of may) {
        const { id } = yield* submit
        const cancel = batches.cancel(id)
        const found = yield* Effect.match(who === undefined ? cancel : by(who)(cancel), {
          onFailure: ({ _tag }): string => _tag,
          onSuccess: ({ status }) => status
        })
        assert.strictEqual(found, outcome, who?.username)
        yield* batches.cancel(id)
      }
    })
  )
})
