/**
 * Texts of logs inside XML-RPC replies.
 *
 * supervisord writes a log into its reply as it is, apart from `&`, `<` and `>`. With control characters in it the
 * reply is no XML, and of a carriage return every XML reader makes a line feed. So before such a reply is read, these
 * characters are written as an escape that XML leaves alone; afterwards they are put back. Nothing is lost.
 */
const texts = /<string>[^<]*<\/string>/g
const mark = "\ue000"
/** What XML forbids or changes, and the mark itself. U+0009 and U+000A pass. */
const troubled = /[\u0000-\u0008\u000b-\u001f\ufffe\uffff\ue000]/g
const escaped = new RegExp(`${mark}([0-9a-f]{4})`, "g")

/** The reply with the texts in it made harmless. */
export const shield = (xml: string): string =>
  xml.replace(texts, (text) =>
    text.replace(troubled, (character) => mark + character.charCodeAt(0).toString(16).padStart(4, "0"))
  )

/** The text as the log has it, from a shielded reply. */
export const unshield = (text: string): string =>
  text.includes(mark)
    ? text.replace(escaped, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    : text

const encoder = new TextEncoder()

/** Bytes of the text as UTF-8. */
export const byteLength = (text: string): number => encoder.encode(text).length
