import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ProgramConfig, type ProgramConfigInput } from "../../../core/local/ProgramConfig.ts"
import { step } from "../../../core/local/ProgramMachine.ts"
import {
  initial,
  isOver,
  pidOf,
  type ProgramAction,
  type ProgramEvent,
  type ProgramState,
  type Refusal
} from "../../../core/local/ProgramState.ts"

const configOf = (fields: Partial<ProgramConfigInput> = {}): ProgramConfig =>
  Schema.decodeSync(ProgramConfig)({ name: "web", command: "serve", ...fields })

interface Played {
  readonly state: ProgramState
  /** The actions of the last event. */
  readonly actions: ReadonlyArray<ProgramAction>
}

/** Feeds events to a machine that was never started. */
const play = (config: ProgramConfig, events: ReadonlyArray<ProgramEvent>): Played =>
  events.reduce<Played>(({ state }, event) => step(config, state, event), { state: initial, actions: [] })

const start = (nowMs: number): ProgramEvent => ({ _tag: "Start", nowMs })
const stop = (nowMs: number): ProgramEvent => ({ _tag: "Stop", nowMs })
const shutdown = (nowMs: number): ProgramEvent => ({ _tag: "Shutdown", nowMs })
const due = (timer: number, nowMs: number): ProgramEvent => ({ _tag: "Due", timer, nowMs })
const spawned = (run: number, nowMs: number): ProgramEvent => ({ _tag: "Spawned", run, pid: 100 + run, nowMs })
const failed = (run: number, nowMs: number): ProgramEvent => ({ _tag: "SpawnFailed", run, text: "no such file", nowMs })
const exited = (run: number, status: number, nowMs: number): ProgramEvent => ({ _tag: "Exited", run, status, nowMs })
const ended = (run: number, nowMs: number): ProgramEvent => ({ _tag: "Ended", run, nowMs })

/** Up since 1000 and RUNNING since 2000. */
const running = [start(1_000), spawned(1, 1_000), due(1, 2_000)]
/** Stop asked for at 3000. */
const stopping = [...running, stop(3_000)]
const refusal = (name: Refusal): ReadonlyArray<ProgramAction> => [{ _tag: "Refuse", refusal: name }]

