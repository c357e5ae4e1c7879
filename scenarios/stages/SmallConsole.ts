/**
 * A console without doors, as `Serving` serves it: its parts that hold clients, nodes and batches, in the order of the
 * whole console, and between them parts of a scenario, which take their time to be built and to close, or fail at it.
 * No HTTP, no accounts and no database; nodes are drivers without a wire.
 */
import { Effect, Layer, type Scope } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import { Batches } from "../../core/fleet/Batches.ts"
import { Fleet } from "../../core/fleet/Fleet.ts"
import { Hub } from "../../core/hub/Hub.ts"
import * as Session from "../../core/hub/Session.ts"
import { managed, type Resources } from "../../core/lifecycle/Resources.ts"
import * as DriverNode from "../peers/DriverNode.ts"
import { consoleOptions } from "../World.ts"

export interface MadePart {
  readonly buildMs: number
  /** Of what it holds; `hangsMs` when it hangs. */
  readonly closeMs: number
  readonly dies: boolean
}

/** So long takes what hangs: longer than any deadline, so that it is over only when nobody waits for it any more. */
export const hangsMs = 60_000

/** What became of a part, by the time of the run. */
export interface Held {
  readonly name: string
  readonly plan: MadePart
  releasing: boolean
  released: boolean
  /** Others that were started after it and had not ended when it began to close. */
  before: ReadonlyArray<string>
}

export interface SmallConsole {
  readonly layer: Layer.Layer<Resources>
  readonly node: DriverNode.DriverNode
  /** What parts of the scenario took, in that order; of all times that the console was built. */
  readonly held: () => ReadonlyArray<Held>
}

export interface SmallConsoleOptions {
  readonly parts: ConsoleParts
  readonly deadlineMs: number
  /** Parts of the scenario, each over those before it. */
  readonly made: ReadonlyArray<MadePart>
  /** Whether those of the console are there, over the first of the scenario. */
  readonly isReal: boolean
  /** What people do with those, none of which may keep the console from ending. */
  readonly use: Use
}

const { batches, bus, fleet, hub } = consoleOptions

/** Looks that cost: few of them. */
const nodeOptions = {
  ...fleet,
  poll: { ...fleet.poll, intervalMs: 6_000 },
  operations: { ...fleet.operations, observeIntervalMs: 2_000 }
}

/** The longest that clients keep the hub from closing. */
const closeTimeoutMs = 500

/** By the time since the console is built. */
export interface Use {
  readonly sessions: ReadonlyArray<{ readonly atMs: number; readonly endsAfterMs: number }>
  readonly operation: number | null
  readonly batch: number | null
}

export const make = ({ deadlineMs, isReal, made, parts, use }: SmallConsoleOptions): SmallConsole => {
  const held: Array<Held> = []
  const node = DriverNode.make("n0", ["api", "job"])
  const own = made.map((plan, i) => managed(`made ${i}`, Layer.effectDiscard(hold(held, `made ${i}`, plan))))
  const all = isReal ? own.toSpliced(1, 0, real(parts, node, use)) : own
  return {
    layer: all
      .reduce((below, next) => Layer.provide(next, below), Layer.empty)
      .pipe(Layer.provideMerge(parts.resources({ deadlineMs }))),
    node,
    held: () => held
  }
}

/** The parts of the console, fewer at a time than there: each part costs time. */
const real = (parts: ConsoleParts, node: DriverNode.DriverNode, use: Use): Layer.Layer<never, never, Resources> => {
  const nodes = parts
    .fleet(Effect.succeed([node.managed]), nodeOptions)
    .pipe(
      Layer.provideMerge(parts.registry),
      Layer.provideMerge(parts.components),
      Layer.provideMerge(parts.bus({ ...bus, workers: 1 }))
    )
  const clients = Layer.effectDiscard(Effect.flatMap(Hub, (service) => Effect.addFinalizer(() => service.close)))
  const members = Layer.provideMerge(parts.hub({ ...hub, closeTimeoutMs }), parts.logFollow)
  return managed("clients of the hub", clients).pipe(
    // In the place of the server, which ends the sessions that are left.
    Layer.provide(managed("hub", Layer.provideMerge(Layer.effectDiscard(Effect.forkScoped(inUse(use))), members))),
    Layer.provide(Layer.provideMerge(managed("batches", parts.batches(batches)), managed("fleet", nodes)))
  )
}

const inUse = Effect.fnUntraced(function* ({
  batch,
  operation,
  sessions
}: Use): Effect.fn.Return<void, never, Batches | Fleet | Hub> {
  const { operate } = yield* Fleet
  const { submit } = yield* Batches
  const operated = operate({ kind: "restart" }, "n0", { group: "app", name: "api" })
  const submitted = submit({ operation: { kind: "restart" }, select: [{}], mode: "rolling" })
  yield* Effect.all(
    [
      ...sessions.map(({ atMs, endsAfterMs }) => Effect.delay(session(endsAfterMs), atMs)),
      operation === null ? Effect.void : Effect.delay(Effect.ignore(operated), operation),
      batch === null ? Effect.void : Effect.delay(Effect.ignore(submitted), batch)
    ],
    { concurrency: "unbounded", discard: true }
  )
})

/** The parts of the console cost several times as much as those of a scenario. */
export const isReal = fc.oneof(
  { weight: 7, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) }
)

const hold = Effect.fnUntraced(function* (
  all: Array<Held>,
  name: string,
  plan: MadePart
): Effect.fn.Return<void, never, Scope.Scope> {
  const held: Held = { name, plan, releasing: false, released: false, before: [] }
  yield* Effect.acquireRelease(
    Effect.sync(() => all.push(held)),
    () =>
      Effect.gen(function* () {
        const later = all.slice(all.indexOf(held) + 1)
        held.before = later.filter(({ released }) => !released).map((other) => other.name)
        held.releasing = true
        if (plan.closeMs > 0) yield* Effect.sleep(plan.closeMs)
        held.released = true
        if (plan.dies) return yield* Effect.die(new Error(`${name} cannot close`))
      })
  )
  if (plan.buildMs > 0) yield* Effect.sleep(plan.buildMs)
})

const session = (endsAfterMs: number) =>
  Session.withClient(
    {},
    {
      joined: (client) => Effect.andThen(client.closing, Effect.sleep(endsAfterMs)),
      refused: () => Effect.void
    }
  )

/** What closed before something that was started after it and could have ended; undefined for nothing. */
export const wrongOrder = (held: ReadonlyArray<Held>, deadlineMs: number): string | undefined => {
  const isPatient = (name: string) => held.some((each) => each.name === name && each.plan.closeMs > deadlineMs)
  for (const { before, name } of held) {
    const left = before.filter((other) => !isPatient(other))
    if (left.length > 0) return `${name} began to close before ${left.join(", ")} had ended`
  }
  return undefined
}
