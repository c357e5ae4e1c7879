/** Text from elsewhere, made fit for a terminal (R9.5): it can colour a line at most, and never move the cursor. */

/** Control characters, and those that break lines or reverse the reading direction. */
const disturbing = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const escape = (text: string): string =>
  text.replace(disturbing, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** On one line: every character that could disturb is written as `\uXXXX`. */
export const printable = (text: string): string => escape(text)

/** Colours and styles, which programs put into their logs and which end with a line at worst. */
const styled = /(\u001b\[[0-9;:]{0,40}m|[\n\t]|\r(?=\n))/

/** A piece of a log: ends of lines, tabs and colours stay as they are. */
export const printableLog = (text: string): string =>
  text
    .split(styled)
    .map((part, i) => (i % 2 === 1 ? part : escape(part)))
    .join("")
