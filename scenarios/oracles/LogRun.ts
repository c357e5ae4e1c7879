/**
 * Oracle: the text of a log that a client got, against what was printed. Pure.
 *
 * What comes between two notes of a gap must be a run of what was printed. Only where the file was begun anew may bytes
 * before that be missing without a note: supervisord goes over to the new file and does not say so. U+FFFD stands for
 * a character that was cut.
 */

/** What went into a log over time. */
export interface Printed {
  readonly text: string
  /** Where in the text a file was begun, as indexes of characters; the first at 0. */
  readonly files: ReadonlyArray<number>
}

const replacement = "\uFFFD"

/**
 * Where the run can end: every index after which it is over, when it begins at `from` or later. No index: it is no run.
 */
export const endsOf = (run: string, printed: Printed, from: number): ReadonlyArray<number> => {
  let at: ReadonlySet<number> | undefined
  for (const character of run) {
    if (character !== replacement) at = next(character, printed, from, at)
    else if (at !== undefined) at = cutAt(printed, at)
    if (at?.size === 0) return []
  }
  return at === undefined ? [from] : Array.from(at)
}

/** From where a character may be read: where it is, or a file that was begun later. */
const places = ({ files }: Printed, at: number): ReadonlyArray<number> => [at, ...files.filter((file) => file > at)]

const next = (
  character: string,
  printed: Printed,
  from: number,
  at: ReadonlySet<number> | undefined
): ReadonlySet<number> => {
  const found = new Set<number>()
  if (at === undefined) {
    for (let i = printed.text.indexOf(character, from); i >= 0; i = printed.text.indexOf(character, i + 1)) {
      found.add(i + 1)
    }
    return found
  }
  for (const each of at) {
    for (const place of places(printed, each)) if (printed.text[place] === character) found.add(place + 1)
  }
  return found
}

/** A cut character is one that was printed, or a part of one at the border of two files. */
const cutAt = (printed: Printed, at: ReadonlySet<number>): ReadonlySet<number> =>
  new Set(Array.from(at).flatMap((each) => places(printed, each).flatMap((place) => [place, place + 1])))
