/**
 * The processes of a machine, as its kernel keeps them: who is whose parent, in which group, what signals do, and who
 * is a zombie. Each call is one step in which no process can see a half of it; what follows from it (fibers to start
 * and to stop, news for parents) is left to the machine, which is told that it has to attend to a process.
 */
import { Deferred, type Fiber, Latch } from "effect"
import type { PipeReader, PipeWriter } from "./Pipe.ts"
import type { Disposition, Ending, ProcessInfo, Program } from "./Process.ts"
import { defaultAction, isForced, type Signal } from "./Signal.ts"

/** What a descriptor leads to; neither end: nowhere. */
export interface Descriptor {
  readonly reader?: PipeReader
  readonly writer?: PipeWriter
}

/** What a process is made of. */
export interface Image {
  readonly ppid: number
  /** undefined: a group of its own. */
  readonly group: number | undefined
  readonly program: Program
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly descriptors: Map<number, Descriptor>
  readonly ignores: ReadonlyArray<Signal>
  readonly waitedFor: boolean
}

export interface Entry extends Omit<Image, "group" | "ignores" | "ppid"> {
  readonly pid: number
  readonly group: number
  readonly start: number
  readonly dispositions: Map<Signal, Disposition>
  /** Closed while the process is stopped. */
  readonly running: Latch.Latch
  readonly ended: Deferred.Deferred<Ending>
  /** The fibers of `main` and of handlers. */
  readonly fibers: Set<Fiber.Fiber<unknown, unknown>>
  /** Handlers that are due; one that is due already is not due twice, as with signals. */
  readonly due: Set<Exclude<Disposition, string>>
  /** Signals that wait for SIGCONT. */
  readonly pending: Set<Signal>
  ppid: number
  state: ProcessInfo["state"]
  ending: Ending | undefined
  started: boolean
}

export interface TableOptions {
  /** There is something to do about a process. */
  readonly attend: (entry: Entry) => void
  /** A process has left the table. */
  readonly departed: () => void
  /** Does something that nobody may see a half of. */
  readonly whole: (call: () => void) => void
}

/** Pid of the process that adopts orphans. */
export const initPid = 1

/** Pids go up and none comes twice, so that a stale one never hits another process. */
const pidMin = 1_000

export class ProcessTable {
  private readonly entries = new Map<number, Entry>()
  private readonly starts = new Map<string, number>()
  private readonly options: TableOptions
  private pidNext = pidMin

  constructor(options: TableOptions) {
    this.options = options
  }

  get size(): number {
    return this.entries.size
  }

  all(): ReadonlyArray<Entry> {
    return Array.from(this.entries.values())
  }

  /** A pid that no process has. */
  takePid(): number {
    return this.pidNext++
  }

  add(image: Image): Entry {
    const pid = this.takePid()
    const start = (this.starts.get(image.command) ?? 0) + 1
    this.starts.set(image.command, start)
    const ignores = [...image.ignores, ...(image.program.ignores ?? [])]
    const entry: Entry = {
      ...image,
      pid,
      group: image.group ?? pid,
      start,
      dispositions: new Map(ignores.map((signal) => [signal, "ignore"])),
      running: Latch.makeUnsafe(true),
      ended: Deferred.makeUnsafe(),
      fibers: new Set(),
      due: new Set(),
      pending: new Set(),
      state: "running",
      ending: undefined,
      started: false
    }
    this.options.whole(() => {
      this.entries.set(pid, entry)
      this.options.attend(entry)
    })
    return entry
  }

  get(pid: number): Entry | undefined {
    return this.entries.get(pid)
  }

  /** A member of the group is in the table, be it as a zombie. */
  hasGroup(group: number): boolean {
    return this.all().some((entry) => entry.group === group)
  }

  /** Sends to a process or, by its negative number, to a group. False when there is none. */
  signal(target: number, signal: Signal): boolean {
    const reached = this.all().filter(({ group, pid }) => (target < 0 ? group === -target : pid === target))
    this.options.whole(() => reached.forEach((entry) => this.deliver(entry, signal)))
    return reached.length > 0
  }

  end(entry: Entry, ending: Ending): void {
    if (entry.ending !== undefined) return
    this.options.whole(() => {
      entry.state = "zombie"
      entry.ending = ending
      for (const fd of Array.from(entry.descriptors.keys())) this.close(entry, fd)
      this.orphan(entry.pid)
      this.options.attend(entry)
    })
  }

  close(entry: Entry, fd: number): void {
    const descriptor = entry.descriptors.get(fd)
    entry.descriptors.delete(fd)
    this.options.whole(() => {
      descriptor?.reader?.close()
      descriptor?.writer?.close()
    })
  }

  /** The parent of this pid is gone: init adopts its children. */
  orphan(ppid: number): void {
    this.options.whole(() => {
      for (const entry of this.all()) {
        if (entry.ppid !== ppid) continue
        entry.ppid = initPid
        this.options.attend(entry)
      }
    })
  }

  /** The parent knows of the end. */
  reap(entry: Entry): void {
    this.options.whole(() => {
      if (this.entries.delete(entry.pid)) this.options.departed()
    })
  }

  private deliver(entry: Entry, signal: Signal): void {
    if (entry.ending !== undefined) return
    if (signal === "SIGCONT") this.continue(entry)
    if (entry.state === "stopped" && !isForced(signal)) {
      entry.pending.add(signal)
      return
    }
    const disposition = isForced(signal) ? "default" : (entry.dispositions.get(signal) ?? "default")
    if (disposition === "ignore") return
    if (disposition !== "default") {
      entry.due.add(disposition)
      this.options.attend(entry)
      return
    }
    const action = defaultAction(signal)
    if (action === "end") this.end(entry, { _tag: "signalled", signal })
    if (action === "stop") {
      entry.state = "stopped"
      entry.running.closeUnsafe()
    }
  }

  private continue(entry: Entry): void {
    if (entry.state !== "stopped") return
    entry.state = "running"
    this.options.attend(entry)
    const pending = Array.from(entry.pending)
    entry.pending.clear()
    for (const signal of pending) this.deliver(entry, signal)
  }
}
