/** Whose pages may use the console. Pure. */

interface Asked {
  readonly headers: Readonly<Record<string, string | undefined>>
}

/**
 * - `None`: no page asks, or one that a browser does not tell of.
 * - `Own`: a page of the console itself. `Allowed`: one of an origin that the configuration names.
 * - `Refused`: any other.
 */
export type OriginVerdict = "None" | "Own" | "Allowed" | "Refused"

/** The scheme is left out: behind a proxy that ends TLS the console does not see which one the page has. */
const isOwn = (origin: string, host: string | undefined): boolean => {
  if (host === undefined || !/^https?:\/\/[^/?#@\s]+$/i.test(origin)) return false
  const from = origin.toLowerCase()
  const [scheme = "", authority = ""] = from.split("://", 2)
  const usualPort = scheme === "https" ? ":443" : ":80"
  const own = host.toLowerCase()
  return authority === own || `${authority}${usualPort}` === own || authority === `${own}${usualPort}`
}

/** What to think of the page that a request comes from, by exact comparison. */
export const originVerdict = ({ headers }: Asked, allowed: ReadonlyArray<string>): OriginVerdict => {
  const origin = headers["origin"]
  if (origin === undefined) return "None"
  if (isOwn(origin, headers["host"])) return "Own"
  return allowed.includes(origin) ? "Allowed" : "Refused"
}
