/**
 * Takes over what a node's configuration files say beyond what it runs, as `supervisorctl update` does: first groups
 * that are gone, then changed ones, then new ones, each judged by what is observed. A group that fails does not keep
 * the next from its turn.
 *
 * A changed group is stopped, forgotten and added anew. When the time is up or the update is interrupted between the
 * last two, the node no longer knows the group, and the next update adds it.
 */
import { Effect, Ref } from "effect"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import { NodeError, TimedOut } from "../domain/NodeError.ts"
import type { OperationResult } from "../domain/Operation.ts"
import { formatId } from "../domain/Process.ts"
import type { ProcessId, ProcessInfo } from "../domain/Process.ts"
import { isStopped } from "../domain/ProcessState.ts"
import type { ConfigDiff, UpdateResult } from "../domain/Update.ts"
import type { NodeDriver } from "./NodeDriver.ts"
import { isPassing, requested } from "./Observation.ts"
import { startBudgetMs } from "./Operation.ts"

export interface UpdateOptions<E extends { readonly message: string }> {
  readonly driver: NodeDriver
  /** Stops a process, observed, and ends by itself when the time of the update is up. */
  readonly stop: (id: ProcessId) => Effect.Effect<OperationResult, E>
  /** Waits for the turn of this update among those of the node. */
  readonly inTurn?: <A, F>(update: Effect.Effect<A, F>) => Effect.Effect<A, F>
  readonly observeIntervalMs: number
  /** When it was asked for and when its time is up, console time. */
  readonly startedMs: number
  readonly endsMs: number
}

type GroupResult = UpdateResult["groups"][number]
type End = Pick<GroupResult, "outcome" | "detail">

/** Processes of a group that are stopped at the same time. */
const stopsMax = 16

/** supervisord starts what starts by itself in the turn of its loop that follows, within a second. */
const autostartMs = 1_500

const changes = ["removed", "changed", "added"] as const

interface Progress {
  /** Undefined until the node has said it. */
  readonly diff: ConfigDiff | undefined
  readonly ended: ReadonlyArray<GroupResult>
}

/**
 * Reads the configuration again and takes it over. Fails only when it cannot be read in time; what goes wrong with a
 * group stands in its result. When the time is up the group under way is a `timeout` and the rest is `skipped`.
 */
export const run = Effect.fn("Update.run")(function* <E extends { readonly message: string }>(
  options: UpdateOptions<E>
): Effect.fn.Return<UpdateResult, NodeError> {
  const { endsMs, inTurn = (update) => update, startedMs } = options
  const progress = yield* Ref.make<Progress>({ diff: undefined, ended: [] })
  const working = Effect.gen(function* () {
    const diff = yield* options.driver.reread
    yield* Ref.update(progress, (before) => ({ ...before, diff }))
    yield* Effect.forEach(
      planned(diff),
      ({ change, group }) =>
        takeOver(options, change, group).pipe(
          Effect.catch(({ message }) => Effect.succeed<End>({ outcome: "failed", detail: message })),
          Effect.flatMap((end) =>
            Ref.update(progress, (before) => ({ ...before, ended: [...before.ended, { group, change, ...end }] }))
          )
        ),
      { discard: true }
    )
  })
  const leftMs = Math.max(0, endsMs - (yield* monotonicMs))
  yield* Effect.timeoutOption(inTurn(working), leftMs)
  const { diff, ended } = yield* Ref.get(progress)
  const tookMs = Math.round((yield* monotonicMs) - startedMs)
  if (diff === undefined) {
    return yield* new NodeError({ operation: "update", reason: new TimedOut({ afterMs: endsMs - startedMs }) })
  }
  const rest = planned(diff).slice(ended.length)
  const groups = [...ended, ...rest.map(({ change, group }, place) => ({ group, change, ...unfinished(place) }))]
  return { diff, groups, took_ms: tookMs }
})

/** Groups in the order of supervisorctl. */
const planned = (diff: ConfigDiff) => changes.flatMap((change) => diff[change].map((group) => ({ change, group })))

const unfinished = (place: number): End =>
  place === 0
    ? {
        outcome: "timeout",
        detail: "was under way when the time of the update was up; the next update goes on with it"
      }
    : { outcome: "skipped", detail: "the time of the update was up before its turn" }

