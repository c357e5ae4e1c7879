import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Fiber, Layer, Logger, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { BusEvent } from "../../../core/bus/BusEvent.ts"
import { EventBus } from "../../../core/bus/EventBus.ts"
import { ShuttingDown, TimedOut, Unsupported } from "../../../core/domain/NodeError.ts"
import * as NodeGuard from "../../../core/fleet/NodeGuard.ts"
import type { GuardOptions } from "../../../core/fleet/NodeGuard.ts"
import * as Poller from "../../../core/fleet/Poller.ts"
import type { PollOptions } from "../../../core/fleet/Poller.ts"
import * as Registry from "../../../core/fleet/Registry.ts"
import type { NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import { identity, make, refuse } from "./FakeDriver.ts"
import { processIn } from "./Processes.ts"

const options: PollOptions = { intervalMs: 1_000, jitter: 0, concurrency: 100, concurrencyDown: 100 }

/** A bus that keeps what was published. */
const memoryBus = (published: Array<BusEvent>) =>
  Layer.succeed(EventBus, {
    publish: (events) => Effect.sync(() => void published.push(...events)),
    subscribe: () => Effect.void,
    stats: Effect.succeed([])
  })

/** A breaker that stays out of the way of tests that are about something else. */
const guardOptions: GuardOptions = {
  callsMax: 4,
  callsWaitingMax: 10,
  breakerFailures: 1_000_000,
  breakerOpenMs: 10_000,
  breakerOpenMsMax: 40_000,
  deadlineMs: 6_000
}

/** How long each poll takes, and whether it ends in a failure. */
type Behaviour = () => { readonly takesMs: number; readonly fails?: boolean }

/** Counts what is under way at once over all nodes that share it. */
const makeGauge = () => ({ now: 0, max: 0 })

const node = (behaviour: Behaviour, gauge = makeGauge()) => {
  const polledAt: Array<number> = []
  const { driver } = make({ process: processIn("RUNNING") })
  const processes: NodeDriver["processes"] = Effect.gen(function* () {
    polledAt.push(yield* Clock.currentTimeMillis)
    gauge.max = Math.max(gauge.max, ++gauge.now)
    const { fails = false, takesMs } = behaviour()
    if (takesMs > 0) yield* Effect.sleep(takesMs)
    if (fails) return yield* refuse(new TimedOut({ afterMs: takesMs }))
    return [processIn("RUNNING")]
  }).pipe(Effect.ensuring(Effect.sync(() => gauge.now--)))
  return { polledAt, gauge, driver: { ...driver, processes } }
}

const live: Behaviour = () => ({ takesMs: 5 })
const deadlineMs = 5_000
const hanging: Behaviour = () => ({ takesMs: deadlineMs, fails: true })

/** Polls these nodes; the registry, what was published, and what asks each node at once. */
const start = Effect.fnUntraced(function* (
  nodes: Record<string, NodeDriver>,
  changes: Partial<PollOptions> = {},
  limits: Partial<GuardOptions> = {}
) {
  const published: Array<BusEvent> = []
  const context = yield* Layer.build(Registry.layer.pipe(Layer.provide(memoryBus(published))))
  const registry = Context.get(context, Registry.Registry)
  const poller = yield* Effect.provideContext(Poller.make({ ...options, ...changes }), context)
  const pollers = new Map<string, Poller.NodePoller>()
  const guards = new Map<string, NodeGuard.GuardedNode>()
  for (const [name, driver] of Object.entries(nodes)) {
    const guard = yield* NodeGuard.make(driver, { ...guardOptions, ...limits })
    guards.set(name, guard)
    pollers.set(name, yield* poller.start({ name, environment: undefined, kind: "supervisord" }, guard))
  }
  const find = <A>(all: ReadonlyMap<string, A>, name: string) => {
    const found = all.get(name)
    return found === undefined ? Effect.die(`no node ${name}`) : Effect.succeed(found)
  }
  return {
    registry,
    poller,
    published,
    guard: (name: string) => find(guards, name),
    pollNow: (name: string) => Effect.flatMap(find(pollers, name), (one) => one.pollNow),
    refresh: (name: string) => Effect.flatMap(find(pollers, name), (one) => one.refresh),
    remove: (name: string) => Effect.flatMap(find(pollers, name), (one) => one.remove),
    /** Status and reason. */
    status: (name: string) =>
      Effect.map(registry.state, (state) => {
        const found = state.nodes.get(name)
        return `${found?.status} ${found?.reason?.code ?? ""}`.trimEnd()
      })
  }
})

const many = (count: number, prefix: string, behaviour: Behaviour, gauge = makeGauge()) =>
  Array.from({ length: count }, (_, i) => ({ name: `${prefix}-${i}`, ...node(behaviour, gauge) }))

const drivers = (nodes: ReadonlyArray<{ readonly name: string; readonly driver: NodeDriver }>) =>
  Object.fromEntries(nodes.map(({ driver, name }) => [name, driver]))

const pauses = (times: ReadonlyArray<number>) => times.slice(1).map((at, i) => at - (times[i] ?? 0))

describe("Poller", () => {
  it.effect("shows a node whose driver dies as down, logs it, and asks again", () =>
    Effect.gen(function* () {
      const { driver } = make({ process: processIn("RUNNING") })
      let polls = 0
      const processes = Effect.suspend(() => (++polls === 1 ? Effect.die(new Error("a bug")) : driver.processes))
      const logged: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        logged.push(`${logLevel} ${String(message)}`)
      })
      const status = (registry: Registry.Registry["Service"]) =>
        Effect.map(registry.state, ({ nodes }) => {
          const found = nodes.get("a")
          return `${found?.status} ${found?.reason?.code ?? ""}`
        })
      yield* Effect.gen(function* () {
        const { registry } = yield* start({ a: { ...driver, processes } })
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* status(registry), "down Internal")
        yield* TestClock.adjust(1_000)
        assert.strictEqual(yield* status(registry), "up ")
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(
        logged.map((line) => line.slice(0, 15)),
        ["Error poll died"]
      )
    })
  )

  it.effect("asks at once and then an interval after each answer", () =>
    Effect.gen(function* () {
      const web = node(live)
      yield* start({ web: web.driver })
      yield* TestClock.adjust(3_500)
      assert.deepStrictEqual(web.polledAt, [0, 1_005, 2_010, 3_015])
    })
  )

  it.effect("records what a node answered and why it did not", () =>
    Effect.gen(function* () {
      let fails = false
      const web = node(() => ({ takesMs: 0, fails }))
      const { registry } = yield* start({ web: web.driver })
      yield* TestClock.adjust(1)
      const up = (yield* registry.state).nodes.get("web")
      fails = true
      yield* TestClock.adjust(1_000)
      const down = (yield* registry.state).nodes.get("web")
      assert.strictEqual(up?.status, "up")
      assert.deepStrictEqual(down?.reason, { code: "TimedOut", message: "no reply within 0 ms" })
      assert.strictEqual(down?.processes.size, 1)
    })
  )

  it.effect("varies the interval by the jitter, both ways, and no further", () =>
    Effect.gen(function* () {
      const web = node(() => ({ takesMs: 0 }))
      yield* start({ web: web.driver }, { jitter: 0.2 })
      for (let i = 0; i < 400; i++) yield* TestClock.adjust(500)
      const seen = pauses(web.polledAt)
      assert.isAbove(seen.length, 150)
      // The clock of the test stops at every 500 ms, but timers see their own times.
      assert.isAtLeast(Math.min(...seen), 800)
      assert.isAtMost(Math.max(...seen), 1_200)
      assert.isBelow(Math.min(...seen), 850)
      assert.isAbove(Math.max(...seen), 1_150)
    }).pipe(Random.withSeed("jitter"))
  )

  it.effect("never has more polls of live nodes under way than allowed, and reaches all of them", () =>
    Effect.gen(function* () {
      const gauge = makeGauge()
      const nodes = many(20, "node", () => ({ takesMs: 40 }), gauge)
      yield* start(drivers(nodes), { concurrency: 3 })
      yield* TestClock.adjust(5_000)
      assert.strictEqual(gauge.max, 3)
      assert.isTrue(nodes.every(({ polledAt }) => polledAt.length >= 4))
    })
  )

  it.effect("never has more polls of nodes that are down under way than allowed, and reaches all of them", () =>
    Effect.gen(function* () {
      const gauge = makeGauge()
      const nodes = many(9, "dead", () => ({ takesMs: 100, fails: true }), gauge)
      yield* start(drivers(nodes), { concurrency: 9, concurrencyDown: 2 })
      yield* TestClock.adjust(500)
      gauge.max = gauge.now
      yield* TestClock.adjust(10_000)
      assert.strictEqual(gauge.max, 2)
      assert.isTrue(nodes.every(({ polledAt }) => polledAt.length >= 5))
    })
  )

  it.effect("does not let 20 nodes that hang delay 5 that live, once they have failed", () =>
    Effect.gen(function* () {
      const dead = many(20, "dead", hanging)
      const alive = many(5, "live", live)
      yield* start(drivers([...dead, ...alive]), { concurrency: 4, concurrencyDown: 1 })
      // All first polls share one lane: 20 deadlines, four at a time.
      const settledMs = (20 / 4) * deadlineMs + 100
      yield* TestClock.adjust(settledMs)
      yield* TestClock.adjust("5 minutes")
      for (const { polledAt } of alive) {
        const later = polledAt.filter((at) => at > settledMs)
        assert.isAtLeast(later.length, 290)
        // At worst all five are due at once and one waits for the other four.
        assert.isAtMost(Math.max(...pauses(later)), 1_000 + 2 * 5)
      }
      assert.isTrue(dead.every(({ polledAt }) => polledAt.length >= 3))
    })
  )

  it.effect("takes a node that answers again back among the live", () =>
    Effect.gen(function* () {
      let dead = true
      const back = node(() => (dead ? { takesMs: 10, fails: true } : { takesMs: 10 }))
      const hung = many(3, "hung", hanging)
      yield* start({ ...drivers(hung), back: back.driver }, { concurrency: 4, concurrencyDown: 1 })
      yield* TestClock.adjust("30 seconds")
      dead = false
      yield* TestClock.adjust("30 seconds")
      const settled = back.polledAt.length
      yield* TestClock.adjust("30 seconds")
      assert.isAtLeast(back.polledAt.length - settled, 29)
    })
  )

  it.effect("asks now when told to, once for several requests", () =>
    Effect.gen(function* () {
      const web = node(live)
      const { pollNow } = yield* start({ web: web.driver })
      yield* TestClock.adjust(300)
      yield* pollNow("web")
      yield* pollNow("web")
      yield* pollNow("web")
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(web.polledAt, [0, 300])
      yield* TestClock.adjust(600)
      assert.deepStrictEqual(web.polledAt, [0, 300, 1_305])
    })
  )

  it.effect("asks again after a poll that was under way when it was told to", () =>
    Effect.gen(function* () {
      const web = node(() => ({ takesMs: 200 }))
      const { pollNow } = yield* start({ web: web.driver })
      yield* TestClock.adjust(100)
      yield* pollNow("web")
      yield* TestClock.adjust(300)
      assert.deepStrictEqual(web.polledAt, [0, 200])
    })
  )

  it.effect("refreshes by a poll that begins after it was asked to, and not by the one under way", () =>
    Effect.gen(function* () {
      const web = node(() => ({ takesMs: 200 }))
      const { refresh } = yield* start({ web: web.driver })
      yield* TestClock.adjust(100)
      const doneAt = yield* Effect.forkChild(Effect.andThen(refresh("web"), Clock.currentTimeMillis))
      yield* TestClock.adjust(1_000)
      assert.strictEqual(yield* Fiber.join(doneAt), 400)
    })
  )

  it.effect("ends every poll under way with its scope", () =>
    Effect.gen(function* () {
      const gauge = makeGauge()
      const nodes = many(10, "node", hanging, gauge)
      const scope = yield* Scope.make()
      yield* start(drivers(nodes), { concurrency: 4 }).pipe(Scope.provide(scope))
      yield* TestClock.adjust(100)
      assert.strictEqual(gauge.now, 4)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(gauge.now, 0)
      const before = nodes.flatMap(({ polledAt }) => polledAt).length
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(nodes.flatMap(({ polledAt }) => polledAt).length, before)
    })
  )

  it.effect("does not let nodes that answer slowly delay those that are prompt", () =>
    Effect.gen(function* () {
      const slow = many(5, "slow", () => ({ takesMs: 4_000 }))
      const dead = many(5, "dead", hanging)
      const alive = many(40, "live", live)
      yield* start(drivers([...slow, ...dead, ...alive]), { concurrency: 4, concurrencyDown: 2 })
      const settledMs = 20_000
      yield* TestClock.adjust(settledMs)
      yield* TestClock.adjust("40 seconds")
      for (const { polledAt } of alive) {
        const later = polledAt.filter((at) => at > settledMs)
        // At worst all forty are due at once, and ten rounds of four pass by.
        assert.isAtMost(Math.max(...pauses(later)), 1_000 + 11 * 5)
      }
      assert.isTrue([...slow, ...dead].every(({ polledAt }) => polledAt.length >= 2))
    })
  )
})

