/**
 * Where a request carries what shows who makes it: the one place that looks for it (R3.2). Pure; whether it lets
 * anybody in is for `Authentication` to say.
 */
import { Redacted } from "effect"
import { hubPath } from "./Routes.ts"

/** Cookie that holds the token of a session; pages cannot read it. */
export const sessionCookie = "muster_session"

/** Cookie that holds the refresh token; browsers send it to the endpoints of authentication alone. */
export const refreshCookie = "muster_refresh"

/** Header that shows that a request with a cookie was made by a page that may read what the console answers. */
export const csrfHeader = "x-csrf-token"

/** A token that is longer is none. */
export const tokenCharactersMax = 2_048

const tokenText = `[A-Za-z0-9._~+/=-]{1,${tokenCharactersMax}}`
const tokenPattern = new RegExp(`^${tokenText}$`)
const bearerPattern = new RegExp(`^bearer +(${tokenText})$`, "i")

/** What a request shows. `Malformed` is there, but nothing that could let anybody in. */
export type Presented =
  | { readonly _tag: "Missing" }
  | { readonly _tag: "Malformed" }
  | { readonly _tag: "Token"; readonly source: "header" | "cookie"; readonly token: Redacted.Redacted }
  | { readonly _tag: "Ticket"; readonly ticket: Redacted.Redacted }

interface Request {
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
}

const missing: Presented = { _tag: "Missing" }
const malformed: Presented = { _tag: "Malformed" }

/** What is in the first of these sources that holds anything, also when that is wrong. */
export const presented = (request: Request, sources: ReadonlyArray<string>): Presented => {
  for (const source of sources) {
    const found = lookIn(source, request)
    if (found._tag !== "Missing") return found
  }
  return missing
}

const lookIn = (source: string, request: Request): Presented => {
  switch (source) {
    case "header":
      return inHeader(request)
    case "cookie":
      return inCookie(request, sessionCookie)
    case "ticket":
      return inQuery(request)
    default:
      return missing
  }
}

const inHeader = ({ headers }: Request): Presented => {
  const header = headers["authorization"]
  if (header === undefined) return missing
  const token = bearerPattern.exec(header)?.[1]
  return token === undefined ? malformed : { _tag: "Token", source: "header", token: Redacted.make(token) }
}

/** A name that comes twice was set by somebody else too: neither of the two is believed. */
const inCookie = ({ headers }: Request, name: string): Presented => {
  const values = (headers["cookie"] ?? "").split(";").flatMap((pair) => {
    const text = pair.trim()
    return text.startsWith(`${name}=`) ? [text.slice(name.length + 1)] : []
  })
  const [token] = values
  if (token === undefined) return missing
  return values.length === 1 && tokenPattern.test(token)
    ? { _tag: "Token", source: "cookie", token: Redacted.make(token) }
    : malformed
}

/** Addresses get into logs and histories, so what they carry opens one WebSocket and nothing else. */
const inQuery = ({ url }: Request): Presented => {
  const [path, query = ""] = url.split("?", 2)
  if (path !== hubPath) return missing
  const tickets = new URLSearchParams(query).getAll("ticket")
  const [ticket] = tickets
  if (ticket === undefined) return missing
  return tickets.length === 1 && tokenPattern.test(ticket)
    ? { _tag: "Ticket", ticket: Redacted.make(ticket) }
    : malformed
}

/** The refresh token of a request whose body holds none. */
export const presentedRefresh = (request: Request): Redacted.Redacted | undefined => {
  const found = inCookie(request, refreshCookie)
  return found._tag === "Token" ? found.token : undefined
}
