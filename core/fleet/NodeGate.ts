/**
 * The one owner of a node's breaker and bulkhead: applies both machines and wakes calls whose turn it is. Synchronous,
 * so that no other fiber sees it between a decision and its effect.
 *
 * Whoever is told that it goes calls `leave` once, and whoever is admitted calls `ended` once before that.
 */
import { Deferred, Effect } from "effect"
import type { NodeErrorReason } from "../domain/NodeError.ts"
import * as Marks from "../Marks.ts"
import * as Breaker from "./Breaker.ts"
import * as Bulkhead from "./Bulkhead.ts"

export interface NodeGateOptions {
  readonly bulkhead: Bulkhead.BulkheadOptions
  readonly breaker: Breaker.BreakerOptions
}

/** `goes`: it counts as under way. `refused`: the circuit opened while it waited. */
export type Turn = "goes" | "refused"

interface Waiter {
  readonly kind: Bulkhead.CallKind
  readonly came: Deferred.Deferred<Turn>
}

export type Entry =
  | { readonly _tag: "Goes" }
  | { readonly _tag: "Waits"; readonly id: number; readonly came: Deferred.Deferred<Turn> }
  | { readonly _tag: "Busy" }

export class NodeGate {
  breaker: Breaker.Breaker = Breaker.closed
  /** The failure that counted against the node last. */
  trouble: NodeErrorReason | undefined = undefined
  private readonly options: NodeGateOptions
  private bulkhead: Bulkhead.Bulkhead = Bulkhead.empty
  private readonly waiters = new Map<number, Waiter>()
  private entered = 0

  constructor(options: NodeGateOptions) {
    this.options = options
  }

  get underWay(): number {
    return Bulkhead.total(this.bulkhead)
  }

  get waiting(): number {
    return this.bulkhead.waiting.length
  }

  enter(kind: Bulkhead.CallKind): Entry {
    const id = ++this.entered
    const [bulkhead, decision] = Bulkhead.enter(this.bulkhead, this.options.bulkhead, { id, kind })
    this.bulkhead = bulkhead
    if (decision === "goes") {
      if (kind === "poll" && bulkhead.underWay.command > 0) Marks.reached("a node was polled while a command ran on it")
      return { _tag: "Goes" }
    }
    if (decision === "refused") {
      Marks.reached("too many calls wait for a node")
      return { _tag: "Busy" }
    }
    Marks.reached("a call waited for its turn at a node")
    const came = Deferred.makeUnsafe<Turn>()
    this.waiters.set(id, { kind, came })
    return { _tag: "Waits", id, came }
  }

  /** A call stops waiting; false when its turn had come already. */
  giveUp(id: number): boolean {
    this.bulkhead = Bulkhead.giveUp(this.bulkhead, id)
    return this.waiters.delete(id)
  }

  leave(kind: Bulkhead.CallKind): void {
    const [bulkhead, turns] = Bulkhead.leave(this.bulkhead, this.options.bulkhead, kind)
    this.bulkhead = bulkhead
    for (const id of turns) this.wake(id, "goes")
  }

  admit(nowMs: number): Breaker.Admission {
    const [breaker, admission] = Breaker.admit(this.breaker, this.options.breaker, nowMs)
    this.breaker = breaker
    return admission
  }

  /** `reason` is that of a failure. An opening sends away all that wait: none of them would be let through. */
  ended(call: Breaker.Ended, reason: NodeErrorReason | undefined): void {
    if (call.verdict === "bad") this.trouble = reason
    const before = this.breaker
    this.breaker = Breaker.ended(before, this.options.breaker, call)
    if (this.breaker === before) return
    if (before._tag === "HalfOpen" && this.breaker._tag === "Closed") Marks.reached("a probe succeeded while half open")
    if (this.breaker._tag !== "Open") return
    const { waiting } = this.bulkhead
    Marks.reached(before._tag === "HalfOpen" ? "a probe failed while half open" : "a circuit opened")
    if (waiting.length > 0) Marks.reached("a circuit opened on calls that waited")
    this.bulkhead = { ...this.bulkhead, waiting: [] }
    for (const { id } of waiting) this.wake(id, "refused")
  }

  /** Last in each step: whoever is woken may go on at once, and ask again before this returns. */
  private wake(id: number, turn: Turn): void {
    const waiter = this.waiters.get(id)
    this.waiters.delete(id)
    if (waiter !== undefined) Deferred.doneUnsafe(waiter.came, Effect.succeed(turn))
  }
}
