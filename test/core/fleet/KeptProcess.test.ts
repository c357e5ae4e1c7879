/** What the fleet keeps of a report: the same values, whatever was known before. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { ProcessInfo } from "../../../core/domain/Process.ts"
import { keptProcess } from "../../../core/fleet/KeptProcess.ts"

const text = fc.string({ unit: "binary", maxLength: 60 })

const process: fc.Arbitrary<ProcessInfo> = fc.record({
  group: text,
  name: text,
  state: fc.constantFrom("RUNNING", "STOPPED"),
  statecode: fc.constantFrom(20, 0),
  pid: fc.nat(),
  start: fc.nat(),
  stop: fc.nat(),
  now: fc.nat(),
  exitstatus: fc.integer(),
  spawnerr: text,
  description: text,
  stdout_logfile: text,
  stderr_logfile: text
})

describe("a process that is kept", () => {
  it("is what was reported, field by field and in their order", () => {
    fc.assert(
      fc.property(process, fc.option(process, { nil: undefined }), (reported, known) => {
        const kept = keptProcess(reported, known)
        assert.deepStrictEqual(kept, reported)
        assert.strictEqual(JSON.stringify(kept), JSON.stringify(reported))
        assert.deepStrictEqual(keptProcess(reported, reported), reported)
      })
    )
  })
})