describe("a node whose circuit is open", () => {
  const limits = { breakerFailures: 3, breakerOpenMs: 10_000, breakerOpenMsMax: 40_000 }

  it.effect("is not asked until it may be, then once, and keeps its reason without further events", () =>
    Effect.gen(function* () {
      const web = node(() => ({ takesMs: 0, fails: true }))
      const { published, status } = yield* start({ web: web.driver }, {}, limits)
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(web.polledAt.slice(0, 3), [0, 1_000, 2_000])
      const [first = 0, second = 0] = pauses(web.polledAt.slice(2))
      assert.isAtLeast(first, 8_000)
      assert.isAtMost(first, 10_001)
      assert.isAtLeast(second, 16_000)
      assert.isAtMost(second, 20_001)
      assert.isAtMost(web.polledAt.length, 5)
      assert.strictEqual(yield* status("web"), "down TimedOut")
      assert.deepStrictEqual(
        published.map(({ type }) => type),
        ["node.added", "node.status"]
      )
    })
  )

  it.effect("comes back by itself", () =>
    Effect.gen(function* () {
      let fails = true
      const web = node(() => ({ takesMs: 0, fails }))
      const { guard, status } = yield* start({ web: web.driver }, {}, limits)
      yield* TestClock.adjust(3_000)
      fails = false
      yield* TestClock.adjust(10_000)
      assert.strictEqual(yield* status("web"), "up")
      assert.deepStrictEqual(yield* (yield* guard("web")).breaker, { state: "closed" })
      const settled = web.polledAt.length
      yield* TestClock.adjust(10_000)
      assert.strictEqual(web.polledAt.length, settled + 10)
    })
  )

  it.effect("takes no place of those that are asked", () =>
    Effect.gen(function* () {
      const dead = many(5, "dead", hanging)
      const back = node(() => ({ takesMs: 600 }))
      const changes = { concurrency: 10, concurrencyDown: 1 }
      yield* start({ ...drivers(dead), back: back.driver }, changes, { ...limits, breakerFailures: 1 })
      // It is slow, and shares its lane with nodes that hang, as long as they are asked.
      yield* TestClock.adjust(6_000)
      const settled = back.polledAt.length
      yield* TestClock.adjust(6_400)
      assert.isAtLeast(back.polledAt.length - settled, 4)
    })
  )

  it.effect("is shown down for the failures of commands", () =>
    Effect.gen(function* () {
      const web = node(live)
      const driver = { ...web.driver, start: () => Effect.fail(refuse(new TimedOut({ afterMs: 1 }))) }
      const { guard, status } = yield* start({ web: driver }, {}, limits)
      yield* TestClock.adjust(100)
      const guarded = yield* guard("web")
      for (let i = 0; i < 3; i++) yield* Effect.flip(guarded.driver.start({ group: "app", name: "api" }))
      yield* TestClock.adjust(1_000)
      assert.strictEqual(yield* status("web"), "down TimedOut")
      yield* TestClock.adjust(10_000)
      assert.strictEqual(yield* status("web"), "up")
    })
  )

  it.effect("does not keep a refresh waiting", () =>
    Effect.gen(function* () {
      const web = node(() => ({ takesMs: 0, fails: true }))
      const { refresh } = yield* start({ web: web.driver }, {}, limits)
      yield* TestClock.adjust(3_000)
      const asked = web.polledAt.length
      const done = yield* Effect.forkChild(refresh("web"))
      yield* TestClock.adjust(1)
      assert.isDefined(done.pollUnsafe())
      assert.strictEqual(web.polledAt.length, asked)
    })
  )
})

