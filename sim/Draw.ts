/** Generated workloads: fast-check arbitraries that draw from the workload stream of the run. */
import { Effect } from "effect"
import { type Arbitrary, Random } from "fast-check"
import { RunContext } from "./RunContext.ts"

/** What fast-check takes its randomness from. Clones share the stream: it belongs to the run and not to a value. */
class WorkloadSource {
  private readonly context: RunContext["Service"]

  constructor(context: RunContext["Service"]) {
    this.context = context
  }
  clone(): WorkloadSource {
    return this
  }
  /** A 32-bit integer; the dullest choice is the smallest. */
  next(): number {
    return this.context.choose("workload", 2 ** 32) - 2 ** 31
  }
  getState(): ReadonlyArray<number> {
    return []
  }
}

/** A value of the arbitrary. All-zero choices give fast-check's own minimum of each range. */
export const draw = <A>(arbitrary: Arbitrary<A>): Effect.Effect<A, never, RunContext> =>
  RunContext.use((context) =>
    Effect.sync(() => arbitrary.generate(new Random(new WorkloadSource(context)), undefined).value)
  )
