/** The log of a console as somebody reads it who looks for why something failed. */
import { Option, Schema } from "effect"

const Line = Schema.Struct({
  level: Schema.String,
  message: Schema.String,
  request_id: Schema.optionalKey(Schema.String),
  cause: Schema.optionalKey(
    Schema.Array(Schema.Struct({ name: Schema.optionalKey(Schema.String), message: Schema.String }))
  ),
  context: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
})
export type Line = typeof Line.Type

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Line))

/** A line; undefined for one that is none. */
export const lineOf = (text: string): Line | undefined => Option.getOrUndefined(decode(text))

/** Something of the console's own, or of what it stands on, does not work. */
export const isTrouble = ({ level }: Line): boolean => level === "ERROR" || level === "WARN" || level === "FATAL"

export const operationOf = ({ context }: Line): string => {
  const operation = context?.["operation"]
  return typeof operation === "string" ? operation : ""
}

/** All that the line says about why, the outermost error first. */
export const causeOf = ({ cause = [] }: Line): string =>
  cause.map(({ message, name = "" }) => `${name}: ${message}`).join(" <- ")
