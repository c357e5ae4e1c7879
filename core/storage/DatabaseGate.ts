/**
 * The one owner of what the console knows of its database: status, breaker, counts. Synchronous, so that no other fiber
 * sees it between a decision and its effect.
 */
import * as Breaker from "../fleet/Breaker.ts"
import * as Marks from "../Marks.ts"
import type { DatabaseCounts, DatabaseStatus } from "./Database.ts"
import type { DatabaseOptions } from "./DatabaseOptions.ts"
import { Trouble } from "./Trouble.ts"

export type Entry =
  | { readonly _tag: "Admitted"; readonly ticket: number }
  | { readonly _tag: "Refused"; readonly trouble: Trouble }

export class DatabaseGate {
  status: DatabaseStatus = "starting"
  private readonly options: Breaker.BreakerOptions
  private readonly startRetryMs: number
  private breaker: Breaker.Breaker = Breaker.closed
  private lastTrouble = "it was not reached yet"
  /** As the health probe has it to tell, until it reaches it again. */
  private isAway = false
  private asked = 0
  private retried = 0
  private readonly failed = new Map<string, number>()

  constructor(options: DatabaseOptions) {
    const { breakerFailures, breakerOpenMs, healthIntervalMs, transactionTimeoutMs } = options
    this.startRetryMs = healthIntervalMs
    this.options = {
      failuresMax: breakerFailures,
      openMs: breakerOpenMs,
      openMsMax: breakerOpenMs,
      probeMsMax: transactionTimeoutMs
    }
  }

  /** Whether an attempt may be made now. */
  enter(nowMs: number): Entry {
    if (this.status === "starting") {
      const detail = `it is not ready since the start: ${this.lastTrouble}`
      return { _tag: "Refused", trouble: away(detail, this.startRetryMs) }
    }
    if (this.status === "refused") return { _tag: "Refused", trouble: away(this.lastTrouble, undefined) }
    return this.admit(nowMs)
  }

  /** As `enter`, whatever the status. */
  admit(nowMs: number): Entry {
    const [breaker, admission] = Breaker.admit(this.breaker, this.options, nowMs)
    this.breaker = breaker
    if (admission._tag === "Admitted") return admission
    const retryAfterMs = Math.ceil(admission.retryAfterMs)
    const detail = `it is left alone for ${retryAfterMs} ms after: ${this.lastTrouble}`
    return { _tag: "Refused", trouble: away(detail, retryAfterMs) }
  }

  /** Takes in how an admitted attempt ended. */
  leave(ended: Breaker.Ended, trouble: Trouble | undefined): void {
    this.breaker = Breaker.ended(this.breaker, this.options, ended)
    if (ended.verdict === "well" && this.status === "down") this.status = "up"
    if (ended.verdict !== "bad" || trouble === undefined) return
    this.lastTrouble = trouble.detail
    if (this.breaker._tag !== "Open") return
    Marks.reached("the circuit of the database opened")
    this.isAway = true
    if (this.status === "up") this.status = "down"
  }

  /** It answered, whatever was known before: nobody is kept from it any longer. Gives whether it was away. */
  reached(): boolean {
    const wasAway = this.isAway
    this.isAway = false
    this.status = "up"
    if (this.breaker._tag !== "Closed") {
      Marks.reached("the health probe closed the circuit of the database")
      this.breaker = { ...Breaker.closed, life: this.breaker.life + 1 }
    }
    return wasAway
  }

  /** It could not be reached, with retries. */
  lost(detail: string): void {
    this.lastTrouble = detail
    this.isAway = true
    if (this.status === "up") this.status = "down"
  }

  /** Left alone from here on. */
  refuse(detail: string): void {
    this.status = "refused"
    this.lastTrouble = detail
  }

  countAsked(): void {
    this.asked++
  }

  countRetried(): void {
    this.retried++
  }

  countFailed(reason: string): void {
    this.failed.set(reason, (this.failed.get(reason) ?? 0) + 1)
  }

  get counts(): DatabaseCounts {
    const failed = Object.fromEntries(Array.from(this.failed).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    return { asked: this.asked, retried: this.retried, failed, breaker: words[this.breaker._tag] }
  }
}

const words = { Closed: "closed", Open: "open", HalfOpen: "half-open" } as const

const away = (detail: string, retryAfterMs: number | undefined): Trouble =>
  new Trouble({
    reason: "Unavailable",
    detail,
    isTransient: false,
    verdict: "nothing",
    ...(retryAfterMs === undefined ? {} : { retryAfterMs })
  })
