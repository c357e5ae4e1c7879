/**
 * A program of a modelled supervisord: its section of the configuration file, and the script of what it does when run.
 *
 * Times of the script are in virtual milliseconds; supervisord's own settings in seconds, as in its file.
 */

/** One run of a program. */
export interface Run {
  /** How long it lasts by itself; undefined for ever. 0 is so short that a start is refused with SPAWN_ERROR. */
  readonly forMs: number | undefined
  /** Exit status; below 0 it dies by the signal of that number. Default 1. */
  readonly exit?: number
}

export type Channel = "stdout" | "stderr"

/** Something that a program prints, once or again and again. */
export interface Print {
  /** After the start of the run. */
  readonly afterMs: number
  /** Again each time so much has passed; at least 1. Default: once. */
  readonly everyMs?: number
  /** Default stdout. */
  readonly channel?: Channel
  /** Bytes, for what is no UTF-8. */
  readonly text: string | Uint8Array
}

/** Where output goes: a path, a file that supervisord names itself, or nowhere. */
export type LogTarget = { readonly path: string } | "auto" | "none"

/** What a scenario says of a program. */
export interface ProgramSpec {
  readonly group: string
  readonly name: string
  readonly startSecs: number
  readonly startRetries: number
  readonly stopWaitSecs: number
  /** How long it takes to end after the stop signal; over stopWaitSecs it is killed. */
  readonly stopTakesMs: number
  /** How long a run lasts by itself, ending with status 1; undefined for ever. `runs` says more. */
  readonly runsForMs: number | undefined

  /** Default true. */
  readonly autostart?: boolean
  /** Default `unexpected`: when the exit status is not among `exitcodes`. */
  readonly autorestart?: boolean | "unexpected"
  /** Default 0 alone. */
  readonly exitcodes?: ReadonlyArray<number>
  /** Default `/usr/bin/<name>`. */
  readonly command?: string
  /** Lower ones start first. Default 999. */
  readonly priority?: number
  /** Of its group; the first program of the group decides. Default: that of the program when it is its own group. */
  readonly groupPriority?: number
  /** Number of the signal. Default 15, SIGTERM. */
  readonly stopSignal?: number
  readonly redirectStderr?: boolean
  /** Default `/var/log/<name>.log`, or `/var/log/<group>-<name>.log`. */
  readonly stdoutLog?: LogTarget
  /** Default none. */
  readonly stderrLog?: LogTarget
  /** A log that reaches this size is begun anew; 0 never. Default 50 MiB, as supervisord has it. */
  readonly logBytesMax?: number

  /** What is wrong with its command: no such file, or one that may not be executed. Default: nothing. */
  readonly broken?: "no file" | "not executable"
  /** The n-th run takes the n-th entry, all later ones the last. Default: `runsForMs`, each time. */
  readonly runs?: ReadonlyArray<Run>
  /** Exit status after the stop signal; below 0 it dies by the signal of that number. Default 0. */
  readonly stopExit?: number
  /** Numbers of signals that it does not mind. The stop signal is better made late by `stopTakesMs`. */
  readonly ignores?: ReadonlyArray<number>
  readonly prints?: ReadonlyArray<Print>
  /** Prints what it reads, like `cat`. */
  readonly echoes?: boolean
  /** Does not read: writing to it fails. */
  readonly closesStdin?: boolean
}

/** A program with every default filled in. Log targets other than `auto` are paths; "" is nowhere. */
export interface Program {
  readonly spec: ProgramSpec
  readonly group: string
  readonly name: string
  readonly startSecs: number
  readonly startRetries: number
  readonly stopWaitSecs: number
  readonly autostart: boolean
  readonly autorestart: boolean | "unexpected"
  readonly exitcodes: ReadonlyArray<number>
  readonly command: string
  readonly priority: number
  readonly stopSignal: number
  readonly redirectStderr: boolean
  readonly stdoutLog: string
  readonly stderrLog: string
  readonly logBytesMax: number
  readonly runs: ReadonlyArray<Run>
  readonly stopExit: number
}

/** A group of the configuration file. */
export interface GroupConfig {
  readonly name: string
  readonly priority: number
  readonly programs: ReadonlyArray<Program>
}

const priorityDefault = 999
const logBytesMaxDefault = 50 * 1_048_576

/** The target of an automatic log, which gets its name when supervisord starts. */
export const automatic = "auto"

const complete = (spec: ProgramSpec): Program => ({
  spec,
  group: spec.group,
  name: spec.name,
  startSecs: spec.startSecs,
  startRetries: spec.startRetries,
  stopWaitSecs: spec.stopWaitSecs,
  autostart: spec.autostart ?? true,
  autorestart: spec.autorestart ?? "unexpected",
  exitcodes: spec.exitcodes ?? [0],
  command: spec.command ?? `/usr/bin/${spec.name}`,
  priority: spec.priority ?? priorityDefault,
  stopSignal: spec.stopSignal ?? 15,
  redirectStderr: spec.redirectStderr ?? false,
  stdoutLog: target(spec.stdoutLog ?? { path: `/var/log/${fileName(spec)}.log` }),
  stderrLog: spec.redirectStderr === true ? "" : target(spec.stderrLog ?? "none"),
  logBytesMax: spec.logBytesMax ?? logBytesMaxDefault,
  runs: spec.runs ?? [{ forMs: spec.runsForMs }],
  stopExit: spec.stopExit ?? 0
})

const fileName = ({ group, name }: ProgramSpec): string => (group === name ? name : `${group}-${name}`)

const target = (log: LogTarget): string => (log === "none" ? "" : log === "auto" ? automatic : log.path)

/** The groups of a file in supervisord's order: by priority, then as they come. */
export const groupsOf = (specs: ReadonlyArray<ProgramSpec>): ReadonlyArray<GroupConfig> => {
  const groups = new Map<string, { readonly priority: number; readonly programs: Array<Program> }>()
  for (const spec of specs) {
    const program = complete(spec)
    const group = groups.get(spec.group)
    if (group !== undefined) group.programs.push(program)
    else groups.set(spec.group, { priority: groupPriority(spec), programs: [program] })
  }
  return Array.from(groups, ([name, group]) => ({ name, ...group })).toSorted((a, b) => a.priority - b.priority)
}

const groupPriority = (spec: ProgramSpec): number =>
  spec.groupPriority ?? (spec.group === spec.name ? (spec.priority ?? priorityDefault) : priorityDefault)

/** Whether supervisord sees a difference: it compares settings, and knows nothing of what a program does. */
export const isSameGroup = (a: GroupConfig, b: GroupConfig): boolean => settings(a) === settings(b)

const settings = (group: GroupConfig): string =>
  JSON.stringify([
    group.name,
    group.priority,
    group.programs.map(({ runs: _runs, spec: _spec, stopExit: _stopExit, ...seen }) => seen)
  ])
