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

const typeLine = /^# TYPE (\S+) (\S+)$/
const line = /^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{(.*)\})?$/
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)",?/g
const part = /_(?:bucket|sum|count)$/

interface Series extends Pick<MetricSample, "name" | "labels"> {
  /** What it is of when it is of a histogram. */
  readonly family: string
}

/** What was read of texts: most are on every page. */
const known = new Map<string, Series>()
const knownMax = 10_000

const readSeries = (text: string): Series | undefined => {
  const before = known.get(text)
  if (before !== undefined) return before
  const [, name, labels = ""] = line.exec(text) ?? []
  if (name === undefined) return undefined
  const found = Array.from(labels.matchAll(label), ([, key = "", content = ""]) => [key, content] as const)
  const series = { name, family: name.replace(part, ""), labels: Object.fromEntries(found) }
  if (known.size >= knownMax) known.clear()
  known.set(text, series)
  return series
}

/** The page, or the first line that is none of the format. */
export const parse = (text: string): MetricsPage | string => {
  const types = new Map<string, string>()
  const samples: Array<MetricSample> = []
  const totals = new Map<string, number>()
  const seen = new Set<string>()
  for (const each of text.split("\n")) {
    const [, typed, type = ""] = each.startsWith("# TYPE") ? (typeLine.exec(each) ?? []) : []
    if (typed !== undefined) types.set(typed, type)
    if (each === "" || each.startsWith("#")) continue
    const end = each.lastIndexOf(" ")
    const series = each.slice(0, end)
    const found = readSeries(series)
    const value = each.slice(end + 1)
    if (found === undefined || end < 0 || !/^\S+$/.test(value)) return `no line of the format: ${each}`
    if (seen.has(series)) return `twice: ${series}`
    seen.add(series)
    const { family, labels, name } = found
    samples.push({ name, labels, value: Number(value) })
    const kind = types.get(name) ?? types.get(family)
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
