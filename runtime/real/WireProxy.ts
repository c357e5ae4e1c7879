/**
 * A TCP proxy that spoils the wire: it counts the connections that go through it, and holds, delays, slows, refuses or
 * resets them as it is told.
 *
 * What is held is not lost: as on a network without packets for a while, the bytes arrive once the way is free, and
 * an end of a connection does not get through either, so that the other side believes it open (half-open).
 */
import { createConnection, createServer, type AddressInfo, type Socket } from "node:net"
import { Effect, Schema, type Scope } from "effect"

/** What the wire does to whatever passes. */
export interface Weather {
  /** Time that each piece takes, each way, milliseconds. */
  readonly delayMs: number
  /** Throughput of each connection and direction. */
  readonly bytesPerSecond: number
  /** Nothing reaches the server. */
  readonly holdsToServer: boolean
  /** Nothing reaches the client. */
  readonly holdsToClient: boolean
  /** New connections are reset. */
  readonly refuses: boolean
}

export const fair: Weather = {
  delayMs: 0,
  bytesPerSecond: Infinity,
  holdsToServer: false,
  holdsToClient: false,
  refuses: false
}

/** How many connections were open from a moment on. */
export interface Count {
  /** By `performance.now()`. */
  readonly atMs: number
  readonly open: number
}

export interface WireProxy {
  /** On 127.0.0.1. */
  readonly port: number
  /** From now on; what is not named is fair. */
  readonly become: (weather: Partial<Weather>) => Effect.Effect<void>
  /** Resets all connections; gives how many there were. */
  readonly reset: Effect.Effect<number>
  /** Connections that are open at the side that counts. */
  readonly open: () => number
  /** Connections that were ever made. */
  readonly total: () => number
  /** Each change of their number, oldest first. */
  readonly counts: () => ReadonlyArray<Count>
}

export interface Target {
  readonly host: string
  readonly port: number
  /** Whose connections are counted: a connection is open until that side has said goodbye. */
  readonly countedAt: "client" | "server"
}

/** The proxy could not listen. */
export class ProxyError extends Schema.TaggedError<ProxyError>()("ProxyError", { message: Schema.String }) {}

interface OneWay extends Pick<Weather, "bytesPerSecond" | "delayMs"> {
  readonly isHeld: boolean
}

/** Of one way of one connection; a writer that is further ahead has to wait. */
const waitingBytesMax = 1_048_576

