/**
 * The health of the console's own components (S28): each reports what went well and what went wrong, and its status
 * follows from that by one pure rule for all (ComponentState).
 *
 * A report never waits: changes of status are published by a fiber of this service, after the state is set and in the
 * order of the changes. If the bus takes none for long, the oldest of them are dropped.
 */
import { Cause, Clock, Context, DateTime, Effect, Exit, Layer, Option, Queue } from "effect"
import { EventBus } from "../bus/EventBus.ts"
import type { ComponentChanged, ComponentStatus } from "../domain/ConsoleEvent.ts"
import { fresh, rulesDefault, step } from "./ComponentState.ts"
import type { AssessedStatus, ComponentReport, ComponentRules, ComponentState } from "./ComponentState.ts"

export interface ComponentHealth {
  readonly name: string
  readonly status: ComponentStatus
  readonly errors: number
  /** Errors since the last success. */
  readonly errorsInARow: number
  readonly lastError: { readonly atMs: number; readonly message: string } | undefined
  /** What is worth knowing about it beside that: counts and words, such as `clients`. */
  readonly detail: Readonly<Record<string, number | string>>
}

export class Components extends Context.Service<
  Components,
  {
    /**
     * Makes a component known, or one that has failed healthy again; `detail` is asked for at each look, and
     * has a second to answer. It stays until the scope of the service ends.
     */
    readonly register: (
      name: string,
      detail?: Effect.Effect<Readonly<Record<string, number | string>>>
    ) => Effect.Effect<void>
    /** It did its work. */
    readonly succeeded: (name: string) => Effect.Effect<void>
    /** It failed at its work. The message is for people and holds no secret. */
    readonly errored: (name: string, message: string) => Effect.Effect<void>
    /** It says itself how it is, which counts at once; for one whose state is looked at and not told by its work. */
    readonly assessed: (name: string, status: AssessedStatus, message: string) => Effect.Effect<void>
    /** It has stopped for good. */
    readonly failed: (name: string, message: string) => Effect.Effect<void>
    /** How many errors it has had. Cheaper than `all`, which asks each for its details. */
    readonly errorsOf: (name: string) => Effect.Effect<number>
    /** All of them, in the order in which they became known. */
    readonly all: Effect.Effect<ReadonlyArray<ComponentHealth>>
  }
>()("core/health/Components") {}

/** Changes of status that wait for the bus. */
const changesMax = 256

const detailMsMax = 1000

const detailsAtOnce = 8

type Detail = Effect.Effect<ComponentHealth["detail"]>

/** A component that reports before it was registered becomes known by that. */
export const layer = (options: Partial<ComponentRules> = {}): Layer.Layer<Components, never, EventBus> =>
  Layer.effect(
    Components,
    Effect.gen(function* () {
      const bus = yield* EventBus
      const rules = { ...rulesDefault, ...options }
      const components = new Map<string, { state: ComponentState; detail: Detail }>()
      const changes = yield* Effect.acquireRelease(Queue.sliding<ComponentChanged>(changesMax), Queue.shutdown)
      yield* Effect.flatMap(Queue.take(changes), (change) => bus.publish([change])).pipe(
        Effect.forever,
        Effect.withSpan("Components.publish"),
        Effect.forkScoped
      )

      // State and queue in one step: the order of the changes is that of their events.
      const take = (name: string, nowMs: number, report: ComponentReport, detail?: Detail) =>
        Effect.sync(() => {
          const known = components.get(name)
          const before = known?.state ?? fresh
          const after = step(before, report, rules)
          components.set(name, { state: after, detail: detail ?? known?.detail ?? Effect.succeed({}) })
          if (after.status !== before.status) Queue.offerUnsafe(changes, changed(name, before, after, nowMs, report))
        })
      const report = (name: string, make: (nowMs: number) => ComponentReport, detail?: Detail) =>
        Effect.flatMap(Clock.currentTimeMillis, (nowMs) => take(name, nowMs, make(nowMs), detail))

      return Components.of({
        register: (name, detail) => report(name, () => ({ _tag: "Registered" }), detail),
        succeeded: (name) => report(name, (nowMs) => ({ _tag: "Succeeded", nowMs })),
        errored: (name, message) => report(name, (nowMs) => ({ _tag: "Errored", nowMs, message })),
        assessed: (name, status, message) => report(name, (nowMs) => ({ _tag: "Assessed", nowMs, status, message })),
        failed: (name, message) => report(name, (nowMs) => ({ _tag: "Failed", nowMs, message })),
        errorsOf: (name) => Effect.sync(() => components.get(name)?.state.errors ?? 0),
        all: Effect.suspend(() =>
          Effect.forEach(
            Array.from(components),
            ([name, { detail }]) => Effect.map(ask(detail), (known) => [name, known] as const),
            {
              concurrency: detailsAtOnce
            }
          )
        ).pipe(
          // The states are read after the details, which may take a while: they are of one moment, the last.
          Effect.map((details) =>
            details.map(([name, detail]) => {
              const { errors, errorsInARow, lastError, status } = components.get(name)?.state ?? fresh
              return { name, status, errors, errorsInARow, lastError, detail }
            })
          )
        )
      })
    })
  )

/** What a component says of itself; one that dies or does not answer says that. */
const ask = (detail: Detail): Detail =>
  Effect.map(Effect.exit(Effect.timeoutOption(detail, detailMsMax)), (exit): ComponentHealth["detail"] => {
    if (Exit.isFailure(exit)) return { detail: `not known: ${String(Cause.squash(exit.cause))}` }
    return Option.getOrElse(exit.value, () => ({ detail: `not known within ${detailMsMax} ms` }))
  })

const changed = (
  component: string,
  from: ComponentState,
  to: ComponentState,
  nowMs: number,
  report: ComponentReport
): ComponentChanged => ({
  type: "component.status",
  component,
  from: from.status,
  to: to.status,
  at: DateTime.formatIso(DateTime.makeUnsafe(nowMs)),
  detail: describe(to, report)
})

const describe = ({ errorsInARow, successesInARow }: ComponentState, report: ComponentReport): string => {
  switch (report._tag) {
    case "Registered":
      return "started again"
    case "Succeeded":
      return successesInARow === 1 ? "a success" : `${successesInARow} successes in a row`
    case "Errored":
      return errorsInARow === 1 ? report.message : `${report.message} (${errorsInARow} errors in a row)`
    case "Assessed":
    case "Failed":
      return report.message
  }
}
