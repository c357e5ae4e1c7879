/**
 * Tickets: each opens one WebSocket within half a minute. A URL is no place for anything that lasts longer. Pure; time
 * is monotonic. Kept by digest, in memory alone: a restart makes them void.
 */
import type { Principal } from "../domain/Access.ts"

export const ticketTtlMs = 30_000

/** Tickets at a time, and those of one user, so that nobody takes the room of all. */
export const ticketsMax = { all: 10_000, perUser: 100 } as const

export const ticketBytes = 32

interface Ticket {
  readonly principal: Principal
  readonly expiresMs: number
}

/** By digest, the one that expires first comes first. */
export type Tickets = ReadonlyMap<string, Ticket>

export const none: Tickets = new Map()

const ownerOf = ({ userId, username }: Principal): string => userId ?? username

/** With one more; undefined when there is no room. */
export const issue = (tickets: Tickets, digest: string, principal: Principal, nowMs: number): Tickets | undefined => {
  const valid = new Map(tickets)
  for (const [other, { expiresMs }] of valid) {
    if (expiresMs > nowMs) break
    valid.delete(other)
  }
  const owner = ownerOf(principal)
  const own = Array.from(valid.values()).filter((ticket) => ownerOf(ticket.principal) === owner).length
  if (valid.size >= ticketsMax.all || own >= ticketsMax.perUser) return undefined
  return valid.set(digest, { principal, expiresMs: nowMs + ticketTtlMs })
}

/** Without this one, and who it was issued to; undefined for one that is unknown, used up or expired. */
export const redeem = (
  tickets: Tickets,
  digest: string,
  nowMs: number
): { readonly left: Tickets; readonly principal: Principal } | undefined => {
  const ticket = tickets.get(digest)
  if (ticket === undefined || ticket.expiresMs <= nowMs) return undefined
  const left = new Map(tickets)
  left.delete(digest)
  return { left, principal: ticket.principal }
}
