/**
 * A modelled supervisord 4.2.5 on a host of the simulated network: its XML-RPC endpoint over real XML, its log tails,
 * and its life: shutdown, restart, crash and boot.
 *
 * Models: basic authentication (401), all 41 methods with supervisord's faults and quirks (see `SupervisordMethods` and
 * what it calls), answers that come late (wait=true), groups, logs, a configuration file that a scenario changes,
 * SHUTDOWN_STATE and then a closed port, `/logtail` and `/mainlogtail`, and replies spoilt on purpose.
 * Does not model: the web pages, the unix socket, keep-alive, TLS and its absence, passwords as `{SHA}`, event
 * listeners, and requests that Python's reader accepts although they are no XML-RPC. Local time is UTC.
 */
import { Clock, Context, Effect, Exit, FiberHandle, Layer, Scope, Semaphore } from "effect"
import { HttpServer } from "effect/http"
import { isStopped } from "../../core/domain/ProcessState.ts"
import type { Network } from "../../sim/net/Network.ts"
import * as SimHttpServer from "../../sim/net/SimHttpServer.ts"
import * as Rules from "../../sim/Rules.ts"
import { RunContext } from "../../sim/RunContext.ts"
import { endpoint, monotonicMs } from "./SupervisordEndpoint.ts"
import type { EndpointOptions, Spoilt, SupervisordPoint } from "./SupervisordEndpoint.ts"
import type { LogFile } from "./SupervisordLog.ts"
import { byPriority, SupervisordNode } from "./SupervisordNode.ts"
import type { Cell } from "./SupervisordNode.ts"
import type { Channel, ProgramSpec } from "./SupervisordProgram.ts"
import type { ModelProcess } from "./SupervisordState.ts"

export type { Spoilt, SupervisordPoint } from "./SupervisordEndpoint.ts"

export interface SupervisordOptions {
  readonly host: string
  readonly port: number
  readonly username?: string
  readonly password?: string
  readonly programs: ReadonlyArray<ProgramSpec>
  /** Default `supervisor`. */
  readonly identifier?: string
  /** How often it looks at its timers and at what it owes an answer: up to 1000 in reality. Default 0: at once. */
  readonly turnMs?: number
  /** How long a restart leaves the port closed. Default 300. */
  readonly bootMs?: number
}

/** The hands of a scenario on the model. What names no process does nothing. */
export interface Supervisord {
  /** Ends the program of a process as if killed from outside; nothing when none runs. */
  readonly kill: (group: string, name: string) => Effect.Effect<void>
  /** Ends the program with this status, or by the signal of the number below 0. */
  readonly exit: (group: string, name: string, status: number) => Effect.Effect<void>
  readonly spoil: (how: Spoilt) => Effect.Effect<void>
  /**
   * Installs a rule until the scope closes. `fail` takes a status of HTTP or the name of a fault; `refuse` and `reset`
   * break the connection off; `corrupt` cuts the reply short.
   */
  readonly rule: (rule: Rules.Rule<SupervisordPoint>) => Effect.Effect<void, never, Scope.Scope>
  /** The program prints; nothing when it does not run. */
  readonly print: (group: string, name: string, bytes: string | Uint8Array, channel?: Channel) => Effect.Effect<void>
  /** Empties a log behind supervisord's back. */
  readonly truncateLog: (group: string, name: string, channel?: Channel) => Effect.Effect<void>
  /** Adds a hole of so many bytes to a log. */
  readonly growLog: (group: string, name: string, bytes: number, channel?: Channel) => Effect.Effect<void>
  /** Writes the configuration file anew, or breaks it with this message. It is read on reloadConfig and at a start. */
  readonly writeConfig: (file: ReadonlyArray<ProgramSpec> | string) => Effect.Effect<void>
  /** Sets the node's clock forward or back. */
  readonly shiftClock: (ms: number) => Effect.Effect<void>
  /** The host dies: everything that runs on it is gone, and nobody is told. */
  readonly crash: Effect.Effect<void>
  /** Starts a supervisord that is down, with another process id. It stays down when its file is broken. */
  readonly boot: Effect.Effect<void>
  /** The processes as they really are, sorted by group and name. */
  readonly look: Effect.Effect<ReadonlyArray<ModelProcess>>
}

const pidAtFirst = 1_000
const lookEveryMs = 50
const bootMsDefault = 300

/** Starts the model; it serves until the scope closes. All its programs are RUNNING or on the way. */
export const make = Effect.fnUntraced(function* (options: SupervisordOptions) {
  const { host, identifier = "supervisor", password = "", turnMs = 0, username } = options
  const run = yield* RunContext
  const rules = yield* Rules.make<SupervisordPoint>({
    service: `supervisord ${host}`,
    describe: ({ method, phase }) => `${phase} of ${method}`
  })
  let spoilt: Spoilt = "none"
  const startMs = yield* monotonicMs
  const node = new SupervisordNode(
    { programs: options.programs, identifier, turnMs, pid: pidAtFirst },
    { nowMs: startMs, clockMs: yield* Clock.currentTimeMillis }
  )
  const life = yield* makeLife(options, node, (leave) =>
    endpoint({ node, username, password, turnMs, rules, spoilt: () => spoilt, fault: run.fault, leave })
  )
  node.boot(startMs)
  yield* life.open
  const supervisord: Supervisord = {
    ...hands(node),
    spoil: (how) =>
      Effect.sync(() => {
        spoilt = how
      }),
    rule: rules.add,
    crash: life.crash,
    boot: life.boot
  }
  return supervisord
})

