/** Operations, batches and followed logs under every order of their fibers that the simulator draws. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Queue, Scope, Stream } from "effect"
import { monotonicMs } from "../../../core/MonotonicMs.ts"
import type { BusEvent } from "../../../core/bus/BusEvent.ts"
import type { BatchView } from "../../../core/domain/Operation.ts"
import * as Batches from "../../../core/fleet/Batches.ts"
import * as Fleet from "../../../core/fleet/Fleet.ts"
import * as KeyedLocks from "../../../core/fleet/KeyedLocks.ts"
import * as LogFollow from "../../../core/fleet/LogFollow.ts"
import type { LogPiece, NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import * as Operation from "../../../core/fleet/Operation.ts"
import * as Sim from "../../../sim/Sim.ts"
import { make, starts, stopsAfter } from "./FakeDriver.ts"
import { fleetOf } from "./Fleets.ts"
import { api, defaults } from "./OperationRuns.ts"
import { processIn } from "./Processes.ts"

const holds = (what: string, is: boolean): Effect.Effect<void> => (is ? Effect.void : Effect.die(what))

const healthy = (stopMs: number) =>
  make({ process: processIn("RUNNING"), onStop: { turns: stopsAfter(stopMs) }, onStart: { turns: starts } })

/** Whoever asks for a lock first has it first; who is interrupted takes nothing from the others. */
const fair = Effect.gen(function* () {
  const locks = yield* KeyedLocks.make
  const had: Array<number> = []
  let inside = 0
  const use = (name: number) =>
    Effect.gen(function* () {
      // One asks when another gives the lock back, and none at the same moment as another.
      yield* Effect.sleep(1 + name)
      yield* locks.withLock("a")(
        Effect.gen(function* () {
          had.push(name)
          inside++
          yield* holds("two have the lock", inside === 1)
          yield* Effect.sleep(2)
        }).pipe(Effect.ensuring(Effect.sync(() => inside--)))
      )
    })
  const fibers = yield* Effect.forEach([0, 1, 2, 3], (name) => Effect.forkChild(use(name)))
  const gone = yield* Sim.choose("workload", 4)
  yield* Effect.sleep(yield* Sim.choose("workload", 8))
  const given = fibers[gone]
  if (given !== undefined) yield* Fiber.interrupt(given)
  yield* Fiber.awaitAll(fibers)
  yield* holds(
    `had in the order ${had.join(" ")}`,
    had.every((name, i) => i === 0 || name > (had[i - 1] ?? 0))
  )
  yield* holds("somebody never had it", had.length >= 3)
  yield* holds("a key is left", (yield* locks.size) === 0)
})

/** Each of three operations on one process ends by its own deadline, with what hangs. */
const deadlines = Effect.gen(function* () {
  const locks = yield* KeyedLocks.make
  const hangs = yield* Sim.choose("workload", 4)
  let calls = 0
  let open = 0
  const { driver } = healthy(1_000 * (yield* Sim.choose("workload", 4)))
  const hanging = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => open++),
      () => (++calls > 2 && hangs > 0 && calls % hangs === 0 ? Effect.never : call),
      () => Effect.sync(() => open--)
    )
  const node: NodeDriver = {
    ...driver,
    process: (id) => hanging(driver.process(id)),
    stop: (id) => hanging(driver.stop(id)),
    start: (id) => hanging(driver.start(id))
  }
  const startedMs = yield* monotonicMs
  const one = (deadlineMs: number) =>
    Effect.gen(function* () {
      const result = yield* Operation.run(
        { kind: "restart" },
        { driver: node, id: api, inTurn: locks.withLock("a"), lastKnown: processIn("RUNNING") },
        { ...defaults, deadlineMs: { ...defaults.deadlineMs, restart: deadlineMs } },
        { batchEndsMs: startedMs + 4_000 }
      )
      const tookMs = (yield* monotonicMs) - startedMs
      const endsMs = Math.min(deadlineMs, 4_000)
      yield* holds(`took ${tookMs} ms of ${deadlineMs}`, tookMs <= endsMs && result.took_ms === tookMs)
      const { limit, outcome } = result
      yield* holds(`${outcome} of ${limit}`, (outcome === "timeout") === (limit !== undefined))
      if (limit === undefined || limit === "program") return
      yield* Sim.sometimes(`the time of the ${limit} was up`)
      yield* holds(
        `${limit} after ${tookMs} ms`,
        tookMs === endsMs && limit === (deadlineMs > 4_000 ? "batch" : "operation")
      )
    })
  yield* Effect.all([one(3_000), one(3_000), one(6_000)], { concurrency: "unbounded" })
  yield* holds("a lock is left", (yield* locks.size) === 0)
  yield* holds("a call is left", open === 0)
})

const isOver = ({ items }: BatchView) => items.every(({ state }) => state !== "pending" && state !== "running")

