/**
 * What stands between the console and a node: every call, polls and commands alike, passes the circuit breaker of the
 * node (Breaker), takes its turn among the calls to it (Bulkhead), and ends within its deadline.
 *
 * - While the circuit is open a call fails at once with `CircuitOpen`, those that wait included, and nothing is sent.
 * - As many calls as may wait already, or a wait as long as the deadline: `Busy`, and nothing was sent.
 * - The deadline holds for wait and call together, and also for a driver that does not keep its own: `TimedOut`.
 * - A call that is interrupted, in whatever state, gives back its turn and tells the breaker nothing.
 * - A node that must have a certain identifier is asked for it before anything else, at first and again after each
 *   failure of the node: `WrongIdentity`, and nothing else is sent.
 *
 * Following a log takes a turn until its first piece comes, at most for the deadline, and then none: it may last for
 * days. It is never a probe, and its end tells the breaker nothing once it began.
 *
 * A driver that cannot be interrupted holds its turn until it returns; none here is.
 */
import { Cause, type Clock, DateTime, Deferred, Effect, Exit, Option, Random, Stream } from "effect"
import * as Marks from "../Marks.ts"
import * as Measurements from "../metrics/Measurements.ts"
import { SyncMetrics } from "../metrics/SyncMetrics.ts"
import { monotonicMs, monotonicMsUnsafe } from "../MonotonicMs.ts"
import type { BreakerView, NodeIdentity } from "../domain/Node.ts"
import { Busy, CircuitOpen, NodeError, TimedOut, WrongIdentity } from "../domain/NodeError.ts"
import type { NodeErrorReason } from "../domain/NodeError.ts"
import * as Breaker from "./Breaker.ts"
import type { Verdict } from "./Breaker.ts"
import type { CallKind } from "./Bulkhead.ts"
import type { NodeDriver } from "./NodeDriver.ts"
import { NodeGate } from "./NodeGate.ts"
import { verdictOf } from "./NodeTrouble.ts"
import type { CallContent } from "./NodeTrouble.ts"

export interface GuardOptions {
  /** Calls under way at once. */
  readonly callsMax: number
  /** Calls that wait for their turn; one poll more may. */
  readonly callsWaitingMax: number
  /** Failures of the node in a row that open the circuit. */
  readonly breakerFailures: number
  /** Length of the first opening; each one that follows is twice as long, up to `breakerOpenMsMax`. */
  readonly breakerOpenMs: number
  readonly breakerOpenMsMax: number
  /** For the wait and the call together: longer than the driver's own deadline, so that its error comes first. */
  readonly deadlineMs: number
  /** Who must answer there; undefined takes whoever does. */
  readonly identifier?: string | undefined
}

/** The next call would be refused. */
export interface Refusal {
  /** `half-open`: another call finds out, which may be done much sooner than `retryAfterMs`. */
  readonly circuit: "open" | "half-open"
  readonly retryAfterMs: number
  /** The failure that counted last against the node. */
  readonly because: NodeErrorReason | undefined
}

export interface GuardedNode {
  /** The driver behind the guard. */
  readonly driver: NodeDriver
  readonly breaker: Effect.Effect<BreakerView>
  /** The same at once; the same object again while the circuit is closed. */
  readonly breakerUnsafe: (clock: Clock.Clock) => BreakerView
  /** Whether the next call would be refused because of the circuit. Sends nothing and takes no turn. */
  readonly refusal: Effect.Effect<Refusal | undefined>
  readonly calls: Effect.Effect<{ readonly underWay: number; readonly waiting: number }>
}

/** How long a log is not followed after its node failed and has not answered since. */
const followAgainMs = 1_000

