/**
 * A part of P13: batches, operations and updates on nodes that do not keep still.
 *
 * Method: batches of every mode, single operations and updates go over nodes whose hosts crash and boot, whose
 * supervisord restarts, whose programs are killed, and whose configuration files change under way. Every batch ends
 * within its time and adds up; every operation that began has ended; one that says `done` is right by what the model
 * was at the time. When all is well again, the console shows the fleet as it is, an update leaves nothing to do, and
 * every component is healthy.
 */
import { Clock, Effect, type Scope } from "effect"
import { HttpClientRequest } from "effect/http"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import type { Batches } from "../../core/fleet/Batches.ts"
import type { Fleet } from "../../core/fleet/Fleet.ts"
import type { FleetEvent } from "../../core/domain/FleetEvent.ts"
import { formatId } from "../../core/domain/Process.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as Activities from "../oracles/Activities.ts"
import type { Sample } from "../oracles/Activities.ts"
import * as EventStream from "../oracles/EventStream.ts"
import { healthyAgain } from "../oracles/Health.ts"
import { withDrivers } from "../oracles/NodeCalls.ts"
import type { ModelProcess, ProgramSpec } from "../peers/SupervisordState.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Violation } from "../Property.ts"
import * as FleetStage from "../stages/FleetStage.ts"
import * as World from "../World.ts"

const nodeNames = ["n0", "n1"] as const

/** Configuration files; the first is the one that a node begins with, and ends with. */
const files: Readonly<Record<"first" | "more" | "less" | "other" | "broken", ReadonlyArray<ProgramSpec> | string>> = {
  first: [
    { ...World.steady("app", "api"), stopTakesMs: 700 },
    { ...World.steady("jobs", "mail"), runsForMs: 2_500 },
    { ...World.steady("jobs", "scan"), broken: "no file", startRetries: 1 }
  ],
  more: [World.steady("app", "api"), World.steady("app", "web"), World.steady("extra", "new")],
  less: [World.steady("app", "api")],
  other: [{ ...World.steady("app", "api"), startSecs: 2 }, World.steady("web", "front"), World.steady("jobs", "mail")],
  broken: "no section [supervisord]"
}
const firstFile = Array.isArray(files.first) ? files.first : []

/** A node of few programs. */
const smallFile: ReadonlyArray<ProgramSpec> = [
  { ...World.steady("app", "api"), stopTakesMs: 700 },
  { ...World.steady("jobs", "scan"), broken: "no file", startRetries: 0 },
  World.steady("web", "front")
]

const kind = fc.constantFrom("start", "stop", "restart")
const node = fc.constantFrom(...nodeNames)

const workload = fc.record({
  /** Of the nodes; what is planned for one that is not there comes to nothing. */
  nodes: fc.constantFrom(1, 2),
  batches: fc.tuple(
    fc.record({
      atMs: fc.nat(2_000),
      kind,
      group: fc.constantFrom("*", "jobs", "app", "app"),
      mode: fc.constantFrom("parallel", "rolling", "canary"),
      concurrency: fc.integer({ min: 1, max: 4 }),
      failuresMax: fc.constantFrom(undefined, 1, 3),
      timeoutMs: fc.integer({ min: 1_000, max: 10_000 }),
      cancelAfterMs: fc.option(fc.nat(4_000), { freq: 3 })
    })
  ),
  operations: fc.array(fc.record({ atMs: fc.nat(4_000), kind, node, name: fc.constant("api") }), { maxLength: 1 }),
  updates: fc.array(
    fc.record({ atMs: fc.nat(4_000), node, file: fc.constantFrom("more", "less", "other", "broken", "first") }),
    { maxLength: 1 }
  ),
  troubles: fc.array(
    fc.record({
      atMs: fc.nat(4_000),
      node,
      what: fc.constantFrom("crash", "restart", "kill", "cut", "hang"),
      lastsMs: fc.nat(4_000)
    }),
    { maxLength: 1 }
  )
})

type Large = ReturnType<typeof workload.generate>["value"]
type Small = ReturnType<typeof smallWorkload.generate>["value"]
type Plan = Large | (Omit<Small, "work"> & Small["work"])

const first = fc.constant("n0" as const)

