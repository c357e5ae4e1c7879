/**
 * `muster start|stop|restart|signal`: one operation on every process that is named, as a batch of the console. Exit
 * status 0 when all ended `done` or `unchanged`, 1 when some did not, 2 for wrong usage and unknown processes.
 */
import { Console, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { BatchMode, batchLimits, SignalName } from "../../core/domain/Operation.ts"
import type { BatchRequest, OperationRequest } from "../../core/domain/Operation.ts"
import { printable } from "../Printable.ts"
import { cell, table } from "../Table.ts"
import * as BatchProgress from "./BatchProgress.ts"
import { parsePattern, resolve, selectorOf } from "./Patterns.ts"
import * as Remote from "./Remote.ts"
import { durationOf, wrongUsage } from "./Usage.ts"

const patterns = Argument.String("process").pipe(
  Argument.withDescription("node/group:name, with * for any characters: 'web-*/app:*'"),
  Argument.variadic({ min: 1 })
)

const flags = {
  mode: Flag.Literals("mode", BatchMode.literals).pipe(
    Flag.withDefault("parallel"),
    Flag.withDescription("All at once, in groups one after another, or one first and then the rest")
  ),
  concurrency: Flag.Int("concurrency").pipe(Flag.optional, Flag.withDescription("Processes at a time")),
  stopAfter: Flag.Int("stop-after").pipe(
    Flag.optional,
    Flag.withDescription("Begin no more after so many failures; default 1 unless --mode is parallel")
  ),
  timeout: Flag.String("timeout").pipe(Flag.optional, Flag.withDescription("For all of it: 500ms, 60s, 5m, 2h")),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Say what it would act on, and do nothing")
  ),
  ...Remote.flags
}

interface Given {
  readonly mode: BatchMode
  readonly concurrency: Option.Option<number>
  readonly stopAfter: Option.Option<number>
  readonly timeout: Option.Option<string>
  readonly dryRun: boolean
  readonly url: Option.Option<string>
  readonly json: boolean
}

const plain = (kind: "start" | "stop" | "restart", description: string) =>
  Command.make(kind, { patterns, ...flags }, ({ patterns: texts, ...given }) => operate({ kind }, texts, given)).pipe(
    Command.withDescription(description)
  )

export const start = plain("start", "Start processes through a running console")
export const stop = plain("stop", "Stop processes through a running console")
export const restart = plain("restart", "Restart processes through a running console")

export const signal = Command.make(
  "signal",
  { signal: Argument.String("signal").pipe(Argument.withDescription("HUP, SIGUSR1, 10")), patterns, ...flags },
  ({ patterns: texts, signal: name, ...given }) =>
    Schema.is(SignalName)(name)
      ? operate({ kind: "signal", signal: name }, texts, given)
      : wrongUsage(`${printable(JSON.stringify(name))} is no signal, expected one such as HUP, SIGUSR1 or 10`)
).pipe(Command.withDescription("Send a signal to processes through a running console"))

const operate = (operation: OperationRequest, texts: ReadonlyArray<string>, given: Given) =>
  Effect.gen(function* () {
    const options = yield* optionsOf(given)
    const named = yield* Effect.forEach(texts, parsePattern)
    yield* Remote.withRemote(given.url, (remote) =>
      Effect.gen(function* () {
        const { ask, client } = remote
        const submit = (payload: BatchRequest) => ask(client.batches.submit({ payload }))
        const [first, ...rest] = named.map(selectorOf)
        if (first === undefined) return yield* wrongUsage("name the processes")
        // What the names mean depends on what there is.
        const all = yield* submit({ operation, select: [first, ...rest], dry_run: true })
        const [one, ...others] = yield* resolve(named, all.items)
        if (one === undefined) return yield* wrongUsage("no process matches")
        const request = { operation, select: [one, ...others], ...options } as const
        if (!given.dryRun) return yield* BatchProgress.follow(remote, yield* submit(request), given.json)
        const would = yield* submit({ ...request, dry_run: true })
        const rows = would.items.map(({ group, name, node }) => [cell(node), cell(`${group}:${name}`)])
        yield* Console.log(given.json ? JSON.stringify(would, undefined, 2) : table(["NODE", "PROCESS"], rows))
      })
    )
  })

const optionsOf = ({ concurrency, mode, stopAfter, timeout }: Given) =>
  Effect.gen(function* () {
    const between = (flag: string, value: number, maximum: number) =>
      value >= 1 && value <= maximum
        ? Effect.succeed(value)
        : wrongUsage(`${flag} is ${value}, expected a number from 1 to ${maximum}`)
    const timeoutMs = Option.isSome(timeout) ? yield* durationOf("--timeout", timeout.value) : undefined
    return {
      mode,
      ...(Option.isSome(concurrency)
        ? { concurrency: yield* between("--concurrency", concurrency.value, batchLimits.concurrencyMax) }
        : {}),
      ...(Option.isSome(stopAfter)
        ? { stop_after_failures: yield* between("--stop-after", stopAfter.value, batchLimits.itemsMax) }
        : {}),
      ...(timeoutMs === undefined
        ? {}
        : { timeout_ms: yield* between("--timeout in ms", Math.ceil(timeoutMs), batchLimits.timeoutMsMax) })
    }
  })
