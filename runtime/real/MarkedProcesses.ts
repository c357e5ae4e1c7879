/**
 * Processes that somebody has started, found by a mark in their environment: each descendant inherits it, even one that
 * has left its parent and its group. Reads `/proc`, so on systems without one nothing is found.
 */
import { randomUUID } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { Effect, Schedule } from "effect"

const variable = "PROCESS_MARK"

/** A new mark, as the environment to start a process with. */
export const newMark = (): { readonly [variable]: string } => ({ [variable]: randomUUID() })

export type Mark = ReturnType<typeof newMark>

const read = (file: string): string => {
  try {
    return readFileSync(file, "latin1")
  } catch {
    // It has ended, or it is none of ours.
    return ""
  }
}

/** Process ids of those that have the mark and run; a zombie does not. */
export const marked = (mark: Mark): ReadonlyArray<number> =>
  (existsSync("/proc/self/environ") ? readdirSync("/proc") : [])
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(`${variable}=${mark[variable]}`))
    .map(Number)

/** Sends a signal; nothing happens when the process is gone. */
export const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended by itself.
  }
}

const killedWithinMs = 5_000
const roundEveryMs = 20

/** Kills all that have the mark and waits until they are gone. What one was starting is caught in a later round. */
export const killMarked = (mark: Mark): Effect.Effect<void> =>
  Effect.sync(() => {
    const running = marked(mark)
    for (const pid of running) signal(pid, "SIGKILL")
    return running.length === 0
  }).pipe(
    Effect.repeat({
      schedule: Schedule.spaced(roundEveryMs),
      until: (isDone) => isDone,
      times: killedWithinMs / roundEveryMs
    }),
    Effect.asVoid
  )
