/**
 * Linearizability: does a history of overlapping operations equal some sequence of them, each taking effect at one
 * moment between its call and its return?
 *
 * The search is Wing and Gong's (1993) with Lowe's memory of (operations done, state) pairs (2017), over each
 * partition by itself. An operation without a return (its caller was interrupted, say) may have taken effect at any
 * time after its call or not at all.
 *
 * The search is bounded in time and memory; past the bound the answer is `unknown`, never a guess.
 */
import { Equal, Hash } from "effect"
import { describeError } from "./DescribeError.ts"

export interface Operation<In, Out> {
  /** Who called, for reports. */
  readonly client: string
  readonly input: In
  /** Order of the call within the run: `RunContext.steps`, say. A call at the moment of a return overlaps with it. */
  readonly calledAt: number
  /** The answer and the order of its return; undefined when the call never returned. */
  readonly returned?: { readonly at: number; readonly output: Out } | undefined
}

export interface Model<State, In, Out> {
  readonly init: State
  /**
   * The state after the operation, or undefined when it cannot have answered `output` in this state. Without a return
   * `output` is undefined. States are values: a step makes a new one and leaves the old one as it is.
   */
  readonly step: (state: State, input: In, output: Out | undefined) => State | undefined
  /** Whether two states are the same. Default: Effect's `Equal.equals`, which looks into plain objects and arrays. */
  readonly equal?: (a: State, b: State) => boolean
  /** Equal keys for equal states. Used in place of `equal`, and faster. */
  readonly key?: (state: State) => string
  /**
   * Whether an operation changes no state at all. Default: none is known to. Worth a lot where reads are many: one that
   * can come next then does, since moving it forward spoils no sequence.
   */
  readonly isRead?: (input: In) => boolean
  /** Operations with different partitions do not affect each other. Default: one partition. */
  readonly partition?: (input: In) => string
}

export interface LinearizableOptions {
  /**
   * States kept at most, all partitions together; default 500,000. A state costs memory once, some 300 bytes beside
   * itself, and time for one `step` of each operation that overlaps there. This bound is the same on every machine:
   * inside a simulated run, which must not read the machine's clock, it is the bound on time.
   */
  readonly statesMax?: number
  /** Milliseconds to search at most, by `now`. Without `now` each of them counts as 50 states. */
  readonly timeoutMs?: number
  /** The caller's clock, in milliseconds. The answer may then depend on the speed of the machine. */
  readonly now?: () => number
}

export interface NotLinearizable<In, Out> {
  readonly _tag: "not-linearizable"
  readonly partition: string
  /** The operations of the partition by time of call. */
  readonly operations: ReadonlyArray<Operation<In, Out>>
  /** The longest beginning of a sequence that explains its answers, in the order of the sequence. */
  readonly explained: ReadonlyArray<Operation<In, Out>>
  /** The operations one of which would have to come next, by time; none can have answered as it did in `state`. */
  readonly refused: ReadonlyArray<Operation<In, Out>>
  /** The state after `explained`, as text. */
  readonly state: string
}

export type Verdict<In, Out> =
  | { readonly _tag: "linearizable" }
  | { readonly _tag: "unknown"; readonly statesSeen: number }
  | NotLinearizable<In, Out>

const statesMaxDefault = 500_000

/** A cautious guess, for a time limit without a clock. */
const statesPerMs = 50

/** States between two looks at the clock. */
const statesPerLook = 64

/**
 * Partitions are searched from the smallest to the largest, and the first that has no explanation decides. Throws a
 * RangeError when the history has a return before its call or a time that is not a number.
 */
export const linearizable = <State, In, Out>(
  model: Model<State, In, Out>,
  history: ReadonlyArray<Operation<In, Out>>,
  options: LinearizableOptions = {}
): Verdict<In, Out> => {
  const partitions = new Map<string, Array<Operation<In, Out>>>()
  for (const operation of history) {
    checkTimes(operation)
    const key = model.partition?.(operation.input) ?? ""
    const found = partitions.get(key)
    if (found === undefined) partitions.set(key, [operation])
    else found.push(operation)
  }
  const budget = new Budget(options)
  for (const [partition, unsorted] of Array.from(partitions).toSorted((a, b) => a[1].length - b[1].length)) {
    const operations = unsorted.toSorted((a, b) => a.calledAt - b.calledAt)
    const found = new Search(model, operations, budget).run()
    if (found === "unknown") return { _tag: "unknown", statesSeen: budget.states }
    if (found !== "explained") return { _tag: "not-linearizable", partition, operations, ...found }
  }
  return { _tag: "linearizable" }
}

