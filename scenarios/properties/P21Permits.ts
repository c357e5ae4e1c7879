/**
 * P21, further, over the fleet and over the hub by themselves: permits are never exceeded, never leaked, all back at
 * rest.
 *
 * Method. Calls: operations, reads and polls of one modelled node, whose calls take their time, hang or fail, some
 * given up at any step; at every switch of fibers no more are under way than allowed, and at rest as many as allowed
 * go through beside each other. Places: clients of a few users and addresses come to the hub and go, some at any step;
 * at every switch no more are there than allowed, who is refused is refused for a limit that is reached, and at rest
 * as many as allowed are let in.
 */
import { Context, Effect, Exit, Stream } from "effect"
import type { Scope } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import type { NodeView } from "../../core/domain/Node.ts"
import { NodeError, Unreachable } from "../../core/domain/NodeError.ts"
import { Fleet, type ManagedNode } from "../../core/fleet/Fleet.ts"
import { Hub, type Joining } from "../../core/hub/Hub.ts"
import { withClient } from "../../core/hub/Session.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { always, interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as NodeCalls from "../oracles/NodeCalls.ts"
import { running } from "../peers/Reports.ts"
import { eventually, holds } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as HubStage from "../stages/HubStage.ts"
import { consoleOptions } from "../World.ts"

// Calls to a node -------------------------------------------------------------------------------------------------------

const calls = fc.record({
  callsMax: fc.constantFrom(2, 2, 2, 3),
  callsWaitingMax: fc.constantFrom(1, 1, 2),
  breakerFailures: fc.constantFrom(5, 1),
  how: fc.constantFrom("well", "slow", "hang", "fail"),
  asks: fc.array(
    fc.record({
      atMs: fc.nat(6),
      what: fc.constantFrom("log", "log", "log", "log", "look", "signal"),
      givenUp: fc.boolean()
    }),
    { minLength: 2, maxLength: 3 }
  )
})
type Ask = ReturnType<typeof calls.generate>["value"]["asks"][number]

const deadlineMs = 200

/** Times of a call, by how the node is. */
const callMs = { well: 2, slow: 120, hang: 10 * deadlineMs, fail: 2 } as const

const id = { group: "app", name: "api" }
const chunk = { text: "", offset: 0, next: 0, size: 0, gap: 0, rotated: false, lossy: false }

/** A node with one process that runs; `how` says how it is at the moment. */
const nodeThatIs = (how: () => keyof typeof callMs): ManagedNode => {
  const { driver, entry } = HubStage.followedNode("web", () => Stream.never)
  const refused = new NodeError({ operation: "call", reason: new Unreachable({ detail: "refused" }) })
  const answer = <A>(value: A): Effect.Effect<A, NodeError> =>
    Effect.suspend(() => {
      const is = how()
      return Effect.delay(is === "fail" ? Effect.fail(refused) : Effect.succeed(value), callMs[is])
    })
  const result = running(1)
  const processes = result._tag === "Answered" ? result.processes : []
  const process = processes.map((each) => answer(each)).at(0) ?? Effect.die("there is one")
  return {
    entry,
    driver: {
      ...driver,
      identify: answer({ identifier: "web", version: "4.3.0", pid: 1 }),
      processes: answer(processes),
      process: () => process,
      signal: () => answer(undefined),
      readLog: () => answer(chunk)
    }
  }
}

const readLog = (fleet: Fleet["Service"]) =>
  fleet.readLog({ node: "web", ...id, channel: "stdout" }, { from: "end", lengthBytesMax: 100 })

const ask = Effect.fnUntraced(function* (fleet: Fleet["Service"], { atMs, givenUp, what }: Ask) {
  yield* Effect.sleep(atMs)
  const call = {
    signal: Effect.asVoid(fleet.operate({ kind: "signal", signal: "HUP" }, "web", id)),
    log: Effect.asVoid(readLog(fleet)),
    look: Effect.asVoid(fleet.refresh("web"))
  }[what]
  const tried = Effect.ignore(call)
  if (!givenUp) return yield* tried
  const exit = yield* interruptSometime(tried, { withinSteps: 400 })
  if (Exit.hasInterrupts(exit)) yield* sometimes("a call was given up")
})

