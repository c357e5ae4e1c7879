/**
 * The kernel of a run: scheduler, virtual clock and random source of one Effect program, in one thread and without a
 * single promise. It decides at every operation of every fiber which fiber goes on.
 *
 * How it gets its hands on a program that knows nothing of it (Effect 4.1):
 * - `shouldYield` is asked before every step of a fiber's run loop; answering true preempts the fiber, and what it
 *   would have done next comes back as a task.
 * - Effect resumes waiters (Deferred, join, callbacks, interruption) on the stack of whoever completes them. Such a
 *   fiber asks `shouldYield` too while another one is current, and the schedule decides: it goes on there and then, as
 *   on Effect's own runtime, or yields, so that its resumption becomes a task among the others.
 * - `Clock.sleep` registers a timer; when nothing is runnable the clock jumps to the next one. All timers of an instant
 *   become runnable together, so that their order is a choice as well.
 *
 * Not modelled: code takes no virtual time, so a timer never overtakes a fiber that is runnable. Wider than real: a
 * fiber that was started immediately may be preempted before its first step.
 */
import {
  Clock,
  Context,
  Duration,
  Effect,
  Exit,
  type Fiber,
  Logger,
  Metric,
  Random,
  type Scheduler,
  Tracer
} from "effect"
import { describeError } from "./DescribeError.ts"
import { Choices } from "./Choices.ts"
import type { Stream } from "./Choices.ts"
import { fiberName } from "./FiberName.ts"
import { RunContext } from "./RunContext.ts"
import type { Chooser, Decision, Strategy } from "./Strategy.ts"
import { TaskQueue } from "./TaskQueue.ts"
import { Timers } from "./Timers.ts"
import type { Held, StepRecord, Told } from "./Trace.ts"
import { TraceHash } from "./TraceHash.ts"
import { makeTracer } from "./SimTracer.ts"

/** The wall clock of every run starts here: 2026-01-01T00:00:00Z. The monotonic clock starts at 0. */
export const epochMs = 1_767_225_600_000

/** Effect needs two steps after a preemption to get back to where it was; yielding earlier would never progress. */
const stepsBeforeYield = 3

/** Steps watched, before the limit is reached, to name the fibers that spin. */
const spinWindow = 2_000

/** Fibers kept for reports before those that ended well are dropped for the first time. */
const fibersKept = 1_024

export interface KernelOptions {
  readonly seed: number
  readonly strategy: Strategy
  readonly stepsMax: number
  /** Keeps the deviations and a record of every switch. */
  readonly record: boolean
}

/** How the loop ended: the root fiber is done, nothing can move any more, or the step limit was reached. */
export type Ending = "done" | "deadlock" | "step-limit"

type AnyFiber = Fiber.Fiber<unknown, unknown>

export class Kernel implements Scheduler.Scheduler {
  readonly executionMode = "async"
  readonly hash = new TraceHash()
  readonly choices: Choices
  readonly records: Array<StepRecord> = []
  readonly reached = new Map<string, number>()
  readonly faults = new Map<string, number>()
  readonly notes = new Map<string, string>()
  readonly told: Array<Told> = []
  steps = 0
  nowMs = 0

  private readonly stepsMax: number
  private readonly watchedFrom: number
  private readonly record: boolean
  private readonly chooser: Chooser
  private readonly timers = new Timers()
  private readonly tasks = new TaskQueue()
  /** Which of `tasks` runs next when a preemption has already chosen; -1 otherwise. */
  private chosen = -1
  private readonly held = new Set<Held>()
  private wallOffsetMs = 0
  private current: AnyFiber | undefined
  private currentNumber = -1
  /** Fibers that were current when another went on on their stack, the innermost last. */
  private readonly below: Array<AnyFiber> = []
  /** Owner of the task being dispatched, until its first fiber shows up. */
  private arriving = -1
  /** The fiber that is about to put its own resumption into the queue because we told it to yield. */
  private yielding = -1
  private stepsAtSwitch = 0
  private base = -1
  /** The root, then every fiber that is not known to have ended without a defect. */
  private fibers: Array<AnyFiber> = []
  private fibersAtPrune = fibersKept
  private readonly seen: Array<boolean> = []
  private aborted = false
  private spinning: Map<number, number> | undefined
  private readonly decision: {
    current: number
    resumed: number
    runnable: number
    readonly fiberAt: (k: number) => number
  }
  private readonly dispatcher: Scheduler.SchedulerDispatcher

