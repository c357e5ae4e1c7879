/**
 * The text inside a scalar element, such as `<int>12</int>`, as a value.
 *
 * White space around numbers and booleans is accepted, as Python's reader does; anything else that is not a number is
 * refused instead of read as far as it goes.
 */
import { Result } from "effect"
import { Base64 } from "effect/encoding"

/** The elements that hold text only. */
export type ScalarType = "int" | "double" | "boolean" | "string" | "dateTime" | "base64" | "nil"

/** Names of the scalar elements on the wire. */
export const scalarTypes: ReadonlyMap<string, ScalarType> = new Map<string, ScalarType>([
  ["int", "int"],
  ["i4", "int"],
  ["i8", "int"],
  ["double", "double"],
  ["boolean", "boolean"],
  ["string", "string"],
  ["dateTime.iso8601", "dateTime"],
  ["base64", "base64"],
  ["nil", "nil"]
])

const wholeNumber = /^[+-]?\d+$/
const decimalNumber = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const shownCharactersMax = 40

/** The value, or what was expected instead of this text. */
export const parseScalar = (
  type: ScalarType,
  text: string
): Result.Result<string | number | boolean | null | Uint8Array, string> => {
  switch (type) {
    case "string":
    case "dateTime":
      return Result.succeed(text)
    case "int":
      return parseInteger(text)
    case "double":
      return parseDouble(text)
    case "boolean":
      return parseBoolean(text)
    case "base64":
      return parseBase64(text)
    case "nil":
      return text.trim() === "" ? Result.succeed(null) : expected("nothing inside nil", text)
  }
}

const expected = (what: string, text: string): Result.Result<never, string> => {
  const shown = text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax)}...` : text
  return Result.fail(`${what}, not ${JSON.stringify(shown)}`)
}

const parseInteger = (text: string) => {
  const digits = text.trim()
  const value = Number(digits)
  if (!wholeNumber.test(digits)) return expected("an integer", text)
  // Beyond 2^53 a number would silently become its neighbour. Adding 0 turns -0 into 0.
  return Number.isSafeInteger(value) ? Result.succeed(value + 0) : expected("an integer of at most 53 bits", text)
}

const parseDouble = (text: string) => {
  const digits = text.trim()
  const value = Number(digits)
  return decimalNumber.test(digits) && Number.isFinite(value)
    ? Result.succeed(value)
    : expected("a finite number", text)
}

const parseBoolean = (text: string) => {
  const digit = text.trim()
  return digit === "0" || digit === "1" ? Result.succeed(digit === "1") : expected("0 or 1", text)
}

const parseBase64 = (text: string) => {
  const bytes = Base64.decode(text.replace(/[ \t\r\n]/g, ""))
  return Result.isSuccess(bytes) ? Result.succeed(bytes.success) : expected("base64", text)
}
