/**
 * P20, socket cleanup (R8.2): after a socket closes, for any reason and at any moment, the hub holds nothing of it.
 *
 * Method: clients with subscriptions and followed logs end by a goodbye, a cut, a reset, a network that swallows what
 * they get, frames that are not of the protocol, or a crash of their host, at generated moments from the first step of
 * their connection on. When the hub has noticed, it counts nobody, no log is followed, no connection is open, and the
 * next client is served as the first was. The end of the console leaves nothing.
 */
import { Effect, Exit, Scope } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import { interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as CleanupMutants from "../mutants/CleanupMutants.ts"
import * as HubMutants from "../mutants/HubMutants.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

const workload = fc.record({
  prints: fc.boolean(),
  clients: fc.array(
    fc.record({
      joinAtMs: fc.nat(50),
      stayMs: fc.nat(4_000),
      logs: fc.subarray(["api", "job", "nothing"]),
      changesLogs: fc.boolean(),
      leave: fc.constantFrom("goodbye", "break", "cut", "stall", "garbage", "crash", "anywhere")
    }),
    { minLength: 1, maxLength: 5 }
  )
})

type Visit = ReturnType<typeof workload.generate>["value"]["clients"][number]

const subscribe = (names: ReadonlyArray<string>): string =>
  JSON.stringify({
    type: "subscribe",
    logs: names.map((name) => ({ node: "web", group: "app", name, channel: "stdout" }))
  })

const stay = Effect.fnUntraced(function* (world: World.World, name: string, plan: Visit) {
  const client = yield* world.connect(name)
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
    case "stall":
      yield* world.network.rule(({ to }) => ({ _tag: to === name ? "drop" : "pass" }))
      return yield* Effect.sleep(noticedMs)
    case "anywhere":
    case "break":
  }
})

const visit = Effect.fnUntraced(function* (world: World.World, name: string, plan: Visit) {
  yield* Effect.sleep(plan.joinAtMs)
  const whole = Effect.ignore(Effect.scoped(stay(world, name, plan)))
  if (plan.leave !== "anywhere") return yield* whole
  const exit = yield* interruptSometime(whole, { withinSteps: 3_000 })
  if (Exit.hasInterrupts(exit)) yield* sometimes("a client broke off at some step")
})

const { heartbeatIntervalMs, heartbeatTimeoutMs } = World.consoleOptions.session

/** By then the hub has noticed a client that does not answer. */
const noticedMs = heartbeatTimeoutMs + heartbeatIntervalMs + 2_000

const program: Property["program"] = Effect.fnUntraced(
  function* (parts) {
    const plan = yield* draw(workload)
    const scope = yield* Scope.make()
    const world = yield* World.make({
      nodes: { web: [World.steady("app", "api"), World.steady("app", "job")] },
      network: { latencyMsMax: 2, windowMessages: 4 },
      parts
    }).pipe(Scope.provide(scope))
    const web = world.supervisords["web"]
    const printing = Effect.forEach(
      Array.from({ length: 20 }),
      (_, i) => Effect.andThen(Effect.sleep(150), web?.print("app", "api", `line ${i}\n`) ?? Effect.void),
      { discard: true }
    )
    yield* Effect.all(
      [...plan.clients.map((client, i) => visit(world, `client-${i}`, client)), plan.prints ? printing : Effect.void],
      { concurrency: "unbounded", discard: true }
    )
    const rest = Effect.gen(function* () {
      const { connected } = yield* world.hub.counts
      return { connected, following: (yield* world.logFollow.following).length }
    })
    yield* eventually({
      what: "the hub holds no client and no log",
      withinMs: 2 * noticedMs,
      look: rest,
      until: ({ connected, following }) => connected === 0 && following === 0
    })
    yield* eventually({
      what: "no connection of a client is left",
      withinMs: 40_000,
      look: world.network.openConnections,
      // A poll may be under way.
      until: (open) => open === 0
    })
    const last = yield* Scope.provide(world.connect("last"), scope)
    yield* Effect.forkChild(last.read)
    yield* eventually({
      what: "the next client gets its snapshot",
      withinMs: 1_000,
      look: last.received,
      until: (frames) => frames.some(({ type }) => type === "snapshot")
    })
    yield* Scope.close(scope, Exit.void)
    yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
  },
  Effect.scoped,
  Effect.catchTag("SocketError", Effect.die)
)

export const P20: Property = {
  id: "P20",
  title: "socket cleanup",
  requirements: ["R8.2"],
  marks: [],
  leaks: "fail",
  program,
  mutants: [CleanupMutants.logIsKept, CleanupMutants.goodbyeOnly, HubMutants.cleanupDiesWithSession]
}