  constructor(options: KernelOptions) {
    this.stepsMax = options.stepsMax
    this.watchedFrom = Math.max(0, options.stepsMax - spinWindow)
    this.record = options.record
    this.choices = new Choices({ seed: options.seed, hash: this.hash, record: options.record })
    this.chooser = options.strategy.begin(this.choices.scheduling)
    this.decision = {
      current: -1,
      resumed: -1,
      runnable: 0,
      fiberAt: (k: number) => this.tasks.ownerAt(k)
    } satisfies Decision
    this.dispatcher = { scheduleTask: (task) => this.enqueue(task), flush: () => {} }
  }

  /** Runs the program to its end. Must not be called while another run is under way on this thread. */
  run<A, E>(
    program: Effect.Effect<A, E, RunContext>
  ): { readonly ending: Ending; readonly exit: Exit.Exit<A, E> | undefined } {
    const root = Effect.runForkWith(this.context())(program, { scheduler: this })
    for (;;) {
      this.endStretch()
      this.below.length = 0
      if (this.aborted) return { ending: "step-limit", exit: undefined }
      const exit = root.pollUnsafe()
      if (exit !== undefined) return { ending: "done", exit }
      if (this.tasks.length === 0 && !this.fireTimers()) return { ending: "deadlock", exit: undefined }
      this.dispatch()
    }
  }

  // Scheduler ---------------------------------------------------------------------------------------------------------

  shouldYield(fiber: AnyFiber): boolean {
    if (fiber !== this.current) {
      const arrival = this.arrive(fiber)
      if (arrival !== "current") return arrival === "yields"
    }
    if (++this.steps > this.watchedFrom && this.overLimit()) return true
    const runnable = this.tasks.length
    if (runnable === 0 || fiber.currentOpCount < stepsBeforeYield) return false
    this.decision.current = this.currentNumber
    this.decision.runnable = runnable
    const choice = this.chooser(this.decision)
    this.choices.noteSchedule(choice)
    if (choice === 0) return false
    this.chosen = choice - 1
    this.yielding = this.currentNumber
    return true
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.dispatcher
  }

  private enqueue(task: () => void): void {
    this.tasks.push(task, this.yielding >= 0 ? this.yielding : this.currentNumber)
    this.yielding = -1
  }

  /**
   * A fiber that is not the current one runs. It becomes the current one when the task being dispatched is its own, or
   * when it is back after another went on on its stack. Otherwise it was resumed on the stack of another: it ends there
   * and then, goes on, or yields.
   */
  private arrive(fiber: AnyFiber): "current" | "yields" | "ends" {
    const number = this.numberOf(fiber)
    const isNew = this.seen[number] !== true
    if (isNew) {
      this.seen[number] = true
      if (this.fibers.push(fiber) >= this.fibersAtPrune) this.prune()
    }
    if (this.current === undefined) {
      if (isNew || number === this.arriving) return this.become(fiber, number)
    } else {
      const back = this.below.lastIndexOf(fiber)
      if (back >= 0) {
        this.below.length = back
        this.endStretch()
        this.become(fiber, number)
        // The one above was preempted in favour of a task: this one makes room for it too.
        if (this.chosen < 0) return "current"
        this.yielding = number
        return "yields"
      }
    }
    // Interrupted before its first step: the task with its body is still queued and would run it, and the interruption
    // would be lost, if this yielded. It ends in this step, without running any code of its own.
    if (isNew && isInterrupted(fiber)) return "ends"
    if (this.goesOnAtOnce(number)) {
      // Without a current one, a task of Effect's own (a queue that wakes its takers, say) resumed it.
      if (this.current !== undefined) this.below.push(this.current)
      this.endStretch()
      return this.become(fiber, number)
    }
    this.yielding = number
    return "yields"
  }

