/**
 * What a scenario runs in: a console in a process of its own, several real supervisords behind proxies, a proxy between
 * the console and its clients, and whoever asks it. All of it is killed and removed when the scope ends.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Option, Redacted, Schema, type Scope } from "effect"
import { Health } from "../../core/http/HealthApi.ts"
import { wrongLine } from "../../scenarios/oracles/LogForm.ts"
import { type Violation, holds, violated } from "../../scenarios/Property.ts"
import * as Caller from "./Caller.ts"
import * as ConsoleProcess from "./ConsoleProcess.ts"
import { type Episode, NotHere, RealWorldError } from "./Episode.ts"
import { eventually } from "./Eventually.ts"
import { at } from "./kill/Requests.ts"
import { password } from "./kill/Load.ts"
import * as Settings from "./Settings.ts"
import * as Supervisord from "./Supervisord.ts"
import * as WireProxy from "./WireProxy.ts"

const { timesMs } = Settings

export interface RealNode {
  readonly name: string
  readonly supervisord: Supervisord.RealSupervisord
  /** Between the console and it. */
  readonly wire: WireProxy.WireProxy
}

export interface World {
  readonly episode: Episode
  readonly nodes: ReadonlyArray<RealNode>
  /** The one that runs now. */
  readonly console: () => ConsoleProcess.ConsoleProcess
  /** Between clients and the console. */
  readonly front: WireProxy.WireProxy
  /** Straight to the console. */
  readonly caller: Caller.Caller
  /** Of the administrator. */
  readonly token: string
  /** Starts the console once more after it has ended. */
  readonly startAgain: Effect.Effect<void, RealWorldError, Scope.Scope>
  /** Writes another configuration; nobody reads it yet. */
  readonly configure: (file: Settings.SettingsFile) => Effect.Effect<void>
  /** The tables of the nodes as they were configured. */
  readonly nodeTables: ReadonlyArray<Readonly<Record<string, string>>>
}

export interface WorldOptions extends Omit<Settings.SettingsFile, "nodes"> {
  /** How many supervisords. Default 2. */
  readonly nodes?: number
  /** Of the tables of the nodes. Default `auto`. */
  readonly connections?: "fresh" | "keep-alive"
  /** Default: a file of SQLite in the folder. */
  readonly database?: string
  /** Where the console runs. Default: the folder of the episode. */
  readonly folder?: string
}

/** What each node runs: one that stays, one that speaks, one that comes and goes by itself. */
const programs = `
[program:steady]
command=sleep 1000
startsecs=0
[program:ticker]
command=sh -c 'while :; do echo tick; sleep 0.2; done'
startsecs=0
[program:flapping]
command=sh -c 'sleep 0.7; exit 3'
startsecs=0
autorestart=true
[program:worker]
command=sleep 1000
process_name=%(program_name)s_%(process_num)d
numprocs=2
startsecs=0
`

const nodePassword = "a secret of the nodes"

/** What must be in no line of a log. */
export const secrets = [password, nodePassword] as const

const makeNode = (name: string): Effect.Effect<RealNode, RealWorldError, Scope.Scope> =>
  Effect.gen(function* () {
    const supervisord = yield* Supervisord.start({ programs, password: nodePassword })
    const wire = yield* WireProxy.make({ host: "127.0.0.1", port: supervisord.port, countedAt: "client" })
    return { name, supervisord, wire }
  }).pipe(Effect.mapError(({ message }) => new RealWorldError({ message: `node ${name}: ${message}` })))

/** Logs in; gives the token. */
export const logIn = (caller: Caller.Caller, username: string, secret: string): Effect.Effect<string, RealWorldError> =>
  Effect.gen(function* () {
    const got = yield* caller.ask({ method: "POST", path: "/api/auth/login", body: { username, password: secret } })
    const token = at(jsonOf(got), "token")
    return typeof token === "string"
      ? token
      : yield* new RealWorldError({ message: `${username} cannot log in: ${got.status} ${got.body}` })
  })

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** What the answer holds; undefined when it is no JSON. */
export const jsonOf = ({ body }: Caller.Got): unknown => Option.getOrUndefined(parse(body))