const checkTimes = <In, Out>({ calledAt, client, returned }: Operation<In, Out>): void => {
  if (Number.isNaN(calledAt)) throw new RangeError(`history: an operation of ${client} was called at NaN`)
  if (returned !== undefined && !(returned.at >= calledAt)) {
    throw new RangeError(
      `history: an operation of ${client} returned at ${returned.at}, before its call at ${calledAt}`
    )
  }
}

/** What the search may still spend. */
class Budget {
  states = 0
  private readonly statesMax: number
  private readonly isLate: () => boolean

  constructor({ now, statesMax = statesMaxDefault, timeoutMs }: LinearizableOptions) {
    this.statesMax = Math.min(
      bound("statesMax", statesMax),
      timeoutMs === undefined || now !== undefined ? Infinity : bound("timeoutMs", timeoutMs) * statesPerMs
    )
    if (timeoutMs === undefined || now === undefined) this.isLate = () => false
    else {
      const deadline = now() + bound("timeoutMs", timeoutMs)
      this.isLate = () => now() >= deadline
    }
  }

  /** Takes one more state; false when there is none left. */
  take(): boolean {
    if (this.states >= this.statesMax || (this.states % statesPerLook === 0 && this.isLate())) return false
    this.states++
    return true
  }
}

const bound = (field: string, value: number): number => {
  if (value >= 0) return value
  throw new RangeError(`linearizable: ${field} is ${value}, expected a number of at least 0`)
}

interface Candidate<State> {
  /** Its place among the returned operations, or `~place` among those without a return. */
  readonly operation: number
  /** The state after it. */
  readonly state: State
}

/** A beginning of a sequence, as long as there are frames below this one. */
interface Frame<State> {
  readonly state: State
  /** What took us here; undefined at the root. */
  readonly taken: number | undefined
  readonly candidates: ReadonlyArray<Candidate<State>>
  next: number
}

type Dead<In, Out> = Pick<NotLinearizable<In, Out>, "explained" | "refused" | "state">

/** The search in one partition, depth first. */
class Search<State, In, Out> {
  private readonly model: Model<State, In, Out>
  private readonly budget: Budget
  private readonly isEqual: (a: State, b: State) => boolean
  /** By time of call, as all lists of operations here. */
  private readonly returned: ReadonlyArray<Operation<In, Out>>
  private readonly pending: ReadonlyArray<Operation<In, Out>>
  private readonly returnedDone: Array<boolean>
  private readonly pendingDone: Array<boolean>
  /** All returned operations before this one are done. */
  private first = 0
  private doneCount = 0
  private readonly seenKeys = new Set<string>()
  private readonly seenStates = new Map<string, Array<State>>()
  private readonly frames: Array<Frame<State>> = []
  private longest: Dead<In, Out> = { explained: [], refused: [], state: "" }
  private longestCount = -1

  constructor(model: Model<State, In, Out>, operations: ReadonlyArray<Operation<In, Out>>, budget: Budget) {
    const { key, equal = Equal.equals } = model
    this.model = model
    this.budget = budget
    this.isEqual = key === undefined ? equal : (a, b) => key(a) === key(b)
    this.returned = operations.filter((operation) => operation.returned !== undefined)
    this.pending = operations.filter((operation) => operation.returned === undefined)
    this.returnedDone = this.returned.map(() => false)
    this.pendingDone = this.pending.map(() => false)
  }

  run(): "explained" | "unknown" | Dead<In, Out> {
    if (!this.push(this.model.init, undefined)) return "unknown"
    for (;;) {
      if (this.doneCount === this.returned.length) return "explained"
      const frame = this.frames.at(-1)
      if (frame === undefined) return this.longest
      const candidate = frame.candidates[frame.next++]
      if (candidate === undefined) this.pop(frame)
      else {
        this.mark(candidate.operation, true)
        if (!this.isNew(candidate.state)) this.mark(candidate.operation, false)
        else if (!this.push(candidate.state, candidate.operation)) return "unknown"
      }
    }
  }

