/**
 * What P20 does, wherever there is a hub, and P20 further, over the hub, its sessions and followed logs by themselves.
 *
 * Method: as that of P20, with fewer clients, all of which come at once; the node and the rights of users are modelled.
 * In most runs clients join the hub directly, without a connection.
 */
import { Effect, Exit, Stream } from "effect"
import type { Scope } from "effect"
import * as fc from "fast-check"
import type { Principal } from "../../core/domain/Access.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { interruptSometime, sometimes } from "../../sim/Sim.ts"
import type { HubClient } from "../peers/HubClient.ts"
import { eventually, holds } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as HubStage from "../stages/HubStage.ts"

// Wherever there is a hub -----------------------------------------------------------------------------------------------

/** Where clients come and go. */
export interface Place extends Pick<HubStage.HubStage, "errors" | "hub" | "logFollow" | "network"> {
  /** `isUser`: as a user of that name, who does not see everything. */
  readonly connect: (name: string, isUser: boolean) => Effect.Effect<HubClient, unknown, Scope.Scope>
  readonly signOut: (name: string) => Effect.Effect<void>
  readonly changeRights: (name: string) => Effect.Effect<void>
  /** More are too many. */
  readonly framesPerSecondMax: number
  /** By then the hub has noticed a client that does not answer. */
  readonly noticedMs: number
  /** An interruption at any step comes within so many. */
  readonly withinSteps: number
}

export const ways = [
  "goodbye",
  "break",
  "cut",
  "stall",
  "garbage",
  "flood",
  "crash",
  "anywhere",
  "signed out",
  "other rights"
] as const

/** What one client does. */
export interface Visit {
  readonly joinAtMs: number
  readonly stayMs: number
  readonly logs: ReadonlyArray<string>
  readonly changesLogs: boolean
  readonly leave: (typeof ways)[number]
}

const subscribe = (names: ReadonlyArray<string>): string =>
  JSON.stringify({
    type: "subscribe",
    logs: names.map((name) => ({ node: "web", group: "app", name, channel: "stdout" }))
  })

const hasUser = ({ leave }: Visit): boolean => leave === "signed out" || leave === "other rights"

const stay = Effect.fnUntraced(function* (world: Place, name: string, plan: Visit) {
  const client = yield* world.connect(name, hasUser(plan))
  yield* Effect.forkScoped(client.read)
  yield* client.send(subscribe(plan.logs))
  yield* Effect.sleep(plan.stayMs / 2)
  if (plan.changesLogs) yield* client.send(subscribe(plan.logs.slice(1)))
  yield* Effect.sleep(plan.stayMs / 2)
  switch (plan.leave) {
    case "goodbye":
      return yield* client.close
    case "cut":
      return void (yield* world.network.cut(({ from, to }) => from === name || to === name))
    case "crash":
      return yield* world.network.crash(name, "silent")
    case "garbage":
      return yield* Effect.forEach([1, 2, 3], () => client.send("{"), { discard: true })
    case "flood":
      return yield* client.send('{"type":"ping"}').pipe(Effect.repeat({ times: 10 * world.framesPerSecondMax }))
    case "signed out":
      return yield* world.signOut(name)
    case "other rights":
      return yield* world.changeRights(name)
    case "stall":
      yield* world.network.rule(({ to }) => ({ _tag: to === name ? "drop" : "pass" }))
      return yield* Effect.sleep(world.noticedMs)
    case "anywhere":
    case "break":
  }
})

/** One client from its connection to its end. */
export const visit = Effect.fnUntraced(function* (
  world: Place,
  name: string,
  plan: Visit
): Effect.fn.Return<void, never, RunContext> {
  yield* Effect.sleep(plan.joinAtMs)
  const whole = Effect.ignore(Effect.scoped(stay(world, name, plan)))
  if (plan.leave !== "anywhere") return yield* whole
  const exit = yield* interruptSometime(whole, { withinSteps: world.withinSteps })
  if (Exit.hasInterrupts(exit)) yield* sometimes("a client broke off at some step")
})

/** When all have left: nothing is held of them, and the next client is served as the first was. */
export const checkRest = Effect.fnUntraced(function* (
  world: Place
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  const rest = Effect.gen(function* () {
    const { connected, logs, sessions } = yield* world.hub.counts
    return { connected, logs, sessions, following: (yield* world.logFollow.following).length }
  })
  yield* eventually({
    what: "the hub holds no client, no session and no log",
    withinMs: 2 * world.noticedMs,
    look: rest,
    until: ({ connected, following, logs, sessions }) => connected + following + logs + sessions === 0
  })
  yield* eventually({
    what: "no connection of a client is left",
    withinMs: 40_000,
    look: world.network.openConnections,
    // A poll may be under way.
    until: (open) => open === 0
  })
  const last = yield* Effect.orDie(world.connect("last", false))
  yield* Effect.forkChild(last.read)
  yield* eventually({
    what: "the next client gets its snapshot",
    withinMs: 1_000,
    look: last.received,
    until: (frames) => frames.some(({ type }) => type === "snapshot")
  })
})