/** Starts everything; fails with `NotHere` where there is no supervisord. */
export const make = Effect.fnUntraced(function* (
  episode: Episode,
  options: WorldOptions = {}
): Effect.fn.Return<World, NotHere | RealWorldError | Violation, Scope.Scope> {
  const { database = "sqlite:muster.db", folder = episode.folder, nodes: count = 2 } = options
  if (count > 0 && !Supervisord.available) return yield* new NotHere({ reason: "supervisord is not on PATH" })
  const names = Array.from({ length: count }, (_, index) => `n${index}`)
  const nodes = yield* Effect.forEach(names, makeNode, { concurrency: count || 1 })
  const nodeTables = nodes.map(({ name, supervisord, wire }) => ({
    name,
    url: `http://127.0.0.1:${wire.port}`,
    username: supervisord.username,
    password: Redacted.value(supervisord.password),
    ...(options.connections === undefined ? {} : { connections: options.connections })
  }))
  const configure = (file: Settings.SettingsFile) =>
    Effect.sync(() => writeFileSync(join(folder, "muster.toml"), Settings.textOf(file)))
  yield* configure({ ...options, nodes: nodeTables })
  // The proxy in front of it has to know where it is, also after it was started again.
  const start = (port: string) =>
    ConsoleProcess.start({
      folder,
      outputFolder: episode.folder,
      env: {
        MUSTER_SERVER_PORT: port,
        MUSTER_ADMIN_PASSWORD: password,
        MUSTER_DATABASE_URL: database,
        XDG_RUNTIME_DIR: folder
      }
    })
  let current = yield* start("0")
  const caller = Caller.make(episode, () => current.url)
  const front = yield* Effect.mapError(
    WireProxy.make({ host: "127.0.0.1", port: current.port, countedAt: "server" }),
    ({ message }) => new RealWorldError({ message })
  )
  const world: World = {
    episode,
    nodes,
    nodeTables,
    front,
    caller,
    configure,
    console: () => current,
    token: yield* logIn(caller, "admin", password),
    startAgain: Effect.gen(function* () {
      current = yield* start(String(current.port))
    })
  }
  yield* converges(world)
  return world
})

/** The health as an administrator sees it; undefined when there is no answer that is one. */
export const health = ({ caller, token }: World): Effect.Effect<Health | undefined> =>
  Effect.map(caller.ask({ path: "/health", token }), (got) =>
    Option.getOrUndefined(Schema.decodeUnknownOption(Health)(jsonOf(got)))
  )

/** Liveness: once nothing disturbs it any more, the console reaches all of its fleet and its database. */
export const converges = (world: World): Effect.Effect<void, Violation> => {
  const look = Effect.map(health(world), (shown) => ({
    fleet: shown?.fleet,
    database: shown?.components.find(({ name }) => name === "database")?.status
  }))
  return Effect.asVoid(
    eventually({
      what: "all nodes are up and the database is not away",
      withinMs: timesMs.breakerOpenMax + timesMs.deadline + timesMs.poll + 4 * timesMs.slack,
      look,
      until: ({ database, fleet }) =>
        fleet !== undefined && fleet.up === fleet.nodes && (database === "healthy" || database === "degraded")
    })
  )
}

/** Every line that the console has written is one of its log, and none holds a secret. */
export const logIsSound = (world: World, more: ReadonlyArray<string> = []): Effect.Effect<number, Violation> =>
  Effect.suspend(() => {
    const lines = world.console().lines()
    for (const line of lines) {
      const wrong = wrongLine(line, [...secrets, world.token, ...more])
      if (wrong !== undefined) return violated(`the log: ${wrong}`)
    }
    return Effect.succeed(lines.length)
  })

/** Ends the console in order: in time, with nothing left of it, and every connection closed. */
export const ends = (world: World): Effect.Effect<void, RealWorldError | Violation> =>
  Effect.gen(function* () {
    const running = world.console()
    const { code, tookMs } = yield* running.end("SIGTERM", timesMs.shutdown + timesMs.slack)
    world.episode.note("ended", { code, tookMs })
    yield* holds(
      code === 0 && running.stderr() === "",
      () => `the console ended with ${code} after ${Math.round(tookMs)} ms: ${running.stderr()}`
    )
    yield* holds(tookMs <= timesMs.shutdown + timesMs.slack, () => `the end took ${Math.round(tookMs)} ms`)
    yield* eventually({
      what: "nothing is left of the console",
      withinMs: timesMs.slack,
      look: Effect.sync(() => ({
        processes: running.descendants(),
        toNodes: world.nodes.reduce((sum, { wire }) => sum + wire.open(), 0),
        fromClients: world.front.open()
      })),
      until: (left) => left.processes.length === 0 && left.toNodes === 0 && left.fromClients === 0
    })
    yield* logIsSound(world)
    yield* holds(running.rest() === "", () => `the log ends within a line: ${running.rest()}`)
  })
