/**
 * The kinds of settings: how each is written in TOML, and what is said when it is not.
 *
 * A setting decodes from any plain value and refuses with the words of what was expected, never with the value: the
 * value may be a secret, and only the caller knows. Every setting also accepts its value in a string, because
 * `${NAME}` and environment variables only give strings.
 */
import { ByteSize, Duration, Effect, Option, Redacted, Result, Schema, SchemaGetter, SchemaIssue } from "effect"
import { checkNodeUrl } from "./NodeUrl.ts"

/** A schema from a plain TOML value. It decodes only: a configuration is never written. */
export type Setting<T> = Schema.Codec<T, unknown>

/** Gives the value, or the words for what was expected. */
type Parse<T> = (input: unknown) => Result.Result<T, string>

/** What a setting takes, for whoever describes it: the documentation, a schema for editors, `config show`. */
export interface SettingForm {
  readonly kind: "integer" | "duration" | "size" | "choice" | "boolean" | "list" | "jitter" | "text" | "secret"
  readonly expected: string
  /** Of an integer, and of a size in bytes. */
  readonly min?: number
  readonly max?: number
  /** Of a choice. */
  readonly words?: ReadonlyArray<string>
}

/** Annotations of a setting, beside its description. */
export const formAnnotation = "muster/form"
export const defaultAnnotation = "muster/default"

const setting = <T>(target: Schema.Codec<T>, form: SettingForm, parse: Parse<T>): Setting<T> =>
  Schema.Unknown.pipe(
    Schema.decodeTo(target, {
      decode: SchemaGetter.transformEffect((input: unknown) =>
        Effect.mapError(Effect.fromResult(parse(input)), (words) => new SchemaIssue.InvalidValue({ expected: words }))
      ),
      encode: SchemaGetter.forbiddenEncoding
    }),
    Schema.annotateKey({ messageMissingKey: form.expected }),
    Schema.annotate({ [formAnnotation]: form })
  )

/** The setting with the value that it has when nothing is said, written as in TOML. */
export const withDefault = <T>(schema: Setting<T>, fallback: string | number | boolean, description: string) =>
  schema.pipe(
    Schema.annotate({ description, [defaultAnnotation]: fallback }),
    Schema.withDecodingDefaultKey(Effect.succeed(fallback))
  )

/** The setting, which has to be there. */
export const required = <T>(schema: Setting<T>, description: string) => schema.pipe(Schema.annotate({ description }))

/** The setting, which may be left out. */
export const optional = <T>(schema: Setting<T>, description: string) =>
  schema.pipe(Schema.annotate({ description }), Schema.optionalKey)

const inRange = (value: number, range: { readonly min: number; readonly max: number }): boolean =>
  value >= range.min && value <= range.max

const numberOf = (input: unknown, pattern: RegExp): Option.Option<number> => {
  if (typeof input === "number") return Option.some(input)
  return typeof input === "string" && pattern.test(input) ? Option.some(Number(input)) : Option.none()
}

export const integer = (range: { readonly min: number; readonly max: number }): Setting<number> => {
  const expected = `an integer from ${range.min} to ${range.max}`
  return setting(Schema.Int, { kind: "integer", expected, ...range }, (input) => {
    const value = Option.getOrElse(numberOf(input, /^[0-9]{1,15}$/), () => Number.NaN)
    return Number.isSafeInteger(value) && inRange(value, range) ? Result.succeed(value) : Result.fail(expected)
  })
}

const part = String.raw`(\d{1,9}(?:\.\d{1,6})?)`
const durationParts = new RegExp(String.raw`^(?:${part}d)?(?:${part}h)?(?:${part}m)?(?:${part}s)?(?:(\d{1,12})ms)?$`)
const unitMs = [86_400_000, 3_600_000, 60_000, 1000, 1] as const

/** Milliseconds of `250ms`, `2s`, `1.5h`, `1m30s`: units d, h, m, s and ms, each at most once, the larger first. */
export const parseDurationMs = (text: string): Option.Option<number> => {
  const match = durationParts.exec(text)
  if (match === null || text === "") return Option.none()
  return Option.some(unitMs.reduce((sum, unit, index) => sum + Math.round(Number(match[index + 1] ?? 0) * unit), 0))
}

const showMs = (ms: number): string => Duration.format(Duration.millis(ms)).replaceAll(" ", "")

const parseDuration = (input: unknown, range: { readonly minMs: number; readonly maxMs: number }) =>
  (typeof input === "string" ? parseDurationMs(input) : Option.none<number>()).pipe(
    Option.filter((ms) => inRange(ms, { min: range.minMs, max: range.maxMs })),
    Option.map(Duration.millis)
  )

/** A length of time with its unit. A bare number is refused: seconds and milliseconds would be mixed up. */
export const duration = (range: { readonly minMs: number; readonly maxMs: number }): Setting<Duration.Duration> => {
  const expected = `a duration from ${showMs(range.minMs)} to ${showMs(range.maxMs)} such as "2s", "250ms" or "1m30s"`
  const form = { kind: "duration", expected } as const
  return setting(Schema.Duration, form, (input) => Result.fromOption(parseDuration(input, range), () => expected))
}

const digits = /^[0-9]{1,15}$/
const sizeCharsMax = 24