describe("who answers at a node", () => {
  /** A node that counts how often it was asked for its name. */
  const named = (behaviour: Behaviour, name: () => typeof identity = () => identity) => {
    const one = node(behaviour)
    const askedAt: Array<number> = []
    const identify: NodeDriver["identify"] = Effect.gen(function* () {
      askedAt.push(yield* Clock.currentTimeMillis)
      return name()
    })
    return { ...one, askedAt, driver: { ...one.driver, identify } }
  }

  it.effect("is asked at first, after each time without an answer, and every minute", () =>
    Effect.gen(function* () {
      let fails = false
      const web = named(() => ({ takesMs: 0, fails }))
      const { registry } = yield* start({ web: web.driver })
      yield* TestClock.adjust(10_500)
      fails = true
      yield* TestClock.adjust(1_000)
      fails = false
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(web.askedAt, [0, 12_000, 72_000])
      assert.deepStrictEqual((yield* registry.state).nodes.get("web")?.identity, identity)
    })
  )

  it.effect("is another one, and the node is told as restarted", () =>
    Effect.gen(function* () {
      let pid = 7
      const web = named(live, () => ({ ...identity, pid }))
      const { published } = yield* start({ web: web.driver })
      yield* TestClock.adjust(1_000)
      pid = 8
      yield* TestClock.adjust("2 minutes")
      const restarts = published.filter(({ type }) => type === "node.restarted")
      assert.strictEqual(restarts.length, 1)
      assert.deepInclude(restarts[0], { incarnation: 2, why: "process id was 7 and is 8" })
    })
  )

  it.effect("is not who must be there: the node is down and its processes are not taken in", () =>
    Effect.gen(function* () {
      const web = named(live)
      const { registry, status } = yield* start({ web: web.driver }, {}, { identifier: "web-1" })
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* status("web"), "down WrongIdentity")
      assert.strictEqual((yield* registry.state).nodes.get("web")?.processes.size, 0)
      assert.deepStrictEqual(web.polledAt, [])
    })
  )

  it.effect("cannot be told, and the node is up all the same", () =>
    Effect.gen(function* () {
      const web = node(live)
      const identify = Effect.fail(refuse(new Unsupported({ what: "getIdentification" })))
      const { status } = yield* start({ web: { ...web.driver, identify } })
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* status("web"), "up")
    })
  )

  it.effect("is going away as it is asked, and the node is down", () =>
    Effect.gen(function* () {
      const web = node(live)
      const identify = Effect.fail(refuse(new ShuttingDown()))
      const { status } = yield* start({ web: { ...web.driver, identify } })
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* status("web"), "down ShuttingDown")
    })
  )
})

describe("a node that is removed", () => {
  it.effect("while a poll of it is under way leaves nothing in another one of its name", () =>
    Effect.gen(function* () {
      const web = node(() => ({ takesMs: 500 }))
      const { poller, published, remove, status } = yield* start({ web: web.driver })
      yield* TestClock.adjust(100)
      yield* remove("web")
      const guard = yield* NodeGuard.make(
        { ...web.driver, processes: Effect.never },
        { ...guardOptions, deadlineMs: 60_000 }
      )
      yield* poller.start({ name: "web", environment: undefined, kind: "supervisord" }, guard)
      yield* TestClock.adjust(10_000)
      assert.strictEqual(yield* status("web"), "connecting")
      assert.deepStrictEqual(
        published.map(({ type }) => type),
        ["node.added", "node.removed", "node.added"]
      )
    })
  )
})
