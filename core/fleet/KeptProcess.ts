/**
 * What the state of a fleet keeps of a report, apart from the text that the report came in: a string that V8 cut out of
 * another refers to the whole of it, and a process has a few of those. Without this each node would hold on to the text
 * of its last reply, and every poll would fill the memory anew.
 */
import type { ProcessInfo } from "../domain/Process.ts"

/** The process as it was reported, in strings that are known from the report before, or of their own. */
export const keptProcess = (reported: ProcessInfo, known: ProcessInfo | undefined): ProcessInfo => ({
  ...reported,
  group: keptText(reported.group, known?.group),
  name: keptText(reported.name, known?.name),
  spawnerr: keptText(reported.spawnerr, known?.spawnerr),
  description: keptText(reported.description, known?.description),
  stdout_logfile: keptText(reported.stdout_logfile, known?.stdout_logfile),
  stderr_logfile: keptText(reported.stderr_logfile, known?.stderr_logfile)
})

/** V8 copies a part of a string that is no longer than this, and otherwise refers to it. */
const copiedMax = 12

const keptText = (text: string, known: string | undefined): string => {
  if (text === known) return known
  let kept = ""
  for (let at = 0; at < text.length; at += copiedMax) kept += text.slice(at, at + copiedMax)
  return kept
}
