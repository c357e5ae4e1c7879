/**
 * What is measured where it happens: requests, operations, calls to nodes, fibers. The numbers are Effect metrics in a
 * registry of this console's own, which everything above this layer sees too.
 */
import { Cause, Clock, Context, Effect, Exit, Layer, Metric, Option } from "effect"
import type { NodeError } from "../domain/NodeError.ts"
import type { OperationKind, OperationResult } from "../domain/Operation.ts"
import type { NodeDriver } from "../fleet/NodeDriver.ts"
import { Board } from "./Board.ts"
import { families } from "./Families.ts"

export interface RequestMeasure {
  /** `group.endpoint`; undefined when no route took it. */
  readonly route: string | undefined
  readonly status: number
  readonly tookMs: number
}

export class Measurements extends Context.Service<
  Measurements,
  {
    /** Where everything is recorded; for what is collected. */
    readonly board: Board
    /** A request was answered. Synchronous. */
    readonly requestUnsafe: (request: RequestMeasure) => void
    /** Measures an operation on a process, however it ends. */
    readonly operation: (
      kind: OperationKind
    ) => <A extends Pick<OperationResult, "outcome">, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** The same driver, with every call that reaches it measured. */
    readonly driver: (driver: NodeDriver) => NodeDriver
    /** Fibers that were started and have not ended. Synchronous. */
    readonly fibersUnsafe: () => { readonly alive: number; readonly started: number }
  }
>()("core/metrics/Measurements") {}

const msPerSecond = 1000
const nanosPerSecond = 1e9

/**
 * Counts fibers. They come and go with everything, so it does no more than count and hand on: whoever counts around the
 * console, such as the simulator, which has to know of every fiber, must not miss those in it.
 */
class FiberCounts implements Metric.FiberRuntimeMetricsService {
  started = 0
  ended = 0
  private readonly around: Metric.FiberRuntimeMetricsService | undefined

  constructor(around: Metric.FiberRuntimeMetricsService | undefined) {
    this.around = around
  }

  readonly recordFiberStart: Metric.FiberRuntimeMetricsService["recordFiberStart"] = (context) => {
    this.started++
    this.around?.recordFiberStart(context)
  }
  readonly recordFiberEnd: Metric.FiberRuntimeMetricsService["recordFiberEnd"] = (context, exit) => {
    this.ended++
    this.around?.recordFiberEnd(context, exit)
  }
}

const statusClass = (status: number): string => `${Math.floor(status / 100)}xx`

/** Stands for the route of a request that none took. */
const noRoute = "none"

/** Everything above this layer counts its fibers and keeps its metrics here. */
export const layer: Layer.Layer<Measurements> = Layer.unwrap(
  Effect.map(Metric.FiberRuntimeMetrics, (around) => {
    const fibers = new FiberCounts(around)
    const surroundings = Layer.mergeAll(
      Layer.succeed(Metric.MetricRegistry, new Map()),
      Layer.succeed(Metric.FiberRuntimeMetrics, fibers)
    )
    return Layer.provideMerge(Layer.effect(Measurements, make(fibers)), surroundings)
  })
)

const make = Effect.fnUntraced(function* (fibers: FiberCounts) {
  const board = new Board(yield* Effect.context<never>())
  const clock = yield* Clock.Clock
  const { access, fleet } = families

  /** Tells how long an effect took and how it ended, when it has. */
  const measured = <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    tell: (seconds: number, exit: Exit.Exit<A, E>) => void
  ): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const startNanos = clock.monotonicTimeNanosUnsafe()
      return Effect.onExit(effect, (exit) =>
        Effect.sync(() => tell(Number(clock.monotonicTimeNanosUnsafe() - startNanos) / nanosPerSecond, exit))
      )
    })

  const call = <A>(name: string, effect: Effect.Effect<A, NodeError>): Effect.Effect<A, NodeError> =>
    measured(effect, (seconds, exit) => board.record(fleet.nodeCall, seconds, name, callOutcome(exit)))

  return Measurements.of({
    board,
    requestUnsafe: ({ route = noRoute, status, tookMs }) =>
      board.record(access.request, tookMs / msPerSecond, route, statusClass(status)),
    operation: (kind) => (effect) =>
      measured(effect, (seconds, exit) => board.record(fleet.operation, seconds, kind, operationOutcome(exit))),
    driver: (driver) => ({
      kind: driver.kind,
      identify: call("identify", driver.identify),
      processes: measured(driver.processes, (seconds, exit) => board.record(fleet.poll, seconds, callOutcome(exit))),
      process: (id) => call("process", driver.process(id)),
      start: (id) => call("start", driver.start(id)),
      stop: (id) => call("stop", driver.stop(id)),
      signal: (id, signal) => call("signal", driver.signal(id, signal)),
      sendStdin: (id, chars) => call("stdin", driver.sendStdin(id, chars)),
      clearLog: (id) => call("clear_log", driver.clearLog(id)),
      timing: (id) => call("timing", driver.timing(id)),
      readLog: (id, channel, range) => call("read_log", driver.readLog(id, channel, range)),
      // A log is followed for as long as anybody wants it: that is not a time of the node.
      followLog: (id, channel) => driver.followLog(id, channel),
      reread: call("reread", driver.reread),
      addGroup: (group) => call("add_group", driver.addGroup(group)),
      removeGroup: (group) => call("remove_group", driver.removeGroup(group))
    }),
    fibersUnsafe: () => ({ alive: fibers.started - fibers.ended, started: fibers.started })
  })
})

/** `ok`, or what went wrong in one word: the reason of a NodeError, which are few. */
const callOutcome = (exit: Exit.Exit<unknown, NodeError>): string => {
  if (Exit.isSuccess(exit)) return "ok"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const error = Cause.findErrorOption(exit.cause)
  return error._tag === "Some" ? error.value.reason._tag : "defect"
}

const operationOutcome = (exit: Exit.Exit<Pick<OperationResult, "outcome">, unknown>): string => {
  if (Exit.isSuccess(exit)) return exit.value.outcome
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "error"
}

/** Where nothing is measured. */
const unmeasured: Pick<Measurements["Service"], "driver" | "operation"> = {
  driver: (driver) => driver,
  operation: () => (effect) => effect
}

/** For parts of the console that do without `Measurements` where there are none. */
export const optional = Effect.map(
  Effect.serviceOption(Measurements),
  Option.getOrElse(() => unmeasured)
)
