/** Invariants that scenarios have set up: looked at at every switch of fibers. */
export interface Invariant {
  readonly what: string
  /** Undefined while it holds, else what is wrong. */
  readonly check: () => string | undefined
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
      const wrong = check()
      if (wrong !== undefined) return `always: ${what}: ${wrong}`
    }
    return undefined
  }
}
