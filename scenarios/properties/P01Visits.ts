/**
 * P1, further, over the hub, its sessions and what they stand on by themselves: no lost client, no phantom client, no
 * wrong count, no defect and no deadlock.
 *
 * Method: a few clients come and go within the same few milliseconds, by all the ways there are or at any step, while
 * changes are reported to the registry and so broadcast, into outboxes with little room. In some runs the wall clock is
 * set meanwhile, in some one client stays through it all; in most they join the hub directly, without a connection, and
 * so in fewer steps, which brings the same steps of several of them closer together. When the others are gone the hub
 * must count exactly the one that stays, that one must still be told of a change, and when it leaves too nothing may be
 * left.
 */
import { Effect, Exit, Fiber, Option, Scope } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import type { Hub } from "../../core/hub/Hub.ts"
import { CloseCode } from "../../core/hub/Protocol.ts"
import type { SessionOptions } from "../../core/hub/Session.ts"
import { draw } from "../../sim/Draw.ts"
import type { Network } from "../../sim/net/Network.ts"
import { RunContext } from "../../sim/RunContext.ts"
import { interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as WallClock from "../../sim/WallClock.ts"
import type { HubClient } from "../peers/HubClient.ts"
import { running } from "../peers/Reports.ts"
import { eventually, holds } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as HubStage from "../stages/HubStage.ts"

// Visits of a hub, whatever is around it --------------------------------------------------------------------------------

/** Where clients come and go. */
export interface Visited {
  readonly connect: (name: string) => Effect.Effect<HubClient, unknown, Scope.Scope>
  readonly network: Network["Service"]
  readonly hub: Hub["Service"]
  readonly session: Pick<SessionOptions, "heartbeatIntervalMs" | "heartbeatTimeoutMs">
  readonly errors: () => ReadonlyArray<string>
}

/** How a client leaves. */
export const ways = ["goodbye", "break", "silent", "reset", "stall"] as const

export interface Visit {
  readonly joinAtMs: number
  readonly stayMs: number
  /** Frames that are sent before anything is read: many of them fill the outbox. */
  readonly chatter: number
  readonly leave: (typeof ways)[number]
}

/** So long takes what waits on the connection. */
const closedMs = 2_000

/** One client from its connection to its end. */
export const visit = Effect.fnUntraced(function* (
  { connect, network, session }: Visited,
  name: string,
  { chatter, joinAtMs, leave, stayMs }: Visit
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  /** By then the hub has noticed a client that does not answer. */
  const noticedMs = session.heartbeatTimeoutMs + session.heartbeatIntervalMs
  yield* Effect.sleep(joinAtMs)
  // Nothing keeps it from connecting: else the scenario would be wrong.
  const client = yield* Effect.orDie(connect(name))
  for (let i = 0; i < chatter; i++) yield* client.send(`{"type":"subscribe"}`)
  const reading = yield* Effect.forkChild(client.read)
  yield* Effect.sleep(stayMs)
  const ended = reading.pollUnsafe()
  yield* holds(
    ended?._tag !== "Success" || ended.value !== CloseCode.heartbeat,
    () => `${name} was there for ${stayMs} ms, and was let go as silent`
  )
  if (leave === "goodbye") yield* client.close
  if (leave === "silent") yield* Fiber.interrupt(reading)
  if (leave === "reset" || leave === "stall") {
    // The next message that the hub writes to this host breaks the connection, or is swallowed like all that follow.
    const verdict = { _tag: leave === "reset" ? "reset" : "drop" } as const
    yield* network.rule(({ to }) => (to === name ? verdict : { _tag: "pass" }))
  }
  if (leave !== "goodbye" && leave !== "break") {
    yield* Effect.sleep(noticedMs)
    yield* sometimes(`a client left by ${leave}`)
    // It finds out only when it reads again.
    const closed = leave === "silent" ? yield* Effect.timeoutOption(client.read, closedMs) : Option.some(0)
    yield* holds(Option.isSome(closed), () => `${name} was silent for ${noticedMs} ms, and was kept`)
  }
}, Effect.scoped)

/** When everybody has left: nobody is counted, nobody twice, and nothing went wrong beside that. */
export const checkRest = Effect.fnUntraced(function* ({ errors, hub }: Visited, came: number) {
  const run = yield* RunContext
  const counts = yield* hub.counts
  yield* holds(
    counts.connected === 0 && counts.joined === came && counts.left === came,
    () => `${came} clients joined and left, but the hub counts ${JSON.stringify(counts)}`
  )
  const defects = run.defects()
  yield* holds(defects.length === 0, () => `fibers died: ${defects.join("; ")}`)
  yield* holds(errors().length === 0, () => `the console logged errors: ${errors().join("; ")}`)
})

// The hub by itself -----------------------------------------------------------------------------------------------------

/** Equal moments bring more events to the same instant, and so more orders to choose from. */
const moment = fc.nat(2)

const served = fc.record({
  joinAtMs: moment,
  stayMs: moment,
  chatter: fc.constantFrom(0, 0, 0, 6),
  leave: fc.constantFrom("goodbye", "break", ...ways),
  anywhere: fc.constantFrom(false, false, true)
})

const visits = fc.record({
  isDirect: fc.constant(false),
  clients: fc.oneof(fc.tuple(served), fc.tuple(served, served)),
  /** Whether one stays through it all. */
  stays: fc.constantFrom(false, false, false, true),
  changes: fc.array(fc.nat(8), { maxLength: 2 }),
  clock: fc.constantFrom(0, 0, 0, -3_600_000, 3_600_000)
})

/** Members of the hub without connections: these come and go in few steps, so that more of them meet. */
const joinings = fc.record({
  isDirect: fc.constant(true),
  clients: fc.array(
    fc.record({
      joinAtMs: fc.constantFrom(0, 0, 1),
      stayMs: fc.nat(1),
      chatter: fc.constant(0),
      leave: fc.constantFrom("goodbye", "break"),
      anywhere: fc.constantFrom(false, false, true)
    }),
    { minLength: 2, maxLength: 2 }
  ),
  stays: fc.constantFrom(false, false, false, false, false, true),
  changes: fc.array(fc.nat(2), { maxLength: 1 }),
  clock: fc.constant(0)
})

const workload = fc.oneof({ weight: 2, arbitrary: visits }, { weight: 5, arbitrary: joinings })
type Plan = ReturnType<typeof workload.generate>["value"]

const session = { heartbeatIntervalMs: 1_000, heartbeatTimeoutMs: 1_500, closeTimeoutMs: 100 }

/** Less than a heartbeat, which would make up for a client that was forgotten. */
const settledMs = 500

/** Of clients that end at any step, with and without a connection; most are over by then. */
const endsWithinSteps = { connected: 500, direct: 120 } as const

const come = Effect.fnUntraced(function* (
  visited: Visited,
  name: string,
  plan: Plan["clients"][number],
  withinSteps: number
) {
  const whole = visit(visited, name, plan)
  if (!plan.anywhere) return yield* whole
  const exit = yield* interruptSometime(whole, { withinSteps })
  if (Exit.hasInterrupts(exit)) return yield* sometimes("a client was gone at some step")
  return yield* exit
})

const settled = (hub: Hub["Service"], expected: number) =>
  eventually({
    what: `the hub counts ${expected} clients and sessions`,
    withinMs: settledMs,
    look: hub.counts,
    until: ({ connected, sessions }) => connected === expected && sessions === expected
  })

/** One that came before the others is there after them, and leaves. */
const checkStayer = Effect.fnUntraced(function* (
  { hub, registry }: HubStage.HubStage,
  stayer: HubClient,
  scope: Scope.Closeable
) {
  yield* settled(hub, 1)
  const before = (yield* stayer.received).length
  yield* registry.record("web", running(100))
  yield* eventually({
    what: "the client that stays is told of a change",
    withinMs: settledMs,
    look: Effect.map(stayer.received, (frames) => frames.length),
    until: (count: number) => count > before
  })
  yield* Scope.close(scope, Exit.void)
})

const hubProgram = Effect.fnUntraced(function* (parts: ConsoleParts) {
  const { changes, clients, clock, isDirect, stays } = yield* draw(workload)
  const stage = yield* HubStage.make({
    parts,
    isDirect,
    hub: { outboxFramesMax: 4, heartbeatIntervalMs: session.heartbeatIntervalMs },
    session,
    network: { latencyMsMax: 1, windowMessages: 2 }
  })
  const visited: Visited = { ...stage, session }
  const { hub, registry } = stage
  yield* registry.add({ name: "web", environment: undefined, kind: "supervisord" })
  const stayScope = yield* Scope.make()
  const stayer = stays ? yield* Scope.provide(stage.connect("stayer"), stayScope) : undefined
  if (stayer !== undefined) yield* Effect.forkChild(stayer.read)
  yield* Effect.all(
    [
      ...clients.map((plan, i) =>
        come(visited, `client-${i}`, plan, isDirect ? endsWithinSteps.direct : endsWithinSteps.connected)
      ),
      ...changes.map((atMs, i) => Effect.delay(registry.record("web", running(i + 1)), atMs)),
      clock === 0 ? Effect.void : WallClock.jump(clock)
    ],
    { concurrency: "unbounded", discard: true }
  )
  // A connection that was given up may be under way to the hub still.
  if (!isDirect) yield* Effect.sleep(5)
  if (stayer !== undefined) yield* checkStayer(stage, stayer, stayScope)
  const { joined } = yield* settled(hub, 0)
  yield* checkRest(visited, joined)
})

export const program: Property["program"] = (parts) =>
  HubStage.unclosed(Effect.catchTag(hubProgram(parts), ["SocketError", "NetworkError", "NotAdmitted"], Effect.die))
