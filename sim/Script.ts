/**
 * The choices of a run written out instead of drawn from a seed: what is not listed is the dullest. It stands in the
 * tokens of shrunk failures, so it has a short form: counts, gaps and values as variable-length integers in base64url.
 */
import { Result } from "effect"
import { Base64Url } from "effect/encoding"
import { seeded } from "./Choices.ts"
import type { ChoiceSource, Deviation, DrawnStream, Stream } from "./Choices.ts"

/** Value by index within the stream. */
export type Listed = ReadonlyMap<number, number>

export interface Script {
  readonly faults: Listed
  readonly workload: Listed
  /** Undefined: data comes from the seed. */
  readonly data: Listed | undefined
}

/** The script of the deviations of a recorded run; its data stays with the seed unless `withData`. */
export const scriptOf = (deviations: ReadonlyArray<Deviation>, withData: boolean): Script => ({
  faults: listed(deviations, "faults"),
  workload: listed(deviations, "workload"),
  data: withData ? listed(deviations, "data") : undefined
})

/** The deviations of one stream by their index. */
export const listed = (deviations: ReadonlyArray<Deviation>, stream: Stream): Listed =>
  new Map(deviations.filter((deviation) => deviation.stream === stream).map(({ index, value }) => [index, value]))

/** Choices as the script has them. A value that is out of range, in another program, becomes the dullest. */
export const scripted = (script: Script, seed: number): ChoiceSource => {
  const drawn = seeded(seed)
  return {
    value: (stream: DrawnStream, n, index, fiber) => {
      const values = script[stream]
      if (values === undefined) return drawn.value(stream, n, index, fiber)
      const value = values.get(index) ?? 0
      return value < n ? value : 0
    }
  }
}

export const encodeScript = ({ data, faults, workload }: Script): string =>
  encode([faults, workload, ...(data === undefined ? [] : [data])])

/** Undefined when the text is no script. */
export const decodeScript = (text: string): Script | undefined => {
  const [faults, workload, data, ...rest] = decode(text) ?? []
  return faults === undefined || workload === undefined || rest.length > 0 ? undefined : { faults, workload, data }
}

/** Lists of pairs in a few characters. */
export const encode = (lists: ReadonlyArray<Listed>): string => {
  const bytes: Array<number> = []
  const put = (value: number) => {
    let rest = value
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
    bytes.push(rest)
  }
  for (const list of lists) {
    put(list.size)
    let last = 0
    for (const [index, value] of Array.from(list).toSorted(([a], [b]) => a - b)) {
      put(index - last)
      put(value)
      last = index
    }
  }
  return Base64Url.encode(Uint8Array.from(bytes))
}

/** What `encode` made, or undefined. */
export const decode = (text: string): ReadonlyArray<Listed> | undefined => {
  const bytes = Result.getOrUndefined(Base64Url.decode(text))
  if (bytes === undefined) return undefined
  const lists: Array<Listed> = []
  let at = 0
  const get = (): number => {
    let value = 0
    for (let unit = 1; ; unit *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) return Number.NaN
      value += (byte % 128) * unit
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const list = new Map<number, number>()
    let index = 0
    for (let left = get(); left > 0; left--) {
      index += get()
      const value = get()
      if (!Number.isSafeInteger(index) || !Number.isSafeInteger(value)) return undefined
      list.set(index, value)
    }
    lists.push(list)
  }
  return lists
}
