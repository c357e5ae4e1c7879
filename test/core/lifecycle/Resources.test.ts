import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Resources from "../../../core/lifecycle/Resources.ts"
import * as Sim from "../../../sim/Sim.ts"

const deadlineMs = 1000

class First extends Context.Service<First, string>()("test/First") {}

/** A part that notes its end; `end` runs before that. */
const part = (told: Array<string>, name: string, end: Effect.Effect<unknown> = Effect.void) =>
  Layer.effect(
    First,
    Effect.acquireRelease(Effect.succeed(name), () =>
      Effect.andThen(
        end,
        Effect.sync(() => told.push(name))
      )
    )
  )

/** Builds the parts one after another, in the scope around. */
const start = (
  resources: Resources.Resources["Service"],
  parts: ReadonlyArray<readonly [string, Layer.Layer<First>]>
) => Effect.forEach(parts, ([name, layer]) => resources.manage(name, layer), { discard: true })

const outcomes = ({ parts }: Resources.ShutdownReport) => parts.map(({ name, outcome }) => `${name} ${outcome}`)

const makeWith = (withinMs: number) =>
  Effect.map(Layer.build(Resources.layer({ deadlineMs: withinMs })), (context) =>
    Context.get(context, Resources.Resources)
  )

const make = makeWith(deadlineMs)

describe("Resources", () => {
  it.effect("closes the parts last in, first out, once", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const resources = yield* make
      yield* start(resources, [
        ["a", part(told, "a")],
        ["b", part(told, "b")],
        ["c", part(told, "c")]
      ])
      const [report, same] = yield* Effect.all([resources.close, resources.close], { concurrency: 2 })
      assert.deepStrictEqual(told, ["c", "b", "a"])
      assert.deepStrictEqual(outcomes(report), ["c closed", "b closed", "a closed"])
      assert.isTrue(report.clean)
      assert.strictEqual(same, report)
      assert.strictEqual(yield* resources.close, report)
    })
  )

  it.effect("closes what a part depends on after it, also when one is built inside of the other", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const resources = yield* make
      const inner = Layer.effectContext(resources.manage("inner", part(told, "inner")))
      const outer = Layer.effectDiscard(
        Effect.flatMap(First, () => Effect.addFinalizer(() => Effect.sync(() => told.push("outer"))))
      )
      yield* resources.manage("outer", outer.pipe(Layer.provide(inner)))
      const report = yield* resources.close
      assert.deepStrictEqual(told, ["outer", "inner"])
      assert.deepStrictEqual(outcomes(report), ["outer closed", "inner closed"])
    })
  )

  it.effect("tells why a part failed to close, and closes the rest", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const resources = yield* make
      yield* start(resources, [
        ["a", part(told, "a")],
        ["b", part(told, "b", Effect.die(new Error("disk full")))],
        ["c", part(told, "c")]
      ])
      const report = yield* resources.close
      assert.deepStrictEqual(told, ["c", "a"])
      assert.isFalse(report.clean)
      assert.deepStrictEqual(report.parts[1], { name: "b", outcome: "failed", tookMs: 0, detail: "disk full" })
    })
  )

  it.effect("leaves a part that hangs behind after half of the time, and the last one after all of it", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const scope = yield* Scope.make()
      const resources = yield* make.pipe(Scope.provide(scope))
      yield* start(resources, [
        ["a", part(told, "a", Effect.never)],
        ["b", part(told, "b")],
        ["c", part(told, "c", Effect.sleep(700))]
      ]).pipe(Scope.provide(scope))
      const closing = yield* Effect.forkChild(resources.close, { startImmediately: true })
      yield* TestClock.adjust(499)
      assert.deepStrictEqual(told, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(told, ["b"])
      yield* TestClock.adjust(500)
      const report = yield* Fiber.join(closing)
      assert.deepStrictEqual(outcomes(report), ["c not stopped", "b closed", "a not stopped"])
      assert.deepStrictEqual([report.tookMs, report.clean], [1000, false])
      // Its closing went on, and the scopes around it do not wait for the other.
      assert.deepStrictEqual(told, ["b", "c"])
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.effect("keeps a moment for each part that is left, and gives a slow one the rest", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const scope = yield* Scope.make()
      const resources = yield* makeWith(4_000).pipe(Scope.provide(scope))
      yield* start(resources, [
        ["a", part(told, "a")],
        ["b", part(told, "b", Effect.never)],
        ["c", part(told, "c", Effect.sleep(3_000))]
      ]).pipe(Scope.provide(scope))
      const closing = yield* Effect.forkChild(resources.close, { startImmediately: true })
      yield* TestClock.adjust(3_749)
      assert.deepStrictEqual(told, ["c"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(outcomes(yield* Fiber.join(closing)), ["c closed", "b not stopped", "a closed"])
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.effect("closes the parts with the scope around them, in its order, and warns of what did not", () => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
    return Effect.gen(function* () {
      const told: Array<string> = []
      const resources = yield* make
      const scope = yield* Scope.make()
      yield* start(resources, [
        ["a", part(told, "a", Effect.die("broken"))],
        ["b", part(told, "b")]
      ]).pipe(Scope.provide(scope))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(told, ["b"])
      assert.deepStrictEqual(lines, ['"a" failed to close: broken'])
      assert.deepStrictEqual(outcomes(yield* resources.close), [])
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect("closes what is open when its own scope closes", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const own = yield* Scope.make()
      const resources = yield* make.pipe(Scope.provide(own))
      yield* start(resources, [
        ["a", part(told, "a")],
        ["b", part(told, "b")]
      ])
      yield* Scope.close(own, Exit.void)
      assert.deepStrictEqual(told, ["b", "a"])
    })
  )

  it.effect("interrupts what is being built, closes what it had, and builds nothing afterwards", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const resources = yield* make
      yield* start(resources, [["a", part(told, "a")]])
      const half = Layer.effect(
        First,
        Effect.andThen(
          Effect.addFinalizer(() => Effect.sync(() => told.push("half"))),
          Effect.never
        )
      )
      const building = yield* Effect.forkChild(resources.manage("half", half), { startImmediately: true })
      const report = yield* resources.close
      assert.deepStrictEqual(outcomes(report), ["half closed", "a closed"])
      assert.deepStrictEqual(told, ["half", "a"])
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(building)))
      const late = yield* Effect.exit(resources.manage("late", part(told, "late")))
      assert.isTrue(Exit.hasInterrupts(late))
      assert.deepStrictEqual(told, ["half", "a"])
    })
  )

  it("closes everything once and in order, whoever begins, and in time", () => {
    const { failure, runs, sometimes } = Sim.check(racing, { runs: 400, seed: 1 })
    assert.isUndefined(failure?.message, failure?.story)
    assert.strictEqual(runs, 400)
    assert.isAbove(sometimes.get("closed while building") ?? 0, 20)
  })
})