/** How the endpoint comes and goes. */
const makeLife = Effect.fnUntraced(function* (
  { bootMs = bootMsDefault, host, port }: SupervisordOptions,
  node: SupervisordNode,
  makeApp: (leave: EndpointOptions["leave"]) => ReturnType<typeof endpoint>
) {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<Network | RunContext>()
  const run = Context.get(context, RunContext)
  const leaving = yield* FiberHandle.make()
  // Whoever boots while it dies, or twice at once, would find its port taken.
  const turn = yield* Semaphore.make(1)
  let server: Scope.Closeable | undefined

  const open = Effect.gen(function* () {
    const serverScope = yield* Scope.fork(scope)
    server = serverScope
    const built = yield* Layer.buildWithScope(SimHttpServer.layer({ host, port }), serverScope)
    // Effect serves an app uninterruptibly; only its router makes handlers interruptible, and there is none here.
    yield* Context.get(built, HttpServer.HttpServer)
      .serve(Effect.interruptible(makeApp(leave)))
      .pipe(Scope.provide(serverScope))
  }).pipe(Effect.provideContext(context), Effect.uninterruptible)
  const close = Effect.suspend(() => {
    const closing = server
    server = undefined
    return closing === undefined ? Effect.void : Scope.close(closing, Exit.void)
  })
  const start = Effect.gen(function* () {
    const problem = node.boot(yield* monotonicMs)
    run.tell(() => (problem === undefined ? `${host}: supervisord starts` : `${host}: stays down: ${problem}`))
    // The port was this model's before, so it is free.
    if (problem === undefined) yield* Effect.orDie(open)
  })
  const away: Effect.Effect<void> = Effect.gen(function* () {
    const isRestart = node.mood === "restarting"
    run.tell(() => `${host}: supervisord ${isRestart ? "restarts" : "shuts down"}`)
    // The reply goes out first.
    yield* Effect.sleep(lookEveryMs)
    yield* stopAll(node)
    yield* close
    if (!isRestart) return
    yield* Effect.sleep(bootMs)
    yield* start
  })
  const leave = Effect.asVoid(FiberHandle.run(leaving, away))
  const crash = Effect.gen(function* () {
    run.tell(() => `${host}: the host dies`, { kind: "fault", from: host })
    yield* FiberHandle.clear(leaving)
    yield* settle(node)
    // A dead host answers nobody any more, least of all that it has no such process.
    yield* close
    node.powerOff()
  }).pipe((work) => turn.withPermit(work))
  const boot = Effect.suspend(() => {
    if (server !== undefined) return Effect.void
    node.renumber()
    return start
  }).pipe((work) => turn.withPermit(work))
  return { open, crash, boot }
})

const settle = (node: SupervisordNode) => Effect.map(monotonicMs, (nowMs) => node.settle(nowMs))

/** Stops group after group, the highest priority first, and waits for each. */
const stopAll = Effect.fnUntraced(function* (node: SupervisordNode) {
  const groups = Array.from(node.groups.values()).toSorted((a, b) => b.config.priority - a.config.priority)
  for (const group of groups) {
    yield* settle(node)
    for (const cell of byPriority(group).toReversed()) stopForGood(node, cell)
    while (!Array.from(group.cells.values()).every(({ process }) => isStopped(process.state))) {
      yield* Effect.sleep(lookEveryMs)
      yield* settle(node)
    }
  }
})

const stopForGood = (node: SupervisordNode, cell: Cell): void => {
  const { state } = cell.process
  if (state === "BACKOFF") node.apply(cell, { _tag: "GiveUp" })
  else if (state === "RUNNING" || state === "STARTING") node.apply(cell, { _tag: "Stop", at: node.moment() })
}

/** What a scenario does to the programs, the logs and the clock of the node. */
const hands = (node: SupervisordNode) => {
  const onCell = (group: string, name: string, act: (cell: Cell) => void) =>
    Effect.map(settle(node), () => {
      const cell = node.find(group, name)
      if (cell !== undefined) act(cell)
    })
  const onLog = (group: string, name: string, channel: Channel, act: (log: LogFile) => void) =>
    onCell(group, name, ({ process }) => {
      const log = node.logOf(process.program, channel)
      if (log !== undefined) act(log)
    })
  const exit = (group: string, name: string, status: number) =>
    onCell(group, name, (cell) => node.apply(cell, { _tag: "End", at: node.moment(), status }))
  return {
    kill: (group, name) => exit(group, name, -9),
    exit,
    print: (group, name, bytes, channel = "stdout") =>
      onCell(group, name, ({ process }) =>
        node.write(process, channel, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes)
      ),
    truncateLog: (group, name, channel = "stdout") => onLog(group, name, channel, (log) => log.truncate()),
    growLog: (group, name, bytes, channel = "stdout") => onLog(group, name, channel, (log) => log.grow(bytes)),
    writeConfig: (file) => Effect.sync(() => node.writeFile(file)),
    shiftClock: (ms) => Effect.map(settle(node), () => node.shiftClock(ms)),
    look: Effect.map(settle(node), () => node.cells().map(({ process }) => process))
  } satisfies Partial<Supervisord>
}
