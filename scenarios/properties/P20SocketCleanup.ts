/**
 * P20, socket cleanup (R8.2): after a socket closes, for any reason and at any moment, the hub holds nothing of it.
 *
 * Method: clients with subscriptions and followed logs end by a goodbye, a cut, a reset, a network that swallows what
 * they get, frames that are not of the protocol or too many, a crash of their host, or the end or a change of the
 * rights that they came with, at generated moments from the first step of their connection on; some are not let in,
 * because others are there. When the hub has noticed, it counts nobody, no log is followed, no connection is open, and
 * the next client is served as the first was. The end of the console leaves nothing.
 */
import { Effect, Exit, Redacted, Scope } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import { interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as CleanupMutants from "../mutants/CleanupMutants.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

const workload = fc.record({
  prints: fc.boolean(),
  clientsMax: fc.constantFrom(64, 2),
  clients: fc.array(
    fc.record({
      joinAtMs: fc.nat(50),
      stayMs: fc.nat(4_000),
      logs: fc.subarray(["api", "job", "nothing"]),
      changesLogs: fc.boolean(),
      leave: fc.constantFrom(
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
      )
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

const hasUser = ({ leave }: Visit): boolean => leave === "signed out" || leave === "other rights"

/** A user of that name, who does not see everything; gives the address of a hub that lets them in. */
const signIn = Effect.fnUntraced(function* ({ accounts }: World.World, name: string) {
  const password = Redacted.make("a password like any other")
  yield* accounts.createUser({ username: name, password, role: "viewer", limits: { programs: ["app:api"] } })
  const { principal } = yield* accounts.login(name, password, {})
  return `?ticket=${Redacted.value(yield* accounts.issueTicket(principal))}`
}, Effect.orDie)

const stay = Effect.fnUntraced(function* (world: World.World, name: string, plan: Visit) {
  const client = yield* world.connect(name, hasUser(plan) ? yield* signIn(world, name) : "")
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
      return yield* client.send('{"type":"ping"}').pipe(Effect.repeat({ times: 10 * framesPerSecondMax }))
    case "signed out":
      return yield* Effect.orDie(world.accounts.endSessions(name))
    case "other rights":
      return yield* Effect.orDie(world.accounts.changeUser(name, { role: "operator" }))
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

/** Few, so that too many do not take long. */
const framesPerSecondMax = 1

/** By then the hub has noticed a client that does not answer. */
const noticedMs = heartbeatTimeoutMs + heartbeatIntervalMs + 2_000

const program: Property["program"] = Effect.fnUntraced(
  function* (parts) {
    const plan = yield* draw(workload)
    const scope = yield* Scope.make()
    const world = yield* World.make({
      nodes: { web: [World.steady("app", "api"), World.steady("app", "job")] },
      options: {
        ...World.consoleOptions,
        hub: { ...World.consoleOptions.hub, clientsMax: plan.clientsMax, logsPerClientMax: 2 },
        session: { ...World.consoleOptions.session, framesPerSecondMax }
      },
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
      const { connected, logs, sessions } = yield* world.hub.counts
      return { connected, logs, sessions, following: (yield* world.logFollow.following).length }
    })
    yield* eventually({
      what: "the hub holds no client, no session and no log",
      withinMs: 2 * noticedMs,
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
  marks: [
    "a client broke off at some step",
    "a client was silent for too long",
    "a client sent too many invalid frames",
    "a client sent frames too fast",
    "a client came when no more are allowed",
    "a subscription was refused",
    "a client asked for a log that it may not see",
    "rights changed with a socket open",
    "a session ended with a socket open"
  ],
  leaks: "fail",
  program,
  mutants: [CleanupMutants.logIsKept, CleanupMutants.sessionIsKept, CleanupMutants.silentIsKept]
}
