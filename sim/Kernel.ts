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
 * - Effect tells its fiber metrics of each fiber that starts, which gives the tree of forks.
 *
 * Not modelled: code takes no virtual time, so a timer overtakes a fiber that is runnable only where a scenario lets
 * timers be late (`slowCode`). Wider than real: a fiber that was started immediately may be preempted before its first
 * step.
 */
import { Context, Effect, type Exit, Fiber, type Scheduler } from "effect"
import { Choices, scheduling } from "./Choices.ts"
import type { ChoiceSource } from "./Choices.ts"
import { count } from "./Count.ts"
import { FiberNumbers } from "./FiberNumbers.ts"
import { FiberSteps } from "./FiberSteps.ts"
import { describeFiber, Fibers, isInterrupted } from "./Fibers.ts"
import type { AnyFiber } from "./Fibers.ts"
import { Hosts } from "./Hosts.ts"
import { Interrupts } from "./Interrupts.ts"
import { Invariants } from "./Invariants.ts"
import { kernelContext } from "./KernelContext.ts"
import { Lineage } from "./Lineage.ts"
import { Recorder } from "./Recorder.ts"
import type { RunContext } from "./RunContext.ts"
import type { Ratio } from "./Rules.ts"
import type { Chooser, Strategy } from "./Strategy.ts"
import type { Maker } from "./Permits.ts"
import { SpinWatch } from "./SpinWatch.ts"
import { TaskQueue } from "./TaskQueue.ts"
import { Timers } from "./Timers.ts"
import type { Timer } from "./Timers.ts"
import type { Held } from "./Trace.ts"
import { TraceHash } from "./TraceHash.ts"
import { warmUp } from "./WarmUp.ts"

Effect.runForkWith(Context.empty())(warmUp)

/** Effect needs two steps after a preemption to get back to where it was; yielding earlier would never progress. */
const stepsBeforeYield = 3

export interface KernelOptions {
  /** For the strategy; what programs draw comes from `source`. */
  readonly seed: number
  readonly strategy: Strategy
  readonly source: ChoiceSource
  readonly stepsMax: number
  /** Keeps the deviations; `story` keeps what is told, the switches and the operations too. */
  readonly record: "nothing" | "deviations" | "story"
}

/** How the loop ended: the root fiber is done, nothing can move any more, the step limit, or a broken invariant. */
export type Ending = "done" | "deadlock" | "step-limit" | "violated"

export class Kernel implements Scheduler.Scheduler {
  readonly executionMode = "async"
  readonly hash = new TraceHash()
  readonly choices: Choices
  readonly recorder: Recorder | undefined
  readonly reached = new Map<string, number>()
  readonly faults = new Map<string, number>()
  readonly notes = new Map<string, string>()
  /** What is outside of the simulation and has to be let go when the run is over. */
  readonly releases: Array<() => void> = []
  readonly held = new Set<Held>()
  readonly lineage = new Lineage()
  readonly hosts = new Hosts()
  readonly invariants = new Invariants()
  steps = 0
  nowMs = 0
  wallOffsetMs = 0
  /** How often the clock goes on although a fiber could run; a fault. The latest counts. */
  lateness: ReadonlyArray<Ratio> = []
  /** The invariant that broke, in words. */
  violation: string | undefined

  private readonly stepsMax: number
  private readonly spinWatch: SpinWatch
  /** The next step at which there is more to do than to choose: see `notice`. */
  private noticeAt: number
  private readonly record: boolean
  private readonly chooser: Chooser
  private readonly timers = new Timers()
  private readonly tasks = new TaskQueue()
  /** Which of `tasks` runs next when a preemption has already chosen; -1 otherwise. */
  private chosen = -1
  private current: AnyFiber | undefined
  private currentNumber = -1
  private lastNumber = -1
  /** Choices of a task while no fiber ran, since the last one stopped. */
  private picks = 0
  /** Fibers that were current when another went on on their stack, the innermost last. */
  private readonly below: Array<AnyFiber> = []
  /** 1 when the decision at hand may go back to the one below, else 0. */
  private stacked: 0 | 1 = 0
  /** Owner of the task being dispatched, until its first fiber shows up. */
  private arriving = -1
  /** The fiber that is about to put its own resumption into the queue because we told it to yield. */
  private yielding = -1
  /** The fiber that was just forked and whose body is about to be put into the queue. */
  private newborn = -1
  private stepsAtSwitch = 0
  /** Tasks that took no step. */
  private stepless = 0
  private readonly numbers = new FiberNumbers()
  /** The fiber of another runtime that has started this run, if any. */
  private readonly outside = Fiber.getCurrent()
  readonly fibers = new Fibers((fiber) => this.numberOf(fiber))
  private readonly own = new FiberSteps()
  private readonly interrupts = new Interrupts()
  private aborted = false
  private readonly decision
  private readonly dispatcher: Scheduler.SchedulerDispatcher

