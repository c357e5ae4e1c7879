/** Invariants that scenarios have set up: looked at at every switch of fibers. */
import { describeError } from "./DescribeError.ts"

export interface Invariant {
  readonly what: string
  /** Undefined while it holds, else what is wrong. */
  readonly check: () => string | undefined
}

/** A check that throws has found something too. */
const found = (check: Invariant["check"]): string | undefined => {
  try {
    return check()
  } catch (error) {
    return `its check threw: ${describeError(error)}`
  }
}

export class Invariants {
  private readonly kept = new Set<Invariant>()

  get size(): number {
    return this.kept.size
  }

  /** Keeps it until the function that this gives is called. */
  add(invariant: Invariant): () => void {
    this.kept.add(invariant)
    return () => void this.kept.delete(invariant)
  }

  /** The first that does not hold, in words. */
  broken(): string | undefined {
    for (const { check, what } of this.kept) {
      const wrong = found(check)
      if (wrong !== undefined) return `always: ${what}: ${wrong}`
    }
    return undefined
  }
}
