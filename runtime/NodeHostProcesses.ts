/**
 * `HostProcesses` of the real world. What was left behind is found in `/proc` on Linux: elsewhere none is found, and
 * the programs of a console that was killed have to be ended by hand.
 *
 * It sees the environment that a process was started with, of processes that belong to the console's user, or of all
 * when the console runs as root. A program that clears the environment of its children hides those that have left its
 * group as well.
 */
import { execFile } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { Effect, Layer } from "effect"
import type { Argv } from "../core/local/CommandText.ts"
import { HostProcesses, HostProcessesError, markVariables, type Orphan } from "../core/local/HostProcesses.ts"

/** The text of a file of `/proc`; undefined when the process is gone or is none of ours. */
const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "latin1")
  } catch {
    // A process may end at any moment, and those of other users are not to be read.
    return undefined
  }
}

interface Stat {
  readonly parent: number
  readonly group: number
  /** In ticks since the machine was started. */
  readonly startedAt: string
}

/** What the kernel says of a process that runs; undefined for a zombie. */
const statOf = (pid: number): Stat | undefined => {
  const text = read(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  // The name, in parentheses, may hold anything, parentheses included.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  const [state, parent, group] = fields
  const startedAt = fields[19]
  if (state === "Z" || state === "X" || startedAt === undefined) return undefined
  return { parent: Number(parent), group: Number(group), startedAt }
}

/** The process itself and those that it descends from. */
const ownLine = (): ReadonlySet<number> => {
  const line = new Set<number>()
  for (let pid = process.pid; pid > 0 && !line.has(pid); pid = statOf(pid)?.parent ?? 0) line.add(pid)
  return line
}

const markOf = (pid: number): Readonly<Record<keyof typeof markVariables, string | undefined>> => {
  const entries = read(`/proc/${pid}/environ`)?.split("\0") ?? []
  const valueOf = (name: string) => {
    const found = entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1)
    return found === undefined ? undefined : Buffer.from(found, "latin1").toString("utf8")
  }
  return {
    instance: valueOf(markVariables.instance),
    parent: valueOf(markVariables.parent),
    program: valueOf(markVariables.program)
  }
}

/** Whether the life of a console goes on: its pid is there, and is not somebody else's by now. */
const lives = (parent: string): boolean => {
  const [pid = "", startedAt] = parent.split(":")
  return /^\d+$/.test(pid) && statOf(Number(pid))?.startedAt === startedAt
}

const pids = (): ReadonlyArray<number> => {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    // No such system of files: nothing can be told.
    return []
  }
}

const orphans = (instance: string): ReadonlyArray<Orphan> => {
  const own = ownLine()
  return pids().flatMap((pid): ReadonlyArray<Orphan> => {
    if (own.has(pid)) return []
    const before = statOf(pid)
    const mark = markOf(pid)
    if (before === undefined || mark.instance !== instance || mark.parent === undefined || lives(mark.parent)) return []
    // The mark is that of this process only if the pid has not changed hands meanwhile.
    if (statOf(pid)?.startedAt !== before.startedAt) return []
    const { group, startedAt } = before
    return [{ pid, startedAt, group, program: mark.program ?? "?" }]
  })
}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : String(error)

const signal = (target: number, name: string): Effect.Effect<void, HostProcessesError> =>
  Effect.try({
    try: () => void process.kill(target, name),
    catch: (error) => new HostProcessesError({ detail: codeOf(error) })
  })

const signalOrphan = (orphan: Orphan, name: string): Effect.Effect<void, HostProcessesError> =>
  Effect.suspend(() => {
    const now = statOf(orphan.pid)
    if (now === undefined || now.startedAt !== orphan.startedAt) return Effect.void
    // Its group is one of its own session, as it was started; only in doubt the signal goes to itself alone.
    const isOwnGroup = now.group <= 1 || now.group === statOf(process.pid)?.group
    return Effect.catch(signal(isOwnGroup ? orphan.pid : -now.group, name), (error) =>
      error.detail === "ESRCH" ? Effect.void : Effect.fail(error)
    )
  })

const lookupMsMax = 5_000

/** The user's number and that of its first group, by the system's own means. */
const idsOf = (user: string): Effect.Effect<{ readonly uid: string; readonly gid: string }, HostProcessesError> => {
  const id = (flag: "-u" | "-g") =>
    Effect.callback<string, HostProcessesError>((resume) => {
      const child = execFile("id", [flag, "--", user], { timeout: lookupMsMax }, (error, stdout) =>
        resume(
          error === null
            ? Effect.succeed(stdout.trim())
            : Effect.fail(new HostProcessesError({ detail: `no user "${user}" is known` }))
        )
      )
      return Effect.sync(() => child.kill("SIGKILL"))
    })
  return Effect.all({ uid: id("-u"), gid: id("-g") })
}

/** Through `setpriv` of util-linux, which becomes the user with all of its groups, and then runs the words itself. */
const commandAs = (user: string, argv: Argv): Effect.Effect<Argv, HostProcessesError> =>
  Effect.gen(function* () {
    const own = process.getuid?.()
    if (own === undefined) return yield* new HostProcessesError({ detail: "this system has no such users" })
    const { gid, uid } = yield* idsOf(user)
    if (uid === String(own)) return argv
    if (own !== 0) return yield* new HostProcessesError({ detail: "only root may run a program as another user" })
    return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--init-groups", "--", ...argv]
  })

/** The mark of this life. Without `/proc` it only differs from that of others by the pid. */
const self = `${process.pid}:${statOf(process.pid)?.startedAt ?? ""}`

export const layer: Layer.Layer<HostProcesses> = Layer.succeed(HostProcesses, {
  self,
  orphans: (instance) => Effect.sync(() => orphans(instance)),
  signalOrphan,
  signal,
  commandAs
})
