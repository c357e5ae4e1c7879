/** Dates as a modelled supervisord writes them, in UTC: what it is asked for must not depend on the host. */

/** Two digits. */
export const two = (n: number): string => String(n).padStart(2, "0")

/** The date and time of day in UTC. Years begin in March here, so that the leap day is the last of its year. */
export const civil = (ms: number) => {
  const secs = Math.floor(ms / 1_000)
  const days = Math.floor(secs / 86_400) + 719_468
  const era = Math.floor(days / 146_097)
  const dayOfEra = days - era * 146_097
  const leapDays = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
    hour: Math.floor(secs / 3_600) % 24,
    minute: Math.floor(secs / 60) % 60,
    second: secs % 60
  }
}
