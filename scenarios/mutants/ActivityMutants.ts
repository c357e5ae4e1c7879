/** Wrong versions of the activity log and of what writes it. */
import { Effect, Layer } from "effect"
import { ActivityLog } from "../../core/activity/ActivityLog.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import type { Mutant } from "../Property.ts"

type Record = ActivityLog["Service"]["record"]

/** The log with another way to record, over the real one. */
const withRecord =
  (change: (record: Record) => Record) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    activity: (options) =>
      Layer.effect(
        ActivityLog,
        Effect.map(ActivityLog, (log) => ({ ...log, record: change(log.record) }))
      ).pipe(Layer.provide(parts.activity(options)))
  })

export const answersFirst: Mutant = {
  id: "activity-answers-first",
  what: "an attempt is answered while its entry is on its way to the database",
  mutate: (parts) => ({
    ...parts,
    activity: (options) =>
      Layer.effect(
        ActivityLog,
        Effect.gen(function* () {
          const log = yield* ActivityLog
          const scope = yield* Effect.scope
          return {
            ...log,
            record: (attempt) => Effect.asVoid(Effect.forkIn(log.record(attempt), scope, { startImmediately: true }))
          }
        })
      ).pipe(Layer.provide(parts.activity(options)))
  })
}

export const forgetsRefusals: Mutant = {
  id: "activity-forgets-refusals",
  what: "what was denied is not written",
  mutate: withRecord((record) => (attempt) => (attempt.outcome === "denied" ? Effect.void : record(attempt)))
}

export const recordsTwice: Mutant = {
  id: "activity-records-twice",
  what: "an attempt whose entry takes long is handed in a second time",
  mutate: withRecord(
    (record) => (attempt) =>
      Effect.flatMap(Effect.timeoutOption(record(attempt), 500), (done) =>
        done._tag === "Some" ? Effect.void : record(attempt)
      )
  )
}

export const everybodyIsDone: Mutant = {
  id: "activity-believes-the-answer",
  what: "an operation that was answered counts as done, whatever was observed of it",
  mutate: withRecord(
    (record) => (attempt) =>
      record(
        attempt.action === "processes.operate" && attempt.code === undefined ? { ...attempt, outcome: "done" } : attempt
      )
  )
}

export const behindAuthentication: Mutant = {
  id: "audit-behind-authentication",
  what: "requests are recorded within the authentication, so that those it refuses are not",
  mutate: (parts) => ({
    ...parts,
    middleware: (app, { audit, ...options }) => parts.middleware(audit === undefined ? app : audit(app), options)
  })
}
