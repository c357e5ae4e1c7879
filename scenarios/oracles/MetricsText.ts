/** Oracle: reads the text of `/metrics` as Prometheus does. Pure. */

export interface MetricSample {
  /** With `_bucket`, `_sum` or `_count` when it is of a histogram. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface MetricsPage {
  readonly samples: ReadonlyArray<MetricSample>
  /** Those that never fall, by their text: counters, and what histograms count. */
  readonly totals: ReadonlyMap<string, number>
}

const line = /^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{(.*)\})? (\S+)$/
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)",?/g
const part = /_(?:bucket|sum|count)$/

/** The page, or the first line that is none of the format. */
export const parse = (text: string): MetricsPage | string => {
  const types = new Map<string, string>()
  const samples: Array<MetricSample> = []
  const totals = new Map<string, number>()
  const seen = new Set<string>()
  for (const each of text.split("\n")) {
    const [, typed, type = ""] = /^# TYPE (\S+) (\S+)$/.exec(each) ?? []
    if (typed !== undefined) types.set(typed, type)
    if (each === "" || each.startsWith("#")) continue
    const [, name, labels = "", value] = line.exec(each) ?? []
    const series = each.slice(0, each.lastIndexOf(" "))
    if (name === undefined || value === undefined) return `no line of the format: ${each}`
    if (seen.has(series)) return `twice: ${series}`
    seen.add(series)
    const found = Array.from(labels.matchAll(label), ([, key = "", content = ""]) => [key, content] as const)
    samples.push({ name, labels: Object.fromEntries(found), value: Number(value) })
    const kind = types.get(name) ?? types.get(name.replace(part, ""))
    if (kind === undefined) return `no type: ${each}`
    if (kind !== "gauge") totals.set(series, Number(value))
  }
  return { samples, totals }
}

/** The first total that is smaller than it was, or gone. */
export const fallen = (before: MetricsPage, after: MetricsPage): string | undefined => {
  for (const [series, value] of before.totals) {
    const now = after.totals.get(series)
    if (now === undefined || now < value) return `${series} fell from ${value} to ${now ?? "nothing"}`
  }
  return undefined
}

const matches = ({ labels }: MetricSample, wanted: Readonly<Record<string, string>>): boolean =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value)

/** All samples of a name, with these labels among theirs. */
export const find = (
  { samples }: MetricsPage,
  name: string,
  labels: Readonly<Record<string, string>> = {}
): ReadonlyArray<MetricSample> => samples.filter((sample) => sample.name === name && matches(sample, labels))

/** The sum of those. */
export const total = (page: MetricsPage, name: string, labels: Readonly<Record<string, string>> = {}): number =>
  find(page, name, labels).reduce((sum, { value }) => sum + value, 0)
