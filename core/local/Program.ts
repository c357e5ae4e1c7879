/**
 * One program under supervision: a fiber that owns its state, takes events from a bounded mailbox one after another and
 * performs what the machine asks for. Performing never waits for the world, so that the mailbox is always drained; what
 * takes time (spawning, sleeping, signalling) is a fiber of its own that answers with an event.
 */
import { Clock, Deferred, Effect, Exit, Fiber, FiberHandle, Option, Queue, Ref, Scope } from "effect"
import type { ProcessInfo } from "../domain/Process.ts"
import * as OutputRing from "./OutputRing.ts"
import type { ProgramConfig } from "./ProgramConfig.ts"
import { step } from "./ProgramMachine.ts"
import { toProcessInfo } from "./ProgramReport.ts"
import * as ProgramRun from "./ProgramRun.ts"
import {
  initial,
  isOver,
  type ProgramAction,
  type ProgramEvent,
  type ProgramState,
  type Refusal
} from "./ProgramState.ts"

export const programFiberLimits = {
  /** Events waiting for the fiber; who posts one more waits. */
  mailboxEventsMax: 64,
  /** Time for an end on top of `stopwaitsecs`: signals, the last output, SIGKILL again. */
  closeMsMax: 5_000,
  /** After that: time for the spawner to end what is left by its own means. */
  releaseMsMax: 2_000
} as const

export type OutputChannel = "stdout" | "stderr"

export interface Program {
  readonly config: ProgramConfig
  /** The program as it is now. */
  readonly report: Effect.Effect<ProcessInfo>
  /** Asks for a start or a stop. None when it is accepted. */
  readonly command: (command: "Start" | "Stop") => Effect.Effect<Option.Option<Refusal>>
  readonly output: Readonly<Record<OutputChannel, OutputRing.OutputRing>>
  /**
   * Ends the program and its fibers: stop signal, `stopwaitsecs`, SIGKILL. Waits `stopwaitsecs` and `closeMsMax` for it
   * at most, then `releaseMsMax` for the spawner. What not even SIGKILL has ended by then is left behind.
   */
  readonly close: Effect.Effect<void>
}

interface Message {
  readonly event: ProgramEvent
  readonly reply: Option.Option<Deferred.Deferred<Option.Option<Refusal>>>
}

/** What the fiber of a program works with. */
interface Shell {
  readonly config: ProgramConfig
  readonly withhold: ReadonlyArray<string>
  readonly scope: Scope.Scope
  readonly mailbox: Queue.Queue<Message>
  readonly state: Ref.Ref<ProgramState>
  readonly current: Ref.Ref<Option.Option<ProgramRun.ProgramRun>>
  readonly timer: FiberHandle.FiberHandle
  readonly over: Deferred.Deferred<void>
  readonly output: Program["output"]
}

const post = (shell: Shell, make: (nowMs: number) => ProgramEvent) =>
  Effect.gen(function* () {
    const nowMs = yield* Clock.currentTimeMillis
    yield* Queue.offer(shell.mailbox, { event: make(nowMs), reply: Option.none() })
  })

const withRun = (shell: Shell, use: (run: ProgramRun.ProgramRun) => Effect.Effect<void>) =>
  Effect.flatMap(Ref.get(shell.current), Option.match({ onNone: () => Effect.void, onSome: use }))

const perform = Effect.fnUntraced(function* (shell: Shell, action: ProgramAction) {
  switch (action._tag) {
    case "Spawn": {
      const run = yield* ProgramRun.make({
        config: shell.config,
        run: action.run,
        withhold: shell.withhold,
        ...shell.output,
        post: (make) => post(shell, make)
      }).pipe(Scope.provide(shell.scope))
      return yield* Ref.set(shell.current, Option.some(run))
    }
    case "Signal":
      return yield* withRun(shell, (run) => run.signal(action.signal))
    case "Reap":
      return yield* withRun(shell, (run) => run.reap(action))
    case "SetTimer": {
      const due = post(shell, (nowMs) => ({ _tag: "Due", timer: action.timer, nowMs }))
      yield* FiberHandle.run(shell.timer, Effect.andThen(Effect.sleep(action.delayMs), due), { startImmediately: true })
      return
    }
    case "ClearTimer":
      return yield* FiberHandle.clear(shell.timer)
    case "Refuse":
  }
})

