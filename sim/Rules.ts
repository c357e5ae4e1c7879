/**
 * Faults as rules: a simulated service asks its rules before each thing that can go wrong, and a scenario installs and
 * removes them by scope. Rules are asked in the order of their installation; the first that does not pass decides.
 */
import { Effect, type Scope } from "effect"
import { RunContext } from "./RunContext.ts"

export type Verdict =
  | { readonly _tag: "pass" }
  /** Later by so much virtual time. */
  | { readonly _tag: "delay"; readonly ms: number }
  /** Lost without a word: whoever waits for it waits on. */
  | { readonly _tag: "drop" }
  /** Arrives, but spoilt; the service says how. */
  | { readonly _tag: "corrupt" }
  /** Not accepted, before anything was done. */
  | { readonly _tag: "refuse" }
  /** Broken off at once. */
  | { readonly _tag: "reset" }
  /** Fails with an error of this code, as the real service names it: `ENOSPC`, `SQLITE_BUSY`. */
  | { readonly _tag: "fail"; readonly code: string }

/** Decides at once; what it draws, it draws with `RunContext.choose` from the `faults` stream. */
export type Rule<Point> = (point: Point) => Verdict

export const pass: Verdict = { _tag: "pass" }

export interface Rules<Point> {
  /** Installs a rule until the scope closes. */
  readonly add: (rule: Rule<Point>) => Effect.Effect<void, never, Scope.Scope>
  /** What the rules say of this point. Anything but `pass` is counted and told as a fault of the service. */
  readonly decide: (point: Point) => Verdict
}

/** The rules of one service. `describe` names a point in domain words: `web-1 to console:80`. */
export const make = <Point>(options: {
  readonly service: string
  readonly describe: (point: Point) => string
}): Effect.Effect<Rules<Point>, never, RunContext> =>
  RunContext.useSync((context) => {
    const rules: Array<Rule<Point>> = []
    return {
      add: (rule) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => rules.push(rule)),
            () => Effect.sync(() => rules.splice(rules.indexOf(rule), 1))
          )
        ),
      decide: (point) => {
        for (const rule of rules) {
          const verdict = rule(point)
          if (verdict._tag === "pass") continue
          const what = verdict._tag === "fail" ? verdict.code : verdict._tag
          context.fault(`${options.service} ${what}`)
          context.tell(() => `${options.service}: ${what} ${options.describe(point)}`, { kind: "fault" })
          return verdict
        }
        return pass
      }
    }
  })

/** A chance of `num` in `den`. */
export interface Ratio {
  readonly num: number
  readonly den: number
}

/** A rule that gives the verdict for matching points, each time with this chance. */
export const withChance = <Point>(
  chance: Ratio,
  verdict: Verdict,
  matches: (point: Point) => boolean = () => true
): Effect.Effect<Rule<Point>, never, RunContext> =>
  RunContext.useSync((context) => (point) => (matches(point) && context.chance("faults", chance) ? verdict : pass))