/** Parts are built one on the other while somebody closes everything, and somebody else the scope around them. */
const racing = Effect.gen(function* () {
  const own = yield* Scope.make()
  const resources = yield* make.pipe(Scope.provide(own))
  const around = yield* Scope.make()
  const open: Array<string> = []
  const ended: Array<string> = []
  const isSlow = Array.from("abc", () => false)
  for (let i = 0; i < isSlow.length; i++) isSlow[i] = (yield* Sim.choose("workload", 3)) === 2
  const layerOf = (name: string, slow: boolean) =>
    Layer.effect(
      First,
      Effect.acquireRelease(
        Effect.andThen(
          Effect.sleep(1),
          Effect.sync(() => {
            open.push(name)
            return name
          })
        ),
        () =>
          Effect.gen(function* () {
            if (slow) yield* Effect.sleep(1)
            if (open.pop() !== name || ended.includes(name)) return yield* Effect.die(`${name} closed out of turn`)
            ended.push(name)
          })
      )
    )
  const building = yield* Effect.forkChild(
    start(
      resources,
      ["a", "b", "c"].map((name, i) => [name, layerOf(name, isSlow[i] ?? false)] as const)
    ).pipe(Scope.provide(around))
  )
  yield* Effect.sleep(yield* Sim.choose("workload", 5))
  const closers = yield* Effect.forEach([resources.close, resources.close], (close) => Effect.forkChild(close))
  if ((yield* Sim.choose("workload", 2)) === 1) {
    yield* Fiber.interrupt(building)
    yield* Scope.close(around, Exit.void)
  }
  const [first, second] = yield* Fiber.joinAll(closers)
  if (first !== second) return yield* Effect.die("two reports")
  if (open.length > 0) return yield* Effect.die(`left open: ${open.join(" ")}`)
  if (first?.parts.some(({ outcome }) => outcome !== "closed")) return yield* Effect.die(outcomes(first).join(", "))
  if (Exit.hasInterrupts(yield* Fiber.await(building))) yield* Sim.sometimes("closed while building")
  yield* Scope.close(around, Exit.void)
  yield* Scope.close(own, Exit.void)
})
