/** What a recorded run keeps. */
import type { Site } from "./Sites.ts"

/** A moment of a run. */
export interface Place {
  /** Steps taken before it. */
  readonly step: number
  /** Virtual time, milliseconds since the start of the run. */
  readonly atMs: number
  /** Number of the fiber: 0 is the root, then by order of creation; -1 outside of any. */
  readonly fiber: number
}

/** A stretch that a fiber ran without a switch. */
export interface StepRecord extends Place {
  /** Steps in it. */
  readonly steps: number
  /** The function that the fiber was in at its end, with its place where Effect knows it; "" when unknown. */
  readonly name: string
  /** What it did that touches the world, where the program asked for it. */
  readonly operations: ReadonlyArray<Site>
}

/** What a line is about, so that it can be drawn where it belongs. */
export interface Topic {
  /** A message between hosts, an injected fault, or a line of the program's log. */
  readonly kind: "message" | "fault" | "log"
  /** The host that a message comes from, or that a fault befell, by its name. */
  readonly from?: string
  /** The host that a message goes to. */
  readonly to?: string
}

/** A line that a service or a scenario told, in domain words. */
export interface Told extends Place {
  readonly text: string
  /** Absent where whoever told it said nothing of it. */
  readonly topic?: Topic
}

/**
 * A choice of the schedule that was not the dullest: the current fiber was preempted, one that was not the oldest was
 * picked when none ran, or one that was resumed had to wait.
 */
export interface SwitchRecord extends Place {
  readonly kind: "preempted" | "picked" | "held-back"
  /** Number of the fiber that runs now. */
  readonly to: number
}

/** A fiber started another. */
export interface BirthRecord extends Place {
  readonly child: number
  /** A third fiber ran on its stack: this is not among the operations of any stretch. */
  readonly isAside: boolean
}

/** A resource that somebody took and has not given back. */
export interface Held {
  /** `connection`, `file`, `permit` .. */
  readonly kind: string
  readonly what: string
  /** The fiber that took it, as reports name it. */
  readonly by: string
  /** The simulated host of that fiber; 0 is the scenario. */
  readonly host: number
}
