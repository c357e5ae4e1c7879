/**
 * The state of a modelled supervisord: its groups of processes, its configuration file, its logs and its clock. It is
 * changed in place, each change of a process by one event of the machine in `SupervisordState`.
 *
 * Nothing happens by itself: `settle` carries out what has become due, each at its own time, before anything is asked.
 */
import { LogFile } from "./SupervisordLog.ts"
import { mainLogLine, narrate } from "./SupervisordMainLog.ts"
import type { Level } from "./SupervisordMainLog.ts"
import { automatic, groupsOf, isSameGroup } from "./SupervisordProgram.ts"
import type { Channel, GroupConfig, Program, ProgramSpec } from "./SupervisordProgram.ts"
import { added, dueMs, step } from "./SupervisordState.ts"
import type { ModelProcess, Moment, ProcessEvent } from "./SupervisordState.ts"

/** The place of a process in its group. */
export interface Cell {
  readonly group: Group
  process: ModelProcess
}

export interface Group {
  readonly config: GroupConfig
  readonly cells: ReadonlyMap<string, Cell>
}

export interface NodeOptions {
  readonly programs: ReadonlyArray<ProgramSpec>
  readonly identifier: string
  /** How often supervisord looks at its timers; 0 is at once. */
  readonly turnMs: number
  /** Process id of supervisord, before those of the programs. */
  readonly pid: number
}

/** What names a program by group and process: `group:name`, or the name when both are equal. */
export const nameOf = ({ group, name }: Program): string => (group === name ? name : `${group}:${name}`)

const utf8 = new TextEncoder()

/** Paths of automatic logs differ in so many characters. */
const uniqueCharacters = 8

export class SupervisordNode {
  readonly mainLogPath = "/var/log/supervisor/supervisord.log"
  readonly identifier: string
  pid: number
  mood: "running" | "restarting" | "shutdown" = "running"
  groups = new Map<string, Group>()
  /** The groups that the file had when it was last read. */
  config: ReadonlyArray<GroupConfig> = []
  mainLog = new LogFile()
  /** The file as it is now: its groups, or what is wrong with it. */
  private file: ReadonlyArray<GroupConfig> | string
  private readonly logs = new Map<string, LogFile>()
  private readonly turnMs: number
  private lastPid: number
  private boots = 0
  private nowMs = 0
  /** What the node's clock is ahead of `nowMs`. */
  private clockAheadMs = 0
  private nextDueMs = Infinity
  /** All cells by group and name, until groups come or go. */
  private sorted: ReadonlyArray<Cell> | undefined = undefined

  constructor(options: NodeOptions, at: Moment) {
    this.identifier = options.identifier
    this.turnMs = options.turnMs
    this.pid = options.pid
    this.lastPid = options.pid
    this.file = groupsOf(options.programs)
    this.nowMs = at.nowMs
    this.clockAheadMs = at.clockMs - at.nowMs
  }

  // Time --------------------------------------------------------------------------------------------------------------

  get clockMs(): number {
    return this.nowMs + this.clockAheadMs
  }

  /** Carries out all that is due at `nowMs`, in the order in which it became due. */
  settle(nowMs: number): void {
    while (this.nextDueMs <= nowMs) {
      const next = this.earliest()
      const atMs = next === undefined ? Infinity : this.turn(next.process)
      this.nextDueMs = atMs
      if (next === undefined || atMs > nowMs) break
      this.nowMs = Math.max(this.nowMs, atMs)
      this.apply(next, this.dueEvent(next.process))
    }
    this.nowMs = Math.max(this.nowMs, nowMs)
  }

  /** Sets the node's clock forward or back. What is due at `nowMs` must have been settled. */
  shiftClock(ms: number): void {
    this.clockAheadMs += ms
    for (const cell of this.cells()) this.apply(cell, { _tag: "ClockShift", at: this.moment(), ms })
  }

  moment(): Moment {
    return { nowMs: this.nowMs, clockMs: this.clockMs }
  }

