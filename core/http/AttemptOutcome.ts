/** What came of an attempt, by how it was answered. */
import type { ActivityOutcome } from "../domain/ActivityEntry.ts"

/** Codes that say something else than their status does. */
const byCode: Readonly<Record<string, ActivityOutcome>> = {
  // Refused for now, as somebody who may be guessing passwords.
  too_many_attempts: "denied",
  // It was understood and attempted; the console, or a node, would not.
  config_invalid: "failed"
}

/** By the code of the error, if one was answered, or else by the status alone. */
export const outcomeOf = (status: number, code?: string): ActivityOutcome => {
  const known = code !== undefined && Object.hasOwn(byCode, code) ? byCode[code] : undefined
  if (known !== undefined) return known
  if (status < 400) return "done"
  switch (status) {
    case 401:
    case 403:
      return "denied"
    case 404:
    case 410:
      return "unknown"
    case 408:
    case 504:
      return "timeout"
    case 409:
      return "failed"
  }
  return status < 500 ? "invalid" : "failed"
}
