/** `muster ps [NODE]`: the processes of a node, or of all. Exit status 2 when there is no such node. */
import { Console, Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { formatId } from "../../core/domain/Process.ts"
import type { ProcessInfo } from "../../core/domain/Process.ts"
import type { ProcessState } from "../../core/domain/ProcessState.ts"
import { printable } from "../Printable.ts"
import { cell, roughly, table } from "../Table.ts"
import type { Cell, Colour } from "../Table.ts"
import * as Remote from "./Remote.ts"

/** Nodes that are asked for at once. */
const concurrency = 8

const flags = {
  node: Argument.String("node").pipe(Argument.optional, Argument.withDescription("Default: all nodes")),
  ...Remote.flags
}

export const ps = Command.make("ps", flags, ({ json, node: given, url }) =>
  Remote.withRemote(url, ({ ask, client }) =>
    Effect.gen(function* () {
      const nodes = Option.isSome(given)
        ? [yield* ask(client.nodes.get({ params: { node: given.value } }))]
        : (yield* ask(client.nodes.list({ query: {} }))).nodes
      const found = yield* Effect.forEach(
        nodes,
        (node) =>
          Effect.map(ask(client.nodes.processes({ params: { node: node.name } })), ({ processes }) => ({
            node,
            processes
          })),
        { concurrency }
      )
      const rows = found.flatMap(({ node, processes }) => processes.map((process) => ({ node: node.name, ...process })))
      if (json) return yield* Console.log(JSON.stringify(rows, undefined, 2))
      yield* Console.log(table(heads, rows.map(row)))
      for (const { node } of found.filter((each) => each.node.stale)) {
        const why = node.reason === undefined ? node.status : `${node.status}, ${node.reason.message}`
        yield* Console.error(`muster: ${printable(`${node.name} is ${why}; what is shown of it is not fresh`)}`)
      }
    })
  )
).pipe(Command.withDescription("List the processes of a running console's nodes"))

const heads = ["NODE", "PROCESS", "STATE", "PID", "UPTIME", "DESCRIPTION"]

const colours: Readonly<Record<ProcessState, Colour>> = {
  RUNNING: "green",
  STARTING: "yellow",
  STOPPING: "yellow",
  BACKOFF: "red",
  FATAL: "red",
  UNKNOWN: "red",
  STOPPED: "none",
  EXITED: "none"
}

const row = (process: ProcessInfo & { readonly node: string }): ReadonlyArray<Cell> => [
  cell(process.node),
  cell(formatId(process)),
  cell(process.state, colours[process.state]),
  cell(process.pid === 0 ? "" : process.pid),
  cell(process.pid === 0 ? "" : roughly((process.now - process.start) * 1_000)),
  cell(process.description)
]