  private push(state: State, taken: number | undefined): boolean {
    if (!this.budget.take()) return false
    this.frames.push({ state, taken, candidates: this.candidates(state), next: 0 })
    return true
  }

  private pop(frame: Frame<State>): void {
    if (this.doneCount > this.longestCount) this.keepLongest()
    this.frames.pop()
    if (frame.taken !== undefined) this.mark(frame.taken, false)
  }

  private mark(operation: number, isDone: boolean): void {
    if (operation < 0) {
      this.pendingDone[~operation] = isDone
      return
    }
    this.returnedDone[operation] = isDone
    this.doneCount += isDone ? 1 : -1
    if (!isDone) this.first = Math.min(this.first, operation)
    else while (this.returnedDone[this.first] === true) this.first++
  }

  /** The operations left that may come next and can have answered as they did. */
  private candidates(state: State): ReadonlyArray<Candidate<State>> {
    const found: Array<Candidate<State>> = []
    const end = this.earliestReturn()
    for (let i = this.first; i < this.returned.length; i++) {
      const operation = this.returned[i]
      if (operation === undefined || operation.calledAt > end) break
      if (this.returnedDone[i] === true) continue
      const next = this.model.step(state, operation.input, operation.returned?.output)
      if (next === undefined) continue
      if (this.model.isRead?.(operation.input) === true) return [{ operation: i, state }]
      found.push({ operation: i, state: next })
    }
    // Those without a return come last: a sequence needs few of them.
    for (const [i, operation] of this.pending.entries()) {
      if (operation.calledAt > end) break
      if (this.pendingDone[i] === true) continue
      const next = this.model.step(state, operation.input, undefined)
      // Without an effect it is as good as not there.
      if (next !== undefined && !this.isEqual(state, next)) found.push({ operation: ~i, state: next })
    }
    return found
  }

  /** Of those left. Nothing that was called after it may come next. */
  private earliestReturn(): number {
    let end = Infinity
    for (let i = this.first; i < this.returned.length; i++) {
      const operation = this.returned[i]
      if (operation?.returned === undefined || operation.calledAt > end) break
      if (this.returnedDone[i] !== true) end = Math.min(end, operation.returned.at)
    }
    return end
  }

  /** Remembers this state after the operations done; false when it was there before. */
  private isNew(state: State): boolean {
    let done = `${this.first}`
    // What is done beyond the first that is not overlaps with that one.
    const end = this.returned[this.first]?.returned?.at ?? Infinity
    for (let i = this.first + 1; i < this.returned.length; i++) {
      if ((this.returned[i]?.calledAt ?? Infinity) > end) break
      if (this.returnedDone[i] === true) done += `,${i}`
    }
    for (const [i, isDone] of this.pendingDone.entries()) if (isDone) done += `;${i}`
    const { equal, key } = this.model
    if (key !== undefined) {
      const before = this.seenKeys.size
      return this.seenKeys.add(`${done}|${key(state)}`).size > before
    }
    // Equal states have equal hashes, as far as Effect's own notion of equality goes.
    if (equal === undefined) done += `|${Hash.hash(state)}`
    const states = this.seenStates.get(done)
    if (states === undefined) this.seenStates.set(done, [state])
    else if (states.some((other) => this.isEqual(other, state))) return false
    else states.push(state)
    return true
  }

  /** Called where the search turns back, and so at the far end of each beginning that is longer than all before. */
  private keepLongest(): void {
    this.longestCount = this.doneCount
    // What follows the last answer that is explained explains nothing.
    const last = this.frames.findLastIndex(({ taken }) => taken === undefined || taken >= 0)
    const end = this.earliestReturn()
    this.longest = {
      explained: this.frames.slice(0, last + 1).flatMap(({ taken }) => {
        if (taken === undefined) return []
        return (taken < 0 ? this.pending[~taken] : this.returned[taken]) ?? []
      }),
      refused: this.returned.filter((operation, i) => this.returnedDone[i] !== true && operation.calledAt <= end),
      state: describeError(this.frames[last]?.state)
    }
  }
}