/** One node, and on it a batch or an update, which something gets in the way of. */
const smallWorkload = fc.record({
  work: fc.oneof(
    fc.record({
      batches: fc.tuple(
        fc.record({
          atMs: fc.nat(500),
          kind,
          group: fc.constantFrom("*", "*", "app"),
          mode: fc.constantFrom("parallel", "rolling", "canary"),
          concurrency: fc.integer({ min: 1, max: 2 }),
          failuresMax: fc.constantFrom(undefined, 1),
          timeoutMs: fc.integer({ min: 1_000, max: 10_000 }),
          cancelAfterMs: fc.option(fc.nat(1_500), { freq: 3 })
        })
      ),
      updates: fc.constant([])
    }),
    fc.record({
      batches: fc.constant([]),
      updates: fc.tuple(fc.record({ atMs: fc.nat(500), node: first, file: fc.constantFrom("less", "other", "broken") }))
    })
  ),
  operations: fc.constant([]),
  troubles: fc.array(
    fc.record({
      atMs: fc.nat(3_000),
      node: first,
      what: fc.constantFrom("crash", "restart", "kill", "hang"),
      lastsMs: fc.nat(2_000)
    }),
    { maxLength: 1 }
  )
})

/** The hands of the scenario on a node. */
interface Node {
  readonly spoil: (how: "none" | "hang") => Effect.Effect<void>
  readonly kill: (group: string, name: string) => Effect.Effect<void>
  readonly writeConfig: (file: ReadonlyArray<ProgramSpec> | string) => Effect.Effect<void>
  readonly crash: Effect.Effect<void>
  readonly boot: Effect.Effect<void>
  readonly look: Effect.Effect<ReadonlyArray<ModelProcess>>
}

/** What the claim needs of a console, or of its fleet alone. */
interface Subject {
  readonly fleet: Fleet["Service"]
  readonly batches: Batches["Service"]
  readonly supervisords: Readonly<Record<string, Node>>
  readonly errors: () => ReadonlyArray<string>
  readonly restart: (node: string) => Effect.Effect<void>
  readonly cut: (node: string) => Effect.Effect<void>
  /** The configuration file that its nodes begin with, and end with. */
  readonly firstFile: ReadonlyArray<ProgramSpec>
}

/** A timer and the answer behind it take no virtual time; this is for the wire of the last look under way. */
const slackMs = 250

const restartCall = "<?xml version='1.0'?><methodCall><methodName>supervisor.restart</methodName></methodCall>"

const disturb = Effect.fnUntraced(function* (
  { cut, restart, supervisords }: Subject,
  { lastsMs, node: name, what }: Plan["troubles"][number]
) {
  const supervisord = supervisords[name]
  if (supervisord === undefined) return
  switch (what) {
    case "crash":
      yield* supervisord.crash
      yield* Effect.sleep(lastsMs)
      return yield* supervisord.boot
    case "restart":
      return yield* restart(name)
    case "kill":
      return yield* supervisord.kill("app", "api")
    case "cut":
      return yield* cut(name)
    case "hang":
      yield* supervisord.spoil("hang")
      yield* Effect.sleep(lastsMs)
      return yield* supervisord.spoil("none")
  }
})

const runBatch = Effect.fnUntraced(function* (
  { batches }: Subject,
  { cancelAfterMs, concurrency, failuresMax, group, kind: asked, mode, timeoutMs }: Plan["batches"][number]
): Effect.fn.Return<{ readonly id: number; readonly concurrency: number } | undefined, Violation, RunContext> {
  const startedMs = yield* Clock.currentTimeMillis
  const request = { operation: { kind: asked }, select: [{ group }], mode, concurrency, timeout_ms: timeoutMs } as const
  const begun = yield* Effect.result(
    batches.submit(failuresMax === undefined ? request : { ...request, stop_after_failures: failuresMax })
  )
  // Nothing may be known of the fleet yet.
  if (begun._tag === "Failure") return undefined
  const { id } = begun.success
  if (cancelAfterMs !== null) {
    yield* Effect.sleep(cancelAfterMs)
    yield* Effect.orDie(batches.cancel(id))
    yield* sometimes("a batch was cancelled")
  }
  const leftMs = Math.max(0, startedMs + timeoutMs + slackMs - (yield* Clock.currentTimeMillis))
  yield* eventually({
    what: `the batch ${mode} ${asked} of ${timeoutMs} ms is over`,
    withinMs: leftMs,
    look: Effect.map(Effect.orDie(batches.get(id)), ({ status }) => status),
    until: (status) => status !== "running"
  })
  return { id, concurrency }
})

