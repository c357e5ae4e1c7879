/**
 * P6, further, over the parts of the console that hold something, without doors: whatever state they are in when the
 * signal comes, each is closed in its turn, those that fail or hang keep nobody else from it, what was not closed is
 * said, and all of it is over within the deadline.
 *
 * Method: `Serving` serves a small console in which some parts take their time to be built and to close, or hang, or
 * fail at it; with clients whose sessions end late, operations and a batch under way, and a node that hangs or is away.
 * The signal comes at any moment, before it is built too. What hangs ends long after, so that all else that is left at
 * the end of the run is a leak.
 */
import { Context, Effect, Fiber, Layer, Logger } from "effect"
import * as fc from "fast-check"
import * as Serving from "../../core/lifecycle/Serving.ts"
import { monotonicMs } from "../../core/MonotonicMs.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import { holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as SimSignals from "../ports/SimSignals.ts"
import * as SmallConsole from "../stages/SmallConsole.ts"

const made = fc.record({
  buildMs: fc.constantFrom(0, 0, 50),
  closeMs: fc.constantFrom(0, 0, 150, SmallConsole.hangsMs),
  dies: fc.constantFrom(false, false, false, true)
})

const workload = fc.record({
  made: fc.array(made, { minLength: 1, maxLength: 3 }),
  isReal: SmallConsole.isReal,
  signalAtMs: fc.oneof(fc.nat(100), fc.nat(800)),
  trouble: fc.constantFrom("none", "none", "slow", "hang", "away"),
  latencyMs: fc.nat(20),
  sessions: fc.array(fc.record({ atMs: fc.nat(600), endsAfterMs: fc.nat(800) }), { maxLength: 2 }),
  operation: fc.option(fc.nat(600)),
  batch: fc.option(fc.nat(600))
})
type Plan = ReturnType<typeof workload.generate>["value"]

const deadlineMs = 10_000

/** The least that `Serving` leaves to what lies beneath the parts. */
const surroundingsMs = 500

/** All parts that take their time. */
const buildMsMax = 150

/** Where others need more than a moment, there is time enough for one that hangs. */
const oneHangs = (all: Plan["made"]): Plan["made"] => {
  const first = all.findIndex(({ closeMs }) => closeMs > deadlineMs)
  return all.map((each, i) => (i > first && each.closeMs > deadlineMs ? { ...each, closeMs: 0 } : each))
}

/** What has to become of a part of the scenario. */
const outcomeOf = ({ closeMs, dies }: SmallConsole.MadePart) =>
  closeMs > deadlineMs ? "not stopped" : dies ? "failed" : "closed"

/** What is wrong with the report; undefined for nothing. */
const wrongReport = (
  { clean, parts }: Serving.Ending["report"],
  held: ReadonlyArray<SmallConsole.Held>
): string | undefined => {
  for (const { name, plan } of held) {
    const told = parts.find((part) => part.name === name)?.outcome ?? "not there"
    if (told !== outcomeOf(plan)) return `${name} is told to be ${told}, and was to be ${outcomeOf(plan)}`
  }
  const other = parts.find(({ name, outcome }) => outcome !== "closed" && !held.some((each) => each.name === name))
  if (other !== undefined) return `${other.name}: ${other.detail}`
  const isClean = held.every(({ plan }) => outcomeOf(plan) === "closed")
  return clean === isClean ? undefined : `the report is ${clean ? "" : "not "}clean`
}

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const drawn = yield* draw(workload)
  const plan = { ...drawn, made: drawn.isReal ? oneHangs(drawn.made) : drawn.made }
  const small = SmallConsole.make({ parts, deadlineMs, made: plan.made, isReal: plan.isReal, use: plan })
  small.node.latencyMs = plan.latencyMs
  const signals = yield* Layer.build(SimSignals.layer)
  let builtMs: number | undefined
  const started = () =>
    Effect.gen(function* () {
      builtMs = yield* monotonicMs
      small.node.trouble = plan.trouble
    })
  const serving = yield* Serving.serve(small.layer, { deadlineMs, started }).pipe(
    Effect.provideContext(signals),
    Effect.provide(Logger.layer([])),
    Effect.forkChild
  )
  yield* Effect.sleep(plan.signalAtMs)
  const askedMs = yield* monotonicMs
  if (builtMs === undefined) yield* sometimes("a shutdown of what is not built yet")
  yield* Context.get(signals, SimSignals.SimSignals).send("SIGTERM")
  const ended = yield* Effect.timeoutOption(Fiber.join(serving), buildMsMax + deadlineMs + surroundingsMs + 1)
  if (ended._tag === "None") return yield* violated("it has not ended in time after SIGTERM")
  const tookMs = (yield* monotonicMs) - Math.max(askedMs, builtMs ?? Infinity)
  const hangs = plan.made.some(({ closeMs }) => closeMs > deadlineMs)
  const mayTakeMs = deadlineMs + (hangs ? surroundingsMs : 0)
  yield* holds(tookMs <= mayTakeMs, () => `ended ${tookMs} ms after SIGTERM, later than ${mayTakeMs} ms`)
  const wrong = wrongReport(ended.value.report, small.held()) ?? SmallConsole.wrongOrder(small.held(), deadlineMs)
  yield* holds(wrong === undefined, () => wrong ?? "")
  yield* holds(ended.value.surroundings, () => "what lies beneath the parts did not close")
  if (hangs) yield* sometimes("a shutdown in which a part hangs")
  // What hangs ends by itself.
  if (hangs) yield* Effect.sleep(SmallConsole.hangsMs)
  const open = small.held().filter(({ released }) => !released)
  yield* holds(open.length === 0, () => `never released: ${open.map(({ name }) => name).join(", ")}`)
}, Effect.scoped)