// The hub by itself -----------------------------------------------------------------------------------------------------

/** Mostly none: to follow one, and the node for that, takes more steps than all else. */
const followed = fc.oneof(
  { weight: 7, arbitrary: fc.constant([]) },
  { weight: 2, arbitrary: fc.constantFrom(["api"], ["job"], ["api", "job"]) }
)

const client = fc.record({
  joinAtMs: fc.nat(2),
  stayMs: fc.nat(6),
  logs: followed,
  changesLogs: fc.constantFrom(false, false, true),
  leave: fc.constantFrom(...ways)
})

/** How a member of the hub without a connection can end. */
const directWays = ["goodbye", "break", "anywhere", "anywhere", "signed out", "other rights"] as const

const directClient = fc.record({
  joinAtMs: fc.nat(2),
  stayMs: fc.nat(4),
  logs: followed,
  changesLogs: fc.constantFrom(false, false, true),
  leave: fc.constantFrom(...directWays)
})

const clientsMax = fc.constantFrom(64, 1)

const workload = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      isDirect: fc.constant(false),
      clientsMax,
      clients: fc.oneof({ weight: 4, arbitrary: fc.tuple(client) }, { weight: 1, arbitrary: fc.tuple(client, client) })
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      isDirect: fc.constant(true),
      clientsMax,
      clients: fc.oneof(
        { weight: 2, arbitrary: fc.tuple(directClient) },
        { weight: 1, arbitrary: fc.tuple(directClient, directClient) }
      )
    })
  }
)

/** Short, since somebody looks all the time whether the hub has noticed. */
const session = { heartbeatIntervalMs: 100, heartbeatTimeoutMs: 150, closeTimeoutMs: 50, framesPerSecondMax: 1 }

/** Users by name, with what each has been let in by. */
const principalOf = (name: string, role: Principal["role"]): Principal => ({
  username: name,
  userId: name,
  actor: name,
  credential: { _tag: "Session", sessionId: name },
  role,
  limits: [{ programs: ["app:api"] }]
})

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const { clients, clientsMax: placesMax, isDirect } = yield* draw(workload)
  const users = new Map<string, Principal>()
  const stage = yield* HubStage.make({
    parts,
    isDirect,
    hub: { clientsMax: placesMax, logsPerClientMax: 1, heartbeatIntervalMs: session.heartbeatIntervalMs },
    session,
    network: { latencyMsMax: 1, windowMessages: 4 },
    // Where nobody follows a log, no node is needed either.
    nodes: clients.some(({ logs }) => logs.length > 0) ? [HubStage.followedNode("web", () => Stream.never)] : [],
    fleet: HubStage.polledOnce,
    ...(clients.some(hasUser)
      ? { rights: { currentUnsafe: (by) => (by._tag === "Session" ? users.get(by.sessionId) : undefined) } }
      : {})
  })
  const place: Place = {
    ...stage,
    connect: (name, isUser) =>
      Effect.suspend(() => {
        if (!isUser) return stage.connect(name)
        const principal = principalOf(name, "viewer")
        users.set(name, principal)
        return stage.connect(name, { principal })
      }),
    signOut: (name) =>
      Effect.suspend(() => {
        users.delete(name)
        return stage.hub.rightsChanged(new Set([name]))
      }),
    changeRights: (name) =>
      Effect.suspend(() => {
        users.set(name, principalOf(name, "operator"))
        return stage.hub.rightsChanged(new Set([name]))
      }),
    framesPerSecondMax: session.framesPerSecondMax,
    noticedMs: session.heartbeatTimeoutMs + session.heartbeatIntervalMs + 100,
    withinSteps: isDirect ? 200 : 700
  }
  yield* Effect.forEach(clients, (plan, i) => visit(place, `client-${i}`, plan), {
    concurrency: "unbounded",
    discard: true
  })
  // A connection that was given up may be under way to the hub still.
  yield* Effect.sleep(5)
  yield* checkRest(place)
  yield* holds(stage.errors().length === 0, () => `the console logged errors: ${stage.errors().join("; ")}`)
}, Effect.scoped)
