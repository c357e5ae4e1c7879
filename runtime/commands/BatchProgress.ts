/** A batch as its user sees it: a line for each process as it ends, and one for the whole. */
import { Console, Effect } from "effect"
import type { BatchItem, BatchItemState, BatchView } from "../../core/domain/Operation.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as Interruption from "../Interruption.ts"
import { printable } from "../Printable.ts"
import { painted, wantsColours } from "../Table.ts"
import type { Colour } from "../Table.ts"
import type { Remote } from "./Remote.ts"

/** Between two looks at a batch under way. */
const lookEveryMs = 250

const colours: Readonly<Record<BatchItemState, Colour>> = {
  pending: "grey",
  running: "yellow",
  done: "green",
  unchanged: "green",
  failed: "red",
  timeout: "red",
  error: "red",
  skipped: "yellow",
  cancelled: "yellow"
}

const isOver = ({ state }: BatchItem): boolean => state !== "pending" && state !== "running"

/** `done       web-1/app:api  RUNNING (1.2 s)` */
export const itemLine = ({ detail, group, name, node, state, took_ms }: BatchItem): string => {
  const took = took_ms === undefined ? "" : ` (${(took_ms / 1_000).toFixed(1)} s)`
  const what = printable(`${node}/${group}:${name}${detail === "" ? "" : `  ${detail}`}`)
  return `${painted(state.padEnd(9), colours[state], wantsColours())}  ${what}${took}`
}

/** `restart: 3 done, 1 failed; stopped early` */
export const summaryLine = ({ counts, id, kind, status, stopped_early }: BatchView): string => {
  const parts = Object.entries(counts).map(([state, count]) => `${count} ${state}`)
  const end = status === "timeout" ? "; its time was up" : status === "cancelled" ? "; cancelled" : ""
  return `${kind}, batch ${id}: ${parts.join(", ")}${stopped_early ? "; stopped early" : ""}${end}`
}

/**
 * Follows a batch to its end; fails with status 1 unless every process ended well. Ctrl-C ends the following and not
 * the batch.
 */
export const follow = (remote: Remote, begun: BatchView, json: boolean): Effect.Effect<void, ExitStatus> =>
  Effect.gen(function* () {
    const interruption = yield* Interruption.listen
    const interrupted = Effect.gen(function* () {
      yield* interruption.asked
      yield* Console.error(`muster: batch ${begun.id} goes on; end it by: muster batches ${begun.id} --cancel`)
      return yield* interruption.end
    })
    const ended = yield* Effect.raceFirst(lookUntilOver(remote, begun, json), interrupted)
    yield* Console.log(json ? JSON.stringify(ended, undefined, 2) : summaryLine(ended))
    if (ended.status !== "done") return yield* new ExitStatus({ status: 1, message: "" })
  }).pipe(Effect.scoped)

const lookUntilOver = ({ ask, client }: Remote, begun: BatchView, json: boolean) =>
  Effect.gen(function* () {
    const told = new Set<number>()
    let batch = begun
    for (;;) {
      for (const [i, item] of batch.items.entries()) {
        if (json || told.has(i) || !isOver(item)) continue
        told.add(i)
        yield* Console.log(itemLine(item))
      }
      if (batch.status !== "running") return batch
      yield* Effect.sleep(lookEveryMs)
      batch = yield* ask(client.batches.get({ params: { id: begun.id } }))
    }
  })
