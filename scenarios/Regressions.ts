/**
 * Bugs that the simulator has found, and that are fixed. Each is kept as a token of a run that finds it, made with the
 * bug planted again as a mutant of the property. A trace rarely outlives a change of the console, so the token is
 * followed by its choices (seed, strategy, script) and not by its trace: once over the console as it is, which has to
 * hold, and once with the mutant in place, which has to fail. When that one holds too, the choices do not lead to the
 * bug any more and prove nothing: the token is stale.
 */
import { Result } from "effect"
import { parseToken } from "../sim/Token.ts"
import { findSubject, retrace } from "./Sweep.ts"

export interface Regression {
  /** Of a run that fails with the bug in place; it names the property and the mutant. */
  readonly token: string
  /** The property that found the bug, or the one of its programs that the token is of. */
  readonly property: string
  /** The day of the fix, as `2026-11-21`. */
  readonly since: string
  /** What was wrong, in one line. */
  readonly what: string
}

export const regressions: ReadonlyArray<Regression> = [
  {
    token: "m2.P4/focus+stale-read.random.e.mw.dc61488c4c61def5.ArArArArArAr1_5EHcGg",
    property: "P4/focus",
    since: "2026-11-21",
    what: "right after the answer to an operation a process could show its state of before (planted otherwise)"
  },
  {
    token:
      "m2.P8/focus+authentication-metrics-may-be-kept.list-AA.0.vg.19e37be4fedf0cbe.7_7_7_7_7_7_7_pushsm46.AAIBCwIBAA",
    property: "P8/focus",
    since: "2026-11-21",
    what: "who was not let in to /metrics got an answer without `cache-control: no-store`"
  },
  {
    token: "m2.P16+error-too-many-requests.list-AA.0.e0x.05549f0e0dfa77c2.rBrBrBrBrBrBrBrBvxoeoEz8GhXc9b",
    property: "P16",
    since: "2026-11-21",
    what: "a request was answered with a status (413 then) that nothing declares for its endpoint (planted with 429)"
  },
  {
    token: "m2.P18+error-log-of-bugs-only.list-AA.0.e8g.c73fefdb6876b224.n2n2n2n2n2n2n2n27QcyMObojQ_5ho",
    property: "P18",
    since: "2026-11-21",
    what: "answers 502 to 504 were logged as looks are, without what was wrong"
  },
  {
    token: "m2.P19/focus+bus-half-built.list-ATAB.0.fy.f02132f0bb1a6e39.xnxnxnxnxnxnjdjdwH4w.AAIEBwO9AQ",
    property: "P19/focus",
    since: "2026-11-22",
    what: "workers of a bus that was given up half built were left behind"
  },
  {
    token: "m2.P24/focus+health-repair-goes-unnoticed.list-AA.0.lt.78c8a0fed0a76187.yLyLyLyLyLyLyLyLyLLr.AAEABQA",
    property: "P24/focus",
    since: "2026-11-21",
    what: "a configuration that was repaired stayed degraded"
  }
]

export interface RegressionResult extends Regression {
  /** `failed`: the bug, or another one, is there. */
  readonly status: "holds" | "failed" | "stale"
  /** What went wrong, or why it is stale; "" when it holds. */
  readonly message: string
}

/** Does the two runs of a token; see above. */
export const replayRegression = (regression: Regression): RegressionResult => {
  const judged = Result.gen(function* () {
    const { token } = regression
    const { message } = yield* retrace(yield* findSubject(regression.property), token)
    if (message !== "") return { status: "failed", message } as const
    const planted = yield* findSubject((yield* parseToken(token)).name)
    if (planted.mutant !== undefined && (yield* retrace(planted, token)).outcome !== "done") {
      return { status: "holds", message: "" } as const
    }
    return yield* Result.fail({ message: `${planted.name} holds under its choices too, so that they prove nothing` })
  })
  return { ...regression, ...Result.getOrElse(judged, ({ message }) => ({ status: "stale" as const, message })) }
}

/** How to renew one that is stale, in one line. */
export const renewal = ({ property, token }: Regression): string => {
  const name = Result.getOrElse(
    Result.map(parseToken(token), (parsed) => parsed.name),
    () => ""
  )
  const mutant = name.includes("+") ? name.slice(name.indexOf("+") + 1) : "MUTANT"
  return (
    `put the token of a new failure into scenarios/Regressions.ts: ` +
    `npx muster check ${property} --mutant ${mutant} --seeds 1000`
  )
}
