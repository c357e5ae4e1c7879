/**
 * The last known state of the fleet, over restarts of the console (S12): what nodes reported last is stored with its
 * time, and a console that starts shows it, marked with its age, until they answer.
 *
 * Storing follows the state of the registry at an interval, in one transaction for many nodes, and costs nothing while
 * nothing changes but once in a while for the time. It waits while the database is away. Nobody waits for it, but the
 * start for a moment: what is stored is to be there before the first poll. Build it before the fleet.
 */
import { Effect, Fiber, Layer, Result, Schedule } from "effect"
import { Components } from "../health/Components.ts"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import { Database } from "../storage/Database.ts"
import type { DatabaseError } from "../storage/DatabaseError.ts"
import { fromRow, plan, toRow } from "./FleetRows.ts"
import type { FleetRow, Plan, PlanOptions, Stored } from "./FleetRows.ts"
import type { Memory } from "./FleetState.ts"
import { Registry } from "./Registry.ts"

export interface FleetMemoryOptions {
  /** The pause between two looks at what has changed. */
  readonly saveEveryMs: number
  /** The start of the console waits so long for what is stored; it is taken in later otherwise. */
  readonly recallWaitMs: number
}

export const memoryDefaults: FleetMemoryOptions = { saveEveryMs: 5_000, recallWaitMs: 1_000 }

/** Name of it as a component. */
const component = "fleet memory"

/** Bounds of storing. */
export const memoryLimits = {
  /** Nodes stored at once, and in one statement. */
  nodesPerSaveMax: 200,
  rowsPerStatementMax: 50,
  /** The time of a node whose processes stay the same is stored so often. */
  seenEveryMs: 60_000,
  /** A node that is stored and has not come so long after the start has left the configuration. */
  arrivalMsMax: 60_000,
  /** Rows that are read, and the pause before they are tried again. */
  rowsMax: 10_000,
  reloadPauseMs: 5_000,
  /** At the end, the longest wait for what has changed since. */
  lastSaveMsMax: 2_000
} as const

export const layer = (
  options: FleetMemoryOptions = memoryDefaults
): Layer.Layer<never, never, Database | Registry | Components> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const components = yield* Components
      const store = yield* makeStore
      const registry = yield* Registry
      const startedMs = yield* monotonicMs
      /** What the database holds, as far as is known. */
      const stored = new Map<string, Stored>()
      /** Nodes that were there at a look. */
      const arrived = new Set<string>()
      let recalled = 0
      yield* components.register(
        component,
        Effect.sync(() => ({ stored: stored.size, recalled }))
      )

      const recall = Effect.gen(function* () {
        const memories = yield* store.load
        for (const [name, { seenMs }] of memories) {
          if (!stored.has(name)) stored.set(name, { signature: undefined, seenMs })
        }
        recalled = memories.size
        if (recalled > 0) Marks.reached("what was known of nodes was recalled")
        yield* registry.recall(memories)
      }).pipe(
        Effect.tapError((error) => components.errored(component, `cannot be read: ${error.message}`)),
        Effect.retry(Schedule.spaced(memoryLimits.reloadPauseMs)),
        // It is tried for as long as it fails.
        Effect.orDie
      )

      const save = (how: Omit<PlanOptions, "hasLeft">) =>
        Effect.gen(function* () {
          if ((yield* store.status) !== "up") return
          const state = yield* registry.state
          const isSettled = (yield* monotonicMs) - startedMs >= memoryLimits.arrivalMsMax
          for (const name of state.nodes.keys()) arrived.add(name)
          const next = plan(stored, state, { ...how, hasLeft: (name) => isSettled || arrived.has(name) })
          if (next.due.length > 0 || next.gone.length > 0) yield* store.save(next)
          for (const { node, stored: now } of next.due) stored.set(node.entry.name, now)
          for (const name of next.gone) {
            stored.delete(name)
            arrived.delete(name)
          }
          // That there was nothing to store is a success too: else errors on a fleet at rest would be made good by
          // nothing.
          yield* components.succeeded(component)
        }).pipe(
          Effect.catchTag("DatabaseError", (error) =>
            components.errored(component, `cannot be written: ${error.message}`)
          )
        )

      yield* Effect.addFinalizer(() =>
        Effect.timeoutOption(save({ seenEveryMs: 0, nodesMax: Infinity }), memoryLimits.lastSaveMsMax)
      )
      const recalling = yield* Effect.andThen(store.ready, recall).pipe(
        Effect.withSpan("FleetMemory.recall"),
        Effect.forkScoped
      )
      const { nodesPerSaveMax, seenEveryMs } = memoryLimits
      yield* Effect.sleep(options.saveEveryMs).pipe(
        Effect.andThen(save({ seenEveryMs, nodesMax: nodesPerSaveMax })),
        Effect.forever,
        Effect.withSpan("FleetMemory.save"),
        Effect.forkScoped
      )
      yield* Effect.timeoutOption(Fiber.await(recalling), options.recallWaitMs)
    })
  )

/** The table. */
const makeStore = Effect.map(Database, (database) => ({
  status: database.status,
  ready: database.ready,
  /** By name. What cannot be understood is left out, and told in the log. */
  load: Effect.gen(function* () {
    const rows = yield* database.run(
      "FleetMemory.load",
      (sql) => sql`SELECT name, seen_ms, processes FROM fleet_nodes ORDER BY name LIMIT ${memoryLimits.rowsMax}`
    )
    const memories = new Map<string, Memory>()
    const problems: Array<string> = []
    for (const read of rows.map(fromRow)) {
      if (Result.isSuccess(read)) memories.set(...read.success)
      else problems.push(read.failure)
    }
    if (problems.length > 0) {
      const count = `${problems.length} of ${rows.length}`
      yield* Effect.logWarning(`${count} stored nodes cannot be read and are ignored; the first ${problems[0]}`)
    }
    return memories
  }),
  /** All of it or nothing. */
  save: ({ due, gone }: Plan): Effect.Effect<void, DatabaseError> =>
    Effect.gen(function* () {
      const rows: Array<FleetRow> = []
      for (const { node, stored } of due) {
        const row = toRow(node, stored.seenMs)
        if (row !== undefined) rows.push(row)
        else yield* Effect.logWarning(`node ${node.entry.name} has too many processes for them to be stored`)
      }
      const chunks = chunksOf(rows, memoryLimits.rowsPerStatementMax)
      const names = chunksOf(gone, memoryLimits.rowsPerStatementMax)
      yield* database.transaction("FleetMemory.save", (sql) =>
        Effect.gen(function* () {
          for (const [first, ...others] of chunks) {
            yield* sql`INSERT INTO fleet_nodes ${sql.insert([first, ...others])}
              ON CONFLICT (name) DO UPDATE SET seen_ms = excluded.seen_ms, processes = excluded.processes`
          }
          for (const chunk of names) yield* sql`DELETE FROM fleet_nodes WHERE name IN ${sql.in(chunk)}`
        })
      )
    })
}))

/** None of them is empty. */
const chunksOf = <A>(all: ReadonlyArray<A>, length: number): ReadonlyArray<readonly [A, ...ReadonlyArray<A>]> => {
  const chunks: Array<readonly [A, ...ReadonlyArray<A>]> = []
  for (let from = 0; from < all.length; from += length) {
    const [first, ...others] = all.slice(from, from + length)
    if (first !== undefined) chunks.push([first, ...others])
  }
  return chunks
}
