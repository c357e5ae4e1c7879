/**
 * What others sent, made fit for the log (R9.5): on one line, in the order in which it is read, of valid Unicode, and
 * of bounded length. The same text always becomes the same, so that a search for what was sent finds it.
 */
import type { Attempt } from "../domain/ActivityEntry.ts"

/**
 * Control characters, marks that are not seen or turn the direction of reading, breaks of lines, and halves of
 * surrogate pairs, which are no text to a database.
 */
const disturbing = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u

const cutMark = "…"

/** With every character that could disturb written as `\u{202e}`; cut between characters, and marked, if too long. */
export const clean = (text: string, charactersMax: number): string => {
  let cleaned = ""
  let fitting = ""
  for (const character of text) {
    const piece = disturbing.test(character) ? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}` : character
    if (cleaned.length + piece.length > charactersMax) return fitting + cutMark
    cleaned += piece
    if (cleaned.length + cutMark.length <= charactersMax) fitting = cleaned
  }
  return cleaned
}

/** As in the schema of an entry. */
export const charactersMax = {
  actor: 256,
  address: 64,
  action: 64,
  node: 200,
  process: 401,
  code: 64,
  detail: 1000,
  request_id: 64
} as const satisfies Readonly<Partial<Record<keyof Attempt, number>>>

type Cleaned = keyof typeof charactersMax

/** An attempt as it is kept. */
export const cleanAttempt = (attempt: Attempt): Attempt => {
  const given = (name: Cleaned) => {
    const text = attempt[name]
    return text === undefined ? {} : { [name]: clean(text, charactersMax[name]) }
  }
  return {
    actor: clean(attempt.actor, charactersMax.actor),
    action: clean(attempt.action, charactersMax.action),
    outcome: attempt.outcome,
    ...given("address"),
    ...given("node"),
    ...given("process"),
    ...given("code"),
    ...given("detail"),
    ...given("request_id")
  }
}