describe("ProgramMachine", () => {
  it("starts, and counts as RUNNING after startsecs", () => {
    const config = configOf()
    const started = play(config, [start(1_000)])
    assert.strictEqual(started.state.state, "STARTING")
    assert.deepStrictEqual(started.actions, [{ _tag: "Spawn", run: 1 }])
    const up = play(config, [start(1_000), spawned(1, 1_010)])
    assert.deepStrictEqual(up.actions, [{ _tag: "SetTimer", timer: 1, delayMs: 1_000 }])
    assert.strictEqual(pidOf(up.state), 101)
    const { actions, state } = play(config, running)
    assert.strictEqual(state.state, "RUNNING")
    assert.deepStrictEqual(actions, [{ _tag: "ClearTimer" }])
    assert.strictEqual(state.startMs, 1_000)
  })

  it("is RUNNING at once with startsecs 0", () => {
    const { actions, state } = play(configOf({ startsecs: 0 }), [start(0), spawned(1, 0)])
    assert.strictEqual(state.state, "RUNNING")
    assert.deepStrictEqual(actions, [])
  })

  it("backs off a second longer each time and then gives up", () => {
    const config = configOf({ startretries: 2 })
    let { state } = play(config, [start(0)])
    const delays: Array<number> = []
    for (let run = 1; state.state !== "FATAL"; run++) {
      assert.strictEqual(state.run, run)
      state = step(config, state, spawned(run, 0)).state
      const exit = step(config, state, exited(run, 7, 0))
      const timer = exit.actions.find((action) => action._tag === "SetTimer")
      state = step(config, exit.state, ended(run, 0)).state
      assert.strictEqual(state.spawnerr, "Exited too quickly (process log may have details)")
      assert.strictEqual(state.exitstatus, 7)
      if (timer === undefined) break
      delays.push(timer.delayMs)
      assert.strictEqual(state.state, "BACKOFF")
      state = step(config, state, due(timer.timer, 0)).state
    }
    assert.strictEqual(state.state, "FATAL")
    assert.deepStrictEqual(delays, [1_000, 2_000])
    assert.strictEqual(state.armed, false)
  })

  it("gives up at once with startretries 0", () => {
    assert.strictEqual(play(configOf({ startretries: 0 }), [start(0), failed(1, 5)]).state.state, "FATAL")
  })

  it("backs off when nothing can be spawned, with the reason", () => {
    const { actions, state } = play(configOf(), [start(0), failed(1, 5)])
    assert.strictEqual(state.state, "BACKOFF")
    assert.strictEqual(state.spawnerr, "no such file")
    assert.deepStrictEqual(actions, [{ _tag: "SetTimer", timer: 1, delayMs: 1_000 }])
  })

  it("forgets failed starts once it runs", () => {
    const config = configOf({ startretries: 1 })
    const events = [start(0), failed(1, 0), due(1, 1_000), spawned(2, 1_000), due(2, 2_000)]
    assert.strictEqual(play(config, events).state.failures, 0)
  })

  it("gives a start by hand all its retries again", () => {
    const config = configOf({ startretries: 1 })
    const stopped = play(config, [start(0), failed(1, 0), stop(1)])
    assert.strictEqual(stopped.state.state, "STOPPED")
    assert.deepStrictEqual(stopped.actions, [{ _tag: "ClearTimer" }])
    assert.strictEqual(play(config, [start(0), failed(1, 0), stop(1), start(2), failed(2, 3)]).state.state, "BACKOFF")
  })

  it.each<[boolean | "unexpected", number, boolean, string]>([
    [true, 0, true, ""],
    [true, 1, true, "Bad exit code 1"],
    [false, 0, false, ""],
    [false, 1, false, "Bad exit code 1"],
    ["unexpected", 0, false, ""],
    ["unexpected", 2, false, ""],
    ["unexpected", 1, true, "Bad exit code 1"],
    ["unexpected", -1, true, "Bad exit code -1"]
  ])("after autorestart %j and exit status %d restarts: %j", (autorestart, status, restarts, spawnerr) => {
    const config = configOf({ autorestart, exitcodes: [0, 2] })
    const { actions, state } = play(config, [...running, exited(1, status, 60_000)])
    assert.strictEqual(state.state, "EXITED")
    assert.strictEqual(state.exitstatus, status)
    assert.strictEqual(state.stopMs, 60_000)
    assert.strictEqual(state.spawnerr, spawnerr)
    assert.strictEqual(state.armed, restarts)
    assert.deepStrictEqual(actions, [
      { _tag: "Reap", run: 1, signal: "SIGTERM", graceMs: 10_000 } as const,
      ...(restarts ? [{ _tag: "SetTimer", timer: 2, delayMs: 0 } as const] : [])
    ])
  })

  it("restarts no more than once a second", () => {
    const config = configOf({ autorestart: true, startsecs: 0 })
    const { actions } = play(config, [start(1_000), spawned(1, 1_000), exited(1, 0, 1_300)])
    assert.deepStrictEqual(actions[1], { _tag: "SetTimer", timer: 1, delayMs: 700 })
  })

  it("spawns a restart only when nothing of the former run is left", () => {
    const config = configOf({ autorestart: true })
    const waiting = play(config, [...running, exited(1, 0, 5_000), due(2, 5_000)])
    assert.strictEqual(waiting.state.state, "STARTING")
    assert.deepStrictEqual(waiting.actions, [{ _tag: "ClearTimer" }])
    const { actions, state } = step(config, waiting.state, ended(1, 6_000))
    assert.deepStrictEqual(actions, [{ _tag: "Spawn", run: 2 }])
    assert.strictEqual(state.startMs, 6_000)
    assert.strictEqual(state.exitstatus, 0)
  })

  it("can be stopped while it waits for what the former run left", () => {
    const config = configOf({ autorestart: true })
    const waiting = [...running, exited(1, 0, 5_000), due(2, 5_000), stop(5_500)]
    assert.strictEqual(play(config, waiting).state.state, "STOPPING")
    const { actions, state } = play(config, [...waiting, ended(1, 6_000)])
    assert.strictEqual(state.state, "STOPPED")
    assert.deepStrictEqual(actions, [])
  })

  it("stops by the stop signal, and is STOPPED when nothing is left", () => {
    const config = configOf({ stopsignal: "SIGINT", stopwaitsecs: 4 })
    const asked = play(config, stopping)
    assert.strictEqual(asked.state.state, "STOPPING")
    assert.deepStrictEqual(asked.actions, [
      { _tag: "Signal", run: 1, signal: "SIGINT", to: "group" },
      { _tag: "SetTimer", timer: 2, delayMs: 4_000 }
    ])
    const gone = play(config, [...stopping, exited(1, 0, 4_000)])
    assert.strictEqual(gone.state.state, "STOPPING")
    assert.strictEqual(pidOf(gone.state), 0)
    assert.deepStrictEqual(gone.actions, [
      { _tag: "Reap", run: 1, signal: "SIGCONT", graceMs: 3_000 },
      { _tag: "ClearTimer" }
    ])
    const { state } = play(config, [...stopping, exited(1, 0, 4_000), ended(1, 4_100)])
    assert.strictEqual(state.state, "STOPPED")
    assert.strictEqual(state.stopMs, 4_000)
  })

  it("never gives leftovers more time than stopwaitsecs, whatever the clock does", () => {
    const config = configOf({ stopwaitsecs: 4 })
    for (const [exitMs, graceMs] of [
      [3_000, 4_000],
      [9_999, 0],
      [0, 4_000]
    ] as const) {
      const { actions } = play(config, [...stopping, exited(1, 0, exitMs)])
      assert.deepStrictEqual(actions[0], { _tag: "Reap", run: 1, signal: "SIGCONT", graceMs })
    }
  })

  it("kills after stopwaitsecs, again and again while the leader is there", () => {
    const config = configOf({ stopwaitsecs: 0.5 })
    const killed = play(config, [...stopping, due(2, 3_500)])
    assert.strictEqual(killed.state.state, "STOPPING")
    assert.deepStrictEqual(killed.actions, [
      { _tag: "Signal", run: 1, signal: "SIGKILL", to: "group" },
      { _tag: "SetTimer", timer: 3, delayMs: 1_000 }
    ])
    const { actions, state } = play(config, [...stopping, due(2, 3_500), exited(1, -1, 3_501), ended(1, 3_502)])
    assert.strictEqual(state.state, "STOPPED")
    assert.strictEqual(state.exitstatus, -1)
    assert.deepStrictEqual(actions, [])
  })

  it("asks the leader alone where stopasgroup is off, and then the rest of its group", () => {
    const config = configOf({ stopwaitsecs: 4, stopasgroup: false, killasgroup: false })
    const asked = play(config, stopping)
    assert.deepStrictEqual(asked.actions[0], { _tag: "Signal", run: 1, signal: "SIGTERM", to: "leader" })
    const gone = play(config, [...stopping, exited(1, 0, 4_000)])
    assert.strictEqual(gone.state.state, "STOPPING")
    assert.deepStrictEqual(gone.actions, [
      { _tag: "Reap", run: 1, signal: "SIGTERM", graceMs: 4_000 },
      { _tag: "ClearTimer" }
    ])
    assert.strictEqual(play(config, [...stopping, exited(1, 0, 4_000), ended(1, 5_000)]).state.state, "STOPPED")
    const killed = play(config, [...stopping, due(2, 7_000)])
    assert.deepStrictEqual(killed.actions[0], { _tag: "Signal", run: 1, signal: "SIGKILL", to: "leader" })
    const group = play(configOf({ stopasgroup: false }), [...stopping, due(2, 7_000)])
    assert.deepStrictEqual(group.actions[0], { _tag: "Signal", run: 1, signal: "SIGKILL", to: "group" })
  })

  it("sends the stop signal as soon as there is a process", () => {
    const config = configOf()
    const early = play(config, [start(0), stop(1)])
    assert.strictEqual(early.state.state, "STOPPING")
    assert.deepStrictEqual(early.actions, [])
    const { actions } = play(config, [start(0), stop(1), spawned(1, 2)])
    assert.deepStrictEqual(actions[0], { _tag: "Signal", run: 1, signal: "SIGTERM", to: "group" })
    assert.strictEqual(play(config, [start(0), stop(1), failed(1, 2)]).state.state, "STOPPED")
  })

  it("stops at once during BACKOFF", () => {
    const { state } = play(configOf(), [start(0), spawned(1, 0), exited(1, 1, 1), ended(1, 2), stop(3)])
    assert.strictEqual(state.state, "STOPPED")
    assert.strictEqual(state.armed, false)
  })

  it("stops a program that waits for its restart", () => {
    const config = configOf({ autorestart: true })
    const { state } = play(config, [...running, exited(1, 0, 5_000), ended(1, 5_000), stop(5_000)])
    assert.strictEqual(state.state, "STOPPED")
    assert.deepStrictEqual(step(config, state, due(2, 5_001)).actions, [])
  })

  it.each<[string, ReadonlyArray<ProgramEvent>]>([
    ["STARTING", [start(0)]],
    ["RUNNING", running],
    ["BACKOFF", [start(0), failed(1, 0)]]
  ])("refuses a start while %s", (name, events) => {
    const before = play(configOf(), events).state
    const { actions, state } = step(configOf(), before, start(9_000))
    assert.strictEqual(before.state, name)
    assert.deepStrictEqual(actions, refusal("ALREADY_STARTED"))
    assert.strictEqual(state, before)
  })

  it("refuses a start while STOPPING and says that it still runs", () => {
    const { actions, state } = play(configOf(), [...stopping, start(3_500)])
    assert.deepStrictEqual(actions, refusal("STILL_RUNNING"))
    assert.strictEqual(state.state, "STOPPING")
  })

  it.each<[string, ReadonlyArray<ProgramEvent>]>([
    ["STOPPED", []],
    ["STOPPING", stopping],
    ["EXITED", [...running, exited(1, 0, 5_000)]],
    ["FATAL", [start(0), ...[1, 2, 3, 4].flatMap((run) => [failed(run, 0), due(run, 0)])]]
  ])("refuses a stop while %s", (name, events) => {
    const before = play(configOf(), events).state
    assert.strictEqual(before.state, name)
    assert.deepStrictEqual(step(configOf(), before, stop(9_000)).actions, refusal("NOT_RUNNING"))
  })

  it("starts again after EXITED and FATAL", () => {
    const exit = play(configOf(), [...running, exited(1, 0, 5_000), ended(1, 5_000), start(6_000)])
    assert.deepStrictEqual(exit.actions, [{ _tag: "Spawn", run: 2 }])
    const config = configOf({ startretries: 0 })
    const { actions, state } = play(config, [start(0), failed(1, 0), start(1)])
    assert.deepStrictEqual(actions, [{ _tag: "Spawn", run: 2 }])
    assert.strictEqual(state.spawnerr, "")
  })

  it("stops on a shutdown, without a refusal, and starts no more", () => {
    const config = configOf({ autorestart: true })
    assert.deepStrictEqual(play(config, [shutdown(0)]).actions, [])
    assert.isTrue(isOver(play(config, [shutdown(0)]).state))
    assert.deepStrictEqual(play(config, [shutdown(0), start(1)]).actions, refusal("SHUTDOWN_STATE"))
    const asked = play(config, [...running, shutdown(3_000)])
    assert.strictEqual(asked.actions[0]?._tag, "Signal")
    assert.isFalse(isOver(asked.state))
    const { actions, state } = play(config, [...running, shutdown(3_000), exited(1, 1, 3_001), ended(1, 3_002)])
    assert.strictEqual(state.state, "STOPPED")
    assert.deepStrictEqual(actions, [])
    assert.isTrue(isOver(state))
  })

  it("drops a pending restart on a shutdown", () => {
    const config = configOf({ autorestart: true })
    const { state } = play(config, [...running, exited(1, 1, 5_000), shutdown(5_000), due(2, 5_001), ended(1, 5_002)])
    assert.strictEqual(state.state, "STOPPED")
    assert.isTrue(isOver(state))
  })

  it("takes no news of another run and no replaced timer", () => {
    const { state } = play(configOf(), [
      ...running,
      exited(1, 1, 5_000),
      due(2, 5_000),
      ended(1, 5_000),
      spawned(2, 5_000)
    ])
    assert.strictEqual(pidOf(state), 102)
    for (const event of [exited(1, 0, 6_000), ended(1, 6_000), spawned(1, 6_000), failed(1, 6_000), due(1, 6_000)]) {
      assert.deepStrictEqual(step(configOf(), state, event), { state, actions: [] })
    }
  })

  it("keeps the reason why a signal could not be sent", () => {
    const event: ProgramEvent = { _tag: "SignalFailed", run: 1, text: "not permitted", nowMs: 3_001 }
    const { actions, state } = play(configOf(), [...stopping, event])
    assert.strictEqual(state.state, "STOPPING")
    assert.strictEqual(state.spawnerr, "not permitted")
    assert.deepStrictEqual(actions, [])
  })
})
