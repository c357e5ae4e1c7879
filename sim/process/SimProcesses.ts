/**
 * Effect's `ChildProcessSpawner` over a simulated machine. Each layer is one program under test: a process of the
 * machine that is the parent of what it starts.
 *
 * Models the platform's spawner on Linux: errors of a start by their codes, groups and what is done to them when a
 * leader fails, a scope closes or `kill` is called, `forceKillAfter` measured by the wall clock, streams that fail once
 * a reader has given up, input that ends with the first stream, additional descriptors, pipelines of commands, `unref`.
 * As there, a code that the platform does not expect of a start (ENOMEM, E2BIG) is a defect.
 * Does not model: what Node buffers beside the pipe (a writer here waits earlier), Windows, `inherit` (output goes
 * nowhere, input is at its end), the search along PATH, and a start that keeps the whole program waiting: `delay` lets
 * others go on and can be interrupted.
 */
import { Deferred, Effect, Layer, type PlatformError, Sink, Stream } from "effect"
import { type ChildProcess, ChildProcessSpawner } from "effect/process"
import * as Child from "./Child.ts"
import * as ChildStreams from "./ChildStreams.ts"
import { Machine } from "./Machine.ts"
import * as Pipeline from "./Pipeline.ts"
import type { Descriptor } from "./ProcessTable.ts"
import { failure, isReported, spawnErrno } from "./SpawnError.ts"
import * as SpawnRequest from "./SpawnRequest.ts"
import type { Host, System } from "./System.ts"

type Handle = ChildProcessSpawner.ChildProcessHandle

/** A program that may start processes on the machine, until its layer ends or the machine's `crash`. */
export const layer: Layer.Layer<ChildProcessSpawner.ChildProcessSpawner, never, Machine> = Layer.effect(
  ChildProcessSpawner.ChildProcessSpawner,
  Effect.gen(function* () {
    const { system } = yield* Machine
    const host = yield* Effect.acquireRelease(
      Effect.sync(() => system.attach()),
      (attached) => Effect.sync(() => system.detach(attached))
    )
    const one = (command: ChildProcess.StandardCommand) => spawn(system, host, command)
    return ChildProcessSpawner.make((command) => Pipeline.spawn(command, one))
  })
)

const fail = (code: string, command: ChildProcess.StandardCommand) => {
  const cause = spawnErrno(code, command)
  return isReported(code) ? Effect.fail(failure("spawn", command, cause)) : Effect.die(cause)
}

const program = ({ options, table }: System, { file }: SpawnRequest.SpawnRequest) => {
  const found = Object.hasOwn(options.programs, file) ? options.programs[file] : undefined
  if (found === undefined) return "ENOENT"
  if (found === "not executable") return "EACCES"
  return table.size >= options.processesMax ? "EAGAIN" : found
}

/** Asks the rules, takes its time, and tells whether the process is to be killed as soon as it is there. */
const undergo = Effect.fnUntraced(function* (system: System, command: ChildProcess.StandardCommand) {
  const verdict = system.decide({ operation: "spawn", command: command.command, pid: 0 })
  const ms = system.context.choose("faults", system.options.spawnMsMax + 1)
  if (ms > 0) yield* Effect.sleep(ms)
  switch (verdict._tag) {
    case "pass":
      return false
    case "reset":
      return true
    case "delay":
      yield* Effect.sleep(verdict.ms)
      return false
    case "drop":
      return yield* Effect.never
    case "refuse":
      return yield* fail("EAGAIN", command)
    case "corrupt":
      return yield* fail("ENOEXEC", command)
    case "fail":
      return yield* fail(verdict.code, command)
  }
})

const spawn = Effect.fnUntraced(function* (system: System, host: Host, command: ChildProcess.StandardCommand) {
  const request = yield* SpawnRequest.make(command, system.options)
  const doomed = yield* undergo(system, command)
  let referenced = true
  const started = yield* Effect.acquireRelease(start(system, host, command, request), ({ child, pipes }) =>
    Effect.andThen(
      Child.release(child, referenced),
      Effect.sync(() => pipes.forEach(({ forget }) => forget()))
    )
  )
  if (doomed) system.table.signal(started.child.entry.pid, "SIGKILL")
  const unref = Effect.sync(() => {
    referenced = false
    // It may outlive its parent from now on: it is no leak.
    host.groups.get(started.child.entry)?.()
    return Effect.sync(() => {
      referenced = true
    })
  })
  return yield* handle(started, unref)
})

