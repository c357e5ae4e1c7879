/**
 * The series of one registry by family and labels. Some are recorded where things happen; others are set all at once
 * from what the parts of the console count themselves: then those of things that are gone, such as a node that was
 * removed, go too.
 */
import { type Context, Metric } from "effect"
import type { Family } from "./Families.ts"

/** One value of a collection: of a gauge its value, of a counter its total. */
export interface Sample {
  readonly family: Family
  /** In the order of the labels of the family. */
  readonly labels: ReadonlyArray<string>
  readonly value: number
}

export const sample = (family: Family, value: number, ...labels: ReadonlyArray<string>): Sample => ({
  family,
  labels,
  value
})

type Series = Metric.Metric<number, unknown>

interface Collected {
  readonly metric: Series
  readonly isCounter: boolean
  /** Of a counter, the total that its source had last. */
  total: number
  round: number
}

/** Neither has a place in names of labels. */
const separator = "\u0000"

const keyOf = ({ name }: Family, labels: ReadonlyArray<string>): string => [name, ...labels].join(separator)

/** A registry of its own for each console, so that several in one process do not mix. */
export class Board {
  readonly context: Context.Context<never>
  private readonly recorded = new Map<string, Series>()
  private readonly collected = new Map<string, Collected>()
  private round = 0

  constructor(context: Context.Context<never>) {
    this.context = context
  }

  /** Takes one value into a counter or a histogram. */
  record(family: Family, value: number, ...labels: ReadonlyArray<string>): void {
    const key = keyOf(family, labels)
    let metric = this.recorded.get(key)
    if (metric === undefined) {
      metric = metricOf(family, labels)
      this.recorded.set(key, metric)
    }
    metric.updateUnsafe(value, this.context)
  }

  /**
   * Sets what was collected, all at once. A counter whose source began again at zero goes on from where it was: what
   * was counted stays counted. Gauges that are not among the samples are removed, counters stay as they are.
   */
  collect(samples: Iterable<Sample>): void {
    const round = ++this.round
    for (const { family, labels, value } of samples) {
      const series = this.seriesOf(family, labels)
      series.round = round
      if (series.isCounter) {
        const news = value >= series.total ? value - series.total : value
        series.total = value
        series.metric.updateUnsafe(news, this.context)
      } else {
        series.metric.updateUnsafe(value, this.context)
      }
    }
    for (const [key, { isCounter, metric, round: last }] of this.collected) {
      if (isCounter || last === round) continue
      this.collected.delete(key)
      Metric.removeUnsafe(metric, this.context)
    }
  }

  private seriesOf(family: Family, labels: ReadonlyArray<string>): Collected {
    const key = keyOf(family, labels)
    const known = this.collected.get(key)
    if (known !== undefined) return known
    const made = { metric: metricOf(family, labels), isCounter: family.type === "counter", total: 0, round: 0 }
    this.collected.set(key, made)
    return made
  }
}

const metricOf = (
  { boundaries = [], help, labels: names, name, type }: Family,
  labels: ReadonlyArray<string>
): Series => {
  const attributes = Object.fromEntries(names.map((label, i) => [label, labels[i] ?? ""]))
  switch (type) {
    case "counter":
      return Metric.counter(name, { description: help, attributes, incremental: true })
    case "gauge":
      return Metric.gauge(name, { description: help, attributes })
    case "histogram":
      return Metric.histogram(name, { description: help, attributes, boundaries })
  }
}
