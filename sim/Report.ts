/** What to tell about a run that did not end well. */
import { type Cause, Exit } from "effect"
import { describeError } from "./DescribeError.ts"
import { describeFiber } from "./Fibers.ts"
import type { AnyFiber } from "./Fibers.ts"
import type { Kernel } from "./Kernel.ts"
import type { Outcome } from "./Run.ts"

/** How many fibers or resources a report names at most. */
const namedMax = 20

export const describeEnd = <A, E>(
  kernel: Kernel,
  outcome: Outcome,
  exit: Exit.Exit<A, E> | undefined,
  leaks: ReadonlyArray<string>
): string => {
  if (outcome === "done") return ""
  if (kernel.violation !== undefined) return kernel.violation
  if (exit !== undefined && Exit.isFailure(exit)) return describeCause(exit.cause)
  if (outcome === "deadlock") {
    const waiting = kernel.waiting()
    return lines(
      `deadlock after ${kernel.steps} steps: ${waiting.length} fibers wait, and no timer and no task is left`,
      waiting.map(({ fiber, number }) => describeWaiting(kernel, number, fiber))
    )
  }
  if (outcome === "step-limit") {
    return lines(`no end after ${kernel.steps} steps; a larger stepsMax may help. Last to run:`, kernel.spinners())
  }
  return lines(`leaked: ${leaks.length} left over after the program ended`, leaks)
}

/** What is left over: fibers that have not ended, and resources that nobody gave back. */
export const leaksOf = (kernel: Kernel): ReadonlyArray<string> => [
  ...kernel
    .waiting()
    .filter(({ number }) => number > 0)
    .map(({ fiber, number }) => describeWaiting(kernel, number, fiber)),
  ...Array.from(kernel.held, ({ by, kind, what }) => `${kind} ${what}${by === "" ? "" : `, taken by ${by}`}`)
]

const lines = (first: string, rest: ReadonlyArray<string>): string =>
  [
    first,
    ...rest.slice(0, namedMax).map((line) => `  ${line}`),
    ...(rest.length > namedMax ? [`  and ${rest.length - namedMax} more`] : [])
  ].join("\n")

/** `fiber 3 in name waits in Deferred.await at file.ts:7:3, started at file.ts:5:1`, as far as it is known. */
const describeWaiting = (kernel: Kernel, number: number, fiber: AnyFiber): string => {
  const parts = [describeFiber(number, fiber)]
  const waits = kernel.recorder?.waitsIn(fiber) ?? ""
  if (waits !== "") parts.push(`waits ${waits}`)
  const started = kernel.recorder?.startedAt(number)
  if (started !== undefined && started.at !== "") parts.push(`started at ${started.at}`)
  else if (number > 0) parts.push(`started by fiber ${kernel.lineage.parentOf(number)}`)
  return parts.join(", ")
}

/** Failures and defects in one line each, without stacks: a token brings those back. */
const describeCause = (cause: Cause.Cause<unknown>): string => {
  const reasons = cause.reasons.map((reason) => {
    if (reason._tag === "Fail") return `failed: ${describeError(reason.error)}`
    if (reason._tag === "Die") return `died: ${describeError(reason.defect)}`
    return "interrupted"
  })
  return reasons.length === 0 ? "failed without a cause" : reasons.join("\n")
}
