/**
 * Any value as JSON text for a log line. It always gives a text, a bounded one, on one line, without the secrets that
 * can be told: whatever the value is, cycles, getters that throw and proxies included.
 */
import { Redacted, Result } from "effect"
import { beginning, cut, ellipsis } from "./Sanitise.ts"
import { isSecretName, maskSecrets, redacted } from "./Secrecy.ts"

/** Bounds of one line. */
export const logBounds = {
  /** Characters of one text. */
  textMax: 4_000,
  /** Characters of the name of a field. */
  nameMax: 100,
  /** Fields of one object, elements of one list. */
  fieldsMax: 64,
  depthMax: 6,
  /** Values of one line, and characters of all its texts. */
  valuesMax: 500,
  charactersMax: 32_000
} as const

/** What JSON leaves as it is, and what yet breaks lines, moves a cursor or turns the reading direction. */
const unsafe = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const quote = (text: string): string =>
  JSON.stringify(text).replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** Up to its last space: what a cut may have made unrecognisable as a secret stands after it. */
const wholeWords = (text: string): string => {
  let end = text.length
  while (end > 0 && !isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(0, end)
}

const isSpace = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d)

/** A text without secrets and with an end; not escaped yet. */
export const bounded = (text: string, charactersMax: number = logBounds.textMax): string => {
  // Secrets are looked for in a longer piece than is kept, since one that is cut is not known for one.
  const piece = text.length <= charactersMax * 2 ? text : wholeWords(beginning(text, charactersMax * 2)) + ellipsis
  return cut(maskSecrets(piece), charactersMax)
}

/** Writes the values of one line, which share its bounds. */
export class LogText {
  private values: number = logBounds.valuesMax
  private characters: number = logBounds.charactersMax
  private readonly within = new Set<object>()

  /** A text as JSON. */
  text(value: string, charactersMax: number = logBounds.textMax): string {
    const kept = bounded(value, Math.min(charactersMax, Math.max(ellipsis.length, this.characters)))
    this.characters -= kept.length
    return quote(kept)
  }

  /** Any value as JSON; undefined for one that JSON leaves out. */
  value(value: unknown, depth = 0): string | undefined {
    if (value === undefined) return undefined
    if (this.values-- <= 0) return quote(ellipsis)
    switch (typeof value) {
      case "string":
        return this.text(value)
      case "number":
        return Number.isFinite(value) ? String(value) : quote(String(value))
      case "boolean":
        return String(value)
      case "bigint":
      case "symbol":
        return this.text(String(value))
      case "function":
        return quote("<function>")
      default:
        return value === null ? "null" : this.guarded(() => this.structure(value, depth))
    }
  }

  /** The fields of an object, from pairs. Those under names of secrets are masked, numbers and booleans excepted. */
  fields(pairs: Iterable<readonly [string, unknown]>, depth: number): string {
    const parts: Array<string> = []
    for (const [name, value] of pairs) {
      if (parts.length >= logBounds.fieldsMax) {
        parts.push(`${quote(ellipsis)}:true`)
        break
      }
      const hides = isSecretName(name) && typeof value !== "number" && typeof value !== "boolean" && value !== undefined
      const text = hides ? quote(redacted) : this.value(value, depth)
      if (text !== undefined) parts.push(`${this.text(name, logBounds.nameMax)}:${text}`)
    }
    return `{${parts.join(",")}}`
  }

  /** What throws while it is looked at is said to be unreadable. */
  private guarded(write: () => string): string {
    return Result.getOrElse(Result.try(write), () => quote("<unreadable>"))
  }

  private structure(value: object, depth: number): string {
    if (Redacted.isRedacted(value)) return quote(redacted)
    if (this.within.has(value)) return quote("<circular>")
    if (depth >= logBounds.depthMax) return quote(ellipsis)
    this.within.add(value)
    const written = Result.try(() => this.contents(value, depth + 1))
    this.within.delete(value)
    return Result.getOrThrow(written)
  }

  private contents(value: object, depth: number): string {
    if (value instanceof Error) return this.text(errorText(value))
    if (ArrayBuffer.isView(value)) return quote(`<${value.byteLength} bytes>`)
    if (Array.isArray(value) || value instanceof Set) return this.list(value, depth)
    if (value instanceof Map) return this.fields(named(value), depth)
    if ("toJSON" in value && typeof value.toJSON === "function") {
      const json: unknown = Reflect.apply(value.toJSON, value, [""])
      return json === value ? this.fields(fieldsOf(value), depth) : (this.value(json, depth) ?? "null")
    }
    return this.fields(fieldsOf(value), depth)
  }

  private list(values: Iterable<unknown>, depth: number): string {
    const parts: Array<string> = []
    for (const value of values) {
      if (parts.length >= logBounds.fieldsMax) {
        parts.push(quote(ellipsis))
        break
      }
      parts.push(this.value(value, depth) ?? "null")
    }
    return `[${parts.join(",")}]`
  }
}

const named = function* (map: ReadonlyMap<unknown, unknown>): Iterable<readonly [string, unknown]> {
  for (const [key, value] of map) yield [typeof key === "string" ? key : String(key), value]
}

/** Fields one by one, so that a getter that throws spoils its own value only. */
const fieldsOf = function* (value: object): Iterable<readonly [string, unknown]> {
  for (const name of Object.keys(value)) {
    yield [
      name,
      Result.getOrElse(
        Result.try((): unknown => Reflect.get(value, name)),
        () => "<unreadable>"
      )
    ]
  }
}

/** Name and message of an error; whatever throws is left out. */
export const errorText = (error: Error): string => {
  const name = read(() => error.name) ?? "Error"
  const message = read(() => error.message) ?? ""
  return message === "" ? name : `${name}: ${message}`
}

/** A text that somebody else's code gives, if it does. */
export const read = (get: () => unknown): string | undefined => {
  const value = Result.getOrUndefined(Result.try(get))
  return typeof value === "string" ? value : undefined
}
