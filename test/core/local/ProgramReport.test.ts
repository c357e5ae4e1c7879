import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ProgramConfig } from "../../../core/local/ProgramConfig.ts"
import { formatDate, formatUptime, toProcessInfo } from "../../../core/local/ProgramReport.ts"
import { initial, type ProgramState } from "../../../core/local/ProgramState.ts"

const config = Schema.decodeSync(ProgramConfig)({ name: "web", group: "front", command: "serve" })

const describeState = (state: Partial<ProgramState>, nowMs = 10_000) =>
  toProcessInfo(config, { ...initial, ...state }, nowMs).description

describe("ProgramReport", () => {
  it.each<[number, string]>([
    [-5, "0:00:00"],
    [69, "0:01:09"],
    [36_000, "10:00:00"],
    [86_399, "23:59:59"],
    [86_400, "1 day, 0:00:00"],
    [183_845, "2 days, 3:04:05"]
  ])("writes an uptime of %d s as supervisord does", (seconds, text) => {
    assert.strictEqual(formatUptime(seconds), text)
  })

  it.each<[string, string]>([
    ["2026-11-21T03:21:35Z", "Nov 21 03:21 AM UTC"],
    ["2026-01-05T00:00:00Z", "Jan 05 12:00 AM UTC"],
    ["2026-12-31T12:09:00Z", "Dec 31 12:09 PM UTC"],
    ["2026-07-01T23:59:59Z", "Jul 01 11:59 PM UTC"]
  ])("writes %s as a date", (iso, text) => {
    assert.strictEqual(formatDate(Date.parse(iso)), text)
  })

  it("reports whole seconds, codes and the pid of a live leader", () => {
    const state: ProgramState = {
      ...initial,
      state: "RUNNING",
      run: 3,
      life: { _tag: "up", pid: 77 },
      startMs: 1_900,
      stopMs: 1_100
    }
    assert.deepStrictEqual(toProcessInfo(config, state, 70_999), {
      group: "front",
      name: "web",
      state: "RUNNING",
      statecode: 20,
      pid: 77,
      start: 1,
      stop: 1,
      now: 70,
      exitstatus: 0,
      spawnerr: "",
      description: "pid 77, uptime 0:01:09",
      stdout_logfile: "",
      stderr_logfile: ""
    })
  })

  it("describes the states that do not run", () => {
    assert.strictEqual(describeState({}), "Not started")
    assert.strictEqual(describeState({ run: 1, startMs: 1, stopMs: 120_000 }), "Jan 01 12:02 AM UTC")
    assert.strictEqual(describeState({ state: "EXITED", run: 1, startMs: 1, stopMs: 60_000 }), "Jan 01 12:01 AM UTC")
    assert.strictEqual(describeState({ state: "BACKOFF", spawnerr: "no" }), "no")
    assert.strictEqual(describeState({ state: "FATAL" }), 'unknown error (try "tail web")')
    assert.strictEqual(describeState({ state: "STOPPING" }), "")
  })
})
