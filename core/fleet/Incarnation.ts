/**
 * Whether a node lives another life than before, judged by what it reports. Pure.
 *
 * What tells it:
 * - it says so: another process id, identifier or version of its supervisord;
 * - it was away, and its processes are new: at least one that had run is there without the past that any stop under
 *   the same supervisord leaves, and none goes on from before. A supervisord that is told to restart keeps its process
 *   id (it replaces itself), but forgets when its programs stopped;
 * - its clock went back, and every process that had run has another start: an older copy of it, or another machine.
 *
 * What cannot be seen: a restart that keeps the process id and falls between two polls; one of a node none of whose
 * processes ever ran; one after which every program had died again before the next poll. And one thing looks the same
 * without being it: all groups of a node were removed and added while it could not be reached.
 */
import type { NodeIdentity } from "../domain/Node.ts"
import type { ProcessInfo } from "../domain/Process.ts"

/** What is known of a node before or after a poll. */
export interface Report {
  readonly identity: NodeIdentity | undefined
  readonly processes: ReadonlyMap<string, ProcessInfo>
}

/** Less than this is a clock that is put right or read between two seconds. Seconds. */
const clockBackSecsMin = 3

/** What tells that the node was restarted, in words; undefined when nothing does. */
export const restartSeen = (before: Report, after: Report, wasAway: boolean): string | undefined =>
  otherIdentity(before.identity, after.identity) ?? newProcesses(before.processes, after.processes, wasAway)

const otherIdentity = (before: NodeIdentity | undefined, after: NodeIdentity | undefined): string | undefined => {
  if (before === undefined || after === undefined) return undefined
  const changes = (["identifier", "version", "pid"] as const)
    .filter((key) => before[key] !== after[key])
    .map((key) => `${key === "pid" ? "process id" : key} was ${before[key]} and is ${after[key]}`)
  return changes.length === 0 ? undefined : changes.join(", ")
}

const newProcesses = (
  before: Report["processes"],
  after: Report["processes"],
  wasAway: boolean
): string | undefined => {
  let started = 0
  let fresh = 0
  let backSecs = 0
  for (const [id, old] of before) {
    if (old.start === 0) continue
    const now = after.get(id)
    if (now === undefined) continue
    // It goes on from before, or ended before: a supervisord knows only what it started itself.
    if (now.start === old.start) return undefined
    started++
    // The same supervisord would know when it stopped the run before.
    if (now.stop === 0) fresh++
    backSecs = Math.max(backSecs, old.now - now.now)
  }
  if (wasAway && fresh > 0) return `it was away, and none of its ${started} processes is of before`
  if (started > 0 && backSecs >= clockBackSecsMin) {
    return `its clock went back by ${backSecs} s, and none of its ${started} processes is of before`
  }
  return undefined
}
