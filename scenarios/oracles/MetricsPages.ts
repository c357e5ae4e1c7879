/** Oracle: pages of metrics one after another, each held to what happened and to the page before. */
import { Effect } from "effect"
import { violated } from "../Property.ts"
import type { Violation } from "../Property.ts"
import type * as MetricsHistory from "./MetricsHistory.ts"
import * as MetricsText from "./MetricsText.ts"

export interface Pages {
  readonly history: MetricsHistory.MetricsHistory
  /** The last page. */
  page: MetricsText.MetricsPage | undefined
}

/** The page of this text, which was asked for at that moment and is there now. */
export const held = Effect.fnUntraced(function* (
  pages: Pages,
  text: string,
  from: MetricsHistory.Moment
): Effect.fn.Return<MetricsText.MetricsPage, Violation> {
  const page = MetricsText.parse(text)
  if (typeof page === "string") return yield* violated(page)
  const { history, page: before } = pages
  const wrong = history.wrongWith(page, from, history.now())
  if (wrong !== undefined) return yield* violated(wrong)
  const fallen = before === undefined ? undefined : MetricsText.fallen(before, page)
  if (fallen !== undefined) return yield* violated(fallen)
  pages.page = page
  return page
})

/** A gauge, or the sum of those with these labels, and what it is to be. */
export type Expected = readonly [name: string, labels: Readonly<Record<string, string>>, value: number]

/** Those that are something else. */
export const wrongGauges = (page: MetricsText.MetricsPage, expected: ReadonlyArray<Expected>): ReadonlyArray<string> =>
  expected.flatMap(([name, labels, value]) => {
    const shown = MetricsText.total(page, name, labels)
    return shown === value ? [] : [`${name} ${JSON.stringify(labels)} is ${shown}, not ${value}`]
  })