/** Batches that end, are cancelled, time out and are closed at the same moments. */
const batches = Effect.gen(function* () {
  const told: Array<BusEvent> = []
  const drivers = { a: healthy(1_000).driver, b: healthy(2_000).driver, c: healthy(1_000).driver }
  const scope = yield* Scope.make()
  const options = { concurrency: 2, timeoutMs: 60_000, runningMax: 1, waitingMax: 1, kept: 2 }
  const context = yield* Layer.build(Batches.layer(options).pipe(Layer.provideMerge(fleetOf(drivers, { told })))).pipe(
    Scope.provide(scope)
  )
  const service = Context.get(context, Batches.Batches)
  const fleet = Context.get(context, Fleet.Fleet)
  yield* Sim.eventually({
    what: "all nodes are up",
    within: 1_000,
    look: fleet.nodes,
    until: (nodes) => nodes.every(({ status }) => status === "up")
  })
  const request = { operation: { kind: "restart" }, select: [{}], timeout_ms: 4_000 } as const
  const startedMs = yield* monotonicMs
  const first = yield* service.submit({ ...request, mode: "rolling" })
  const second = yield* service.submit(request)
  const refused = yield* Effect.flip(service.submit(request))
  yield* holds("took more than may wait", refused._tag === "JobRefused")
  const end = yield* Sim.choose("workload", 3)
  // The moments at which items end, and that at which the time is up.
  yield* Effect.sleep(1_000 * (yield* Sim.choose("workload", 5)))
  if (end === 1) {
    const view = yield* service.cancel(first.id)
    yield* holds(`${view.status} after a cancellation`, isOver(view))
    yield* Sim.sometimes(`${view.status} when cancelled`)
  }
  if (end === 2) yield* Scope.close(scope, Exit.void)
  yield* Effect.sleep(startedMs + 4_000 - (yield* monotonicMs) + 1)
  for (const { id } of [first, second]) {
    const view = yield* service.get(id)
    yield* holds(
      `batch ${id} outlives its time: ${JSON.stringify(view.counts)}`,
      isOver(view) && view.status !== "running"
    )
    const last = told.findLast((event) => event.type === "batch.changed" && event.batch.id === id)
    const status = last?.type === "batch.changed" ? last.batch.status : undefined
    yield* holds(`told ${status} of a batch that is ${view.status}`, status === view.status)
    yield* Sim.sometimes(view.status)
  }
  yield* Scope.close(scope, Exit.void)
  const started = told.filter(({ type }) => type === "operation.started").length
  const finished = told.filter(({ type }) => type === "operation.finished").length
  yield* holds(`${started} operations started, ${finished} finished`, started === finished)
})

/** Followers come and go; nothing of a log is left when the last has gone. */
const followers = Effect.gen(function* () {
  let open = 0
  const node = make({
    process: processIn("RUNNING"),
    followLog: () =>
      Stream.unwrap(
        Effect.gen(function* () {
          const pieces = yield* Effect.acquireRelease(Queue.unbounded<LogPiece>(), (queue) =>
            Effect.andThen(
              Queue.shutdown(queue),
              Effect.sync(() => open--)
            )
          )
          open++
          yield* Queue.offer(pieces, { _tag: "Bytes", bytes: new Uint8Array([120]) })
          return Stream.fromQueue(pieces)
        })
      )
  })
  yield* Effect.scoped(
    Effect.gen(function* () {
      const context = yield* Layer.build(LogFollow.layer.pipe(Layer.provideMerge(fleetOf({ web: node.driver }))))
      const logs = Context.get(context, LogFollow.LogFollow)
      const follow = (ms: number) =>
        Effect.scoped(
          Effect.gen(function* () {
            yield* logs.follow({ node: "web", ...api, channel: "stdout" })
            yield* Effect.sleep(ms)
          })
        )
      const fibers = yield* Effect.forEach([50, 100, 150], (ms) => Effect.forkChild(follow(ms)))
      const gone = fibers[yield* Sim.choose("workload", 3)]
      yield* Effect.sleep(50 * (yield* Sim.choose("workload", 4)))
      if (gone !== undefined) yield* Fiber.interrupt(gone)
      yield* Fiber.awaitAll(fibers)
      yield* holds(`${open} streams are open`, open === 0)
      yield* holds("a log is followed by nobody", (yield* logs.following).length === 0)
    })
  )
})

const wrong = (failure: { readonly message: string; readonly token: string } | undefined): string | undefined =>
  failure === undefined ? undefined : `${failure.message} ${failure.token}`

describe("in the simulator", () => {
  it("locks are fair and leave nothing", () => {
    const { failure } = Sim.check(fair, { runs: 500, seed: 1 })
    assert.isUndefined(wrong(failure))
  })

  it("operations end by their own time and say which was up", () => {
    const { failure, sometimes } = Sim.check(deadlines, { runs: 300, seed: 1 })
    assert.isUndefined(wrong(failure))
    assert.includeMembers([...sometimes.keys()], ["the time of the batch was up", "the time of the operation was up"])
  })

  it("batches are over with their time, a cancellation or the scope, and tell it", () => {
    const { failure, sometimes } = Sim.check(batches, { runs: 100, seed: 1 })
    assert.isUndefined(wrong(failure))
    assert.includeMembers([...sometimes.keys()], ["cancelled", "timeout", "cancelled when cancelled"])
  })

  it("a log is followed as long as somebody does", () => {
    const { failure } = Sim.check(followers, { runs: 150, seed: 1 })
    assert.isUndefined(wrong(failure))
  })
})
