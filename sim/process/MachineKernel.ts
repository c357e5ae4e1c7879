/**
 * The part of a simulated machine that acts: one fiber that starts the programs of new processes, stops those of ended
 * ones, wakes who waits for a pipe, and tells parents.
 *
 * It does so in a fiber of its own because whoever causes it may belong to a host that crashes in the next moment.
 */
import { Cause, Deferred, Effect, Fiber, type Scope } from "effect"
import { Pipe } from "./Pipe.ts"
import { describeEnding, type Ending } from "./Process.ts"
import { type Entry, initPid, ProcessTable } from "./ProcessTable.ts"
import type { Host, System } from "./System.ts"
import * as SystemCalls from "./SystemCalls.ts"
import { Waiters } from "./Waiters.ts"

interface KernelParts extends Pick<System, "options" | "context" | "decide"> {
  /** Of the machine. */
  readonly scope: Scope.Scope
}

export class MachineKernel implements System {
  readonly options: System["options"]
  readonly context: System["context"]
  readonly decide: System["decide"]
  readonly departures = new Waiters()
  readonly table: ProcessTable
  private readonly scope: Scope.Scope
  private readonly hosts = new Set<Host>()
  /** Gone hosts, of whose processes some are not. */
  private readonly left = new Set<Host>()
  private readonly news = new Map<Entry, (ending: Ending) => void>()
  private readonly bell = new Waiters()
  /** What the fiber has to look after. */
  private readonly changed = new Set<Pipe>()
  private readonly attended = new Set<Entry>()
  private readonly tasks: Array<Effect.Effect<void>> = []
  private departed = false
  /** Calls under way: the bell rings when the outermost is done, so that nobody sees a half of one. */
  private depth = 0

  constructor({ context, decide, options, scope }: KernelParts) {
    this.options = options
    this.context = context
    this.decide = decide
    this.scope = scope
    this.table = new ProcessTable({
      attend: (entry) => void this.attended.add(entry),
      departed: () => {
        this.departed = true
      },
      whole: (call) => this.whole(call)
    })
  }

  pipe(): Pipe {
    const changed = (pipe: Pipe) => this.whole(() => void this.changed.add(pipe))
    return new Pipe({ bytesMax: this.options.pipeBytesMax, changed })
  }

  later(effect: Effect.Effect<void>): void {
    this.whole(() => void this.tasks.push(effect))
  }

  attach(): Host {
    const host: Host = { pid: this.table.takePid(), crashed: false, closes: new Set(), groups: new Map() }
    this.hosts.add(host)
    return host
  }

  detach(host: Host): void {
    this.whole(() => {
      this.hosts.delete(host)
      this.left.add(host)
      this.releaseGone(host)
      for (const close of host.closes) close()
      for (const entry of this.table.all()) if (entry.ppid === host.pid) this.news.delete(entry)
      this.table.orphan(host.pid)
    })
  }

  isAttached(pid: number): boolean {
    return Array.from(this.hosts).some((host) => host.pid === pid)
  }

  crash(): void {
    this.context.fault("process crash")
    for (const host of this.hosts) {
      const left = this.table.all().filter(({ ppid }) => ppid === host.pid)
      const what = () => `the program crashes and leaves ${left.map(describe).join(", ") || "no process"}`
      this.context.tell(what, { kind: "fault" })
      host.crashed = true
      for (const release of host.groups.values()) release()
      host.groups.clear()
      this.detach(host)
    }
  }

  whenEnded(entry: Entry, news: (ending: Ending) => void): void {
    this.news.set(entry, news)
  }

  /** The life of the machine. */
  readonly run: Effect.Effect<never> = Effect.suspend(() =>
    this.bell.until(() => this.departed || this.changed.size + this.attended.size + this.tasks.length > 0)
  ).pipe(Effect.andThen(Effect.suspend(() => this.work())), Effect.forever)

  private whole(call: () => void): void {
    this.depth++
    call()
    this.depth--
    if (this.depth === 0) this.bell.wake()
  }

  private work(): Effect.Effect<void> {
    const pipes = Array.from(this.changed)
    const entries = Array.from(this.attended)
    this.changed.clear()
    this.attended.clear()
    const starts = [
      ...this.tasks.splice(0).map((task) => this.fork(task)),
      ...entries.map((entry) => this.lookAfter(entry))
    ]
    for (const pipe of pipes) pipe.wake()
    if (this.departed) this.noteDepartures()
    return Effect.all(starts, { discard: true })
  }

  private fork<A>(effect: Effect.Effect<A>): Effect.Effect<Fiber.Fiber<A>> {
    return Effect.forkIn(effect, this.scope)
  }

  private lookAfter(entry: Entry): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (entry.ending !== undefined) return yield* this.bury(entry, entry.ending)
      if (entry.state === "running") entry.running.openUnsafe()
      const calls = SystemCalls.make(this.table, entry, this.options.processesMax)
      const handlers = Array.from(entry.due)
      entry.due.clear()
      if (!entry.started) {
        entry.started = true
        const main = Effect.suspend(() => entry.program.main(calls))
        yield* this.animate(entry, Effect.andThen(main, calls.exit))
      }
      for (const handler of handlers) yield* this.animate(entry, handler)
    })
  }

  /** Runs code of a process; a defect in it is the process's own, and ends it. */
  private animate(entry: Entry, code: Effect.Effect<void>): Effect.Effect<void> {
    const aborting = Effect.tapCause(code, (cause) =>
      Effect.sync(() => {
        if (Cause.hasDies(cause)) this.table.end(entry, { _tag: "signalled", signal: "SIGABRT" })
      })
    )
    return Effect.map(this.fork(aborting), (fiber) => {
      entry.fibers.add(fiber)
      fiber.addObserver(() => entry.fibers.delete(fiber))
    })
  }

  /** The process has ended: its fibers stop, its parent reaps it, and who waits for that learns of it. */
  private bury(entry: Entry, ending: Ending): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const stays = entry.ppid === initPid ? !this.options.initReaps : entry.waitedFor
      if (!stays) this.table.reap(entry)
      if (Deferred.isDoneUnsafe(entry.ended)) return
      this.context.tell(() => `${describe(entry)} ${describeEnding(ending)}`)
      // One that was killed while it was stopped has finalizers that wait to go on.
      entry.running.openUnsafe()
      yield* this.fork(Fiber.interruptAll(Array.from(entry.fibers)))
      yield* Deferred.succeed(entry.ended, ending)
      this.news.get(entry)?.(ending)
      this.news.delete(entry)
    })
  }

  private noteDepartures(): void {
    this.departed = false
    for (const host of [...this.hosts, ...this.left]) this.releaseGone(host)
    this.departures.wake()
  }

  /** Processes that are gone are held by nobody. */
  private releaseGone(host: Host): void {
    for (const [leader, release] of host.groups) {
      if (this.table.get(leader.pid) !== undefined || this.table.hasGroup(leader.pid)) continue
      host.groups.delete(leader)
      release()
    }
    if (host.groups.size === 0) this.left.delete(host)
  }
}

const describe = ({ command, pid }: Entry): string => `${command} (pid ${pid})`
