/**
 * Text that came from outside, made fit for a log line, the activity log or a terminal (R9.5): it stays on its line,
 * moves no cursor, reverses no reading direction, and has an end.
 */

/** Control characters, what breaks lines or turns the reading direction, and halves of characters. */
const disturbing =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

const escapeOne = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`

/** All of it on one line: what could disturb is written as `\uXXXX`. */
export const escapeText = (text: string): string => text.replace(disturbing, escapeOne)

/** Ends a text that was cut. */
export const ellipsis = "…"

/** The beginning of a text, at most so many UTF-16 units, and no half of a character at its end. */
export const beginning = (text: string, charactersMax: number): string => {
  if (text.length <= charactersMax) return text
  const last = text.charCodeAt(charactersMax - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? charactersMax - 1 : charactersMax)
}

/** The same text, cut with `…` when it is longer. */
export const cut = (text: string, charactersMax: number): string =>
  text.length <= charactersMax ? text : beginning(text, charactersMax - ellipsis.length) + ellipsis

/** Escapes what disturbs, and cuts: never longer than `charactersMax`, and never in the middle of an escape. */
export const sanitise = (text: string, charactersMax: number): string => {
  // What is beyond the end is not looked at; no character becomes shorter by its escape.
  const escaped = escapeText(beginning(text, charactersMax))
  if (text.length <= charactersMax && escaped.length <= charactersMax) return escaped
  const short = beginning(escaped, charactersMax - ellipsis.length)
  const backslash = short.lastIndexOf("\\")
  const isCutEscape = backslash > short.length - escapeCharacters && startsEscape(escaped, backslash)
  return (isCutEscape ? short.slice(0, backslash) : short) + ellipsis
}

const escapeCharacters = "\\u0000".length

const startsEscape = (text: string, at: number): boolean =>
  at >= 0 && /^\\u[0-9a-f]{4}$/.test(text.slice(at, at + escapeCharacters))
