/**
 * Linearizability: does a history of overlapping operations equal some sequence of them, each taking effect at one
 * moment between its call and its return?
 *
 * The search is Wing and Gong's (1993) with Lowe's memory of (operations done, state) pairs (2017), over each
 * partition by itself. An operation without a return (its caller was interrupted, say) may have taken effect at any
 * time after its call or not at all. The search is bounded; past the bound the answer is `unknown`, never a guess.
 */

export interface Operation<In, Out> {
  /** Who called, for reports. */
  readonly client: string
  readonly input: In
  /** Order of the call within the run. */
  readonly calledAt: number
  /** The answer and the order of its return; undefined when the call never returned. */
  readonly returned: { readonly at: number; readonly output: Out } | undefined
}

export interface Model<State, In, Out> {
  readonly init: State
  /** The state after the operation, or undefined when it cannot have answered `output` in this state. */
  readonly step: (state: State, input: In, output: Out | undefined) => State | undefined
  /** Equal keys for equal states; states are compared through it. */
  readonly key: (state: State) => string
  /** Operations with different partitions do not affect each other. Default: one partition. */
  readonly partition?: (input: In) => string
}

export type Verdict<In, Out> =
  | { readonly _tag: "linearizable" }
  | { readonly _tag: "unknown"; readonly statesSeen: number }
  | {
      readonly _tag: "not-linearizable"
      readonly partition: string
      /** The operations of the partition by time of call. */
      readonly operations: ReadonlyArray<Operation<In, Out>>
      /** The longest prefix of some order that could be explained. */
      readonly explained: ReadonlyArray<Operation<In, Out>>
    }

/** Throws a RangeError when a history has a return before its call. */
export const linearizable = <State, In, Out>(
  model: Model<State, In, Out>,
  history: ReadonlyArray<Operation<In, Out>>,
  options: { readonly statesMax?: number } = {}
): Verdict<In, Out> => {
  const partitions = new Map<string, Array<Operation<In, Out>>>()
  for (const operation of history) {
    if (operation.returned !== undefined && operation.returned.at < operation.calledAt) {
      const { calledAt, client, returned } = operation
      throw new RangeError(
        `history: an operation of ${client} returned at ${returned.at}, before its call at ${calledAt}`
      )
    }
    const key = model.partition?.(operation.input) ?? ""
    const found = partitions.get(key)
    if (found === undefined) partitions.set(key, [operation])
    else found.push(operation)
  }
  const { statesMax = 1_000_000 } = options
  const budget = { left: statesMax }
  for (const [partition, unsorted] of partitions) {
    const operations = unsorted.toSorted((a, b) => a.calledAt - b.calledAt)
    const verdict = search(model, operations, budget)
    if (verdict === "unknown") return { _tag: "unknown", statesSeen: statesMax }
    if (verdict !== "ok") return { _tag: "not-linearizable", partition, operations, explained: verdict }
  }
  return { _tag: "linearizable" }
}

interface Frame<State> {
  readonly state: State
  /** Next operation to try from here. */
  next: number
  /** The operation that led here, -1 at the root. */
  readonly taken: number
}

const search = <State, In, Out>(
  model: Model<State, In, Out>,
  operations: ReadonlyArray<Operation<In, Out>>,
  budget: { left: number }
): "ok" | "unknown" | ReadonlyArray<Operation<In, Out>> => {
  const done = operations.map(() => false)
  let returnsLeft = operations.filter((operation) => operation.returned !== undefined).length
  const seen = new Set<string>()
  const frames: Array<Frame<State>> = [{ state: model.init, next: 0, taken: -1 }]
  let longest: ReadonlyArray<number> = []
  for (;;) {
    if (returnsLeft === 0) return "ok"
    const frame = frames[frames.length - 1]
    if (frame === undefined) break
    const found = nextCandidate(model, operations, done, frame)
    if (found === undefined) {
      frames.pop()
      if (frame.taken >= 0) {
        done[frame.taken] = false
        if (operations[frame.taken]?.returned !== undefined) returnsLeft++
      }
      continue
    }
    done[found.index] = true
    const key = `${done.map((d) => (d ? 1 : 0)).join("")}|${model.key(found.state)}`
    if (seen.has(key)) {
      done[found.index] = false
      continue
    }
    if (--budget.left < 0) return "unknown"
    seen.add(key)
    if (operations[found.index]?.returned !== undefined) returnsLeft--
    frames.push({ state: found.state, next: 0, taken: found.index })
    if (frames.length - 1 > longest.length) longest = frames.slice(1).map((f) => f.taken)
  }
  return longest.flatMap((i) => operations[i] ?? [])
}

/** The next operation that may come first among those left: none that is left returned before it was called. */
const nextCandidate = <State, In, Out>(
  model: Model<State, In, Out>,
  operations: ReadonlyArray<Operation<In, Out>>,
  done: ReadonlyArray<boolean>,
  frame: Frame<State>
): { readonly index: number; readonly state: State } | undefined => {
  let earliestReturn = Infinity
  for (const [i, operation] of operations.entries()) {
    if (done[i] === true || operation.returned === undefined) continue
    if (operation.returned.at < earliestReturn) earliestReturn = operation.returned.at
  }
  for (; frame.next < operations.length; frame.next++) {
    const index = frame.next
    const operation = operations[index]
    if (operation === undefined || operation.calledAt > earliestReturn) return undefined
    if (done[index] === true) continue
    const state = model.step(frame.state, operation.input, operation.returned?.output)
    if (state === undefined) continue
    frame.next++
    return { index, state }
  }
  return undefined
}