  constructor(options: KernelOptions) {
    this.stepsMax = options.stepsMax
    this.spinWatch = new SpinWatch(options.stepsMax)
    this.noticeAt = this.spinWatch.from
    this.record = options.record !== "nothing"
    this.recorder = options.record === "story" ? new Recorder() : undefined
    const pathOf = (fiber: number) => this.lineage.path(fiber)
    this.choices = new Choices({
      source: options.source,
      hash: this.hash,
      record: this.record,
      drawer: () => this.currentNumber,
      pathOf
    })
    this.chooser = options.strategy.begin(scheduling(options.seed))
    this.decision = {
      current: -1,
      resumed: -1,
      runnable: 0,
      fiberAt: (k: number) => this.fiberAt(k),
      subject: () => this.subject(),
      ownSteps: () => this.ownSteps(this.subject()),
      nth: () => this.nth(),
      pathOf
    }
    this.dispatcher = { scheduleTask: (task) => this.enqueue(task), flush: () => {} }
  }

  /** Runs the program to its end. Must not be called while another run is under way on this thread. */
  run<A, E>(
    program: Effect.Effect<A, E, RunContext>
  ): { readonly ending: Ending; readonly exit: Exit.Exit<A, E> | undefined } {
    const root = Effect.runForkWith(kernelContext(this))(program, { scheduler: this })
    for (;;) {
      this.endStretch()
      this.below.length = 0
      if (this.aborted) return { ending: this.violation === undefined ? "step-limit" : "violated", exit: undefined }
      const exit = root.pollUnsafe()
      if (exit !== undefined) return { ending: "done", exit }
      if (this.lateness.length > 0 && this.tasks.length > 0) this.letTimersBeLate()
      if (this.tasks.length === 0 && !this.fireTimers()) return { ending: "deadlock", exit: undefined }
      if (this.tasks.length === 0) continue
      const { steps } = this
      this.dispatch()
      // Where a program forbids yields no step is counted: the limit has to hold there too.
      if (this.steps === steps && ++this.stepless > this.stepsMax) this.abort()
    }
  }

  /** Lets what is runnable after the end of the program come to rest, without moving the clock. */
  settle(): void {
    while (this.tasks.length > 0 && !this.aborted) {
      this.dispatch()
      this.endStretch()
      this.below.length = 0
    }
  }

  // Scheduler ---------------------------------------------------------------------------------------------------------

  shouldYield(fiber: AnyFiber): boolean {
    if (fiber !== this.current) {
      const arrival = this.arrive(fiber)
      if (arrival !== "current") return arrival === "yields"
    }
    if (++this.steps > this.noticeAt && this.notice(fiber)) return true
    const stacked = this.below.length > 0 ? 1 : 0
    const others = this.tasks.length + stacked
    if (others === 0 || fiber.currentOpCount < stepsBeforeYield) return false
    this.stacked = stacked
    this.decision.current = this.currentNumber
    this.decision.runnable = others
    const choice = this.chooser(this.decision)
    this.choices.noteSchedule()
    if (choice === 0) return false
    if (this.record) this.recordChoice(choice, choice - 1)
    // To the one below it on the stack, which only needs this one to leave; or to a task, which all have to leave for.
    if (choice > stacked) this.chosen = choice - 1 - stacked
    this.yielding = this.currentNumber
    return true
  }

  /** Number of the k-th other fiber that could go on: first the one below the current one on the stack, if any. */
  private fiberAt(k: number): number {
    if (k >= this.stacked) return this.tasks.ownerAt(k - this.stacked)
    const top = this.below.at(-1)
    return top === undefined ? -1 : this.numberOf(top)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.dispatcher
  }

  /** A fiber starts: the one that runs has forked it, and will put it into the queue or run it at once. */
  born(): void {
    // Not always the current one: a fiber that was resumed on its stack may have ended in the meantime.
    const running = Fiber.getCurrent()
    const parent = running === this.outside ? undefined : running
    const parentNumber = parent === undefined ? -1 : this.numberOf(parent)
    const number = this.lineage.born(parentNumber)
    this.newborn = number
    if (this.recorder !== undefined && parent !== undefined) {
      const place = { ...this.place(), fiber: parentNumber }
      this.recorder.born(place, number, parent, parentNumber === this.currentNumber)
    }
    this.hosts.inherit(number, parentNumber)
  }

