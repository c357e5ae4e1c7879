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
import * as CleanupMutants from "../mutants/CleanupMutants.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Sockets from "./P20Sockets.ts"

const workload = fc.record({
  prints: fc.boolean(),
  clientsMax: fc.constantFrom(64, 1),
  clients: fc.array(
    fc.record({
      joinAtMs: fc.nat(50),
      stayMs: fc.nat(2_000),
      logs: fc.subarray(["api", "job", "nothing"]),
      changesLogs: fc.boolean(),
      leave: fc.constantFrom(...Sockets.ways)
    }),
    { minLength: 1, maxLength: 2 }
  )
})

/** A user of that name, who does not see everything; gives the address of a hub that lets them in. */
const signIn = Effect.fnUntraced(function* ({ accounts }: World.World, name: string) {
  const password = Redacted.make("a password like any other")
  yield* accounts.createUser({ username: name, password, role: "viewer", limits: { programs: ["app:api"] } })
  const { principal } = yield* accounts.login(name, password, {})
  return `?ticket=${Redacted.value(yield* accounts.issueTicket(principal))}`
}, Effect.orDie)

const { fleet, session } = World.consoleOptions
const { heartbeatIntervalMs, heartbeatTimeoutMs } = session

/** Few, so that too many do not take long. */
const framesPerSecondMax = 1

/** By then the hub has noticed a client that does not answer. */
const noticedMs = heartbeatTimeoutMs + heartbeatIntervalMs + 2_000

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const scope = yield* Scope.make()
  const world = yield* World.make({
    nodes: { web: [World.steady("app", "api"), World.steady("app", "job")] },
    options: {
      ...World.consoleOptions,
      // The node need not be asked again: it is about sockets.
      fleet: { ...fleet, poll: { ...fleet.poll, intervalMs: 60_000 } },
      hub: { ...World.consoleOptions.hub, clientsMax: plan.clientsMax, logsPerClientMax: 2 },
      session: { ...session, framesPerSecondMax }
    },
    network: { latencyMsMax: 2, windowMessages: 4 },
    parts
  }).pipe(Scope.provide(scope))
  const place: Sockets.Place = {
    ...world,
    connect: (name, isUser) =>
      isUser ? Effect.flatMap(signIn(world, name), (query) => world.connect(name, query)) : world.connect(name),
    signOut: (name) => Effect.orDie(world.accounts.endSessions(name)),
    changeRights: (name) => Effect.orDie(world.accounts.changeUser(name, { role: "operator" })),
    framesPerSecondMax,
    noticedMs,
    withinSteps: 3_000
  }
  const web = world.supervisords["web"]
  const printing = Effect.forEach(
    Array.from({ length: 8 }),
    (_, i) => Effect.andThen(Effect.sleep(150), web?.print("app", "api", `line ${i}\n`) ?? Effect.void),
    { discard: true }
  )
  yield* Effect.all(
    [
      ...plan.clients.map((client, i) => Sockets.visit(place, `client-${i}`, client)),
      plan.prints ? printing : Effect.void
    ],
    { concurrency: "unbounded", discard: true }
  )
  yield* Scope.provide(Sockets.checkRest(place), scope)
  yield* Scope.close(scope, Exit.void)
  yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
}, Effect.scoped)

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
  focus: Sockets.program,
  mutants: [CleanupMutants.logIsKept, CleanupMutants.sessionIsKept, CleanupMutants.silentIsKept]
}