type Started = Effect.Success<ReturnType<typeof start>>

const start = (system: System, host: Host, command: ChildProcess.StandardCommand, request: SpawnRequest.SpawnRequest) =>
  Effect.suspend(() => {
    const found = program(system, request)
    if (typeof found === "string") return fail(found, command)
    if (host.crashed) return Effect.never
    const pipes = request.channels.map((channel) => openChannel(system, host, channel))
    const entry = system.table.add({
      ppid: host.pid,
      group: request.detached ? undefined : host.pid,
      program: found,
      command: request.file,
      args: request.args,
      env: request.env,
      cwd: request.cwd,
      descriptors: new Map([...nowhere, ...pipes.map(({ channel, theirs }) => [channel.fd, theirs] as const)]),
      ignores: [],
      waitedFor: false
    })
    const child: Child.Child = { system, host, command, entry, detached: request.detached }
    Child.afterExit(child)
    const { pid } = entry
    host.groups.set(entry, system.context.hold("child process", `${command.command} (pid ${pid})`))
    system.context.tell(() => `${command.command} starts as pid ${pid}`)
    const owner: ChildStreams.Owner = { system, command, pid }
    return Effect.succeed({ child, owner, pipes })
  })

/** Descriptors 0 to 2 are always there. */
const nowhere: ReadonlyArray<readonly [number, Descriptor]> = [0, 1, 2].map((fd) => [fd, {}])

const openChannel = (system: System, host: Host, channel: SpawnRequest.Channel) => {
  const inward = channel.input ? system.pipe() : undefined
  const outward = channel.output ? system.pipe() : undefined
  const ours = { writer: inward?.writer(), reader: outward?.reader() }
  const theirs: Descriptor = {
    ...(inward === undefined ? {} : { reader: inward.reader() }),
    ...(outward === undefined ? {} : { writer: outward.writer() })
  }
  const close = () => {
    ours.writer?.close()
    ours.reader?.close()
  }
  host.closes.add(close)
  /** Where nobody is left at the other end, there is nothing to close when the host ends. */
  const forget = () => {
    if (outward?.isWritable !== true) host.closes.delete(close)
  }
  return { channel, ours, theirs, forget }
}

const handle = Effect.fnUntraced(function* ({ child, owner, pipes }: Started, unref: Handle["unref"]) {
  const { command, entry } = child
  const broken = Deferred.makeUnsafe<never, PlatformError.PlatformError>()
  const inputs = new Map<number, ChildStreams.Input>()
  const outputs = new Map<number, ChildStreams.Output>()
  for (const { channel, ours } of pipes) {
    if (ours.writer !== undefined) inputs.set(channel.fd, ChildStreams.input(owner, ours.writer, channel))
    if (ours.reader !== undefined) {
      const stream = ChildStreams.output(owner, ours.reader, channel.fd)
      outputs.set(channel.fd, channel.sink === undefined ? stream : Stream.transduce(stream, channel.sink))
    }
    const input = inputs.get(channel.fd)
    if (channel.stream !== undefined && input !== undefined) {
      yield* ChildStreams.feed(channel.stream, input, broken)
    }
  }
  const ended = Effect.flatMap(Deferred.await(entry.ended), (ending) => {
    // What came of an input that was cut short does not count.
    if (Deferred.isDoneUnsafe(broken)) return Deferred.await(broken)
    if (ending._tag === "exited") return Effect.succeed(ChildProcessSpawner.ExitCode(ending.code))
    const { signal } = ending
    return Effect.fail(
      failure("exitCode", command, new Error(`Process interrupted due to receipt of signal: '${signal}'`))
    )
  })
  const getInputFd = (fd: number) => inputs.get(fd) ?? Sink.drain
  const getOutputFd = (fd: number) => outputs.get(fd) ?? Stream.empty
  const stdout = getOutputFd(1)
  const stderr = getOutputFd(2)
  return ChildProcessSpawner.makeHandle({
    pid: ChildProcessSpawner.ProcessId(entry.pid),
    exitCode: Effect.raceFirst(Deferred.await(broken), ended),
    isRunning: Effect.sync(() => !Child.hasExited(child)),
    kill: (options) => Child.terminate(child, options),
    stdin: getInputFd(0),
    stdout,
    stderr,
    all: Stream.merge(stdout, stderr),
    getInputFd,
    getOutputFd,
    unref
  })
})
