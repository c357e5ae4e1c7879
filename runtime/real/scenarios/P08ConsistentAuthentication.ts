/**
 * P8: the same credentials get the same verdict on every endpoint, the upgrade to a WebSocket included, and a refusal
 * the same status and body.
 */
import { Effect } from "effect"
import { holds, violated } from "../../../scenarios/Property.ts"
import type { Call, Got } from "../Caller.ts"
import { type Episode, pick, RealWorldError } from "../Episode.ts"
import * as HubClient from "../HubClient.ts"
import { at } from "../kill/Requests.ts"
import type { Scenario } from "../Scenario.ts"
import { ends, jsonOf, logIn, make, type World } from "../World.ts"

const rounds = 12

/** For everybody who is let in. */
const forViewers: ReadonlyArray<Call> = [
  { path: "/api/nodes" },
  { path: "/api/nodes/n0" },
  { path: "/api/nodes/n0/processes" },
  { path: "/api/batches" },
  { path: "/api/auth/me" },
  { path: "/metrics" },
  { method: "POST", path: "/api/auth/ticket" }
]

const forAdmins: ReadonlyArray<Call> = [
  { path: "/api/users" },
  { path: "/api/tokens" },
  { path: "/api/activity" },
  { path: "/api/config" },
  { method: "POST", path: "/api/users", body: {} }
]

const refused = "the refusal"

/** What was decided, and for a refusal how it was told. */
const verdictOf = (got: Got): string => {
  if (got.status !== 401) return "let in"
  const body = jsonOf(got)
  return `${refused} ${JSON.stringify(["status", "message", "code", "details"].map((field) => at(body, field)))}`
}

interface Credential {
  readonly what: string
  readonly call: Pick<Call, "headers" | "token">
  readonly isGood: boolean
  readonly isAdmin: boolean
}

const bad = (what: string, call: Credential["call"]): Credential => ({ what, call, isGood: false, isAdmin: false })

const credentials = (world: World) =>
  Effect.gen(function* () {
    const { caller, token } = world
    const secret = "a password for vera, long"
    const made = yield* caller.ask({
      method: "POST",
      path: "/api/users",
      body: { username: "vera", password: secret, role: "viewer" },
      token
    })
    if (made.status >= 300) return yield* new RealWorldError({ message: `no user could be made: ${made.body}` })
    const viewer = yield* logIn(caller, "vera", secret)
    const ended = yield* logIn(caller, "vera", secret)
    yield* caller.ask({ method: "POST", path: "/api/auth/logout", body: {}, token: ended })
    const signature = token.slice(0, -4) + (token.endsWith("AAAA") ? "BBBB" : "AAAA")
    const all: ReadonlyArray<Credential> = [
      { what: "an administrator", call: { token }, isGood: true, isAdmin: true },
      { what: "a viewer", call: { token: viewer }, isGood: true, isAdmin: false },
      bad("nobody", {}),
      bad("a session that has ended", { token: ended }),
      bad("a wrong signature", { token: signature }),
      bad("an unknown API token", { token: `mst_${"x".repeat(43)}` }),
      bad("another scheme", { headers: { authorization: "Basic YWRtaW46YWRtaW4=" } }),
      bad("an empty bearer", { headers: { authorization: "Bearer " } }),
      bad("a cookie of nobody", { headers: { cookie: "muster_session=x.y.z" } })
    ]
    return all
  })

/** A WebSocket is opened for the same people. */
const atTheHub = (world: World, { call: { token }, isGood, what }: Credential) =>
  Effect.gen(function* () {
    if (token === undefined) return
    const connected = yield* Effect.result(
      Effect.scoped(HubClient.connect(world.episode, { name: what, token, url: world.console().url }))
    )
    const isIn = connected._tag === "Success"
    yield* holds(isIn === isGood, () => `${what} is ${isIn ? "" : "not "}let in at the hub`)
  })

export const P8: Scenario = {
  properties: ["P8"],
  marks: ["somebody was refused", "a role was not enough"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const world = yield* make(episode, { nodes: 1 })
    const { caller } = world
    const all = yield* credentials(world)
    const [first] = all
    if (first === undefined) return
    const told = new Set<string>()
    for (let round = 0; round < rounds; round++) {
      const {
        call: by,
        isAdmin,
        isGood,
        what
      } = round < all.length ? (all[round] ?? first) : pick(episode, [first, ...all])
      const asked = [...forViewers, ...forAdmins, { path: "/api/ws" }]
      const answers = yield* Effect.forEach(
        asked,
        (call) => caller.ask({ ...call, ...by, headers: { ...call.headers, ...by.headers } }),
        { concurrency: 6 }
      )
      for (const [index, got] of answers.entries()) {
        const place = `${got.asked.method} ${got.asked.path}`
        const verdict = verdictOf(got)
        if (isGood !== (verdict === "let in")) return yield* violated(`${what} at ${place}: ${got.status} ${got.body}`)
        if (!isGood) {
          told.add(verdict)
          episode.sometimes("somebody was refused")
        }
        const isForAdmins = index >= forViewers.length && index < forViewers.length + forAdmins.length
        if (isGood && isForAdmins && (got.status === 403) === isAdmin) {
          return yield* violated(`${what} at ${place}, which is for administrators: ${got.status} ${got.body}`)
        }
        if (got.status === 403) episode.sometimes("a role was not enough")
      }
    }
    for (const credential of all) yield* atTheHub(world, credential)
    if (told.size !== 1) return yield* violated(`refusals differ: ${[...told].join("; ")}`)
    yield* ends(world)
  })
}