/** One way of one connection: pieces in order, each with the time before which it may not arrive. */
class Way {
  readonly #from: Socket
  readonly #to: Socket
  readonly #weather: () => OneWay
  readonly #pieces: Array<{ readonly bytes: Buffer; readonly dueMs: number }> = []
  #waitingBytes = 0
  #lastDueMs = 0
  #isEnded = false
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, weather: () => OneWay) {
    this.#from = from
    this.#to = to
    this.#weather = weather
    from.on("data", (bytes: Buffer) => {
      const { bytesPerSecond, delayMs } = weather()
      const nowMs = performance.now()
      const sinceMs = Math.max(this.#lastDueMs, nowMs)
      const dueMs = Math.max(nowMs + delayMs, sinceMs + (bytes.length / bytesPerSecond) * 1_000)
      this.#lastDueMs = dueMs
      this.#pieces.push({ bytes, dueMs })
      this.#waitingBytes += bytes.length
      if (this.#waitingBytes > waitingBytesMax) from.pause()
      this.look()
    })
    from.on("end", () => {
      this.#isEnded = true
      this.look()
    })
    to.on("drain", () => this.look())
  }

  /** Passes on what may pass now. */
  look(): void {
    clearTimeout(this.#timer)
    if (this.#weather().isHeld) return
    for (let [next] = this.#pieces; next !== undefined; [next] = this.#pieces) {
      const waitMs = next.dueMs - performance.now()
      if (waitMs >= 1) {
        this.#timer = setTimeout(() => this.look(), waitMs)
        return
      }
      if (this.#to.writableNeedDrain) return
      this.#pieces.shift()
      this.#waitingBytes -= next.bytes.length
      if (this.#to.writable) this.#to.write(next.bytes)
    }
    if (!this.#isEnded) this.#from.resume()
    else if (this.#to.writable) this.#to.end()
  }
}

/** Resets the connection now, whatever is still to be written. */
const cut = (socket: Socket): void => {
  if (!socket.destroyed) socket.resetAndDestroy()
  socket.destroy()
}

class Link {
  /** The end at which connections are counted. */
  readonly counted: Socket
  readonly #client: Socket
  readonly #server: Socket
  readonly #ways: ReadonlyArray<Way>
  /** One side has broken, and the other is not told of it yet. */
  #isBroken = false
  readonly #isHeld: () => boolean

  constructor(client: Socket, { countedAt, ...target }: Target, weather: () => Weather) {
    this.#client = client
    this.#server = createConnection({ ...target, allowHalfOpen: true, noDelay: true })
    this.counted = countedAt === "client" ? client : this.#server
    this.#isHeld = () => weather().holdsToClient || weather().holdsToServer
    this.#ways = [
      new Way(client, this.#server, () => ({ ...weather(), isHeld: weather().holdsToServer })),
      new Way(this.#server, client, () => ({ ...weather(), isHeld: weather().holdsToClient }))
    ]
    for (const socket of [client, this.#server]) {
      // What breaks on one side breaks on the other.
      socket.on("error", () => {
        this.#isBroken = true
        this.look()
      })
    }
  }

  look(): void {
    if (this.#isBroken && !this.#isHeld()) return this.reset()
    for (const way of this.#ways) way.look()
  }

  reset(): void {
    cut(this.#client)
    cut(this.#server)
  }
}

/** Listens on a free port and passes everything on to the target; ends with the scope. */
export const make = Effect.fnUntraced(function* (target: Target): Effect.fn.Return<WireProxy, ProxyError, Scope.Scope> {
  const links = new Set<Link>()
  const open = new Set<Link>()
  const counts: Array<Count> = [{ atMs: performance.now(), open: 0 }]
  const note = () => counts.push({ atMs: performance.now(), open: open.size })
  let weather = fair
  let total = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (weather.refuses) {
      client.on("error", () => client.destroy())
      cut(client)
      return
    }
    const link = new Link(client, target, () => weather)
    total++
    links.add(link)
    open.add(link)
    note()
    const leaves = () => {
      if (open.delete(link)) note()
    }
    // Who says goodbye has let go of the connection, whatever the other side does.
    link.counted.on("end", leaves)
    link.counted.on("close", leaves)
    client.on("close", () => {
      links.delete(link)
      leaves()
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void, ProxyError>((resume) => {
      server.once("error", ({ message }) => resume(Effect.fail(new ProxyError({ message }))))
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const link of links) link.reset()
      })
  )
  const address: AddressInfo | string | null = server.address()
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    become: (next) =>
      Effect.sync(() => {
        weather = { ...fair, ...next }
        for (const link of links) link.look()
      }),
    reset: Effect.sync(() => {
      const count = links.size
      for (const link of links) link.reset()
      return count
    }),
    open: () => open.size,
    total: () => total,
    counts: () => counts
  }
})

/**
 * The longest time, in milliseconds, for which more than so many connections were open; 0 for never. A proxy may learn
 * of a new connection before it learns of the end of the one before, so that a moment of more proves nothing.
 */
export const longestAbove = (counts: ReadonlyArray<Count>, limit: number, nowMs: number): number => {
  let longestMs = 0
  let sinceMs: number | undefined
  for (const { atMs, open } of [...counts, { atMs: nowMs, open: 0 }]) {
    if (open > limit) sinceMs ??= atMs
    else if (sinceMs !== undefined) {
      longestMs = Math.max(longestMs, atMs - sinceMs)
      sinceMs = undefined
    }
  }
  return longestMs
}
