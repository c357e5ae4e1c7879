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
