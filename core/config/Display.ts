/**
 * Text of a configuration made fit for a message: on one line, bounded in length, and without credentials.
 */

/** How much of a value a message shows. */
export const shownCharsMax = 80

/** Characters that break lines, move the cursor or reverse the reading direction, beyond those JSON escapes. */
const unsafe = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const escapeUnsafe = (text: string): string =>
  text.replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** The text in double quotes, every character that could disturb a terminal or a log line escaped. */
export const quote = (text: string): string => escapeUnsafe(JSON.stringify(text))

/** The text, cut to `shownCharsMax`. */
export const shorten = (text: string): string =>
  text.length <= shownCharsMax ? text : `${text.slice(0, shownCharsMax)}…`

/** An address with nothing in it that could be a credential: scheme, host, port and path. */
const plainAddress = /^[a-z][a-z0-9+.-]*:\/\/(?:\[[0-9a-f:.]*\]|[^/:?#@]*)(?::\d{1,5})?(?:\/[^?#@]*)?$/i

/**
 * Hides whatever can be a credential in something that was meant to be an address: all after the scheme, unless it is
 * plainly host, port and path; without a scheme, all before an `@`.
 */
export const maskCredentials = (text: string): string => {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0]
  if (scheme !== undefined) return plainAddress.test(text) ? text : `${scheme}***`
  const at = text.lastIndexOf("@")
  return at < 0 ? text : `***${text.slice(at)}`
}

/** A string of the configuration as a message shows it. */
export const showString = (text: string): string => quote(shorten(maskCredentials(text)))

const bareKey = /^[A-Za-z0-9_-]{1,64}$/

/** A path of keys and list positions as text: `nodes[1].url`. */
export const showPath = (path: ReadonlyArray<PropertyKey>): string =>
  path.reduce<string>((text, segment) => {
    if (typeof segment === "number") return `${text}[${segment}]`
    const key = String(segment)
    const shown = bareKey.test(key) ? key : quote(shorten(key))
    return text === "" ? shown : `${text}.${shown}`
  }, "")
