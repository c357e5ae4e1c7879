/** Generated workloads: fast-check arbitraries that draw from the workload stream of the run. */
import { Effect } from "effect"
import { type Arbitrary, Random } from "fast-check"
import { Prng } from "./Prng.ts"
import { RunContext } from "./RunContext.ts"

/**
 * Draws for one value from the stream. Arbitraries that try again until they get another value, as those of unique
 * items do, would never end where the same answer comes every time, as it does when a failure is shrunk.
 */
const drawsMax = 5_000

/** What fast-check takes its randomness from. Clones share the stream: it belongs to the run and not to a value. */
class WorkloadSource {
  private readonly context: RunContext["Service"]
  private draws = 0
  /** The same for every value: no choice of the run, and nothing of the machine. */
  private readonly beyond = new Prng(0, 0)

  constructor(context: RunContext["Service"]) {
    this.context = context
  }
  clone(): WorkloadSource {
    return this
  }
  /** A 32-bit integer; the dullest choice is the smallest. */
  next(): number {
    const drawn = ++this.draws > drawsMax ? this.beyond.next() : this.context.choose("workload", 2 ** 32)
    return drawn - 2 ** 31
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
