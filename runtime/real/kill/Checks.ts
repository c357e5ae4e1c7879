/** Looks at a console that was killed and started again: each line says what is not as it has to be. */
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { type Mark, marked } from "../MarkedProcesses.ts"
import type { World } from "./Load.ts"
import { absent } from "./Expected.ts"
import { ask, at, isDone, listAt } from "./Requests.ts"

/** A console in a process of its own. */
export interface Console {
  readonly url: string
  /** In the environment of all that it has started. */
  readonly mark: Mark
}

const waitMsMax = 30_000
const pageEntries = 1_000

const until = async (what: string, isSo: () => Promise<boolean> | boolean): Promise<ReadonlyArray<string>> => {
  const endMs = performance.now() + waitMsMax
  while (performance.now() < endMs) {
    if (await isSo()) return []
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return [`${what} within ${waitMsMax} ms`]
}

const shownUsers = async (url: string, token: string) => {
  const { body } = await ask(url, { path: "/api/users", token })
  return new Map(
    listAt(body, "users")
      .filter((user) => at(user, "username") !== "admin" && at(user, "username") !== "keeper")
      .map((user) => {
        const isWhole = JSON.stringify(at(user, "limits")) === '{"nodes":["local"]}'
        const state = `${String(at(user, "role"))} ${at(user, "disabled") === true ? "disabled" : "enabled"}`
        return [String(at(user, "username")), isWhole ? state : `${state}, and without its limits`] as const
      })
  )
}

/** Users, API tokens and sessions. */
export const accounts = async (url: string, token: string, world: World): Promise<ReadonlyArray<string>> => {
  const users = world.users.compare("user", await shownUsers(url, token))
  const { body } = await ask(url, { path: "/api/tokens", token })
  const shown = listAt(body, "tokens").map((each) => [String(at(each, "name")), String(at(each, "role"))] as const)
  const tokens = world.tokens.compare("API token", new Map(shown))
  const wrong = [...users, ...tokens]
  for (const [name, told] of world.secrets) {
    const [, secret] = told.split(" ")
    const isIn = isDone(await ask(url, { path: "/api/auth/me", token: secret }))
    if (isIn !== (world.tokens.of(name) !== absent)) wrong.push(`API token ${name} lets ${isIn ? "" : "nobody "}in`)
    // Those that are gone were looked at once; that they stay so is no new claim.
    if (!isIn) world.secrets.delete(name)
  }
  for (const [name, session] of world.sessions) {
    if (!isDone(await ask(url, { path: "/api/auth/me", token: session }))) wrong.push(`the session of ${name} is gone`)
  }
  return wrong
}

/** What was answered since the last look is in the log, once. */
export const activity = async (url: string, token: string, world: World): Promise<ReadonlyArray<string>> => {
  const missing = new Set(world.recorded)
  world.recorded.clear()
  const wrong: Array<string> = []
  const seen = new Set<string>()
  for (let before = ""; missing.size > 0;) {
    const query = before === "" ? "" : `&before=${before}`
    const { body } = await ask(url, { path: `/api/activity?limit=${pageEntries}${query}`, token })
    for (const entry of listAt(body, "entries")) {
      if (at(entry, "action") === "batch.item") continue
      const id = String(at(entry, "request_id"))
      if (seen.has(id)) wrong.push(`the request ${id} is in the activity log twice`)
      seen.add(id)
      missing.delete(id)
    }
    const next = at(body, "before")
    if (typeof next !== "number") break
    before = String(next)
  }
  return [...wrong, ...[...missing].map((id) => `the answered request ${id} is not in the activity log`)]
}

/** Temporary files that nobody uses any more. */
export const staleFiles = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => /(?:^|\/)\.?muster-[0-9a-f]{16}-/.test(name) || /\.tmp$|-journal$/.test(name))
    .map((name) => `${name} is left over`)

export const integrity = (folder: string): ReadonlyArray<string> => {
  const file = join(folder, "muster.db")
  if (!existsSync(file)) return []
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    const rows = db
      .prepare("PRAGMA integrity_check")
      .all()
      .map((row) => String(row["integrity_check"]))
    return rows.join() === "ok" ? [] : rows.map((row) => `the database is corrupt: ${row}`)
  } finally {
    db.close()
  }
}

/** The whole look, at the console that came after `before`. */
export const check = async (
  before: Console,
  now: Console,
  token: string,
  world: World
): Promise<ReadonlyArray<string>> => [
  ...(await until("a program of the killed console still runs", () => marked(before.mark).length === 0)),
  ...(await until("the new console is not ready", async () => isDone(await ask(now.url, { path: "/health/ready" })))),
  ...(await accounts(now.url, token, world)),
  ...(await activity(now.url, token, world)),
  ...staleFiles(world.folder),
  ...integrity(world.folder)
]
