/** Everything that people and scripts do to a console at the same time, until it is gone; and what they were told. */
import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { absent, Expected } from "./Expected.ts"
import { type Answer, type Ask, ask, at, isDone, isUnknown } from "./Requests.ts"

export const password = "a password for the tests"

const roles = ["viewer", "operator", "admin"] as const

export interface World {
  readonly folder: string
  readonly random: () => number
  readonly users: Expected
  readonly tokens: Expected
  /** Secrets of API tokens by name, as far as they were told. */
  readonly secrets: Map<string, string>
  /** Request ids of what was answered and has to be in the activity log. */
  readonly recorded: Set<string>
  /** Tokens of the newest sessions, which have to let in still. */
  readonly sessions: Map<string, string>
  /** Which of the configuration's forms is written; the next one differs. */
  readonly configuration: (form: number) => string
  /** Sees each answer to a change, and how long it took. */
  readonly answers: (answer: Answer, request: Ask, tookMs: number) => void
  made: number
  answered: number
  unanswered: number
}

type Surroundings = Pick<World, "folder" | "random" | "configuration"> & Partial<Pick<World, "answers">>

/** In which nothing was done yet. */
export const newWorld = (surroundings: Surroundings): World => ({
  answers: () => {},
  ...surroundings,
  users: new Expected(),
  tokens: new Expected(),
  secrets: new Map(),
  recorded: new Set(),
  sessions: new Map(),
  made: 0,
  answered: 0,
  unanswered: 0
})

/** Numbers from 0 to 1 that a seed gives: mulberry32. */
export const randomOf = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Logs in and makes the user whom the load logs in; gives the token of the administrator. */
export const begin = async (url: string, world: World): Promise<string> => {
  const login = { username: "admin", password }
  const token = at((await ask(url, { method: "POST", path: "/api/auth/login", body: login })).body, "token")
  if (typeof token !== "string") throw new Error("the administrator cannot log in")
  world.sessions.set("admin", token)
  const keeper = { username: "keeper", password, role: "viewer" }
  const made = await ask(url, { method: "POST", path: "/api/users", body: keeper, token })
  if (!isDone(made)) throw new Error(`no user could be made: ${JSON.stringify(made.body)}`)
  return token
}

interface Place {
  readonly url: string
  readonly token: string
  readonly world: World
  readonly isOver: () => boolean
}

const pick = <A>(world: World, from: ReadonlyArray<A>): A | undefined => from[Math.floor(world.random() * from.length)]

/** A change, and what it was answered with; keeps its id for the activity log. */
const change = async ({ token, url, world }: Place, request: Ask): Promise<Answer> => {
  const startedMs = performance.now()
  const answer = await ask(url, { token, ...request })
  world.answers(answer, request, performance.now() - startedMs)
  if (answer.status === 0) world.unanswered++
  else {
    world.answered++
    if (answer.status !== 504) world.recorded.add(answer.requestId)
  }
  return answer
}

const note = (expected: Expected, name: string, answer: Answer, state: string) => {
  if (isDone(answer)) expected.acknowledged(name, state)
  else if (isUnknown(answer)) expected.unanswered(name, state)
}

/** Users of one's own: created, changed, removed, one thing after another, so that each has one last change. */
const users = (own: number) => async (place: Place) => {
  const { world } = place
  const known = world.users.names().filter((name) => name.startsWith(`w${own}-`) && world.users.of(name) !== absent)
  const name = pick(world, known)
  const what = world.random()
  const role = pick(world, roles) ?? "viewer"
  if (name === undefined || what < 0.4) {
    const username = `w${own}-${world.made++}`
    const body = { username, password, role, limits: { nodes: ["local"] } }
    note(world.users, username, await change(place, { method: "POST", path: "/api/users", body }), `${role} enabled`)
  } else if (what < 0.85) {
    const disabled = world.random() < 0.5
    const answer = await change(place, { method: "PATCH", path: `/api/users/${name}`, body: { role, disabled } })
    note(world.users, name, answer, `${role} ${disabled ? "disabled" : "enabled"}`)
  } else note(world.users, name, await change(place, { method: "DELETE", path: `/api/users/${name}` }), absent)
}

const tokens = async (place: Place) => {
  const { world } = place
  const ids = [...world.secrets.keys()].filter((name) => world.tokens.of(name) !== absent)
  const name = pick(world, ids)
  if (name === undefined || world.random() < 0.6) {
    const next = `token-${world.made++}`
    const role = pick(world, roles) ?? "viewer"
    const answer = await change(place, { method: "POST", path: "/api/tokens", body: { name: next, role } })
    note(world.tokens, next, answer, role)
    const secret = at(answer.body, "secret")
    if (typeof secret === "string") world.secrets.set(next, `${String(at(answer.body, "id"))} ${secret}`)
    return
  }
  const [id = ""] = (world.secrets.get(name) ?? "").split(" ")
  note(world.tokens, name, await change(place, { method: "DELETE", path: `/api/tokens/${id}` }), absent)
}

const logins = async (place: Place) => {
  const { world } = place
  const isRight = world.random() < 0.8
  const body = { username: "keeper", password: isRight ? password : "a wrong password" }
  const answer = await change(place, { method: "POST", path: "/api/auth/login", body, token: undefined })
  const token = at(answer.body, "token")
  if (typeof token === "string") world.sessions.set("keeper", token)
}

const programs = ["steady", "ticker", "worker"] as const

const operations = async (place: Place) => {
  const kind = pick(place.world, ["restart", "stop", "start"] as const)
  const name = pick(place.world, programs)
  await change(place, { method: "POST", path: `/api/nodes/local/processes/app/${name}/${kind}`, body: {} })
}

const batches = async (place: Place) => {
  const body = { operation: { kind: "restart" }, select: [{ name: "*" }], wait: place.world.random() < 0.5 }
  await change(place, { method: "POST", path: "/api/batches", body })
}

const reloads = async (place: Place) => {
  const { world } = place
  // As a careful editor does it: nobody else may read a file that is half written.
  const next = join(world.folder, "muster.toml.next")
  writeFileSync(next, world.configuration(Math.floor(world.random() * 2)))
  renameSync(next, join(world.folder, "muster.toml"))
  await change(place, { method: "POST", path: "/api/config/reload" })
}

/** A client that follows a log, for a while or until the console is gone. */
const follows = async (place: Place) => {
  const answer = await change(place, { method: "POST", path: "/api/auth/ticket" })
  const ticket = at(answer.body, "ticket")
  if (typeof ticket !== "string") return
  await new Promise<void>((resolve) => {
    const socket = new WebSocket(`${place.url.replace(/^http/, "ws")}/api/ws?ticket=${ticket}`)
    const timer = setTimeout(() => socket.close(), 500)
    const log = { node: "local", group: "app", name: "ticker", channel: "stdout" }
    socket.addEventListener("open", () =>
      socket.send(JSON.stringify({ type: "subscribe", topics: ["log"], logs: [log] }))
    )
    socket.addEventListener("error", () => {})
    socket.addEventListener("close", () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

const workers: ReadonlyArray<(place: Place) => Promise<void>> = [
  users(1),
  users(2),
  users(3),
  tokens,
  logins,
  operations,
  batches,
  reloads,
  follows
]

const pauseMs = 10

/** Ends when `isOver` says so and everybody has noticed. */
export const load = async (place: Place): Promise<void> => {
  const work = async (once: (place: Place) => Promise<void>) => {
    while (!place.isOver()) {
      await once(place)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
  await Promise.all(workers.map(work))
}
