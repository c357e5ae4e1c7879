/** Runs an operation on a fake node to its end. */
import { Effect, Fiber } from "effect"
import type { Result } from "effect"
import { TestClock } from "effect/testing"
import type { NodeError } from "../../../core/domain/NodeError.ts"
import type { OperationRequest, OperationResult } from "../../../core/domain/Operation.ts"
import type { NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import * as Operation from "../../../core/fleet/Operation.ts"
import type { OperationLimits, OperationOptions, OperationTarget } from "../../../core/fleet/Operation.ts"
import { make } from "./FakeDriver.ts"
import type { FakeDriverOptions } from "./FakeDriver.ts"

export const api = { group: "app", name: "api" }
export const defaults: OperationOptions = {
  observeIntervalMs: 250,
  deadlineMs: { start: 60_000, stop: 60_000, restart: 120_000, signal: 5_000, stdin: 5_000, clear_log: 5_000 }
}

interface Around extends Omit<Partial<OperationTarget>, "driver"> {
  readonly limits?: OperationLimits
  /** Puts another driver in the place of the fake one. */
  readonly change?: (driver: NodeDriver) => NodeDriver
}

/** Runs the operation to its end, a step of the clock at a time. */
export const perform = (
  asked: OperationRequest | "start" | "stop" | "restart" | "clear_log",
  node: FakeDriverOptions,
  options = defaults,
  { limits, change = (driver) => driver, ...target }: Around = {}
) =>
  Effect.gen(function* () {
    const { calls, driver } = make(node)
    const request = typeof asked === "string" ? { kind: asked } : asked
    const operation = Operation.run(request, { driver: change(driver), id: api, ...target }, options, limits)
    const fiber = yield* Effect.forkChild(Effect.result(operation))
    yield* TestClock.adjust("10 minutes")
    const result = yield* Fiber.join(fiber)
    return { calls, result }
  })

/** The outcome, the last state, the words and the time, in one line; and what the node was asked. */
export const summary = (...asked: Parameters<typeof perform>) =>
  Effect.map(perform(...asked), ({ calls, result }) => ({ calls, line: lineOf(result) }))

/** The outcome, the time that was up, the words, the last state and the duration. */
export const lineOf = (result: Result.Result<OperationResult, NodeError>): string => {
  if (result._tag === "Failure") return `error ${result.failure.reason._tag}`
  const { detail, limit, outcome, state, took_ms: tookMs } = result.success
  return `${limit === undefined ? outcome : `${outcome} of the ${limit}`}, ${detail}, ${state} in ${tookMs} ms`
}
