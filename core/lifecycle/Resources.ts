/**
 * The parts of the console in the order in which they were started, closed the other way round (S36): each within its
 * own deadline and all within one, a failure does not keep the rest from closing, and what did not stop is said.
 *
 * A part has started when its layer is built; what it depends on has started before, and is closed after it. A part may
 * use half of the time that is left, so that one that hangs leaves time for the others, and the last part may use all
 * of it. A part that hangs is left behind: its closing goes on by itself, and the next part closes.
 */
import { Cause, Clock, Context, Deferred, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import * as Marks from "../Marks.ts"

export interface Closed {
  readonly name: string
  readonly outcome: "closed" | "failed" | "not stopped"
  readonly tookMs: number
  /** Why it failed, in words. */
  readonly detail: string
}

export interface ShutdownReport {
  /** In the order of closing. */
  readonly parts: ReadonlyArray<Closed>
  readonly tookMs: number
  /** Everything is closed, and nothing failed. */
  readonly clean: boolean
}

export interface ResourcesOptions {
  /** For everything together. */
  readonly deadlineMs: number
}

export class Resources extends Context.Service<
  Resources,
  {
    /**
     * Builds a layer in a scope of its own that this service closes in its turn. When the scope around it closes
     * first, it is closed then. A layer that is being built when everything closes is interrupted, and so is one that
     * would be built afterwards.
     */
    readonly manage: <A, E, R>(
      name: string,
      layer: Layer.Layer<A, E, R>
    ) => Effect.Effect<Context.Context<A>, E, R | Scope.Scope>
    /** Closes everything; once, later calls give the same report. */
    readonly close: Effect.Effect<ShutdownReport>
  }
>()("core/lifecycle/Resources") {}

/** One part. It closes once; `closed` says how, for all who wait for it. */
interface Part {
  readonly name: string
  readonly scope: Scope.Closeable
  readonly closed: Deferred.Deferred<Closed>
  /** Done when it is built or never will be. */
  readonly built: Deferred.Deferred<void>
}

/** Kept for each part that has yet to close, unless that is more than half of what is left. Most need far less. */
const reserveMs = 250

/** What is managed now. */
class Parts {
  /** In the order of their beginning to build. */
  readonly building = new Set<Part>()
  /** In the order in which they were built. */
  readonly started = new Set<Part>()
  /** In the order of closing, until everything is closed. */
  readonly ending = new Set<Part>()
  /** Done when everything is to close. */
  readonly stopping = Deferred.makeUnsafe<void>()
  readonly deadlineMs: number
  #endsMs = 0

  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs
  }

  stop(atMs: number): void {
    this.#endsMs = atMs + this.deadlineMs
    Deferred.doneUnsafe(this.stopping, Effect.void)
  }

  get isStopping(): boolean {
    return Deferred.isDoneUnsafe(this.stopping)
  }

  /** Those whose closing has not begun. What is still being built is in use by nobody, so it closes first. */
  get open(): ReadonlyArray<Part> {
    return [...this.started, ...this.building]
  }

  /** The part begins to close; gives how long it may take, or undefined when it had begun before. */
  begin(part: Part, atMs: number): number | undefined {
    if (this.building.delete(part)) Marks.reached("a part was closed while it was built")
    else if (!this.started.delete(part)) return undefined
    this.ending.add(part)
    return this.isStopping ? this.share(atMs) : this.deadlineMs
  }

  /** How long one part may keep the others waiting, once everything is to close: all but what those may need. */
  share(atMs: number): number {
    const leftMs = Math.max(0, this.#endsMs - atMs)
    return this.open.length === 0 ? leftMs : Math.max(leftMs / 2, leftMs - this.open.length * reserveMs)
  }
}

/** Whatever is still open when the scope of this layer closes is closed then, as by `close`. */
export const layer = (options: ResourcesOptions): Layer.Layer<Resources> =>
  Layer.effect(
    Resources,
    Effect.gen(function* () {
      const parts = new Parts(options.deadlineMs)
      const reported = Deferred.makeUnsafe<ShutdownReport>()
      const close = Effect.flatMap(nowMs, (atMs) => {
        if (parts.isStopping) return Deferred.await(reported)
        parts.stop(atMs)
        return Effect.tap(closeAll(parts, atMs), (report) => Deferred.succeed(reported, report))
      }).pipe(Effect.uninterruptible, Effect.withSpan("Resources.close"))
      yield* Effect.addFinalizer(() => close)
      return Resources.of({ manage: (name, part) => manage(parts, name, part), close })
    })
  )

const manage = <A, E, R>(parts: Parts, name: string, layerOfPart: Layer.Layer<A, E, R>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const part: Part = {
        name,
        scope: yield* Scope.make(),
        closed: Deferred.makeUnsafe(),
        built: Deferred.makeUnsafe()
      }
      if (parts.isStopping) return yield* Effect.interrupt
      parts.building.add(part)
      yield* Effect.addFinalizer(() => closeWithScope(parts, part))
      return yield* Effect.raceFirst(
        Layer.buildWithScope(layerOfPart, part.scope),
        Effect.andThen(Deferred.await(parts.stopping), Effect.interrupt)
      ).pipe(
        restore,
        Effect.tap(() =>
          Effect.sync(() => {
            if (parts.building.delete(part)) parts.started.add(part)
          })
        ),
        Effect.ensuring(Deferred.succeed(part.built, undefined))
      )
    })
  )

