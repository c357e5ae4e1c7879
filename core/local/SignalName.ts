/** Signals as people write them: `HUP`, `SIGHUP` or `1`, as supervisord takes them. */
import type { ChildProcess } from "effect/process"

/** By their numbers on Linux. */
const numbers = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31
} as const satisfies Partial<Record<ChildProcess.Signal, number>>

export type SignalName = keyof typeof numbers

const names: ReadonlyMap<string, SignalName> = new Map(
  Object.entries(numbers).flatMap(([key, number]): ReadonlyArray<readonly [string, SignalName]> => {
    const name = isSignalName(key) ? key : undefined
    return name === undefined
      ? []
      : [
          [name, name],
          [name.slice(3), name],
          [String(number), name]
        ]
  })
)

function isSignalName(name: string): name is SignalName {
  return Object.hasOwn(numbers, name)
}

/** The signal that is meant, in upper or lower case; undefined when there is none of that name or number. */
export const parseSignal = (text: string): SignalName | undefined => names.get(text.trim().toUpperCase())
