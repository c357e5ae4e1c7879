import { assert, describe, it } from "@effect/vitest"
import { formatId } from "../../../core/domain/Process.ts"
import type { ProcessInfo } from "../../../core/domain/Process.ts"
import { restartSeen } from "../../../core/fleet/Incarnation.ts"
import { identity } from "./FakeDriver.ts"
import { processIn } from "./Processes.ts"

const report = (processes: ReadonlyArray<ProcessInfo>, changes: Partial<typeof identity> | undefined = {}) => ({
  identity: { ...identity, ...changes },
  processes: new Map(processes.map((process) => [formatId(process), process]))
})

const api = processIn("RUNNING", { start: 10, now: 20 })
const job = processIn("EXITED", { name: "job", start: 12, stop: 15, now: 20 })
const never = processIn("STOPPED", { name: "never", start: 0, now: 20 })
const before = report([api, job, never])

const freshApi = { ...api, pid: 300, start: 30, now: 40 }
const freshJob = { ...job, start: 31, stop: 0, now: 40 }

const table: ReadonlyArray<{
  readonly title: string
  readonly after: ReturnType<typeof report>
  readonly wasAway: boolean
  readonly why: string | undefined
}> = [
  { title: "the same report", after: before, wasAway: false, why: undefined },
  { title: "the same report after a while without", after: before, wasAway: true, why: undefined },
  {
    title: "another process id and version",
    after: report([api, job], { pid: 8, version: "4.3.0" }),
    wasAway: false,
    why: "version was 4.2.5 and is 4.3.0, process id was 7 and is 8"
  },
  {
    title: "new processes after it was away",
    after: report([freshApi, freshJob, never]),
    wasAway: true,
    why: "it was away, and none of its 2 processes is of before"
  },
  {
    title: "processes it has not started again yet",
    after: report([
      { ...api, start: 0, pid: 0, now: 40 },
      { ...job, start: 0, stop: 0, now: 40 }
    ]),
    wasAway: true,
    why: "it was away, and none of its 2 processes is of before"
  },
  {
    title: "a process that died again beside a new one",
    after: report([freshApi, { ...freshJob, stop: 35 }]),
    wasAway: true,
    why: "it was away, and none of its 2 processes is of before"
  },
  { title: "new processes between two polls", after: report([freshApi, freshJob]), wasAway: false, why: undefined },
  { title: "a process that goes on", after: report([freshApi, job]), wasAway: true, why: undefined },
  {
    title: "processes that were restarted one by one, by what is left of the stop",
    after: report([
      { ...freshApi, stop: 29 },
      { ...freshJob, stop: 30 }
    ]),
    wasAway: true,
    why: undefined
  },
  { title: "nothing that ever ran", after: report([never]), wasAway: true, why: undefined },
  {
    title: "a clock that went back, with other starts",
    after: report([{ ...api, start: 5, stop: 4, now: 8 }]),
    wasAway: false,
    why: "its clock went back by 12 s, and none of its 1 processes is of before"
  },
  {
    title: "a clock that was put right",
    after: report([
      { ...api, now: 8 },
      { ...job, now: 8 }
    ]),
    wasAway: false,
    why: undefined
  }
]

describe("a restart of a node", () => {
  it.each(table)("judged by $title", ({ after, wasAway, why }) => {
    assert.strictEqual(restartSeen(before, after, wasAway), why)
  })

  it("is not told by who is there as long as nobody was asked", () => {
    assert.isUndefined(restartSeen({ ...before, identity: undefined }, before, true))
    assert.isUndefined(restartSeen(before, { ...before, identity: undefined }, true))
  })
})
