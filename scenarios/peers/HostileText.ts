/**
 * What somebody sends who wants to be taken for the console by whoever reads its log, or to steer his terminal; and
 * secrets that he types.
 */

/** What a line would look like that somebody else wrote; no line of the console has this level. */
const forged = '{"time":"2026-01-01T00:00:00.000Z","level":"FATAL","message":"forged","fiber":"#1"}'

export const hostile = [
  `a\n${forged}`,
  `b\r\n${forged}\r\n`,
  `c\u2028${forged}\u2029`,
  'd","level":"FATAL","message":"forged',
  "e\u001b[2J\u001b]0;owned\u0007",
  "f\u202egnirts\u0085",
  `g${"\\".repeat(50)}\u0000"`,
  `h${"x".repeat(20_000)}`,
  "i\ud800half",
  "plain"
] as const

/** Texts that somebody typed or configured, which must stay secret. */
export const typed = ["mistyped-passphrase-7", "hidden-passphrase-8", "a-new-passphrase-9"] as const

/** XML has no place for most control characters, and files have none for such names. */
export const named = (name: string): string => name.replaceAll(/[^\n\u0020-\u007e\u202e]/g, "?").slice(0, 200)

/** Only what a header may hold by itself. */
export const headerText = (value: string): string => value.replaceAll(/[^\u0020-\u007e]/g, "?").slice(0, 2_000)

export const inPath = (value: string): string => encodeURIComponent(value.toWellFormed()).slice(0, 4_000)
