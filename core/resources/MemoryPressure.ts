/**
 * How short the console is of memory, decided from one look after another. A level is left only when the memory has
 * fallen well below where it began, so that it does not change with every look.
 */

/**
 * - `warning`: what the console can do without is given up.
 * - `critical`: what is new and large is refused, too.
 */
export type MemoryLevel = "normal" | "warning" | "critical"

/** Bytes from which a level begins; 0 is never. */
export interface MemoryLimits {
  readonly warningBytes: number
  readonly criticalBytes: number
}

/** A level ends below this share of where it begins. */
export const recoverShare = 0.9

const isAbove = (usedBytes: number, limitBytes: number, holds: boolean): boolean =>
  limitBytes > 0 && usedBytes >= (holds ? limitBytes * recoverShare : limitBytes)

/** The level after a look. */
export const levelAfter = (
  before: MemoryLevel,
  usedBytes: number,
  { criticalBytes, warningBytes }: MemoryLimits
): MemoryLevel => {
  if (isAbove(usedBytes, criticalBytes, before === "critical")) return "critical"
  return isAbove(usedBytes, warningBytes, before !== "normal") ? "warning" : "normal"
}
