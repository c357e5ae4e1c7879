/**
 * One run of a scenario against a running console: what it draws from, what it counts, and the folder in which all that
 * was seen is kept.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Cause, Effect, Exit, Schema, type Scope } from "effect"
import type { Violation } from "../../scenarios/Property.ts"
import { Prng } from "../../sim/Prng.ts"

/** What the scenario stands on did not do its part: a process that does not start, a port that cannot be had. */
export class RealWorldError extends Schema.TaggedError<RealWorldError>()("RealWorldError", {
  message: Schema.String
}) {}

/** The scenario needs what is not here. */
export class NotHere extends Schema.TaggedError<NotHere>()("NotHere", { reason: Schema.String }) {}

export interface Episode {
  readonly seed: number
  /** Holds `history.jsonl`, and the configuration, the log and the database of the console. Kept when it fails. */
  readonly folder: string
  /** Of the workload and of the chaos. */
  readonly random: Prng
  /** Counts a fault of this kind, and takes it down. */
  readonly fault: (kind: string, detail?: unknown) => void
  /** Counts that something worth reaching was reached. */
  readonly sometimes: (mark: string) => void
  /** Says what part of the scenario could not be run here, and why. */
  readonly leftOut: (reason: string) => void
  /** Takes down what somebody outside of the console saw or did. */
  readonly note: (kind: string, seen: unknown) => void
  readonly faults: ReadonlyMap<string, number>
  readonly marks: ReadonlyMap<string, number>
  readonly missing: ReadonlyArray<string>
}

/** What a scenario may fail with. */
export type EpisodeError = NotHere | RealWorldError | Violation

/** The stream of random numbers that a scenario draws from. */
const stream = 0

/** Somebody stopped it, or it could not be run: nobody wants to look into that. */
const isWithoutFinding = (cause: Cause.Cause<unknown>): boolean =>
  Cause.hasInterruptsOnly(cause) || Cause.squash(cause) instanceof NotHere

/** Makes the folder, which goes with the scope unless that ends with a failure. */
export const make = (id: string, seed: number): Effect.Effect<Episode, never, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), `muster-real-${id}-`))),
      (path, exit) =>
        Effect.sync(() => {
          const isOfNoUse = Exit.isSuccess(exit) || isWithoutFinding(exit.cause)
          if (isOfNoUse) rmSync(path, { recursive: true, force: true, maxRetries: 3 })
        })
    )
    const file = yield* Effect.acquireRelease(
      Effect.sync(() => openSync(join(folder, "history.jsonl"), "a")),
      (opened) => Effect.sync(() => closeSync(opened))
    )
    const startedMs = performance.now()
    let isOpen = true
    yield* Effect.addFinalizer(() => Effect.sync(() => void (isOpen = false)))
    const faults = new Map<string, number>()
    const marks = new Map<string, number>()
    const missing: Array<string> = []
    const note = (kind: string, seen: unknown) => {
      if (isOpen)
        writeSync(file, `${JSON.stringify({ atMs: Math.round(performance.now() - startedMs), kind, seen })}\n`)
    }
    return {
      seed,
      folder,
      random: new Prng(seed, stream),
      note,
      fault: (kind, detail) => {
        faults.set(kind, (faults.get(kind) ?? 0) + 1)
        note("fault", { kind, detail })
      },
      sometimes: (mark) => void marks.set(mark, (marks.get(mark) ?? 0) + 1),
      leftOut: (reason) => void missing.push(reason),
      faults,
      marks,
      missing
    }
  })

/** One of them. */
export const pick = <A>({ random }: Pick<Episode, "random">, from: readonly [A, ...ReadonlyArray<A>]): A =>
  from[random.below(from.length)] ?? from[0]

/** A time between the two, milliseconds. */
export const between = ({ random }: Pick<Episode, "random">, leastMs: number, mostMs: number): number =>
  leastMs + random.below(mostMs - leastMs + 1)
