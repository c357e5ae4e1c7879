/** What a recorded run keeps of each stretch that a fiber ran without a switch. */
export interface StepRecord {
  /** Steps taken before this stretch. */
  readonly step: number
  /** Steps in it. */
  readonly steps: number
  /** Virtual time, milliseconds since the start of the run. */
  readonly atMs: number
  /** Number of the fiber: 0 is the root, then by order of creation. */
  readonly fiber: number
  readonly name: string
}

/** A line that a service or a scenario told, in domain words. */
export interface Told {
  /** Steps taken before it. */
  readonly step: number
  readonly atMs: number
  /** Number of the fiber, -1 outside of any. */
  readonly fiber: number
  readonly text: string
}

/** A resource that somebody took and has not given back. */
export interface Held {
  /** `connection`, `file`, `permit` .. */
  readonly kind: string
  readonly what: string
  /** The fiber that took it, as reports name it. */
  readonly by: string
}