const parseBytes = (input: unknown): Option.Option<number> => {
  if (typeof input === "number") return Option.some(input)
  if (typeof input !== "string" || input.length > sizeCharsMax) return Option.none()
  if (digits.test(input)) return Option.some(Number(input))
  return Option.flatMap(ByteSize.fromString(input), ByteSize.toNumber)
}

const showBytes = (bytes: number): string =>
  ByteSize.format(ByteSize.bytes(bytes), { system: "binary" }).replaceAll(" ", "")

/** Bytes: an integer, or text with a unit. */
export const size = (range: { readonly minBytes: number; readonly maxBytes: number }): Setting<number> => {
  const bounds = `from ${showBytes(range.minBytes)} to ${showBytes(range.maxBytes)}`
  const expected = `a size ${bounds} such as "8MiB" or a number of bytes`
  const form = { kind: "size", expected, min: range.minBytes, max: range.maxBytes } as const
  return setting(Schema.Int, form, (input) => {
    const bytes = Option.getOrElse(parseBytes(input), () => Number.NaN)
    const fits = Number.isSafeInteger(bytes) && inRange(bytes, { min: range.minBytes, max: range.maxBytes })
    return fits ? Result.succeed(bytes) : Result.fail(expected)
  })
}

/** One word of a closed set. */
export const choice = <const L extends ReadonlyArray<string>>(
  values: L,
  spelling: (value: L[number]) => string = (value) => value
): Setting<L[number]> => {
  const words = values.map((value) => `"${spelling(value)}"`)
  const expected = `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`
  const form = { kind: "choice", expected, words: values.map((value) => spelling(value)) } as const
  return setting(Schema.Literals(values), form, (input) =>
    Result.fromNullishOr(
      values.find((value) => spelling(value) === input),
      () => expected
    )
  )
}

/** `true` or `false`; from a variable, the words. */
export const boolean: Setting<boolean> = setting(
  Schema.Boolean,
  { kind: "boolean", expected: "true or false" },
  (input) => {
    const value = input === "true" ? true : input === "false" ? false : input
    return typeof value === "boolean" ? Result.succeed(value) : Result.fail("true or false")
  }
)

/**
 * Texts of a given form, each once, as one text with commas between them, so that a variable can hold it; none when it
 * is empty.
 */
export const list = (
  expected: string,
  accepts: (item: string) => boolean,
  { itemsMin = 0 }: { readonly itemsMin?: number } = {}
): Setting<ReadonlyArray<string>> =>
  setting(Schema.Array(Schema.String), { kind: "list", expected }, (input) => {
    if (typeof input !== "string") return Result.fail(expected)
    const items = input.split(",").map((item) => item.trim())
    const given = items.length === 1 && items[0] === "" ? [] : items
    const fits = given.every(accepts) && new Set(given).size === given.length && given.length >= itemsMin
    return fits ? Result.succeed(given) : Result.fail(expected)
  })

/** A share of an interval, or a length of time of its own. */
export type Jitter =
  | { readonly _tag: "Ratio"; readonly ratio: number }
  | { readonly _tag: "Length"; readonly length: Duration.Duration }

const Jitter: Schema.Codec<Jitter> = Schema.Union([
  Schema.TaggedStruct("Ratio", { ratio: Schema.Number }),
  Schema.TaggedStruct("Length", { length: Schema.Duration })
])

const parseRatio = (input: unknown): Option.Option<number> => {
  const percent = typeof input === "string" ? /^([0-9]{1,3}(?:\.[0-9]{1,6})?)%$/.exec(input)?.[1] : undefined
  const ratio =
    percent === undefined ? numberOf(input, /^[0-9]{1,3}(?:\.[0-9]{1,9})?$/) : Option.some(Number(percent) / 100)
  return Option.filter(ratio, (value) => inRange(value, { min: 0, max: 1 }))
}

/** `"10%"`, `0.1` or `"200ms"`. */
export const jitter = (range: { readonly maxMs: number }): Setting<Jitter> => {
  const expected = `a share such as "10%" or 0.1, or a duration up to ${showMs(range.maxMs)} such as "200ms"`
  return setting(Jitter, { kind: "jitter", expected }, (input) =>
    Option.match(parseRatio(input), {
      onSome: (ratio) => Result.succeed<Jitter>({ _tag: "Ratio", ratio }),
      onNone: () =>
        Result.fromOption(
          Option.map(parseDuration(input, { minMs: 0, maxMs: range.maxMs }), (length): Jitter => ({
            _tag: "Length",
            length
          })),
          () => expected
        )
    })
  )
}

/** Text of a given form. */
export const text = (expected: string, accepts: (value: string) => boolean): Setting<string> =>
  setting(Schema.String, { kind: "text", expected }, (input) =>
    typeof input === "string" && accepts(input) ? Result.succeed(input) : Result.fail(expected)
  )

/** Text that is never shown. Empty text is refused: it is what a variable set to nothing gives. */
export const secret = (
  expected: string,
  accepts: (value: string) => boolean = () => true
): Setting<Redacted.Redacted<string>> =>
  setting(Schema.Redacted(Schema.String), { kind: "secret", expected }, (input) =>
    typeof input === "string" && input !== "" && accepts(input)
      ? Result.succeed(Redacted.make(input))
      : Result.fail(expected)
  )

/** Where a node answers: see `checkNodeUrl`. */
export const nodeUrl: Setting<string> = setting(
  Schema.String,
  { kind: "text", expected: "http://, https:// or unix:///path" },
  checkNodeUrl
)