const takeOver = <E extends { readonly message: string }>(
  options: UpdateOptions<E>,
  change: keyof ConfigDiff,
  group: string
): Effect.Effect<End, NodeError> => {
  switch (change) {
    case "removed":
      return remove(options, group)
    case "changed":
      return Effect.flatMap(remove(options, group), (removed) =>
        removed.outcome === "done" ? add(options, group) : Effect.succeed(removed)
      )
    case "added":
      return add(options, group)
  }
}

const groupOf = (driver: NodeDriver, group: string): Effect.Effect<ReadonlyArray<ProcessInfo>, NodeError> =>
  Effect.map(driver.processes, (all) => all.filter((process) => process.group === group))

/** Stops all processes of the group and has the node forget it. */
const remove = Effect.fnUntraced(function* <E extends { readonly message: string }>(
  { driver, stop }: UpdateOptions<E>,
  group: string
): Effect.fn.Return<End, NodeError> {
  const running = (yield* groupOf(driver, group)).filter(({ state }) => !isStopped(state))
  const stops = yield* Effect.forEach(
    running,
    (id) =>
      stop(id).pipe(
        Effect.map(({ detail, outcome }) =>
          outcome === "done" || outcome === "unchanged" ? undefined : `${formatId(id)} ${detail}`
        ),
        Effect.catch(({ message }) => Effect.succeed(`${formatId(id)} ${message}`))
      ),
    { concurrency: stopsMax }
  )
  const failures = stops.filter((failure) => failure !== undefined)
  if (failures.length > 0) return { outcome: "failed", detail: `not stopped: ${failures.join("; ")}` }
  yield* requested(driver.removeGroup(group), "BAD_NAME")
  const left = yield* groupOf(driver, group)
  if (left.length === 0) Marks.reached("an update removed a group")
  return left.length === 0
    ? { outcome: "done", detail: "stopped and removed" }
    : { outcome: "failed", detail: "the node still has it after it was asked to remove it" }
})

/** Adds the group and watches its processes until none is on its way to start. */
const add = Effect.fnUntraced(function* <E extends { readonly message: string }>(
  options: UpdateOptions<E>,
  group: string
): Effect.fn.Return<End, NodeError> {
  const { driver, endsMs, observeIntervalMs } = options
  yield* requested(driver.addGroup(group), "ALREADY_ADDED")
  const addedMs = yield* monotonicMs
  let untilMs: number | undefined
  let processes: ReadonlyArray<ProcessInfo> = []
  for (;;) {
    const look = yield* Effect.result(groupOf(driver, group))
    if (look._tag === "Success") processes = look.success
    else if (!isPassing(look.failure)) return yield* look.failure
    const nowMs = yield* monotonicMs
    const isSettled = processes.length > 0 && nowMs >= addedMs + autostartMs && !processes.some(isStarting)
    if (isSettled) return settled(processes)
    if (processes.length > 0) untilMs ??= addedMs + autostartMs + (yield* longestStartMs(driver, processes))
    const lastMs = Math.min(endsMs, untilMs ?? addedMs + autostartMs * 2)
    if (nowMs >= lastMs) return unsettled(processes)
    yield* Effect.sleep(Math.min(observeIntervalMs, lastMs - nowMs))
  }
})

const longestStartMs = (driver: NodeDriver, processes: ReadonlyArray<ProcessInfo>): Effect.Effect<number, NodeError> =>
  Effect.map(
    Effect.forEach(processes, (id) => Effect.map(driver.timing(id), startBudgetMs)),
    (budgetsMs) => Math.max(...budgetsMs)
  )

const isStarting = ({ state }: ProcessInfo): boolean => state === "STARTING" || state === "BACKOFF"

const describeAll = (processes: ReadonlyArray<ProcessInfo>): string =>
  processes
    .map(
      (process) => `${formatId(process)} is ${process.state}${process.spawnerr === "" ? "" : `: ${process.spawnerr}`}`
    )
    .join("; ")

const settled = (processes: ReadonlyArray<ProcessInfo>): End => {
  const given = processes.filter(({ state }) => state === "FATAL" || state === "UNKNOWN")
  return given.length > 0
    ? { outcome: "failed", detail: `added, but ${describeAll(given)}` }
    : { outcome: "done", detail: `added; ${describeAll(processes)}` }
}

const unsettled = (processes: ReadonlyArray<ProcessInfo>): End =>
  processes.length === 0
    ? { outcome: "failed", detail: "the node does not have it after it was asked to add it" }
    : {
        outcome: "timeout",
        detail: `added; ${describeAll(processes.filter(isStarting))} after the time it has to start`
      }
