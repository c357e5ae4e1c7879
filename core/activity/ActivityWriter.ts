/**
 * Attempts on their way to the database: in the order in which they came, by one fiber, which writes what waits in one
 * statement. So one commit serves all who wait, and those who come while it is under way share the next.
 *
 * Whoever hands an attempt in waits for its commit. When the database cannot take it, nobody waits any longer: attempts
 * stay in memory, in order and up to a bound, and are written when it can. A statement whose answer was lost is done
 * again; what it had written is known by its uid.
 */
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Latch, Random } from "effect"
import type { Attempt } from "../domain/ActivityEntry.ts"
import { Components } from "../health/Components.ts"
import * as Marks from "../Marks.ts"
import { Database } from "../storage/Database.ts"
import type { NewRow } from "./ActivityRows.ts"
import { insertRows } from "./ActivityRows.ts"
import { cleanAttempt } from "./ActivityText.ts"

/** Rows of one statement. Each has a dozen parameters, of which a statement of SQLite has 32,766 at most. */
const rowsMax = 200

/**
 * How long whoever hands an attempt in waits for its commit: with a database that is well, and one of which is not
 * known whether it is. After that it counts as away.
 */
const waitMs = { well: 5_000, unknown: 1_000 } as const

/** The first pause before a write that failed is tried again, and the longest. */
const retryMs = { first: 250, max: 5_000 } as const

/** How long the end of the console waits for what is not written yet. */
const closeMsMax = 2_000

/** The name of its component. */
export const component = "activity"

export interface WriterCounts {
  /** Attempts that are in memory only. */
  readonly waiting: number
  readonly written: number
  /** Attempts for which there was no room while the database was away, or that were left at the end. */
  readonly lost: number
}

interface Waiting extends NewRow {
  /** It is written, or nobody should wait for that. */
  readonly settled: Deferred.Deferred<void>
}

/** What waits, and what is known of the database. All of it is synchronous. */
class Line {
  readonly waiting: Array<Waiting> = []
  /** Open while something waits. */
  readonly wake = Latch.makeUnsafe(false)
  /** Opened for a moment whenever there may be room again. */
  readonly room = Latch.makeUnsafe(false)
  database: "well" | "unknown" | "away" = "unknown"
  isClosing = false
  isClosed = false
  written = 0
  lost = 0
  private readonly instance: string
  private readonly waitingMax: number
  private drawn = 0

  constructor(instance: string, waitingMax: number) {
    this.instance = instance
    this.waitingMax = waitingMax
  }

  get isFull(): boolean {
    return this.waiting.length >= this.waitingMax
  }

  push(attempt: Attempt, atMs: number): Waiting {
    const uid = `${this.instance}.${++this.drawn}`
    const waiting = { uid, atMs, attempt: cleanAttempt(attempt), settled: Deferred.makeUnsafe<void>() }
    this.waiting.push(waiting)
    this.wake.openUnsafe()
    return waiting
  }

  /** What is to be written next; empty closes the latch. */
  next(): ReadonlyArray<Waiting> {
    const rows = this.waiting.slice(0, rowsMax)
    if (rows.length === 0 && !this.isClosing) this.wake.closeUnsafe()
    return rows
  }

  wrote(rows: ReadonlyArray<Waiting>): void {
    this.waiting.splice(0, rows.length)
    this.written += rows.length
    this.database = "well"
    for (const { settled } of rows) Deferred.doneUnsafe(settled, Exit.void)
  }

  /** Nobody waits for a database that is away. */
  away(): void {
    this.database = "away"
    for (const { settled } of this.waiting) Deferred.doneUnsafe(settled, Exit.void)
  }
}

