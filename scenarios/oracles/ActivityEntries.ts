/** What the activity log has to hold of a request, by how it was answered; a rule of its own, and not the console's. */
import { Effect } from "effect"
import type { Database } from "../../sim/sql/Database.ts"

export interface Answered {
  readonly id: string
  readonly isUnsafe: boolean
  readonly actor: string
  /** Undefined when whoever asked did not wait for it, or it was cut off. */
  readonly answer: { readonly status: number; readonly body: string } | undefined
}

export interface Entry {
  readonly requestId: string
  readonly actor: string
  readonly outcome: string
}

export const keysOf = <Key extends string>(of: Readonly<Record<Key, unknown>>): ReadonlyArray<Key> => {
  const isKey = (key: string): key is Key => Object.hasOwn(of, key)
  return Object.keys(of).filter(isKey)
}

/** The entries of requests as they are in the database. */
export const read = (server: Pick<Database["Service"], "look">) =>
  Effect.map(
    server.look("SELECT request_id, actor, outcome FROM activity WHERE action <> 'batch.item' ORDER BY id"),
    (rows) =>
      rows.map((row): Entry => ({
        requestId: String(row["request_id"]),
        actor: String(row["actor"]),
        outcome: String(row["outcome"])
      }))
  )

const byStatus: Readonly<Record<number, string>> = {
  400: "invalid",
  401: "denied",
  403: "denied",
  404: "unknown",
  405: "invalid",
  409: "failed",
  415: "invalid",
  502: "failed",
  503: "failed",
  504: "timeout"
}

/** An operation tells in its answer what was observed. */
const outcomeOf = ({ body, status }: { readonly status: number; readonly body: string }): string => {
  if (status >= 400) return byStatus[status] ?? `no outcome is known for ${status}`
  const observed = /^\{"outcome":"(\w+)"/.exec(body)?.[1]
  return observed === undefined || observed === "unchanged" ? "done" : observed
}

/** What is wrong with the entries of the request; undefined when nothing is. */
export const wrongWith = (
  { actor, answer, id, isUnsafe }: Answered,
  entries: ReadonlyArray<Entry>
): string | undefined => {
  const own = entries.filter(({ requestId }) => requestId === id)
  const [entry] = own
  const what = `${id} of ${actor}, answered ${answer?.status ?? "nothing"}`
  if (own.length > 1) return `${what}: ${own.length} entries`
  if (entry !== undefined && entry.actor !== actor) return `${what}: the entry says ${entry.actor}`
  if (answer === undefined) return undefined
  const isRefused = answer.status === 401 || answer.status === 403
  // Of looks without a valid credential one a minute and address is told by itself.
  if (!isUnsafe && isRefused && actor === "?") return undefined
  if (!isUnsafe && !isRefused) return entry === undefined ? undefined : `${what}: a look that was allowed has an entry`
  if (entry === undefined) return `${what}: no entry`
  const expected = outcomeOf(answer)
  return entry.outcome === expected ? undefined : `${what}: the entry says ${entry.outcome}, which was ${expected}`
}