  private earliest(): Cell | undefined {
    let first: Cell | undefined
    let firstMs = Infinity
    for (const cell of this.cells()) {
      const atMs = this.turn(cell.process)
      if (atMs >= firstMs) continue
      first = cell
      firstMs = atMs
    }
    return first
  }

  /** When the next change of a process is noticed: what a program does at once, timers at the next turn. */
  private turn(process: ModelProcess): number {
    if (this.turnMs === 0) return dueMs(process)
    const timerMs = Math.ceil(process.timerMs / this.turnMs) * this.turnMs
    return dueMs({ ...process, timerMs })
  }

  private dueEvent(process: ModelProcess): ProcessEvent {
    const at = this.moment()
    const { end, prints, state, timerMs } = process
    const print = prints[0]
    const atMs = this.turn(process)
    if (print !== undefined && print.atMs <= atMs) return { _tag: "Printed" }
    // One that has been up for startsecs was RUNNING, if only for a moment.
    const wasUp = state === "STARTING" && end !== undefined && timerMs <= end.atMs
    if (end !== undefined && end.atMs <= atMs && !wasUp) return { _tag: "End", at, status: end.status }
    return { _tag: "Timer", at, pid: this.lastPid + 1, maySpawn: this.mood === "running" }
  }

  // Processes ---------------------------------------------------------------------------------------------------------

  /** All cells, sorted by group and name. */
  cells(): ReadonlyArray<Cell> {
    this.sorted ??= Array.from(this.groups.values())
      .flatMap((group) => Array.from(group.cells.values()))
      .toSorted((a, b) => compare(a.process.program, b.process.program))
    return this.sorted
  }

  /** All cells, sorted by the priorities of group and process. */
  cellsByPriority(): ReadonlyArray<Cell> {
    return Array.from(this.groups.values())
      .toSorted((a, b) => a.config.priority - b.config.priority)
      .flatMap(byPriority)
  }

  find(group: string, name: string): Cell | undefined {
    return this.groups.get(group)?.cells.get(name)
  }

  /** Spawns a process, and notices at once when its program has ended already. */
  spawn(cell: Cell): void {
    this.apply(cell, { _tag: "Spawn", at: this.moment(), pid: this.lastPid + 1 })
    const { end } = cell.process
    if (end !== undefined && end.atMs <= this.nowMs) {
      this.apply(cell, { _tag: "End", at: this.moment(), status: end.status })
    }
  }

  apply(cell: Cell, event: ProcessEvent): void {
    const before = cell.process
    const after = step(before, event)
    if (event._tag === "Printed") this.print(before)
    cell.process = after
    if (after.pid > this.lastPid) this.lastPid = after.pid
    if (before.pid === 0 && after.pid !== 0) this.openLogs(after.program)
    for (const [level, message] of narrate(before, after, event)) this.log(level, message)
    const due = this.turn(after)
    if (due < this.nextDueMs) this.nextDueMs = due
  }

  // Logs --------------------------------------------------------------------------------------------------------------

  log(level: Level, message: string): void {
    this.mainLog.append(utf8.encode(mainLogLine(this.clockMs, level, message)), 0)
  }

  /** The path of a log; "" when output goes nowhere. */
  logPath = (program: Program, channel: Channel): string => {
    const target = channel === "stdout" ? program.stdoutLog : program.stderrLog
    if (target !== automatic) return target
    const unique = `${program.group}${this.boots}`.replace(/[^a-z0-9]/gi, "_").slice(-uniqueCharacters)
    const random = unique.padStart(uniqueCharacters, "_")
    return `/var/log/supervisor/${program.name}-${channel}---${this.identifier}-${random}.log`
  }

  /** The log of a process; undefined when there is none, or not yet. */
  logOf(program: Program, channel: Channel): LogFile | undefined {
    return this.logs.get(this.logPath(program, channel))
  }

  /** What the program of a process prints, when it runs and its output goes anywhere. */
  write(process: ModelProcess, channel: Channel, bytes: Uint8Array): void {
    const { program } = process
    const to = channel === "stderr" && program.redirectStderr ? "stdout" : channel
    if (process.pid !== 0) this.logOf(program, to)?.append(bytes, program.logBytesMax)
  }

