/**
 * `muster update NODE`: brings a node to its configuration files; with `--dry-run`, says what that would change. Exit
 * status 1 when a group could not be changed.
 */
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ExitStatus } from "../ExitStatus.ts"
import { cell, table } from "../Table.ts"
import * as Remote from "./Remote.ts"

/** Groups are stopped and started one after another, each within its own time. */
const updateMsMax = 3_600_000

const flags = {
  node: Argument.String("node"),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Say what would change, and change nothing")
  ),
  ...Remote.flags
}

export const update = Command.make("update", flags, ({ dryRun, json, node, url }) =>
  Remote.withRemote(url, ({ ask, client }) =>
    Effect.gen(function* () {
      const params = { node }
      if (dryRun) {
        const diff = yield* ask(client.nodes.previewUpdate({ params }))
        if (json) return yield* Console.log(JSON.stringify(diff, undefined, 2))
        const rows = (["added", "changed", "removed"] as const).flatMap((change) =>
          diff[change].map((group) => [cell(group), cell(change)])
        )
        return yield* Console.log(rows.length === 0 ? nothing : table(["GROUP", "CHANGE"], rows))
      }
      const result = yield* ask(client.nodes.update({ params }), updateMsMax)
      const rows = result.groups.map(({ change, detail, group, outcome }) => [
        cell(group),
        cell(change),
        cell(outcome, outcome === "done" ? "green" : outcome === "skipped" ? "yellow" : "red"),
        cell(detail)
      ])
      const text = rows.length === 0 ? nothing : table(["GROUP", "CHANGE", "OUTCOME", "DETAIL"], rows)
      yield* Console.log(json ? JSON.stringify(result, undefined, 2) : text)
      if (result.groups.some(({ outcome }) => outcome !== "done"))
        return yield* new ExitStatus({ status: 1, message: "" })
    })
  )
).pipe(Command.withDescription("Bring a node to its configuration files through a running console"))

const nothing = "nothing to change"
