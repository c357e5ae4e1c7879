/**
 * How many entries those who are nobody can cause: of each address so many a minute, and so many of all together; what
 * comes beyond that is counted, and told as one entry for each address. So whoever is refused cannot fill the activity
 * log, and with it push out what others did.
 */
import * as Marks from "../Marks.ts"

/** A request of somebody who was not let in. */
export interface Refusal {
  readonly address: string
  /** Of what changes something more is told than of looks. */
  readonly isUnsafe: boolean
}

/** What was counted and not told one by one. */
export interface Counted {
  readonly address: string
  readonly refusals: number
}

export const minuteMs = 60_000

/** Told one by one, in a minute. */
export const toldMax = { looksOfAddress: 1, ofAddress: 30, ofAll: 300 } as const

/** Addresses that are told apart in a minute. */
export const addressesMax = 100

/** Stands for the addresses beyond those. */
export const otherAddresses = "others"

interface OfAddress {
  looks: number
  told: number
  counted: number
}

/** Of one minute, which begins with the first refusal. Times are monotonic. All of it is synchronous. */
export class RefusalCount {
  private readonly addresses = new Map<string, OfAddress>()
  private told = 0
  private startedMs = 0

  /** Takes in a refusal, and says whether it is told by itself. */
  tells({ address, isUnsafe }: Refusal, nowMs: number): boolean {
    if (this.addresses.size === 0) this.startedMs = nowMs
    const of = this.find(address)
    const isOver = of.told >= toldMax.ofAddress || this.told >= toldMax.ofAll
    if (isOver || (!isUnsafe && of.looks >= toldMax.looksOfAddress)) {
      of.counted++
      Marks.reached("refusals were counted instead of told")
      return false
    }
    of.told++
    this.told++
    if (!isUnsafe) of.looks++
    return true
  }

  /** Milliseconds until the minute is over; undefined when none has begun. */
  leftMs(nowMs: number): number | undefined {
    return this.addresses.size === 0 ? undefined : Math.max(0, this.startedMs + minuteMs - nowMs)
  }

  /** Ends the minute, and gives what is to be told of it. */
  end(): ReadonlyArray<Counted> {
    const found = [...this.addresses].flatMap(([address, { counted }]) =>
      counted === 0 ? [] : [{ address, refusals: counted }]
    )
    this.addresses.clear()
    this.told = 0
    return found
  }

  private find(address: string): OfAddress {
    const key = this.addresses.has(address) || this.addresses.size < addressesMax ? address : otherAddresses
    const known = this.addresses.get(key)
    if (known !== undefined) return known
    const fresh = { looks: 0, told: 0, counted: 0 }
    this.addresses.set(key, fresh)
    return fresh
  }
}
