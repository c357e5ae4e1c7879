/** The links between hosts as they are now: the defaults of the network, and what guards have laid over them. */
import { drawLatencyMs } from "./Latency.ts"
import type { Latency } from "./Latency.ts"
import type { Link } from "./Packet.ts"

/** What a guard changes of the links it matches. Of several that say something, the latest counts. */
export interface Shape {
  readonly latency?: Latency
  /** Bytes that leave in a millisecond, over all connections of the link. */
  readonly bytesPerMs?: number
  /** What is sent stays where it is until the shape is gone, and then goes on its way in order. */
  readonly held?: boolean
  /** The host at the end reads one message in so many milliseconds, from each of its connections. */
  readonly readEveryMs?: number
}

export interface LinkDefaults {
  readonly latency: Latency
  readonly bytesPerMs: number | undefined
}

interface Laid {
  readonly matches: (link: Link) => boolean
  readonly shape: Shape
}

export class Links {
  private readonly defaults: LinkDefaults
  private readonly choose: (n: number) => number
  private shapes: ReadonlyArray<Laid> = []
  /** When each link with a bandwidth will have sent all that was given to it. */
  private readonly busyUntilMs = new Map<string, number>()

  constructor(defaults: LinkDefaults, choose: (n: number) => number) {
    this.defaults = defaults
    this.choose = choose
  }

  /** Lays a shape over the links that match, until the function that this gives is called. */
  lay(matches: (link: Link) => boolean, shape: Shape): () => void {
    const laid: Laid = { matches, shape }
    this.shapes = [laid, ...this.shapes]
    return () => {
      this.shapes = this.shapes.filter((other) => other !== laid)
    }
  }

  clear(): void {
    this.shapes = []
  }

  latencyMs(link: Link): number {
    return drawLatencyMs(this.shaped(link, "latency") ?? this.defaults.latency, this.choose)
  }

  /** When the last of so many bytes has left, if they are given to the link now. */
  departsAtMs(link: Link, bytes: number, nowMs: number): number {
    const bytesPerMs = this.shaped(link, "bytesPerMs") ?? this.defaults.bytesPerMs
    if (bytesPerMs === undefined) return nowMs
    const key = `${link.from} ${link.to}`
    const at = Math.max(nowMs, this.busyUntilMs.get(key) ?? 0) + Math.ceil(bytes / bytesPerMs)
    this.busyUntilMs.set(key, at)
    return at
  }

  isHeld(link: Link): boolean {
    return this.shaped(link, "held") === true
  }

  readEveryMs(link: Link): number {
    return this.shaped(link, "readEveryMs") ?? 0
  }

  private shaped<K extends keyof Shape>(link: Link, key: K): Shape[K] | undefined {
    for (const { matches, shape } of this.shapes) if (shape[key] !== undefined && matches(link)) return shape[key]
    return undefined
  }
}
