/** What a search for a sequential explanation has found, in lines for a reader. */
import { describeError } from "./DescribeError.ts"
import type { NotLinearizable, Operation, Verdict } from "./Linearizability.ts"

export interface ReportOptions<In, Out> {
  /** An operation in domain words: `write 1`. Default: its input and its answer as JSON. */
  readonly show?: (operation: Operation<In, Out>) => string
  /** Operations drawn at most; default 24. Those around the first answer without an explanation are kept. */
  readonly operationsMax?: number
}

/**
 * One or more lines without a newline at the end. A history without an explanation is drawn as a timeline: each line is
 * an operation from its call to its return, with its place in the longest sequence that explains its answers, or `?`
 * when it would have to come next and cannot. A bar that ends in `>` never returned.
 */
export const describeVerdict = <In, Out>(
  verdict: Verdict<In, Out>,
  { operationsMax = 24, show = showAsJson }: ReportOptions<In, Out> = {}
): string => {
  if (verdict._tag === "linearizable") return "linearizable"
  if (verdict._tag === "unknown") {
    return `unknown: the search was given up after ${count(verdict.statesSeen, "state")}`
  }
  const { explained, operations, partition, refused, state } = verdict
  const shown = chooseOperations(verdict, operationsMax)
  const left = operations.length - shown.length
  return [
    `not linearizable${partition === "" ? "" : ` on ${partition}`}: no order of ` +
      `${count(operations.length, "operation")} explains all answers, the longest explains ${explained.length}`,
    ...timeline(shown, explained, refused, show),
    ...(left === 0 ? [] : [`  (${left} more before and after)`]),
    `after ${explained.length === 0 ? "nothing" : `1 to ${explained.length}`} the state is ${state}, where ` +
      `${refused.length === 1 ? "the operation marked ? cannot" : "none of those marked ? can"} have answered so`
  ].join("\n")
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`

const showAsJson = <In, Out>({ input, returned }: Operation<In, Out>): string =>
  returned?.output === undefined ? describeError(input) : `${describeError(input)} -> ${describeError(returned.output)}`

/** Those that are refused, the last explained ones, then the others by time; all by time of call. */
const chooseOperations = <In, Out>(
  { explained, operations, refused }: NotLinearizable<In, Out>,
  operationsMax: number
): ReadonlyArray<Operation<In, Out>> => {
  if (operations.length <= operationsMax) return operations
  const refusedAt = Math.min(...refused.map(({ calledAt }) => calledAt))
  const others = operations
    .filter((operation) => !explained.includes(operation) && !refused.includes(operation))
    .toSorted((a, b) => Math.abs(a.calledAt - refusedAt) - Math.abs(b.calledAt - refusedAt))
  const chosen = new Set([...refused, ...explained.toReversed(), ...others].slice(0, operationsMax))
  return operations.filter((operation) => chosen.has(operation))
}

const timeline = <In, Out>(
  shown: ReadonlyArray<Operation<In, Out>>,
  explained: ReadonlyArray<Operation<In, Out>>,
  refused: ReadonlyArray<Operation<In, Out>>,
  show: (operation: Operation<In, Out>) => string
): ReadonlyArray<string> => {
  // Only the order of calls and returns matters, so each moment takes one column, however far it is from the next.
  const moments = Array.from(
    new Set(shown.flatMap(({ calledAt, returned }) => (returned === undefined ? calledAt : [calledAt, returned.at])))
  ).toSorted((a, b) => a - b)
  const columns = new Map(moments.map((moment, column) => [moment, column]))
  const rows = shown.map((operation) => {
    const place = explained.indexOf(operation)
    const from = columns.get(operation.calledAt) ?? 0
    const to = operation.returned === undefined ? moments.length : (columns.get(operation.returned.at) ?? from)
    return {
      mark: place >= 0 ? `${place + 1}` : refused.includes(operation) ? "?" : "",
      client: operation.client,
      text: show(operation),
      bar: " ".repeat(from) + bar(to - from, operation.returned !== undefined)
    }
  })
  const width = (field: "mark" | "client" | "text") => Math.max(0, ...rows.map((row) => row[field].length))
  const [marks, clients, texts] = [width("mark"), width("client"), width("text")]
  return rows.map(
    ({ bar: drawn, client, mark, text }) =>
      `  ${mark.padStart(marks)}  ${client.padEnd(clients)}  ${text.padEnd(texts)}  ${drawn}`
  )
}

/** From a column to `length` columns further: `|--|`, `|` when both are one moment, `|-->` without a return. */
const bar = (length: number, isReturned: boolean): string =>
  length === 0 ? "|" : `|${"-".repeat(length - 1)}${isReturned ? "|" : ">"}`