/** Every step as it is taken; the fleet logs what it sees of them, for all nodes alike. */
const logChange = (before: ProgramState, after: ProgramState) => {
  if (after.state === before.state && after.spawnerr === before.spawnerr) return Effect.void
  const text = `${before.state} -> ${after.state}`
  return Effect.logDebug(after.spawnerr === "" ? text : `${text}: ${after.spawnerr}`)
}

const handle = Effect.fnUntraced(function* (shell: Shell, { event, reply }: Message) {
  const before = yield* Ref.get(shell.state)
  const { actions, state } = step(shell.config, before, event)
  // Nobody else writes the state, so that there is nothing between the read and the write.
  yield* Ref.set(shell.state, state)
  yield* logChange(before, state)
  yield* Effect.forEach(actions, (action) => perform(shell, action), { discard: true })
  const refusal = actions.find((action) => action._tag === "Refuse")
  if (Option.isSome(reply)) yield* Deferred.succeed(reply.value, Option.fromUndefinedOr(refusal?.refusal))
  // Last, because it wakes the one that ends this fiber.
  if (isOver(state)) yield* Deferred.succeed(shell.over, undefined)
})

const command = (shell: Shell, tag: "Start" | "Stop") =>
  Effect.gen(function* () {
    const reply = yield* Deferred.make<Option.Option<Refusal>>()
    const nowMs = yield* Clock.currentTimeMillis
    const offered = yield* Queue.offer(shell.mailbox, { event: { _tag: tag, nowMs }, reply: Option.some(reply) })
    return offered ? yield* Deferred.await(reply) : Option.some("SHUTDOWN_STATE" as const)
  })

const close = (shell: Shell & { readonly scope: Scope.Closeable }) =>
  Effect.gen(function* () {
    const waitMs = shell.config.stopwaitsecs * 1_000 + programFiberLimits.closeMsMax
    const ended = yield* post(shell, (nowMs) => ({ _tag: "Shutdown", nowMs })).pipe(
      Effect.andThen(Deferred.await(shell.over)),
      Effect.timeoutOption(waitMs)
    )
    if (Option.isNone(ended)) yield* Effect.logWarning(`not ended within ${waitMs} ms, killed`)
    // The spawner waits for the exit of a leader without a bound, and in a finalizer, which nothing can interrupt.
    const closing = yield* Effect.forkDetach(Scope.close(shell.scope, Exit.void), { startImmediately: true })
    const closed = yield* Effect.timeoutOption(Fiber.join(closing), programFiberLimits.releaseMsMax)
    if (Option.isNone(closed)) yield* Effect.logError("cannot be killed, left behind")
  })

/**
 * Puts a program under supervision, without starting it. It lives until `close`: the fibers belong to no scope of the
 * caller, because they have to outlive the beginning of its end.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly config: ProgramConfig
  /** Name of the node in log lines. */
  readonly node: string
  /** Variables of the console's own environment that the program does not get. */
  readonly withhold: ReadonlyArray<string>
}) {
  const { config } = options
  const scope = yield* Scope.make()
  const shell = yield* Effect.all({
    mailbox: Effect.acquireRelease(Queue.bounded<Message>(programFiberLimits.mailboxEventsMax), Queue.shutdown),
    state: Ref.make(initial),
    current: Ref.make(Option.none<ProgramRun.ProgramRun>()),
    timer: FiberHandle.make(),
    over: Deferred.make<void>()
  }).pipe(
    Effect.map((parts): Shell & { readonly scope: Scope.Closeable } => ({
      ...parts,
      config,
      withhold: options.withhold,
      scope,
      output: {
        stdout: OutputRing.make({ bytesMax: config.outputBytesMax }),
        stderr: OutputRing.make({ bytesMax: config.outputBytesMax })
      }
    })),
    Scope.provide(scope)
  )
  const annotate = Effect.annotateLogs({ node: options.node, group: config.group, program: config.name })
  yield* Queue.take(shell.mailbox).pipe(
    Effect.flatMap((message) => handle(shell, message)),
    Effect.forever,
    annotate,
    Effect.forkIn(scope)
  )
  const program: Program = {
    config,
    report: Effect.gen(function* () {
      return toProcessInfo(config, yield* Ref.get(shell.state), yield* Clock.currentTimeMillis)
    }),
    command: (tag) => command(shell, tag),
    output: shell.output,
    close: annotate(close(shell))
  }
  return program
})