const at = <A, E, R>(atMs: number, work: Effect.Effect<A, E, R>) => Effect.andThen(Effect.sleep(atMs), work)

/** Everything of the plan at once; gives the batches that began. */
const act = Effect.fnUntraced(function* (subject: Subject, plan: Plan) {
  const { fleet, supervisords } = subject
  const [batches] = yield* Effect.all(
    [
      Effect.forEach(plan.batches, (batch) => at(batch.atMs, runBatch(subject, batch)), { concurrency: "unbounded" }),
      Effect.forEach(
        plan.operations,
        ({ atMs, kind: asked, name, node: on }) =>
          // An error is an answer too: the events tell of it.
          at(atMs, Effect.ignore(fleet.operate({ kind: asked }, on, { group: "app", name }))),
        { concurrency: "unbounded", discard: true }
      ),
      Effect.forEach(
        plan.updates,
        ({ atMs, file, node: on }) =>
          at(
            atMs,
            Effect.andThen(supervisords[on]?.writeConfig(files[file]) ?? Effect.void, Effect.ignore(fleet.update(on)))
          ),
        { concurrency: "unbounded", discard: true }
      ),
      Effect.forEach(plan.troubles, (trouble) => at(trouble.atMs, disturb(subject, trouble)), {
        concurrency: "unbounded",
        discard: true
      })
    ],
    { concurrency: "unbounded" }
  )
  return batches.filter((batch) => batch !== undefined)
})

/** Looks at the model before and after each look of the console at a process. */
export const sampled = (
  parts: ConsoleParts,
  world: () => { readonly supervisords: Readonly<Record<string, Pick<Node, "look">>> } | undefined,
  samples: Array<Sample>
): ConsoleParts =>
  withDrivers((name, driver) => {
    const sample = Effect.gen(function* () {
      const atMs = yield* Clock.currentTimeMillis
      for (const { pid, program, state } of yield* world()?.supervisords[name]?.look ?? Effect.succeed([])) {
        samples.push({ atMs, process: `${name}/${formatId(program)}`, state, pid })
      }
    })
    return { ...driver, process: (id) => Effect.andThen(sample, Effect.ensuring(driver.process(id), sample)) }
  })(parts)

/** The longest until a node that was away is polled again, beside the wait for its programs. */
const settledMs = 90_000

const { fleet: fleetOptions } = World.consoleOptions

/** Most requests are looks: fewer of them show as much of batches. */
const pollEveryMs = 4_000
const observeIntervalMs = 1_000

/** What a node runs, sorted, as the model has it or as the console shows it. */
const listed = (
  processes: ReadonlyArray<{ readonly id: string; readonly state: string; readonly pid: number }>
): string =>
  processes
    .map(({ id, pid, state }) => `${id} ${state} ${pid}`)
    .toSorted()
    .join(", ")

/** With nothing in its way any more, the console shows what is, and takes over what is configured. */
const settles = Effect.fnUntraced(function* ({ firstFile: file, fleet, supervisords }: Subject) {
  for (const [name, supervisord] of Object.entries(supervisords)) {
    yield* supervisord.spoil("none")
    yield* supervisord.writeConfig(file)
    yield* supervisord.boot
    yield* eventually({
      what: `${name} answers`,
      withinMs: settledMs,
      look: Effect.andThen(Effect.sleep(500), Effect.result(fleet.reread(name))),
      until: ({ _tag }: { readonly _tag: string }) => _tag === "Success"
    })
    const update = yield* Effect.result(fleet.update(name))
    if (update._tag === "Failure") return yield* violated(`the last update of ${name}: ${update.failure.message}`)
    for (const { change, detail, group, outcome } of update.success.groups) {
      // The program that is broken cannot be started.
      const isRight = outcome === "done" || (outcome === "failed" && group === "jobs" && change !== "removed")
      yield* holds(isRight, () => `the last update of ${name}: ${change} ${group}: ${outcome}, ${detail}`)
      yield* sometimes(`a group was ${change}`)
    }
    const left = yield* Effect.result(fleet.reread(name))
    yield* holds(
      left._tag === "Success" && Object.values(left.success).every((groups) => groups.length === 0),
      () => `after the update of ${name} there is left to do: ${JSON.stringify(left)}`
    )
    yield* eventually({
      what: `the console shows ${name} as it is`,
      withinMs: settledMs,
      look: Effect.gen(function* () {
        yield* Effect.sleep(100)
        const shown = yield* Effect.orDie(fleet.processes(name))
        const real = yield* supervisord.look
        return {
          shown: listed(shown.map((process) => ({ ...process, id: formatId(process) }))),
          real: listed(real.map(({ pid, program, state }) => ({ id: formatId(program), state, pid })))
        }
      }),
      until: ({ real, shown }) => real === shown
    })
  }
})

