/** `muster batches [ID]`: batches under way and the newest of those that are over; one of them, or its end. */
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { BatchStatus } from "../../core/domain/Operation.ts"
import { cell, table } from "../Table.ts"
import type { Colour } from "../Table.ts"
import { itemLine, summaryLine } from "./BatchProgress.ts"
import * as Remote from "./Remote.ts"
import { wrongUsage } from "./Usage.ts"

const flags = {
  id: Argument.Int("id").pipe(Argument.optional, Argument.withDescription("Show this one with its processes")),
  cancel: Flag.Boolean("cancel").pipe(Flag.withDefault(false), Flag.withDescription("Cancel what has not ended of it")),
  ...Remote.flags
}

export const batches = Command.make("batches", flags, ({ cancel, id, json, url }) =>
  Remote.withRemote(url, ({ ask, client }) =>
    Effect.gen(function* () {
      if (Option.isSome(id)) {
        const params = { id: id.value }
        const batch = yield* ask(cancel ? client.batches.cancel({ params }) : client.batches.get({ params }))
        return yield* Console.log(
          json ? JSON.stringify(batch, undefined, 2) : [...batch.items.map(itemLine), summaryLine(batch)].join("\n")
        )
      }
      if (cancel) return yield* wrongUsage("--cancel needs the number of a batch")
      const found = yield* ask(client.batches.list())
      if (json) return yield* Console.log(JSON.stringify(found.batches, undefined, 2))
      const rows = found.batches.map(({ counts, id: number, kind, mode, started, status }) => [
        cell(number),
        cell(kind),
        cell(mode),
        cell(status, colours[status]),
        cell(started),
        cell(
          Object.entries(counts)
            .map(([state, count]) => `${count} ${state}`)
            .join(", ")
        )
      ])
      yield* Console.log(table(["BATCH", "OPERATION", "MODE", "STATUS", "STARTED", "PROCESSES"], rows))
    })
  )
).pipe(Command.withDescription("List the batches of a running console, look at one, or cancel it"))

const colours: Readonly<Record<BatchStatus, Colour>> = {
  planned: "none",
  running: "yellow",
  done: "green",
  failed: "red",
  timeout: "red",
  cancelled: "yellow"
}
