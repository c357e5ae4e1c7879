/** What a simulated process can ask of its machine. */
import { Deferred, Effect } from "effect"
import type { Ending, ForkOptions, Process, Program } from "./Process.ts"
import type { Descriptor, Entry, ProcessTable } from "./ProcessTable.ts"
import { isForced } from "./Signal.ts"

const encoder = new TextEncoder()

/** A fork beyond the bound of the machine: no program here can go on from that. */
const forkFailed = (entry: Entry) => new Error(`${entry.command} (pid ${entry.pid}) cannot fork: too many processes`)

const dup = ({ reader, writer }: Descriptor): Descriptor => ({
  ...(reader === undefined ? {} : { reader: reader.dup() }),
  ...(writer === undefined ? {} : { writer: writer.dup() })
})

type WhileAlive = <A>(call: () => Effect.Effect<A>, ended: A) => Effect.Effect<A>

/** After its end a process does nothing any more, also where its fiber has not yet been told. */
const guard =
  (entry: Entry): WhileAlive =>
  (call, ended) =>
    Effect.andThen(
      entry.running.await,
      Effect.suspend(() => (entry.ending === undefined ? call() : Effect.succeed(ended)))
    )

const write = (table: ProcessTable, entry: Entry, whileAlive: WhileAlive): Process["write"] => {
  /** Every writer into a pipe without readers learns of it the hard way, unless it ignores the signal. */
  const broken = Effect.suspend(() => {
    table.signal(entry.pid, "SIGPIPE")
    return entry.ending === undefined ? Effect.succeed(false) : Effect.interrupt
  })
  return (fd, text) =>
    whileAlive(() => {
      const descriptor = entry.descriptors.get(fd)
      if (descriptor === undefined) return Effect.succeed(false)
      if (descriptor.writer === undefined) return Effect.succeed(true)
      const bytes = typeof text === "string" ? encoder.encode(text) : text
      return Effect.flatMap(descriptor.writer.write(bytes), (written) => {
        if (entry.ending !== undefined) return Effect.interrupt
        return written ? Effect.succeed(true) : broken
      })
    }, false)
}

const wait = (table: ProcessTable, entry: Entry, pid: number): Effect.Effect<Ending | undefined> => {
  const child = table.get(pid)
  if (child === undefined || child.ppid !== entry.pid) return Effect.succeed(undefined)
  return Effect.tap(Deferred.await(child.ended), () => Effect.sync(() => table.reap(child)))
}

const fork = (
  table: ProcessTable,
  entry: Entry,
  program: Program,
  { command = entry.command, session = false, waitedFor = false }: ForkOptions
): number =>
  table.add({
    ppid: entry.pid,
    group: session ? undefined : entry.group,
    program,
    command,
    args: entry.args,
    env: entry.env,
    cwd: entry.cwd,
    descriptors: new Map(Array.from(entry.descriptors, ([fd, descriptor]) => [fd, dup(descriptor)])),
    ignores: Array.from(entry.dispositions).flatMap(([signal, does]) => (does === "ignore" ? [signal] : [])),
    waitedFor
  }).pid

export const make = (table: ProcessTable, entry: Entry, processesMax: number): Process => {
  const whileAlive = guard(entry)
  const call = <A>(does: () => A, ended: A) => whileAlive(() => Effect.sync(does), ended)
  const writes = write(table, entry, whileAlive)
  return {
    pid: entry.pid,
    command: entry.command,
    args: entry.args,
    env: entry.env,
    cwd: entry.cwd,
    start: entry.start,
    parent: Effect.sync(() => entry.ppid),
    print: (text) => Effect.asVoid(writes(1, text)),
    printError: (text) => Effect.asVoid(writes(2, text)),
    write: writes,
    read: (fd = 0) =>
      whileAlive<Uint8Array | undefined>(
        () => entry.descriptors.get(fd)?.reader?.read((bytes) => bytes) ?? Effect.succeed(undefined),
        undefined
      ),
    close: (fd) => call(() => table.close(entry, fd), undefined),
    exit: (code) =>
      Effect.andThen(
        call(() => table.end(entry, { _tag: "exited", code: code & 255 }), undefined),
        Effect.interrupt
      ),
    on: (signal, disposition) =>
      call(() => {
        if (!isForced(signal)) entry.dispositions.set(signal, disposition)
      }, undefined),
    kill: (target, signal) => call(() => table.signal(target, signal), false),
    fork: (program, options = {}) =>
      whileAlive(
        () =>
          table.size < processesMax
            ? Effect.sync(() => fork(table, entry, program, options))
            : Effect.die(forkFailed(entry)),
        0
      ),
    wait: (pid) => whileAlive<Ending | undefined>(() => wait(table, entry, pid), undefined)
  }
}