/** Guards the calls of a driver. Nothing is sent before the first call. */
export const make = (driver: NodeDriver, options: GuardOptions): Effect.Effect<GuardedNode> =>
  Effect.zipWith(Effect.serviceOption(SyncMetrics), Measurements.optional, (metrics, measured) => {
    const reached = measured.driver(driver)
    const guard = new Guard(reached, options, Option.getOrUndefined(metrics))
    return {
      driver: guardedDriver(reached, guard),
      breaker: Effect.clockWith((clock) => Effect.sync(() => guard.view(clock))),
      breakerUnsafe: guard.view,
      refusal: guard.refusal,
      calls: Effect.sync(() => ({ underWay: guard.gate.underWay, waiting: guard.gate.waiting }))
    }
  })

const guardedDriver = (driver: NodeDriver, guard: Guard): NodeDriver => {
  const command = <A>(operation: string, call: Effect.Effect<A, NodeError>) =>
    guard.call({ kind: "command", operation, content: "node" }, call)
  return {
    kind: driver.kind,
    identify: guard.call({ kind: "poll", operation: "identify", content: "node", identifies: true }, guard.identified),
    processes: guard.call({ kind: "poll", operation: "processes", content: "node" }, driver.processes),
    process: (id) => command("process", driver.process(id)),
    start: (id) => command("start", driver.start(id)),
    stop: (id) => command("stop", driver.stop(id)),
    signal: (id, signal) => command("signal", driver.signal(id, signal)),
    sendStdin: (id, chars) =>
      guard.call({ kind: "command", operation: "sendStdin", content: "programs" }, driver.sendStdin(id, chars)),
    clearLog: (id) => command("clearLog", driver.clearLog(id)),
    timing: (id) => command("timing", driver.timing(id)),
    readLog: (id, channel, range) =>
      guard.call({ kind: "log", operation: "readLog", content: "programs" }, driver.readLog(id, channel, range)),
    followLog: (id, channel) => guard.follow(driver.followLog(id, channel)),
    reread: command("reread", driver.reread),
    addGroup: (group) => command("addGroup", driver.addGroup(group)),
    removeGroup: (group) => command("removeGroup", driver.removeGroup(group))
  }
}

interface CallSort {
  readonly kind: CallKind
  readonly operation: string
  readonly content: CallContent
  /** It asks who is there itself. */
  readonly identifies?: boolean
}

const closed: BreakerView = { state: "closed" }
const halfOpen: BreakerView = { state: "half-open" }

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

class Guard {
  readonly gate: NodeGate
  /** Who is there, and that it is who must be. */
  readonly identified: Effect.Effect<NodeIdentity, NodeError>
  private readonly options: GuardOptions
  private readonly metrics: SyncMetrics["Service"] | undefined
  private isIdentified = false

  constructor(driver: NodeDriver, options: GuardOptions, metrics: SyncMetrics["Service"] | undefined) {
    this.options = options
    this.metrics = metrics
    this.gate = new NodeGate({
      bulkhead: { callsMax: options.callsMax, waitingMax: options.callsWaitingMax },
      breaker: {
        failuresMax: options.breakerFailures,
        openMs: options.breakerOpenMs,
        openMsMax: options.breakerOpenMsMax,
        probeMsMax: options.deadlineMs
      }
    })
    this.identified = Effect.tap(driver.identify, ({ identifier: found }) => {
      const expected = options.identifier
      this.isIdentified = expected === undefined || expected === found
      return expected === undefined || expected === found
        ? Effect.void
        : failure("identify", new WrongIdentity({ expected, found }))
    })
  }

  /** One call through everything. */
  call<A>(sort: CallSort, call: Effect.Effect<A, NodeError>): Effect.Effect<A, NodeError> {
    return Effect.uninterruptibleMask((restore) => this.run(sort, call, restore)).pipe(
      Effect.withSpan("NodeGuard.call", { attributes: { operation: sort.operation } })
    )
  }

  /** A log that is followed: see the head of this file. */
  follow<A>(stream: Stream.Stream<A, NodeError>): Stream.Stream<A, NodeError> {
    return Stream.unwrap(
      Effect.gen({ self: this }, function* () {
        const opened = yield* this.open
        return stream.pipe(
          Stream.onFirst(() => opened("well", undefined)),
          Stream.tapError(({ reason }) => opened(verdictOf(reason, "programs"), reason))
        )
      })
    )
  }