/** A layer as a part of the console, closed in its turn. It is built wherever it stands: no two places share one. */
export const managed = <A, E, R>(name: string, layerOfPart: Layer.Layer<A, E, R>): Layer.Layer<A, E, R | Resources> =>
  Layer.fromBuild((_, scope) =>
    Effect.flatMap(Resources, (resources) => Scope.provide(resources.manage(name, layerOfPart), scope))
  )

/** Closes the part with the scope around it; one that everything closes with is reported there. */
const closeWithScope = (parts: Parts, part: Part): Effect.Effect<void> =>
  Effect.flatMap(closePart(parts, part), ({ detail, outcome }) => {
    if (outcome === "closed" || parts.isStopping) return Effect.void
    return Effect.logWarning(`"${part.name}" ${outcome === "failed" ? "failed to close" : "did not stop"}: ${detail}`)
  })

/** Parts that close with a scope of theirs, before or meanwhile, are waited for and reported too. */
const closeAll = (parts: Parts, startMs: number): Effect.Effect<ShutdownReport> =>
  Effect.gen(function* () {
    while (parts.open.length > 0) {
      // What already closes was started after what is still open.
      for (const { closed } of parts.ending) {
        yield* Effect.timeoutOption(Effect.interruptible(Deferred.await(closed)), parts.share(yield* nowMs))
      }
      const part = parts.open.at(-1)
      if (part !== undefined) yield* closePart(parts, part)
    }
    const closed = yield* Effect.forEach(parts.ending, (part) => Deferred.await(part.closed))
    const tookMs = Math.round((yield* nowMs) - startMs)
    return { parts: closed, tookMs, clean: closed.every(({ outcome }) => outcome === "closed") }
  })

/** Closes a part in its time, or leaves it behind. Who comes second waits for the first. */
const closePart = (parts: Parts, part: Part): Effect.Effect<Closed> =>
  Effect.flatMap(nowMs, (startMs) => {
    const withinMs = parts.begin(part, startMs)
    if (withinMs === undefined) return Deferred.await(part.closed)
    return Effect.gen(function* () {
      // In no scope: what hangs must not keep the scopes around it from closing.
      const closing = yield* Deferred.await(part.built).pipe(
        Effect.andThen(Scope.close(part.scope, Exit.void)),
        Effect.withSpan("Resources.part", { attributes: { part: part.name } }),
        Effect.forkDetach({ startImmediately: true })
      )
      const ended = yield* Effect.timeoutOption(Effect.interruptible(Fiber.await(closing)), withinMs)
      const tookMs = Math.round((yield* nowMs) - startMs)
      const closed = describe(part.name, tookMs, Option.getOrUndefined(ended))
      if (!parts.isStopping) parts.ending.delete(part)
      yield* Deferred.succeed(part.closed, closed)
      return closed
    })
  }).pipe(Effect.uninterruptible)

const describe = (name: string, tookMs: number, exit: Exit.Exit<void> | undefined): Closed => {
  if (exit === undefined) return { name, outcome: "not stopped", tookMs, detail: `not within ${tookMs} ms` }
  if (Exit.isSuccess(exit)) return { name, outcome: "closed", tookMs, detail: "" }
  return {
    name,
    outcome: "failed",
    tookMs,
    detail: Cause.prettyErrors(exit.cause)
      .map(({ message }) => message)
      .join("; ")
  }
}

const nanosPerMilli = 1_000_000

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / nanosPerMilli)