  private enqueue(task: () => void): void {
    const own = this.yielding >= 0 ? this.yielding : this.newborn
    this.yielding = -1
    this.newborn = -1
    // A fiber of a crashed host never runs again. What else such a fiber has set going (a queue about to wake its
    // takers) goes on: it may be shared with the living.
    if (own < 0) this.tasks.push(task, this.currentNumber)
    else if (!this.hosts.isDead(own)) this.tasks.push(task, own)
  }

  /**
   * A fiber that is not the current one runs. It becomes the current one when the task being dispatched is its own, or
   * when it is back after another went on on its stack. Otherwise it was resumed on the stack of another: it ends there
   * and then, goes on, or yields.
   */
  private arrive(fiber: AnyFiber): "current" | "yields" | "ends" {
    const known = this.numbers.known(fiber)
    const isNew = known === undefined
    const number = known ?? this.meet(fiber)
    this.newborn = -1
    if (this.hosts.isDead(number)) {
      this.yielding = number
      return "yields"
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
    this.stacked = 0
    this.own.resumed(number, this.ownSteps(number))
    this.decision.runnable = this.tasks.length
    const choice = this.chooser(this.decision)
    this.choices.noteSchedule()
    if (choice === 1 && this.record) this.recordChoice(1, -1)
    this.decision.resumed = -1
    return choice === 0
  }

  private numberOf(fiber: AnyFiber): number {
    return this.numbers.known(fiber) ?? this.numbers.identify(fiber, -1, this.lineage.size) ?? -1
  }

  /** A fiber runs for the first time: finds out which of those that were born it is. */
  private meet(fiber: AnyFiber): number {
    const expected = this.newborn >= 0 ? this.newborn : this.current === undefined ? this.arriving : -1
    let number = this.numbers.identify(fiber, expected, this.lineage.size)
    if (number === undefined) {
      // A program that replaces the fiber metrics hides births from us.
      number = this.lineage.born(this.currentNumber)
      this.hosts.inherit(number, this.currentNumber)
    }
    this.numbers.bind(fiber, number)
    this.fibers.add(fiber)
    return number
  }

  /** The strategy chose the k-th of the others that could go on; -1 where one that was resumed has to wait. */
  private recordChoice(choice: number, k: number): void {
    const subject = this.subject()
    const { current, resumed } = this.decision
    const kind = resumed >= 0 ? "held-back" : current >= 0 ? "preempted" : "picked"
    const to = k < 0 ? current : this.fiberAt(k)
    let skipped = 0
    for (let i = 0; i < k; i++) if (this.fiberAt(i) === to) skipped++
    const turn = { kind, nth: this.decision.nth(), to: this.lineage.path(to), skipped } as const
    this.choices.recordSchedule(choice, subject, this.ownSteps(subject), turn)
    this.recorder?.switched(this.place(), { kind, fiber: subject, to })
  }

  private subject(): number {
    const { resumed } = this.decision
    return resumed >= 0 ? resumed : this.currentNumber >= 0 ? this.currentNumber : this.lastNumber
  }

  private nth(): number {
    const { current, resumed } = this.decision
    if (resumed >= 0) return this.own.timesBefore(resumed)
    return current >= 0 ? 0 : this.picks
  }

  private ownSteps(number: number): number {
    return this.own.of(number) + (number === this.currentNumber ? this.steps - this.stepsAtSwitch : 0)
  }

  // Loop --------------------------------------------------------------------------------------------------------------

  /** The running stretch of a fiber is over: adds it to the trace. */
  private endStretch(): void {
    const number = this.currentNumber
    if (number >= 0) {
      const steps = this.steps - this.stepsAtSwitch
      this.hash.fold(number, steps)
      if (this.steps >= this.hash.markDue) this.hash.mark(this.steps)
      this.own.add(number, steps)
      if (this.recorder !== undefined && this.current !== undefined) {
        this.recorder.stretch({ step: this.stepsAtSwitch, steps, atMs: this.nowMs, fiber: number }, this.current)
      }
      if (this.invariants.size > 0) this.checkInvariants()
      this.lastNumber = number
      this.picks = 0
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
        this.stacked = 0
        this.decision.current = -1
        this.decision.runnable = this.tasks.length
        index = this.chooser(this.decision)
        this.choices.noteSchedule()
        if (index > 0 && this.record) this.recordChoice(index, index)
        this.picks++
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
    for (;;) {
      const due = this.timers.takeDue(this.nowMs)
      if (due === undefined) return true
      this.tasks.push(() => {
        const { fire } = due
        due.fire = undefined
        fire?.()
      }, due.owner)
    }
  }

  /** Sometimes lets the clock go on while fibers could run, as when their code takes long. */
  private letTimersBeLate(): void {
    const lateness = this.lateness.at(-1)
    if (lateness === undefined || this.timers.nextAt() === undefined) return
    if (this.choices.choose("faults", lateness.den) >= lateness.den - lateness.num) {
      count(this.faults, "slow code")
      this.fireTimers()
    }
  }

  /** What is due at a step beside the choice: an interruption, or the end of the run. True to yield. */
  private notice(fiber: AnyFiber): boolean {
    // Also with the fibers below on the stack, which are yet to leave after the run is given up.
    if (this.steps > this.spinWatch.from && this.overLimit()) return true
    if (this.aborted) return true
    const due = this.interrupts.due(this.steps)
    // Interrupting another fiber preempts this one, which has to be possible.
    if (due === undefined || (due.fiber !== fiber && fiber.currentOpCount < stepsBeforeYield)) return false
    this.interrupts.remove(due)
    this.renewNotice()
    if (due.fiber.pollUnsafe() !== undefined) return false
    const number = this.numberOf(due.fiber)
    count(this.faults, "interrupted")
    this.recorder?.tell(this.place(), `fault: ${describeFiber(number, due.fiber)} is interrupted`, { kind: "fault" })
    if (due.fiber === fiber) {
      fiber.interruptUnsafe()
      return false
    }
    this.tasks.push(() => due.fiber.interruptUnsafe(), number)
    this.chosen = this.tasks.length - 1
    this.yielding = this.currentNumber
    return true
  }

  /** A run that is given up has taken exactly `stepsMax` steps: with that limit its token replays to the same end. */
  private overLimit(): boolean {
    if (this.steps > this.stepsMax) {
      this.steps = this.stepsMax
      this.abort()
      return true
    }
    this.spinWatch.note(this.currentNumber)
    return false
  }

  private abort(): void {
    this.aborted = true
    this.noticeAt = -1
  }

  private checkInvariants(): void {
    this.violation ??= this.invariants.broken()
    if (this.violation !== undefined) this.abort()
  }

  // For services ------------------------------------------------------------------------------------------------------

  /** Registers a timer of the fiber that runs. */
  addTimer(afterMs: number, fire: () => void): Timer {
    return this.timers.add(this.nowMs + afterMs, this.currentNumber, fire)
  }

  /** Where a line of the story belongs. */
  place(): { readonly step: number; readonly atMs: number; readonly fiber: number } {
    return { step: this.steps, atMs: this.nowMs, fiber: this.currentNumber }
  }

  hold(kind: string, what: string): () => void {
    const held: Held = { kind, what, ...this.maker() }
    this.held.add(held)
    return () => void this.held.delete(held)
  }

  /** Who makes or takes something at this moment, for a report. */
  maker(): Maker {
    return { by: this.fiberInCharge(), host: this.hosts.hostOf(this.currentNumber) }
  }

  /** Interrupts a fiber after so many more steps of the run, if it has not ended by then. */
  interruptAfter(fiber: AnyFiber, steps: number): void {
    this.interrupts.add({ fiber, at: this.steps + steps })
    this.renewNotice()
  }

  private renewNotice(): void {
    if (!this.aborted) this.noticeAt = Math.min(this.spinWatch.from, this.interrupts.nextAt)
  }

  /** The fiber that runs, and all that it forks from now on, belong to this host. */
  enterHost(host: number): void {
    this.hosts.enter(host, this.currentNumber)
  }

  /** Stops all fibers of a host where they are. None of their code runs again, finalizers included. */
  killHost(host: number): void {
    this.hosts.kill(host)
    for (const held of this.held) if (held.host === host) this.held.delete(held)
    // A fiber that kills its own host stops before its next step: it has to arrive again.
    if (this.hosts.isDead(this.currentNumber)) this.endStretch()
  }

  // Reports -----------------------------------------------------------------------------------------------------------

  /** The fiber that is running, for a report: `fiber 3 in name (place)`. */
  fiberInCharge(): string {
    return this.current === undefined ? "" : describeFiber(this.currentNumber, this.current)
  }

  /** Fibers of the run that have not ended; those of crashed hosts do not count. */
  waiting(): ReadonlyArray<{ readonly number: number; readonly fiber: AnyFiber }> {
    return this.fibers.waiting().filter(({ number }) => !this.hosts.isDead(number))
  }

  /** Fibers that took part in the last steps before the limit, the busiest first. */
  spinners(): ReadonlyArray<string> {
    return this.spinWatch.report(this.fibers)
  }
}