const callsProgram = Effect.fnUntraced(function* (
  parts: ConsoleParts
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  const { asks, breakerFailures, callsMax, callsWaitingMax, how } = yield* draw(calls)
  const watched = NodeCalls.watch(parts)
  let is: keyof typeof callMs = "well"
  const guard = { callsMax, callsWaitingMax, breakerFailures, breakerOpenMs: 300, breakerOpenMsMax: 300, deadlineMs }
  const options = {
    ...consoleOptions.fleet,
    poll: { ...consoleOptions.fleet.poll, intervalMs: 1_000 },
    guard
  }
  const over = yield* HubStage.stacking
  const spine = yield* over(Context.empty(), parts.bus({ ...consoleOptions.bus, workers: 1 }))
  const known = yield* over(spine, parts.registry)
  const services = yield* over(known, watched.parts.fleet(Effect.succeed([nodeThatIs(() => is)]), options))
  const fleet = Context.get(services, Fleet)
  yield* always(`at most ${callsMax} calls of the node are under way`, () => {
    const now = watched.underWay()
    return now > callsMax ? `${now} calls` : undefined
  })
  yield* Effect.sleep(callMs.well + callMs.well + 1)
  is = how
  yield* Effect.forEach(asks, (one) => ask(fleet, one), { concurrency: "unbounded", discard: true })
  is = "well"
  yield* eventually({
    what: "the node is up",
    withinMs: 10_000,
    look: Effect.orDie(Effect.delay(fleet.refresh("web"), guard.breakerOpenMs + 50)),
    until: ({ breaker, status }: NodeView) => status === "up" && breaker?.state === "closed"
  })
  const before = watched.all().length
  // One place is kept free for polls.
  yield* Effect.forEach(Array.from({ length: callsMax - 1 }), () => Effect.orDie(readLog(fleet)), {
    concurrency: "unbounded",
    discard: true
  })
  const bad = watched
    .all()
    .slice(before)
    .find(({ outcome }) => outcome !== "done" && outcome !== undefined)
  yield* holds(bad === undefined, () => `at rest, ${bad?.method} of a node that is well ends ${bad?.outcome}`)
})

// Places in the hub -----------------------------------------------------------------------------------------------------

const places = fc.record({
  all: fc.integer({ min: 1, max: 3 }),
  perAddress: fc.integer({ min: 1, max: 2 }),
  perUser: fc.integer({ min: 1, max: 2 }),
  visits: fc.array(
    fc.record({
      atMs: fc.nat(2),
      stayMs: fc.nat(2),
      address: fc.constantFrom("10.0.0.1", "10.0.0.2"),
      user: fc.constantFrom("u1", "u2"),
      givenUp: fc.boolean()
    }),
    { minLength: 2, maxLength: 3 }
  )
})
type Place = Pick<ReturnType<typeof places.generate>["value"]["visits"][number], "address" | "user">

const joiningOf = ({ address, user }: Place): Joining => ({
  address,
  principal: {
    username: user,
    userId: user,
    actor: user,
    credential: { _tag: "Session", sessionId: user },
    role: "viewer",
    limits: []
  }
})

const placesProgram = Effect.fnUntraced(function* (
  parts: ConsoleParts
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  const { all, perAddress, perUser, visits } = yield* draw(places)
  const limits = { clientsMax: all, clientsPerAddressMax: perAddress, clientsPerUserMax: perUser }
  const { hub } = yield* HubStage.make({ parts, isDirect: true, hub: limits })
  const within = new Set<Place>()
  const reached = () => {
    const there = Array.from(within)
    const most = (keyOf: (place: Place) => string) =>
      Math.max(0, ...there.map((one) => there.filter((other) => keyOf(other) === keyOf(one)).length))
    return { all: there.length, address: most(({ address }) => address), user: most(({ user }) => user) }
  }
  yield* always("no more clients are there than allowed", () => {
    const now = reached()
    return now.all > all || now.address > perAddress || now.user > perUser ? JSON.stringify(now) : undefined
  })
  /** Gives why it was refused. */
  const enter = (place: Place, stayMs: number) =>
    withClient(joiningOf(place), {
      joined: () =>
        Effect.acquireUseRelease(
          Effect.sync(() => void within.add(place)),
          () => Effect.sleep(stayMs),
          () => Effect.sync(() => void within.delete(place))
        ),
      refused: ({ reason }) => Effect.succeed(reason)
    }).pipe(Effect.provideService(Hub, hub))
  yield* Effect.forEach(
    visits,
    ({ atMs, givenUp, stayMs, ...place }) => {
      const visit = Effect.asVoid(Effect.delay(enter({ ...place }, stayMs), atMs))
      return givenUp ? Effect.asVoid(interruptSometime(visit, { withinSteps: 300 })) : visit
    },
    { concurrency: "unbounded", discard: true }
  )
  yield* eventually({
    what: "nobody is there",
    withinMs: 100,
    look: hub.counts,
    until: ({ connected, sessions }) => connected + sessions === 0
  })
  const most = Math.min(all, perAddress, perUser)
  const one: Place = { address: "10.0.0.1", user: "u1" }
  const last = yield* Effect.forEach(Array.from({ length: most + 1 }), () => enter({ ...one }, 5), {
    concurrency: "unbounded"
  })
  const refused = last.flatMap((reason) => reason ?? [])
  const expected = all === most ? "full" : perAddress === most ? "address" : "user"
  yield* holds(
    refused.join() === expected,
    () => `at rest ${most} clients fit, and of one more than that these were refused: ${refused.join() || "none"}`
  )
})

export const program: Property["program"] = (parts) =>
  Effect.scoped(Effect.flatMap(draw(fc.constantFrom(callsProgram, placesProgram)), (drawn) => drawn(parts)))