/** All of the plan, and what must hold of it. */
const claim = Effect.fnUntraced(function* (
  subject: Subject,
  plan: Plan,
  published: () => ReadonlyArray<FleetEvent>,
  samples: ReadonlyArray<Sample>
): Effect.fn.Return<void, Violation, RunContext> {
  const batches = yield* act(subject, plan)
  // A batch that was cancelled has given up its operations; they tell of it at once.
  yield* Effect.sleep(1_000)
  const wrong = Activities.wrongOperation(published(), samples)
  if (wrong !== undefined) return yield* violated(wrong)
  for (const { concurrency, id } of batches) {
    const view = yield* Effect.orDie(subject.batches.get(id))
    yield* sometimes(`a batch ended ${view.status}`)
    const wrongHere = Activities.wrongBatch(published(), view, concurrency)
    if (wrongHere !== undefined) return yield* violated(`batch ${id}, ${view.mode} ${view.kind}: ${wrongHere}`)
  }
  yield* settles(subject)
})

const optionsOf = {
  ...fleetOptions,
  poll: { ...fleetOptions.poll, intervalMs: pollEveryMs },
  operations: { ...fleetOptions.operations, observeIntervalMs }
}

/** Asks a node of the world to restart; it may be down, and then it restarts anyway. */
const restartOver = (http: World.World["http"], name: string): Effect.Effect<void> =>
  HttpClientRequest.post(`http://${name}:9001/RPC2`).pipe(
    HttpClientRequest.basicAuth("muster", "secret"),
    HttpClientRequest.bodyText(restartCall, "text/xml"),
    http.execute,
    Effect.scoped,
    // A node that hangs never answers this.
    Effect.timeout(2_000),
    Effect.ignore
  )

export const program = Effect.fnUntraced(function* (
  parts: ConsoleParts
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  const plan = yield* draw(workload)
  const samples: Array<Sample> = []
  const worlds: Array<World.World> = []
  const watched = EventStream.watch(sampled(parts, () => worlds[0], samples))
  const made = yield* World.make({
    nodes: Object.fromEntries(nodeNames.slice(0, plan.nodes).map((name) => [name, firstFile])),
    network: { latencyMsMax: 2 },
    options: { ...World.consoleOptions, fleet: optionsOf },
    parts: watched.parts
  })
  worlds.push(made)
  yield* Effect.sleep(2_500)
  const subject: Subject = {
    ...made,
    firstFile,
    restart: (name) => restartOver(made.http, name),
    cut: (name) => Effect.asVoid(made.network.cut(({ from, to }) => from === name || to === name))
  }
  yield* claim(subject, plan, watched.published, samples)
  yield* healthyAgain(made)
  yield* holds(made.errors().length === 0, () => `the console logged errors: ${made.errors().join("; ")}`)
}, Effect.scoped)

/** The same on one node of a stage. */
export const focus = Effect.fnUntraced(function* (
  parts: ConsoleParts
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  const { work, ...drawn } = yield* draw(smallWorkload)
  const samples: Array<Sample> = []
  const stages: Array<FleetStage.BatchStage> = []
  const watched = EventStream.watch(sampled(parts, () => stages[0], samples))
  const stage = yield* FleetStage.makeWithBatches({ parts: watched.parts, nodes: { n0: smallFile }, fleet: optionsOf })
  stages.push(stage)
  yield* Effect.sleep(2_500)
  const subject: Subject = {
    ...stage,
    firstFile: smallFile,
    restart: (name) => stage.supervisords[name]?.restart ?? Effect.void,
    cut: () => Effect.void
  }
  yield* claim(subject, { ...drawn, ...work }, watched.published, samples)
  yield* holds(stage.errors().length === 0, () => `the console logged errors: ${stage.errors().join("; ")}`)
}, Effect.scoped)
