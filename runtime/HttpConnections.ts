/**
 * The connections of the `HttpClient`: each is a client of undici that holds one socket, and serves one call at a time.
 *
 * A kept connection goes back to the idle ones only when the whole reply has arrived. After anything else, an
 * interruption above all, it is destroyed, so that nothing of a call can reach the next one. Idle ones are few, and
 * closed after a while.
 */
import { Client, type Dispatcher } from "@effect/platform-node/Undici"
import { Redacted } from "effect"
import type { ConnectionOptions, TlsOptions } from "../core/supervisor/Connection.ts"

export interface HttpConnectionsOptions {
  /** Idle connections, over all peers and for one. */
  readonly idleMax: number
  readonly idlePerPeerMax: number
  /** An idle connection is closed after this time. */
  readonly idleMs: number
}

/** A connection in the hands of one call. */
export interface HttpConnection {
  readonly dispatcher: Dispatcher
  /** Gives it up before anything was sent, or after a failure; nothing happens when it is over already. */
  readonly giveUp: () => void
}

interface Kept {
  readonly client: Client
  readonly key: string
  /** Ends a connection that is not made yet, which undici waits for. */
  readonly abort: AbortController
}

export class HttpConnections {
  // Arrays, which are short enough to be looked through: V8 links each table of a Set or Map to the one that replaces
  // it, so that a dead one in the old generation holds whatever came and went since, until the next full collection.
  private readonly open: Array<Client> = []
  /** The one that was used last is the last. */
  private readonly idle: Array<Kept> = []
  private readonly numbers = new WeakMap<TlsOptions, number>()
  private lastNumber = 0
  private readonly options: HttpConnectionsOptions

  constructor(options: HttpConnectionsOptions) {
    this.options = options
  }

  /** Sockets that are open or being opened, idle ones among them. */
  get size(): number {
    return this.open.length
  }

  /**
   * A connection for a call to this URL. `onEnd` is called once, when the call needs it no more. `signal` is the end of
   * the call. Throws on a URL that undici does not take.
   */
  take(url: URL, { mode, tls }: ConnectionOptions, signal: AbortSignal, onEnd: () => void): HttpConnection {
    return mode === "fresh" ? this.fresh(url, tls, signal, onEnd) : this.kept(url, tls, onEnd)
  }

  /** Destroys all of them. */
  async destroy(): Promise<void> {
    for (const { abort } of this.idle.splice(0)) abort.abort()
    await Promise.all(this.open.map((client) => client.destroy()))
    this.open.length = 0
  }

  /** No pipelining means that the connection is not kept after the reply. */
  private fresh(url: URL, tls: TlsOptions | undefined, signal: AbortSignal, onEnd: () => void): HttpConnection {
    const client = this.connect(url, tls, signal, { pipelining: 0 })
    const giveUp = () => {
      if (remove(this.open, client)) onEnd()
    }
    client.once("disconnect", giveUp)
    return { dispatcher: client, giveUp }
  }

  private kept(url: URL, tls: TlsOptions | undefined, onEnd: () => void): HttpConnection {
    const kept = this.idleFor(this.keyOf(url, tls)) ?? this.makeKept(url, tls)
    let isOver = false
    const end = (isWhole: boolean) => {
      if (isOver) return
      isOver = true
      if (isWhole) this.rest(kept)
      else this.drop(kept)
      onEnd()
    }
    const dispatcher = kept.client.compose(
      (dispatch) => (request, handler) => dispatch(request, new Watched(handler, end))
    )
    return { dispatcher, giveUp: () => end(false) }
  }

  private makeKept(url: URL, tls: TlsOptions | undefined): Kept {
    const abort = new AbortController()
    const { idleMs } = this.options
    const keepAlive = { pipelining: 1, keepAliveTimeout: idleMs, keepAliveMaxTimeout: idleMs }
    const kept = { client: this.connect(url, tls, abort.signal, keepAlive), key: this.keyOf(url, tls), abort }
    // The peer has closed it, or it was idle for too long.
    kept.client.on("disconnect", () => {
      if (this.idle.includes(kept)) this.drop(kept)
    })
    return kept
  }

  private connect(url: URL, tls: TlsOptions | undefined, signal: AbortSignal, options: Client.Options): Client {
    const client = new Client(isUnix(url) ? "http://localhost" : url.origin, {
      ...options,
      connect: {
        timeout: 0,
        allowH2: false,
        signal,
        ...(isUnix(url) ? { socketPath: decodeURIComponent(url.hostname) } : {}),
        ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
        ...(tls?.certificate === undefined ? {} : { cert: tls.certificate }),
        ...(tls?.key === undefined ? {} : { key: Redacted.value(tls.key) }),
        ...(tls?.serverName === undefined ? {} : { servername: tls.serverName })
      }
    })
    this.open.push(client)
    return client
  }

  private idleFor(key: string): Kept | undefined {
    const kept = this.idle.findLast((other) => other.key === key)
    if (kept !== undefined) remove(this.idle, kept)
    return kept
  }

  private rest(kept: Kept): void {
    if (!this.open.includes(kept.client)) return
    this.idle.push(kept)
    const ofPeer = this.idle.filter(({ key }) => key === kept.key)
    const { idleMax, idlePerPeerMax } = this.options
    const surplus = ofPeer.length > idlePerPeerMax ? ofPeer[0] : this.idle.length > idleMax ? this.idle[0] : undefined
    if (surplus !== undefined) this.drop(surplus)
  }

  private drop(kept: Kept): void {
    remove(this.idle, kept)
    remove(this.open, kept.client)
    kept.abort.abort()
    kept.client.destroy(() => {})
  }

  private keyOf(url: URL, tls: TlsOptions | undefined): string {
    const peer = isUnix(url) ? `unix:${url.hostname}` : url.origin
    return tls === undefined ? peer : `${peer} ${this.numberOf(tls)}`
  }

  private numberOf(tls: TlsOptions): number {
    const known = this.numbers.get(tls)
    if (known !== undefined) return known
    this.lastNumber++
    this.numbers.set(tls, this.lastNumber)
    return this.lastNumber
  }
}

/** Whether it was there. */
const remove = <A>(all: Array<A>, one: A): boolean => {
  const at = all.indexOf(one)
  if (at >= 0) all.splice(at, 1)
  return at >= 0
}

/** Whether the URL is that of a unix socket. */
export const isUnix = (url: URL): boolean => url.protocol === "http+unix:"

/** Passes everything on and tells how the reply ended. */
class Watched implements Dispatcher.DispatchHandler {
  private readonly handler: Dispatcher.DispatchHandler
  private readonly end: (isWhole: boolean) => void

  constructor(handler: Dispatcher.DispatchHandler, end: (isWhole: boolean) => void) {
    this.handler = handler
    this.end = end
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.handler.onRequestStart?.(controller, context)
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Dispatcher.DispatchHandler["onRequestUpgrade"]>>): void {
    this.handler.onRequestUpgrade?.(...args)
  }

  onResponseStart(...args: Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>): void {
    this.handler.onResponseStart?.(...args)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(...args: Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseEnd"]>>): void {
    this.handler.onResponseEnd?.(...args)
    this.end(true)
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.handler.onResponseError?.(controller, error)
    this.end(false)
  }

  onBodySent(chunk: Buffer): void {
    this.handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.handler.onRequestSent?.()
  }
}