  private become(fiber: AnyFiber, number: number): "current" {
    this.current = fiber
    this.currentNumber = number
    return "current"
  }

  private goesOnAtOnce(number: number): boolean {
    this.decision.current = this.currentNumber
    this.decision.resumed = number
    this.decision.runnable = this.tasks.length
    const choice = this.chooser(this.decision)
    this.decision.resumed = -1
    this.choices.noteSchedule(choice)
    return choice === 1
  }

  private numberOf(fiber: AnyFiber): number {
    if (this.base < 0) this.base = fiber.id
    return fiber.id - this.base
  }

  // Loop --------------------------------------------------------------------------------------------------------------

  /** The running stretch of a fiber is over: adds it to the trace. */
  private endStretch(): void {
    const number = this.currentNumber
    if (number >= 0) {
      const steps = this.steps - this.stepsAtSwitch
      this.hash.fold(number, steps)
      if (this.steps >= this.hash.markDue) this.hash.mark(this.steps)
      if (this.record && this.current !== undefined) {
        this.records.push({
          step: this.stepsAtSwitch,
          steps,
          atMs: this.nowMs,
          fiber: number,
          name: fiberName(this.current)
        })
      }
    }
    this.stepsAtSwitch = this.steps
    this.current = undefined
    this.currentNumber = -1
  }

  private dispatch(): void {
    let index = this.chosen
    this.chosen = -1
    if (index < 0) {
      index = 0
      if (this.tasks.length > 1) {
        this.decision.current = -1
        this.decision.runnable = this.tasks.length
        index = this.chooser(this.decision)
        this.choices.noteSchedule(index)
      }
    }
    this.arriving = this.tasks.ownerAt(index)
    this.tasks.take(index)()
    this.arriving = -1
  }

  /** Moves the clock to the next timer and makes all timers of that instant runnable. False when there is none. */
  private fireTimers(): boolean {
    const at = this.timers.nextAt()
    if (at === undefined) return false
    if (at > this.nowMs) this.nowMs = at
    this.hash.fold(-1, Math.round(at * 1000) | 0)
    for (let timer = this.timers.takeDue(this.nowMs); timer !== undefined; timer = this.timers.takeDue(this.nowMs)) {
      const due = timer
      this.tasks.push(() => {
        const fire = due.fire
        due.fire = undefined
        fire?.()
      }, due.owner)
    }
    return true
  }

  /** A run that is given up has taken exactly `stepsMax` steps: with that limit its token replays to the same end. */
  private overLimit(): boolean {
    if (this.steps > this.stepsMax) {
      this.steps = this.stepsMax
      this.aborted = true
      return true
    }
    this.spinning ??= new Map()
    this.spinning.set(this.currentNumber, (this.spinning.get(this.currentNumber) ?? 0) + 1)
    return false
  }

  /** Keeps a long run with many short fibers from growing; waits for twice the rest, to cost little per fiber. */
  private prune(): void {
    this.fibers = this.fibers.filter((fiber, i) => {
      const exit = fiber.pollUnsafe()
      return i === 0 || exit === undefined || (Exit.isFailure(exit) && Exit.hasDies(exit))
    })
    this.fibersAtPrune = Math.max(fibersKept, 2 * this.fibers.length)
  }

  // Services ----------------------------------------------------------------------------------------------------------

