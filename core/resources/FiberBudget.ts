/**
 * Ceilings on what is under way at a time (S26), one a component: what would be beyond is refused at once and never
 * waits, so that a console with too much to do says so while it can.
 */
import { Context, Effect, Layer, Option, Schema } from "effect"
import * as Marks from "../Marks.ts"

/** `requests`: of the HTTP server, without the health. `operations`: on processes, those of batches included. */
export const BudgetComponent = Schema.Literals(["requests", "operations"])
export type BudgetComponent = typeof BudgetComponent.Type

/** As much as allowed is under way already. Nothing was done; it makes sense to ask again soon. */
export class BudgetExceeded extends Schema.TaggedError<BudgetExceeded>()("BudgetExceeded", {
  component: BudgetComponent,
  max: Schema.Int
}) {
  override get message(): string {
    return `the console has ${this.max} ${this.component} under way already`
  }
}

/** When it makes sense to ask again, for `retry-after`. */
export const retryAfterSeconds = 1

/** The most that may be under way, by component. */
export type BudgetLimits = Readonly<Record<BudgetComponent, number>>

export interface BudgetCounts {
  readonly component: BudgetComponent
  readonly underWay: number
  /** The most at a time since the start. */
  readonly peak: number
  readonly max: number
  readonly refused: number
}

export class FiberBudget extends Context.Service<
  FiberBudget,
  {
    /** Runs the effect if there is room for one more of the component; however it ends, the room is free again. */
    readonly within: (
      component: BudgetComponent
    ) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BudgetExceeded, R>
    readonly counts: Effect.Effect<ReadonlyArray<BudgetCounts>>
  }
>()("core/resources/FiberBudget") {}

/** The limits are asked for each time, so that a reload can change them; what is under way by then goes on. */
export const layer = (limits: () => BudgetLimits): Layer.Layer<FiberBudget> =>
  Layer.sync(FiberBudget, () => {
    const used: Record<BudgetComponent, { underWay: number; peak: number; refused: number }> = {
      requests: { underWay: 0, peak: 0, refused: 0 },
      operations: { underWay: 0, peak: 0, refused: 0 }
    }

    /** Looks and takes in one step. */
    const take = (component: BudgetComponent): Effect.Effect<void, BudgetExceeded> =>
      Effect.suspend(() => {
        const count = used[component]
        const max = limits()[component]
        if (count.underWay >= max) {
          count.refused++
          Marks.reached("a budget was used up")
          return Effect.fail(new BudgetExceeded({ component, max }))
        }
        count.underWay++
        count.peak = Math.max(count.peak, count.underWay)
        return Effect.void
      })

    return FiberBudget.of({
      within: (component) => (effect) =>
        Effect.acquireUseRelease(
          take(component),
          () => effect,
          () => Effect.sync(() => used[component].underWay--)
        ),
      counts: Effect.sync(() => {
        const max = limits()
        return BudgetComponent.literals.map((component) => ({ component, ...used[component], max: max[component] }))
      })
    })
  })

/** Where nothing is bounded. */
const unbounded: Pick<FiberBudget["Service"], "within"> = { within: () => (effect) => effect }

/** For parts of the console that do without a budget where there is none. */
export const optional = Effect.map(
  Effect.serviceOption(FiberBudget),
  Option.getOrElse(() => unbounded)
)
