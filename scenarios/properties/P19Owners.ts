/**
 * P19, further, over the parts of the console that hold something, without doors: whatever a part took is given back
 * when its owner has ended, however that ends and however far it was built, in the opposite order; and it can be
 * started again.
 *
 * Method: `Serving` serves a small console with parts that take their time to be built and to close, with sessions, an
 * operation and a batch. It ends by a signal, by an interruption at any step or at any time, or by a crash, and in some
 * runs it is started once more and ended by a signal.
 */
import { Context, Effect, Fiber, Layer, Logger } from "effect"
import * as fc from "fast-check"
import * as Serving from "../../core/lifecycle/Serving.ts"
import { draw } from "../../sim/Draw.ts"
import * as Host from "../../sim/Host.ts"
import { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as SimSignals from "../ports/SimSignals.ts"
import * as SmallConsole from "../stages/SmallConsole.ts"

const made = fc.record({
  buildMs: fc.constantFrom(0, 20),
  closeMs: fc.constantFrom(0, 0, 150),
  dies: fc.constant(false)
})

const workload = fc.record({
  made: fc.array(made, { minLength: 1, maxLength: 3 }),
  isReal: SmallConsole.isReal,
  end: fc.constantFrom("interruption", "interruption", "signal", "scope", "crash"),
  endAtMs: fc.nat(700),
  endAtStep: fc.integer({ min: 1, max: 500 }),
  again: fc.constantFrom(false, false, true),
  trouble: fc.constantFrom("none", "none", "slow", "hang", "away"),
  sessions: fc.array(fc.record({ atMs: fc.nat(500), endsAfterMs: fc.nat(300) }), { maxLength: 2 }),
  operation: fc.option(fc.nat(500)),
  batch: fc.option(fc.nat(500))
})
type Plan = ReturnType<typeof workload.generate>["value"]

const deadlineMs = 10_000

const serve = (small: SmallConsole.SmallConsole) =>
  Effect.provide(Serving.serve(small.layer, { deadlineMs, started: () => Effect.void }), Logger.layer([]))

/** Ends what is served as planned; gives when nothing of it runs any more. */
const end = Effect.fnUntraced(function* (
  { end: how, endAtMs, endAtStep }: Plan,
  serving: Fiber.Fiber<unknown, unknown>,
  host: Host.Host,
  signals: SimSignals.SimSignals["Service"]
): Effect.fn.Return<void, never, RunContext> {
  if (how === "interruption") (yield* RunContext).interruptAfter(serving, endAtStep)
  yield* Effect.sleep(endAtMs)
  if (how === "crash") yield* host.crash
  if (how === "signal") yield* signals.send("SIGTERM")
  if (how === "scope" || how === "interruption") yield* Fiber.interrupt(serving)
  yield* Fiber.await(serving)
})

const checkReleased = (held: ReadonlyArray<SmallConsole.Held>) =>
  Effect.gen(function* () {
    const open = held.filter(({ released }) => !released)
    yield* holds(open.length === 0, () => `its owner has ended and holds ${open.map(({ name }) => name).join(", ")}`)
    const wrong = SmallConsole.wrongOrder(held, deadlineMs)
    yield* holds(wrong === undefined, () => wrong ?? "")
  })

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const small = SmallConsole.make({ parts, deadlineMs, made: plan.made, isReal: plan.isReal, use: plan })
  small.node.trouble = plan.trouble
  const host = yield* Host.make("console")
  const signals = yield* Layer.build(SimSignals.layer)
  const serving = yield* serve(small).pipe(Effect.provideContext(signals), host.run, Effect.forkChild)
  yield* end(plan, serving, host, Context.get(signals, SimSignals.SimSignals))
  const first = small.held().length
  if (plan.end !== "crash") {
    yield* checkReleased(small.held())
    if (first < plan.made.length) yield* sometimes("a console that was half built ended")
  }
  if (plan.again) {
    const others = yield* Layer.build(Layer.fresh(SimSignals.layer))
    const serves = yield* Effect.forkChild(host.run(Effect.provideContext(serve(small), others)))
    yield* Effect.sleep(plan.endAtMs)
    yield* Context.get(others, SimSignals.SimSignals).send("SIGTERM")
    const { report, surroundings } = yield* Effect.orDie(Fiber.join(serves))
    yield* holds(report.clean && surroundings, () => "what was started again did not end well")
    const again = small.held().slice(first)
    yield* holds(again.length === plan.made.length, () => "not all of it was started again")
    yield* checkReleased(again)
    yield* sometimes(`a small console was started again after: ${plan.end}`)
  }
}, Effect.scoped)