  private context(): Context.Context<RunContext> {
    const data = (n: number) => this.choices.choose("data", n)
    return Context.empty().pipe(
      Context.add(RunContext, {
        choose: (stream: Stream, n: number) => this.choices.choose(stream, n),
        fault: (kind: string) => count(this.faults, kind),
        reach: (name: string) => count(this.reached, name),
        tell: (what: () => string) => {
          if (this.record)
            this.told.push({ step: this.steps, atMs: this.nowMs, fiber: this.currentNumber, text: what() })
        },
        note: (name: string, value: string) => void this.notes.set(name, value),
        hold: (kind: string, what: string) => this.hold(kind, what),
        shiftWallClock: (ms: number) => {
          this.wallOffsetMs += ms
        },
        steps: () => this.steps,
        defects: () => this.defects()
      }),
      Context.add(Clock.Clock, this.clock()),
      Context.add(Random.Random, {
        nextIntUnsafe: () => data(2 ** 32) * 2 ** 21 + data(2 ** 21) - 2 ** 52,
        nextDoubleUnsafe: () => data(2 ** 32) / 2 ** 32
      }),
      Context.add(
        Tracer.Tracer,
        makeTracer(() => data(2 ** 32))
      ),
      Context.add(Metric.MetricRegistry, new Map()),
      Context.add(Logger.CurrentLoggers, new Set())
    )
  }

  private clock(): Clock.Clock {
    const millis = () => epochMs + Math.floor(this.nowMs + this.wallOffsetMs)
    const monotonic = () => BigInt(Math.round(this.nowMs * 1e6))
    const nanos = () => BigInt(epochMs) * 1_000_000n + BigInt(Math.round((this.nowMs + this.wallOffsetMs) * 1e6))
    return {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: monotonic,
      monotonicTimeNanos: Effect.sync(monotonic),
      sleep: (duration) => this.sleep(Math.max(0, Duration.toMillis(duration)))
    }
  }

  private sleep(ms: number): Effect.Effect<void> {
    if (!Number.isFinite(ms)) return Effect.never
    return Effect.callback<void>((resume) => {
      const timer = this.timers.add(this.nowMs + ms, this.currentNumber, () => resume(Effect.void))
      return Effect.sync(() => {
        timer.fire = undefined
      })
    })
  }

  private hold(kind: string, what: string): () => void {
    const held: Held = { kind, what, by: this.fiberInCharge() }
    this.held.add(held)
    return () => void this.held.delete(held)
  }

  // Reports -----------------------------------------------------------------------------------------------------------

  /** The fiber that is running, for a report: `fiber 3 in name (place)`. */
  fiberInCharge(): string {
    return this.current === undefined ? "" : describeFiber(this.currentNumber, this.current)
  }

  /** Fibers of the run that have not ended. */
  unfinished(): ReadonlyArray<string> {
    return this.fibers
      .filter((fiber) => fiber.pollUnsafe() === undefined)
      .map((fiber) => describeFiber(this.numberOf(fiber), fiber))
  }

  /** Defects with which fibers other than the root ended, whoever may have handled them. */
  defects(): ReadonlyArray<string> {
    return this.fibers.slice(1).flatMap((fiber) => {
      const exit = fiber.pollUnsafe()
      if (exit === undefined || exit._tag === "Success") return []
      return exit.cause.reasons.flatMap((reason) =>
        reason._tag === "Die" ? [`${describeFiber(this.numberOf(fiber), fiber)}: ${describeError(reason.defect)}`] : []
      )
    })
  }

  /** Fibers that took part in the last steps before the limit, the busiest first. */
  spinners(): ReadonlyArray<string> {
    const byNumber = new Map(this.fibers.map((fiber) => [this.numberOf(fiber), fiber]))
    return Array.from(this.spinning ?? [])
      .toSorted((a, b) => b[1] - a[1])
      .flatMap(([number, steps]) => {
        const fiber = byNumber.get(number)
        return fiber === undefined ? [] : [`${describeFiber(number, fiber)}: ${steps} steps`]
      })
  }
}

const describeFiber = (number: number, fiber: AnyFiber): string => {
  const name = fiberName(fiber)
  return name === "" ? `fiber ${number}` : `fiber ${number} in ${name}`
}

const count = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

/** Effect keeps this in a field that its types do not show; the test of lost interruptions guards it. */
const isInterrupted = (fiber: object): boolean => "_interruptedCause" in fiber && fiber._interruptedCause !== undefined
