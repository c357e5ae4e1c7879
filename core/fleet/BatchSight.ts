/**
 * Batches as somebody sees them whose limits leave out some of their items. Pure, but for what it remembers: the items
 * behind a summary stand beside it, for as long as it lives, because those who are told of the batch are not sent them.
 */
import { seesProcess } from "../domain/Access.ts"
import type { Limited } from "../domain/Access.ts"
import { BatchItemState } from "../domain/Operation.ts"
import type { BatchItem, BatchSummary, BatchView } from "../domain/Operation.ts"
import type { ProcessId } from "../domain/Process.ts"
import * as BatchState from "./BatchState.ts"
import type { BatchPlan } from "./BatchState.ts"
import { limitsOf } from "./FleetSight.ts"

interface Place extends ProcessId {
  readonly node: string
}

interface Items {
  /** The same for all summaries of a batch. */
  readonly places: ReadonlyArray<Place>
  /** State of each, by its place among the literals: a kept summary of a large batch must not hold all its items. */
  readonly states: Uint8Array
}

const itemsOf = new WeakMap<BatchSummary, Items>()
const placesOf = new WeakMap<BatchPlan, ReadonlyArray<Place>>()

const names = BatchItemState.literals
const numbers = new Map(names.map((name, place) => [name, place]))

/** How events show a batch, to be narrowed later by `summaryFor`. */
export const summarise = (state: BatchState.BatchState): BatchSummary => {
  const summary = BatchState.summarise(state)
  const { items, plan } = state
  const places = placesOf.get(plan) ?? items.map(({ group, name, node }) => ({ node, group, name }))
  placesOf.set(plan, places)
  itemsOf.set(summary, { places, states: Uint8Array.from(items, (item) => numbers.get(item.state) ?? 0) })
  return summary
}

/** The summary as this one sees it: the same when all items are seen, undefined when none is, or none is known. */
export const summaryFor = (principal: Limited | undefined, summary: BatchSummary): BatchSummary | undefined => {
  const limited = limitsOf(principal)
  if (limited === undefined) return summary
  const items = itemsOf.get(summary)
  if (items === undefined) return undefined
  const counts: Record<string, number> = {}
  let seen = 0
  for (const [index, place] of items.places.entries()) {
    if (!seesProcess(limited, place.node, place)) continue
    seen++
    const name = names[items.states[index] ?? 0]
    if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1
  }
  if (seen === items.places.length) return summary
  return seen === 0 ? undefined : { ...summary, counts }
}

/** The batch with the items that this one sees; undefined when there are none. */
export const viewFor = (principal: Limited | undefined, batch: BatchView): BatchView | undefined => {
  const limited = limitsOf(principal)
  if (limited === undefined) return batch
  const items = batch.items.filter((item) => seesProcess(limited, item.node, item))
  if (items.length === batch.items.length) return batch
  return items.length === 0 ? undefined : { ...batch, counts: countItems(items), items }
}

const countItems = (items: ReadonlyArray<BatchItem>): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { state } of items) counts[state] = (counts[state] ?? 0) + 1
  return counts
}
