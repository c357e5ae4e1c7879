/** How the commands tell their user that what was typed is not understood. */
import { Duration, Effect } from "effect"
import { ExitStatus } from "../ExitStatus.ts"

/** Ends the command with status 2 and this message. */
export const wrongUsage = (message: string): Effect.Effect<never, ExitStatus> =>
  Effect.fail(new ExitStatus({ status: 2, message }))

const units: Readonly<Record<string, (amount: number) => Duration.Duration>> = {
  ms: Duration.millis,
  s: Duration.seconds,
  m: Duration.minutes,
  h: Duration.hours
}

/** `500ms`, `60s`, `5m`, `2h`: in milliseconds. */
export const durationOf = (flag: string, text: string): Effect.Effect<number, ExitStatus> => {
  const [, amount = "0", unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? []
  const timeMs = Duration.toMillis(units[unit]?.(Number(amount)) ?? Duration.zero)
  return timeMs > 0
    ? Effect.succeed(timeMs)
    : wrongUsage(`${flag} is ${JSON.stringify(text)}, expected a time above 0 such as 500ms, 60s, 5m or 2h`)
}
