/** Reads the text format of Prometheus. */

export interface Exposition {
  /** Type by name of the family. */
  readonly types: ReadonlyMap<string, string>
  readonly help: ReadonlyMap<string, string>
  /** Value by series, as in `name{label="value"}`. */
  readonly series: ReadonlyMap<string, number>
}

const line = /^([a-zA-Z_][a-zA-Z0-9_]*(?:\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*\})?) (\S+)$/

/** Fails on the first line that is not of the format, and on series that come twice. */
export const parse = (text: string): Exposition => {
  const types = new Map<string, string>()
  const help = new Map<string, string>()
  const series = new Map<string, number>()
  if (text === "") return { types, help, series }
  if (!text.endsWith("\n")) throw new Error("the text does not end with a line feed")
  for (const each of text.slice(0, -1).split("\n")) {
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(each) ?? []
    if (kind === "HELP") help.set(name, rest)
    else if (kind === "TYPE") types.set(name, rest)
    else {
      const [, key, value] = line.exec(each) ?? []
      if (key === undefined || value === undefined) throw new Error(`no line of the format: ${each}`)
      if (series.has(key)) throw new Error(`twice: ${key}`)
      series.set(key, value === "+Inf" ? Infinity : Number(value))
    }
  }
  return { types, help, series }
}
