/** Where a request comes from and whether it came over https, as far as proxies are believed. Pure. */

/** Entries of X-Forwarded-For that are looked at; more are nobody's honest chain of proxies. */
const hopsMax = 32

const ipPattern = /^(?=.*[.:])[0-9A-Fa-f.:]{2,45}$/

/** An IPv4 address that came in the clothes of IPv6, or with a port, as itself; undefined for what is no address. */
const readIp = (text: string): string | undefined => {
  const bare = text
    .trim()
    .replace(/^\[([^\]]*)\](:\d{1,5})?$/, "$1")
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/, "$1")
  return ipPattern.test(bare) ? plainAddress(bare) : undefined
}

/** An address as it is compared and shown. */
const plainAddress = (address: string): string => address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, "")

/** How a request reached the console. */
export interface Hops {
  /** Who opened the connection. */
  readonly peer: string | undefined
  readonly forwardedFor: string | undefined
  readonly forwardedProto: string | undefined
}

/** Addresses of proxies that are believed, as `Proxies` compares them. */
export const trustedProxies = (addresses: ReadonlyArray<string>): ReadonlySet<string> =>
  new Set(addresses.map(plainAddress))

/**
 * The client: the first address from the right that is no trusted proxy. Only what a trusted one wrote is believed, so
 * that nobody can choose the address under which their failed logins count.
 */
export const clientAddress = ({ forwardedFor, peer }: Hops, trusted: ReadonlySet<string>): string | undefined => {
  if (peer === undefined) return undefined
  let address = plainAddress(peer)
  const entries = forwardedFor?.split(",").slice(-hopsMax) ?? []
  while (trusted.has(address)) {
    const entry = entries.pop()
    const next = entry === undefined ? undefined : readIp(entry)
    if (next === undefined) return address
    address = next
  }
  return address
}

/** Whether a trusted proxy says that the client came over https; the console itself speaks http alone. */
export const isHttps = ({ forwardedProto, peer }: Hops, trusted: ReadonlySet<string>): boolean =>
  peer !== undefined &&
  trusted.has(plainAddress(peer)) &&
  forwardedProto?.split(",").at(-1)?.trim().toLowerCase() === "https"
