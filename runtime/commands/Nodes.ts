/** `muster nodes`: the nodes of the fleet. Exit status 0, also when some are down. */
import { Clock, Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import type { NodeView } from "../../core/domain/Node.ts"
import { cell, roughly, table } from "../Table.ts"
import type { Cell, Colour } from "../Table.ts"
import * as Remote from "./Remote.ts"

const flags = {
  environment: Flag.String("environment").pipe(Flag.optional, Flag.withDescription("Only nodes of this environment")),
  ...Remote.flags
}

export const nodes = Command.make("nodes", flags, ({ environment, json, url }) =>
  Remote.withRemote(url, ({ ask, client }) =>
    Effect.gen(function* () {
      const query = Option.match(environment, { onNone: () => ({}), onSome: (name) => ({ environment: name }) })
      const found = yield* ask(client.nodes.list({ query }))
      if (json) return yield* Console.log(JSON.stringify(found.nodes, undefined, 2))
      const nowMs = yield* Clock.currentTimeMillis
      yield* Console.log(
        table(
          heads,
          found.nodes.map((node) => row(node, nowMs))
        )
      )
    })
  )
).pipe(Command.withDescription("List the nodes of a running console"))

const heads = ["NODE", "ENVIRONMENT", "STATUS", "SINCE", "PROCESSES", "VERSION", "REASON"]

const colours = { up: "green", down: "red", connecting: "yellow" } as const satisfies Record<string, Colour>

const row = (node: NodeView, nowMs: number): ReadonlyArray<Cell> => [
  cell(node.name),
  cell(node.environment ?? ""),
  cell(node.status, colours[node.status]),
  cell(roughly(nowMs - Date.parse(node.since))),
  cell(
    Object.entries(node.processes)
      .map(([state, count]) => `${count} ${state}`)
      .join(", ")
  ),
  cell(node.kind === "local" ? "local" : (node.identity?.version ?? "")),
  cell(node.reason?.message ?? "")
]
