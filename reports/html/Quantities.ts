/** Numbers, times and chances as people read them. Each function stands for itself: the pages' script has them too. */

/** `12,345` */
export const grouped = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",")

/** `1 run`, `2 runs`, `12,345 runs` */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${grouped(value)} ${value === 1 ? one : many}`

/** A moment of a run, to the millisecond: `12 ms`, `1.203 s`, `3:05.120`. */
export const moment = (ms: number): string => {
  const whole = Math.round(ms)
  if (whole < 1_000) return `${whole} ms`
  if (whole < 60_000) return `${(whole / 1_000).toFixed(3)} s`
  return `${Math.floor(whole / 60_000)}:${((whole % 60_000) / 1_000).toFixed(3).padStart(6, "0")}`
}

/** A span, as exact as it matters: `12 ms`, `1.2 s`, `3 min 5 s`, `2 h 10 min`. */
export const duration = (ms: number): string => {
  const whole = Math.round(ms)
  if (whole < 1_000) return `${whole} ms`
  if (whole < 59_950) return `${Math.round(whole / 100) / 10} s`
  const seconds = Math.round(whole / 1_000)
  const minutes = Math.floor(seconds / 60)
  const withRest = (large: string, rest: number, unit: string) => (rest === 0 ? large : `${large} ${rest} ${unit}`)
  if (minutes < 60) return withRest(`${minutes} min`, seconds % 60, "s")
  return withRest(`${Math.floor(minutes / 60)} h`, minutes % 60, "min")
}

/** An upper bound in percent, never rounded down: `37 %`, `0.4 %`, `less than one in a million`. */
export const atMost = (chance: number): string => {
  if (chance < 1e-6) return "less than one in a million"
  if (chance < 1e-3) return `one in ${grouped(Math.floor(1 / chance))}`
  const percent = chance * 100
  return `${percent < 1 ? Math.ceil(percent * 10) / 10 : Math.min(100, Math.ceil(percent))} %`
}
