/**
 * The token of a run: enough to do it again and to notice when the program is no longer the same.
 *
 * `m2.NAME.STRATEGY.SEED.STEPS.HASH.MARKS`, with SEED in base 36 (a leading `-` for a negative one), STEPS in base 36,
 * HASH the 16 digits of the trace hash and MARKS two base64url characters for each step that is a power of two. A run
 * whose choices are written out has them as one more part. It is safe in a URL, a shell and a file name.
 */
import { Result, Schema } from "effect"

const version = "m2"
const nameMax = 60

export interface Token {
  /** Name of the program or scenario. */
  readonly name: string
  readonly strategy: string
  readonly seed: number
  readonly steps: number
  readonly traceHash: string
  readonly marks: ReadonlyArray<number>
  /** Choices that are written out, as `encodeScript` gives them. */
  readonly script: string | undefined
}

/** The text is no token, or one of another version. */
export class TokenError extends Schema.TaggedError<TokenError>()("TokenError", { message: Schema.String }) {}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/** A name as it may stand in a token: letters, digits, `-`, `_`, `+`, `/`; anything else, and no name, becomes `-`. */
export const tokenName = (name: string): string =>
  name === "" ? "-" : name.replace(/[^A-Za-z0-9_+/-]/g, "-").slice(0, nameMax)

export const formatToken = (token: Token): string =>
  [
    version,
    tokenName(token.name),
    token.strategy,
    token.seed.toString(36),
    token.steps.toString(36),
    token.traceHash,
    token.marks.map((mark) => alphabet.charAt(mark >> 6) + alphabet.charAt(mark & 63)).join(""),
    ...(token.script === undefined ? [] : [token.script])
  ].join(".")

const pattern =
  /^([\w+/-]{1,60})\.([\w-]+)\.(-?[0-9a-z]{1,11})\.([0-9a-z]{1,11})\.([0-9a-f]{16})\.((?:[\w-]{2})*)(?:\.([\w-]+))?$/

export const parseToken = (text: string): Result.Result<Token, TokenError> => {
  const trimmed = text.trim()
  if (!trimmed.startsWith(`${version}.`)) {
    return fail(`${quote(trimmed)} is no token of this version: expected one that begins with "${version}."`)
  }
  const parts = pattern.exec(trimmed.slice(version.length + 1))
  if (parts === null)
    return fail(`${quote(trimmed)} is no whole token: expected ${version}.NAME.STRATEGY.SEED.STEPS.HASH.MARKS`)
  const [, name = "", strategy = "", seed = "", steps = "", traceHash = "", marks = "", script] = parts
  const numbers = { seed: parseInt(seed, 36), steps: parseInt(steps, 36) }
  for (const [field, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value)) return fail(`${quote(trimmed)} is no whole token: its ${field} is over 2^53 - 1`)
  }
  return Result.succeed({
    name,
    strategy,
    ...numbers,
    traceHash,
    marks: Array.from(
      { length: marks.length / 2 },
      (_, i) => alphabet.indexOf(marks.charAt(2 * i)) * 64 + alphabet.indexOf(marks.charAt(2 * i + 1))
    ),
    script
  })
}

const fail = (message: string): Result.Result<never, TokenError> => Result.fail(new TokenError({ message }))
const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text)