  /** How the breaker stands, for people. */
  readonly view = (clock: Clock.Clock): BreakerView => {
    const { breaker } = this.gate
    if (breaker._tag === "Closed") return closed
    const leftMs = Breaker.refusedForMs(breaker, monotonicMsUnsafe(clock))
    if (breaker._tag === "HalfOpen" || leftMs === 0) return halfOpen
    const retryAtMs = clock.currentTimeMillisUnsafe() + leftMs
    return { state: "open", retry_at: DateTime.formatIso(DateTime.makeUnsafe(retryAtMs)) }
  }

  readonly refusal: Effect.Effect<Refusal | undefined> = Effect.map(monotonicMs, (nowMs) => {
    const { breaker, trouble } = this.gate
    const retryAfterMs = Math.ceil(Breaker.refusedForMs(breaker, nowMs))
    if (retryAfterMs === 0) return undefined
    return { circuit: breaker._tag === "Open" ? "open" : "half-open", retryAfterMs, because: trouble }
  })

  /** Takes a turn and a ticket for the following of a log; gives what tells how its opening went, once. */
  private get open() {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        const sort = { kind: "log", operation: "followLog", content: "programs" } as const
        yield* this.takeTurn(sort, yield* monotonicMs, restore)
        const ticket = yield* this.admit(sort, false)
        let isTold = false
        const tell = (verdict: Verdict, reason: NodeErrorReason | undefined) =>
          Effect.suspend(() => {
            if (isTold) return Effect.void
            isTold = true
            return this.leave(sort, ticket, verdict, reason)
          }).pipe(Effect.uninterruptible)
        yield* Effect.addFinalizer(() => tell("nothing", undefined))
        yield* restore(this.withinDeadline(sort, this.options.deadlineMs, this.checked)).pipe(
          Effect.tapError(({ reason }) => tell(verdictOf(reason, "node"), reason))
        )
        // A program that writes nothing says nothing of its node, and must not keep a turn from others.
        yield* Effect.sleep(this.options.deadlineMs).pipe(
          Effect.andThen(tell("nothing", undefined)),
          Effect.interruptible,
          Effect.withSpan("NodeGuard.opening"),
          Effect.forkScoped
        )
        return tell
      })
    )
  }

  private run<A>(sort: CallSort, call: Effect.Effect<A, NodeError>, restore: Restore) {
    return Effect.gen({ self: this }, function* () {
      const startMs = yield* monotonicMs
      yield* this.takeTurn(sort, startMs, restore)
      const ticket = yield* this.admit(sort, true)
      const leftMs = Math.max(0, startMs + this.options.deadlineMs - (yield* monotonicMs))
      const whole = sort.identifies === true ? call : Effect.andThen(this.checked, call)
      const exit = yield* Effect.exit(restore(this.withinDeadline(sort, leftMs, whole)))
      const reason = reasonOf(exit)
      // A call whose time was used up by its wait was cut short by other calls, not by the node.
      const isCutShort = reason?._tag === "TimedOut" && leftMs < this.options.deadlineMs / 2
      if (isCutShort) Marks.reached("a call was cut short by its wait")
      if (Exit.hasInterrupts(exit)) {
        Marks.reached(sort.kind === "poll" ? "a poll was given up half way" : "a command was given up half way")
      }
      const verdict = isCutShort ? "nothing" : verdictOfExit(exit, reason, sort.content)
      yield* this.leave(sort, ticket, verdict, reason)
      return yield* exit
    })
  }

  /** Returns when the call counts as under way. */
  private takeTurn({ kind, operation }: CallSort, startMs: number, restore: Restore) {
    return Effect.gen({ self: this }, function* () {
      // Who would be refused in the end is refused before it waits.
      yield* this.refuse(operation, Breaker.refusedForMs(this.gate.breaker, startMs))
      const entry = this.gate.enter(kind)
      if (entry._tag === "Goes") return
      const { callsMax, callsWaitingMax, deadlineMs } = this.options
      const busy = failure(operation, new Busy({ callsMax, waitingMax: callsWaitingMax }))
      if (entry._tag === "Busy") return yield* busy
      const waited = yield* Effect.exit(restore(Effect.timeoutOption(Deferred.await(entry.came), deadlineMs)))
      yield* this.metrics?.permitWaited("turns at nodes", (yield* monotonicMs) - startMs) ?? Effect.void
      if (Exit.isSuccess(waited) && waited.value._tag === "Some") {
        if (waited.value.value === "goes") return
        return yield* this.refuse(operation, Breaker.refusedForMs(this.gate.breaker, yield* monotonicMs), true)
      }
      // The turn may have come in the very moment of giving up.
      if (!this.gate.giveUp(entry.id) && (yield* Deferred.await(entry.came)) === "goes") this.gate.leave(kind)
      return Exit.isSuccess(waited) ? yield* busy : yield* Effect.failCause(waited.cause)
    })
  }

  /** Gives the ticket of the call, or gives its turn back and fails. */
  private admit({ kind, operation }: CallSort, mayProbe: boolean) {
    return Effect.gen({ self: this }, function* () {
      const nowMs = yield* monotonicMs
      if (!mayProbe && this.gate.breaker._tag !== "Closed") {
        this.gate.leave(kind)
        const retryAfterMs = Math.max(followAgainMs, Breaker.refusedForMs(this.gate.breaker, nowMs))
        return yield* failure(operation, new CircuitOpen({ retryAfterMs }))
      }
      const admission = this.gate.admit(nowMs)
      if (admission._tag === "Admitted") return admission.ticket
      this.gate.leave(kind)
      return yield* failure(operation, new CircuitOpen({ retryAfterMs: Math.ceil(admission.retryAfterMs) }))
    })
  }

  private leave({ kind }: CallSort, ticket: number, verdict: Verdict, reason: NodeErrorReason | undefined) {
    return Effect.gen({ self: this }, function* () {
      const nowMs = yield* monotonicMs
      const spread = verdict === "bad" ? yield* Random.next : 0
      // After a failure of the node somebody else may answer there.
      if (verdict === "bad") this.isIdentified = false
      this.gate.ended({ ticket, verdict, nowMs, spread }, reason)
      this.gate.leave(kind)
    })
  }

  private refuse(operation: string, forMs: number, always = false): Effect.Effect<void, NodeError> {
    return forMs > 0 || always ? failure(operation, new CircuitOpen({ retryAfterMs: Math.ceil(forMs) })) : Effect.void
  }

  /** Asks who is there unless that is known, or does not matter. */
  private get checked(): Effect.Effect<void, NodeError> {
    return Effect.suspend(() =>
      this.options.identifier === undefined || this.isIdentified ? Effect.void : Effect.asVoid(this.identified)
    )
  }

  private withinDeadline<A>({ operation }: CallSort, leftMs: number, call: Effect.Effect<A, NodeError>) {
    return Effect.timeoutOrElse(call, {
      duration: leftMs,
      orElse: () => failure(operation, new TimedOut({ afterMs: this.options.deadlineMs }))
    })
  }
}

const reasonOf = (exit: Exit.Exit<unknown, NodeError>): NodeErrorReason | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const error = Cause.findErrorOption(exit.cause)
  return error._tag === "Some" ? error.value.reason : undefined
}

/** A call that was interrupted, or died of a bug of the console, says nothing of the node. */
const verdictOfExit = (
  exit: Exit.Exit<unknown, NodeError>,
  reason: NodeErrorReason | undefined,
  content: CallContent
): Verdict => (Exit.isSuccess(exit) ? "well" : reason === undefined ? "nothing" : verdictOf(reason, content))

const failure = (operation: string, reason: NodeErrorReason): Effect.Effect<never, NodeError> =>
  Effect.fail(new NodeError({ operation, reason }))
