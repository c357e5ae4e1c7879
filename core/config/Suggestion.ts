/**
 * "Did you mean": the known word nearest to a misspelt one.
 */

/** Longer words are not compared: the cost is the product of the lengths. */
const wordCharsMax = 64

/**
 * How many characters must be put in, taken out, replaced or swapped with the next one (the optimal string alignment
 * distance).
 */
const distance = (a: string, b: string): number => {
  let before: ReadonlyArray<number> = []
  let previous: ReadonlyArray<number> = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      const swaps = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const swapped = swaps ? (before[column - 2] ?? 0) + 1 : replaced
      current.push(Math.min(replaced, swapped, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    before = previous
    previous = current
  }
  return previous[b.length] ?? 0
}

/** `shutdownDeadline`, `shutdown-deadline` and `SHUTDOWN_DEADLINE` all mean `shutdown_deadline`. */
const plain = (word: string): string => word.toLowerCase().replace(/[_-]/g, "")

/** The candidate that `word` was probably meant to be: at most one slip in three characters, two at most. */
export const suggest = (word: string, candidates: ReadonlyArray<string>): string | undefined => {
  if (word.length > wordCharsMax) return undefined
  const [best] = candidates
    .map((candidate) => ({ candidate, slips: distance(plain(word), plain(candidate)) }))
    .filter(({ candidate, slips }) => slips <= Math.min(2, Math.floor(candidate.length / 3)))
    .toSorted((a, b) => a.slips - b.slips)
  return best?.candidate
}
