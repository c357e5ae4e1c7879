/** A modelled client of the HTTP API: sends whatever it is told to, and takes whatever comes. */
import { Effect, Exit, Redacted } from "effect"
import { HttpBody, HttpClientRequest } from "effect/http"
import type { HttpMethod } from "effect/http"
import type { Accounts } from "../../core/auth/Accounts.ts"
import type { Role } from "../../core/domain/Access.ts"
import type { World } from "../World.ts"

/** Somebody for each role. */
export const people = { vera: "viewer", olga: "operator", adam: "admin" } as const satisfies Readonly<
  Record<string, Role>
>
export type Person = keyof typeof people

export const names: ReadonlyArray<Person> = ["vera", "olga", "adam"]

/** The password of somebody. */
export const passwordOf = (name: Person): string => `the password of ${name}`

export interface Asked {
  readonly method: HttpMethod.HttpMethod
  /** With its query, escaped. A URL takes dots out of it, as with any client. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | undefined
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/** Lets everybody of `who` log in; gives their access tokens. */
export const logins = Effect.fnUntraced(function* (accounts: Accounts["Service"], who: ReadonlyArray<Person> = names) {
  const tokens = new Map<string, string>()
  for (const username of who) {
    const password = Redacted.make(passwordOf(username))
    yield* accounts.createUser({ username, password, role: people[username], limits: {} })
    const { accessToken } = yield* accounts.login(username, password, {})
    tokens.set(username, Redacted.value(accessToken))
  }
  return tokens
}, Effect.orDie)

const patienceMs = 60_000

/** Sends a request; undefined when no answer came, or not all of it. */
export const ask = (
  { http }: Pick<World, "http">,
  { body, headers, method, path }: Asked
): Effect.Effect<Answered | undefined> => {
  const request = HttpClientRequest.make(method)(`http://console${path}`).pipe(
    HttpClientRequest.setHeaders(headers),
    (plain) => (body === undefined ? plain : HttpClientRequest.setBody(plain, bodyOf(body, headers["content-type"])))
  )
  return Effect.flatMap(http.execute(request), (response) =>
    Effect.map(response.text, (text): Answered => ({ status: response.status, headers: response.headers, body: text }))
  ).pipe(
    Effect.scoped,
    Effect.timeout(patienceMs),
    Effect.exit,
    Effect.map((exit) => (Exit.isSuccess(exit) ? exit.value : undefined))
  )
}

const bodyOf = (body: string | Uint8Array, contentType = "application/json") =>
  typeof body === "string" ? HttpBody.text(body, contentType) : HttpBody.uint8Array(body, contentType)
