/** Commands that are piped into each other: each is a process, fed by a stream from the one before it. */
import { Effect, type PlatformError, type Scope } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import type { Output } from "./ChildStreams.ts"

type Handle = ChildProcessSpawner.ChildProcessHandle
type SpawnOne = (
  command: ChildProcess.StandardCommand
) => Effect.Effect<Handle, PlatformError.PlatformError, Scope.Scope>

interface Stage {
  readonly command: ChildProcess.StandardCommand
  /** How it gets what comes from the stage before it; the first has none. */
  readonly pipe: ChildProcess.PipeOptions
}

const stagesOf = (command: ChildProcess.Command, pipe: ChildProcess.PipeOptions = {}): ReadonlyArray<Stage> =>
  command._tag === "StandardCommand"
    ? [{ command, pipe }]
    : [...stagesOf(command.left, pipe), ...stagesOf(command.right, command.options)]

const sourceOf = (handle: Handle, from: ChildProcess.PipeFromOption = "stdout"): Output => {
  if (from === "stderr") return handle.stderr
  if (from === "all") return handle.all
  const fd = from === "stdout" ? undefined : ChildProcess.parseFdName(from)
  return fd === undefined ? handle.stdout : handle.getOutputFd(fd)
}

/** The command with what the stage before it gives. */
const fedBy = ({ command, pipe }: Stage, stream: Output): ChildProcess.StandardCommand => {
  const { args, options } = command
  const { additionalFds, stdin } = options
  const fd = pipe.to === undefined || pipe.to === "stdin" ? undefined : ChildProcess.parseFdName(pipe.to)
  if (fd === undefined) {
    const endOnDone = typeof stdin === "object" && "endOnDone" in stdin ? stdin.endOnDone : undefined
    return ChildProcess.make(command.command, args, { ...options, stdin: { stream, endOnDone } })
  }
  const name: `fd${number}` = `fd${fd}`
  const own = additionalFds?.[name]
  const config = own?.type === "duplex" ? { ...own, stream } : { type: "input" as const, stream }
  return ChildProcess.make(command.command, args, { ...options, additionalFds: { ...additionalFds, [name]: config } })
}

/** Starts all stages; the handle is that of the last, with the input of the first. `kill` and `unref` go to all. */
export const spawn = Effect.fnUntraced(function* (command: ChildProcess.Command, one: SpawnOne) {
  if (command._tag === "StandardCommand") return yield* one(command)
  const handles: Array<Handle> = []
  for (const stage of stagesOf(command)) {
    const before = handles.at(-1)
    handles.push(yield* one(before === undefined ? stage.command : fedBy(stage, sourceOf(before, stage.pipe.from))))
  }
  return joined(handles)
})

const joined = (handles: ReadonlyArray<Handle>): Handle => {
  const [first] = handles
  const last = handles.at(-1)
  if (first === undefined || last === undefined) throw new Error("Pipeline: a pipeline without commands")
  const backwards = handles.toReversed()
  return ChildProcessSpawner.makeHandle({
    ...last,
    stdin: first.stdin,
    kill: (options) => Effect.forEach(backwards, (handle) => Effect.ignore(handle.kill(options)), { discard: true }),
    unref: Effect.map(
      Effect.forEach(handles, (handle) => handle.unref),
      (rerefs) => Effect.forEach(rerefs.toReversed(), (reref) => reref, { discard: true })
    )
  })
}