  private print(process: ModelProcess): void {
    const print = process.prints[0]?.print
    if (print === undefined) return
    const bytes = typeof print.text === "string" ? utf8.encode(print.text) : print.text
    this.write(process, print.channel ?? "stdout", bytes)
  }

  private openLogs(program: Program): void {
    for (const channel of ["stdout", "stderr"] as const) {
      const path = this.logPath(program, channel)
      if (path !== "" && !this.logs.has(path)) this.logs.set(path, new LogFile())
    }
  }

  // Configuration -----------------------------------------------------------------------------------------------------

  /** Writes the file anew; nothing reads it yet. A text is what is wrong with it. */
  writeFile(file: ReadonlyArray<ProgramSpec> | string): void {
    this.file = typeof file === "string" ? file : groupsOf(file)
  }

  /** Reads the file; what is wrong with it, if it is. */
  reread(): string | undefined {
    if (typeof this.file === "string") return this.file
    this.config = this.file
    return undefined
  }

  /** How the file as it was last read differs from what is active: names of groups. */
  diff(): { readonly added: Array<string>; readonly changed: Array<string>; readonly removed: Array<string> } {
    const names = new Set(this.config.map(({ name }) => name))
    const isNew = ({ name }: GroupConfig) => !this.groups.has(name)
    const isChanged = (config: GroupConfig) => {
      const active = this.groups.get(config.name)
      return active !== undefined && !isSameGroup(active.config, config)
    }
    return {
      added: this.config.filter(isNew).map(({ name }) => name),
      changed: this.config.filter(isChanged).map(({ name }) => name),
      removed: Array.from(this.groups.keys()).filter((name) => !names.has(name))
    }
  }

  /** Makes a group active and starts what is to be started by itself; false when it is active already. */
  addGroup(config: GroupConfig): boolean {
    if (this.groups.has(config.name)) return false
    const cells = new Map<string, Cell>()
    const group: Group = { config, cells }
    for (const program of config.programs) {
      cells.set(program.name, { group, process: added(program) })
      if (program.stdoutLog === automatic || program.stderrLog === automatic) this.openAutomatic(program)
    }
    this.groups.set(config.name, group)
    this.sorted = undefined
    this.nextDueMs = 0
    this.settle(this.nowMs)
    return true
  }

  removeGroup(name: string): void {
    this.groups.delete(name)
    this.sorted = undefined
  }

  private openAutomatic(program: Program): void {
    for (const channel of ["stdout", "stderr"] as const) {
      const path = this.logPath(program, channel)
      const target = channel === "stdout" ? program.stdoutLog : program.stderrLog
      if (target === automatic && !this.logs.has(path)) this.logs.set(path, new LogFile())
    }
  }

  // Life --------------------------------------------------------------------------------------------------------------

  /** Starts as a fresh supervisord that reads its file; what is wrong with the file, if it is. */
  boot(nowMs: number): string | undefined {
    this.nowMs = nowMs
    this.mood = "running"
    this.boots++
    this.groups = new Map()
    this.sorted = undefined
    this.nextDueMs = Infinity
    const problem = this.reread()
    if (problem !== undefined) return problem
    this.log("INFO", "RPC interface 'supervisor' initialized")
    this.log("INFO", `supervisord started with pid ${this.pid}`)
    for (const config of this.config) this.addGroup(config)
    return undefined
  }

  /** Another process id, as after a start from outside. */
  renumber(): void {
    this.pid = ++this.lastPid
  }

  /** Everything that ran is gone, as when the power fails. */
  powerOff(): void {
    this.groups = new Map()
    this.sorted = undefined
    this.nextDueMs = Infinity
  }
}

/** The cells of a group by priority. */
export const byPriority = (group: Group): ReadonlyArray<Cell> =>
  Array.from(group.cells.values()).toSorted((a, b) => a.process.program.priority - b.process.program.priority)

const compare = (a: Program, b: Program): number =>
  a.group === b.group ? compareTexts(a.name, b.name) : compareTexts(a.group, b.group)

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
