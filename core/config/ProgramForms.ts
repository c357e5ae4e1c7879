/** What the settings of a `[[programs]]` table are for, and how they are written: its schema is that of the manager. */
import { logFileDefaults, programLimits, StopSignal } from "../local/ProgramConfig.ts"
import type { ProgramTable } from "./ConfigSchema.ts"
import type { SettingReference } from "./SettingReference.ts"

type Key = keyof typeof ProgramTable.from.fields
type Form = Omit<SettingReference, "key" | "isRequired" | "form" | "fallback"> & {
  readonly expected: string
  readonly fallback?: SettingReference["fallback"]
  readonly isRequired?: boolean
}

const text = { json: { type: "string" } }
const flag = { expected: "true or false", json: { type: "boolean" } }

const integer = (min: number, max: number) => ({
  expected: `an integer from ${min} to ${max}`,
  json: { type: "integer", minimum: min, maximum: max }
})

const seconds = {
  expected: `seconds, from 0 to ${programLimits.secsMax}`,
  json: { type: "number", minimum: 0, maximum: programLimits.secsMax }
}

const file = { expected: 'a path without ".."', ...text }
const logSize = {
  description: "A log file that is larger is rotated: it becomes .1, that one .2 and so on; 0 is never.",
  expected: 'a size from 0B to 1TiB such as "8MiB" or a number of bytes',
  json: { type: ["integer", "string"] },
  fallback: logFileDefaults.bytesMax
}
const logBackups = {
  description: "Rotated files that are kept; with 0 a full file is emptied.",
  ...integer(0, programLimits.logFileBackupsMax),
  fallback: logFileDefaults.backups
}

const forms: Readonly<Record<Key, Form>> = {
  name: {
    description: "Name of the program.",
    expected: "a name without spaces, colons, slashes and control characters",
    ...text,
    isRequired: true
  },
  group: {
    description: "The group that it belongs to; its own name unless it is given.",
    expected: "a name without spaces, colons, slashes and control characters",
    ...text
  },
  command: {
    description:
      "What to run. A text is split into words at blanks, with quotes; a list is taken as it is. There is no shell " +
      "unless you run one.",
    expected: "a text or a list of words",
    json: { type: ["string", "array"], items: { type: "string" } },
    isRequired: true
  },
  directory: {
    description: "Where to run it; the console's own working directory unless it is given.",
    expected: "a path",
    ...text
  },
  user: {
    description: "Whom it runs as; the console's own user unless it is given. Only root may run programs as others.",
    expected: "the name of a user, or its number",
    ...text
  },
  environment: {
    description: "Added to the console's own environment, which it gets without the variables of Muster itself.",
    expected: "a table of texts",
    json: { type: "object", additionalProperties: { type: "string" } },
    fallback: {}
  },
  autostart: { description: "Start it with the console.", ...flag, fallback: true },
  autorestart: {
    description: 'Start it again after an exit; "unexpected": when the exit status is not one of exitcodes.',
    expected: 'true, false or "unexpected"',
    json: { enum: [true, false, "unexpected"] },
    fallback: "unexpected"
  },
  startsecs: { description: "Seconds that it must stay up to count as RUNNING.", ...seconds, fallback: 1 },
  startretries: {
    description: "Failed starts in a row before FATAL; each waits a second longer than the one before.",
    ...integer(0, programLimits.startRetriesMax),
    fallback: 3
  },
  exitcodes: {
    description: "Exit statuses that are expected of it.",
    expected: "a list of integers from 0 to 255",
    json: { type: "array", items: { type: "integer", minimum: 0, maximum: 255 } },
    fallback: [0]
  },
  stopsignal: {
    description: "How it is asked to stop.",
    expected: `one of ${StopSignal.literals.join(", ")}, with or without SIG`,
    json: { enum: StopSignal.literals.flatMap((name) => [name, name.slice("SIG".length)]) },
    fallback: "SIGTERM"
  },
  stopwaitsecs: { description: "Seconds between that and SIGKILL.", ...seconds, fallback: 10 },
  stopasgroup: {
    description: "The stop signal goes to its whole process group; false for the program alone.",
    ...flag,
    fallback: true
  },
  killasgroup: {
    description: "SIGKILL goes to its whole process group. False only with stopasgroup = false.",
    ...flag,
    fallback: true
  },
  priority: {
    description: "Programs of a lower number start earlier and stop later.",
    ...integer(-programLimits.priorityMax, programLimits.priorityMax),
    fallback: 999
  },
  redirect_stderr: {
    description: "What it writes to stderr goes into the log of stdout.",
    ...flag,
    fallback: false
  },
  stdout_logfile: {
    description:
      "File that its stdout is appended to; without one it is kept in memory only. A relative path is below the " +
      "console's working directory.",
    ...file
  },
  stdout_logfile_maxbytes: logSize,
  stdout_logfile_backups: logBackups,
  stderr_logfile: { description: "The same for its stderr.", ...file },
  stderr_logfile_maxbytes: logSize,
  stderr_logfile_backups: logBackups,
  output_bytes_max: {
    description: "Output kept in memory, of stdout and of stderr each.",
    expected: 'a size from 1KiB to 16MiB such as "8MiB" or a number of bytes',
    json: { type: ["integer", "string"] },
    fallback: "64KiB"
  }
}

/** By the key that a file has. */
export const programForms: ReadonlyMap<string, SettingReference> = new Map(
  Object.entries(forms).map(([key, { description, expected, fallback, isRequired = false, json }]) => [
    key,
    {
      key,
      description,
      form: { kind: "json", expected },
      fallback,
      isRequired,
      ...(json === undefined ? {} : { json })
    }
  ])
)