/** Made with the scope, at whose end what waits is written if the database allows it in time. */
export const make = Effect.fnUntraced(function* ({ waitingMax }: { readonly waitingMax: number }) {
  const components = yield* Components
  const line = new Line(yield* drawInstance, waitingMax)
  const closing = Latch.makeUnsafe(false)
  const counts = Effect.sync((): WriterCounts => ({
    waiting: line.waiting.length,
    written: line.written,
    lost: line.lost
  }))
  yield* components.register(
    component,
    Effect.map(counts, (known) => ({ ...known, database: line.database }))
  )
  const writer = yield* Effect.forkScoped(Effect.withSpan(write(line, closing), "ActivityLog.write"))
  yield* Effect.addFinalizer(() => close(line, closing, writer))

  const lose = Effect.gen(function* () {
    line.lost++
    Marks.reached("an attempt found no room")
    yield* components.errored(component, `attempts were lost, ${waitingMax} wait for the database already`)
  })
  // A database that is well makes room soon.
  const awaitRoom = Effect.gen(function* () {
    while (line.isFull && line.database !== "away" && !line.isClosed) yield* line.room.await
  })
  const record = Effect.fnUntraced(function* (attempt: Attempt) {
    const atMs = yield* Clock.currentTimeMillis
    if (line.isFull) yield* Effect.timeoutOption(Effect.interruptible(awaitRoom), waitMs.unknown)
    if (line.isFull || line.isClosed) return yield* lose
    const { settled } = line.push(attempt, atMs)
    if (line.database === "away") return
    const settling = Effect.interruptible(Deferred.await(settled))
    if ((yield* Effect.timeoutOption(settling, waitMs[line.database]))._tag === "Some") return
    line.away()
    yield* components.errored(component, "the database does not answer; attempts wait in memory")
  })
  return { record, counts }
})

/** Tells the uids of this life of the console from those of any other. */
const drawInstance = Effect.map(Effect.all([1, 2, 3].map(() => Random.nextIntBetween(0, 0xffffffff))), (parts) =>
  parts.map((part) => part.toString(36)).join("")
)

/** Writes what waits until it is told to close: then what is left, as far as that goes at the first attempt. */
const write = Effect.fnUntraced(function* (line: Line, closing: Latch.Latch) {
  const database = yield* Database
  const components = yield* Components
  yield* Effect.raceFirst(database.ready, closing.await)
  let pauseMs: number = retryMs.first
  for (;;) {
    yield* line.wake.await
    const rows = line.next()
    const [first, ...others] = rows
    if (first === undefined) {
      if (line.isClosing) return
      continue
    }
    const exit = yield* Effect.exit(database.run("ActivityLog.record", (sql) => insertRows(sql, [first, ...others])))
    if (Exit.isSuccess(exit)) {
      if (line.database === "away") yield* Effect.logInfo(`the activity log is written again`)
      if (line.database === "away") Marks.reached("attempts waited in memory and were written")
      if (rows.length > 1) Marks.reached("one commit took several attempts")
      line.wrote(rows)
      pauseMs = retryMs.first
      yield* line.room.release
      yield* components.succeeded(component)
      continue
    }
    const isNews = line.database !== "away"
    line.away()
    yield* line.room.release
    const error = Cause.squash(exit.cause)
    if (Cause.hasDies(exit.cause)) yield* Effect.logError("writing the activity log died", exit.cause)
    else if (isNews) yield* Effect.logWarning("attempts wait in memory for the activity log", exit.cause)
    yield* components.errored(component, error instanceof Error ? error.message : String(error))
    if (line.isClosing) return
    const jitter = yield* Random.nextIntBetween(0, Math.ceil(pauseMs / 2))
    yield* Effect.raceFirst(Effect.sleep(pauseMs + jitter), closing.await)
    pauseMs = Math.min(retryMs.max, pauseMs * 2)
  }
})

const close = Effect.fnUntraced(function* (line: Line, closing: Latch.Latch, writer: Fiber.Fiber<void>) {
  line.isClosing = true
  line.wake.openUnsafe()
  yield* closing.open
  yield* Effect.timeoutOption(Effect.interruptible(Fiber.await(writer)), closeMsMax)
  line.isClosed = true
  const left = line.waiting.length
  line.lost += left
  line.away()
  yield* line.room.open
  if (left === 0) return
  Marks.reached("attempts were left at the end")
  yield* Effect.logWarning(`${left} attempts were not written to the activity log and are lost`)
})
