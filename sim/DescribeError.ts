/** Any value that a program failed or died with, in one line of a report. Never throws, whatever the value does. */
export const describeError = (error: unknown): string => {
  try {
    if (error instanceof Error) return error.message === "" ? error.name : error.message
    if (typeof error === "string") return error
    return JSON.stringify(error) ?? String(error)
  } catch {
    // A cycle, a bigint, or a getter that throws.
    return unreadable(error)
  }
}

const unreadable = (error: unknown): string => {
  try {
    return String(error)
  } catch {
    return "a value that cannot be shown"
  }
}
