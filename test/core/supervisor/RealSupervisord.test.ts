/** The driver against a real supervisord, over TCP and over a unix socket, and the helper that starts it. */
import { assert, describe } from "@effect/vitest"
import { Effect, Redacted, Schedule } from "effect"
import { readFileSync } from "node:fs"
import type { ProcessState } from "../../../core/domain/ProcessState.ts"
import type { NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import * as SupervisorDriver from "../../../core/supervisor/SupervisorDriver.ts"
import * as NodeHttpClient from "../../../runtime/NodeHttpClient.ts"
import { itReal, type RealSupervisord, start } from "../../support/RealSupervisord.ts"

const programs = `
[program:web]
command=/bin/sleep 1000
startsecs=0
[program:worker]
command=/bin/sleep 1000
numprocs=2
process_name=%(program_name)s_%(process_num)02d
autostart=false
startsecs=2
startretries=5
stopwaitsecs=7
[program:missing]
command=/nonexistent/program
autostart=false
`

const limits = { deadlineMs: 5_000, replyBytesMax: 1_000_000 }

const driverOf = (node: RealSupervisord, url: string) =>
  SupervisorDriver.make({ url, username: node.username, password: node.password, ...limits }).pipe(
    Effect.provide(NodeHttpClient.layer())
  )

const both = (name: string, body: (node: RealSupervisord, url: string) => Effect.Effect<void, unknown>) => {
  for (const kind of ["url", "socketUrl"] as const) {
    itReal(`${name} over ${kind === "url" ? "TCP" : "a unix socket"}`, () =>
      Effect.flatMap(start({ programs }), (node) => body(node, node[kind]))
    )
  }
}

const reaches = (driver: NodeDriver, id: { readonly group: string; readonly name: string }, state: ProcessState) =>
  driver.process(id).pipe(
    Effect.filterOrFail(
      (process) => process.state === state,
      (process) => `${process.state} is not ${state}`
    ),
    Effect.retry({ schedule: Schedule.spaced(50), times: 200 })
  )

const web = { group: "web", name: "web" }
const worker = { group: "worker", name: "worker_01" }

describe("real supervisord", () => {
  itReal("leaves nothing behind, not even what left its parent", () =>
    Effect.gen(function* () {
      const fleeing = "[program:fleeing]\ncommand=/bin/sh -c 'setsid sleep 1000 & exec sleep 1000'\n"
      const pids = yield* Effect.scoped(
        Effect.gen(function* () {
          const node = yield* start({ programs: fleeing })
          const descendants = yield* node.descendants.pipe(
            Effect.filterOrFail(
              (found) => found.length === 2,
              (found) => `${found.length} processes instead of 2`
            ),
            Effect.retry({ schedule: Schedule.spaced(50), times: 100 })
          )
          return [node.pid, ...descendants]
        })
      )
      // A killed process may stay a zombie until its new parent has noticed.
      const running = pids.filter((pid) => {
        try {
          return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
        } catch {
          return false
        }
      })
      assert.deepStrictEqual(running, [])
    })
  )

  itReal("is controlled by supervisorctl, whose status is told", () =>
    Effect.gen(function* () {
      const node = yield* start({ programs })
      assert.deepStrictEqual(yield* node.supervisorctl("pid"), { status: 0, output: `${node.pid}\n` })
      assert.strictEqual((yield* node.supervisorctl("start", "none")).status, 1)
    })
  )
})

describe("driver of a real supervisord", () => {
  both("reports its processes and their timing", (node, url) =>
    Effect.gen(function* () {
      const driver = yield* driverOf(node, url)
      yield* reaches(driver, web, "RUNNING")
      const processes = yield* driver.processes
      assert.deepStrictEqual(
        processes.map((process) => `${process.group}:${process.name} ${process.state}`).toSorted(),
        ["missing:missing STOPPED", "web:web RUNNING", "worker:worker_00 STOPPED", "worker:worker_01 STOPPED"]
      )
      const { pid } = yield* driver.process(web)
      assert.deepStrictEqual(yield* node.descendants, [pid])
      assert.deepStrictEqual(yield* driver.timing(worker), { startSecs: 2, startRetries: 5, stopWaitSecs: 7 })
      assert.include((yield* node.supervisorctl("status", "web")).output, `pid ${pid}`)
    })
  )

  both("starts and stops a process without waiting for it", (node, url) =>
    Effect.gen(function* () {
      const driver = yield* driverOf(node, url)
      yield* driver.start(worker)
      assert.strictEqual((yield* driver.process(worker)).state, "STARTING")
      assert.deepInclude((yield* Effect.flip(driver.start(worker))).reason, { _tag: "Fault", name: "ALREADY_STARTED" })
      yield* reaches(driver, worker, "RUNNING")
      yield* driver.stop(worker)
      yield* reaches(driver, worker, "STOPPED")
      assert.deepInclude((yield* Effect.flip(driver.stop(worker))).reason, { _tag: "Fault", name: "NOT_RUNNING" })
    })
  )

  both("passes its refusals on", (node, url) =>
    Effect.gen(function* () {
      const driver = yield* driverOf(node, url)
      const unknown = { group: "web", name: "none" }
      for (const ask of [driver.process, driver.start, driver.stop]) {
        assert.deepInclude((yield* Effect.flip(ask(unknown))).reason, { _tag: "Fault", name: "BAD_NAME" })
      }
      assert.deepInclude((yield* Effect.flip(driver.start({ group: "missing", name: "missing" }))).reason, {
        _tag: "Fault",
        name: "NO_FILE"
      })
      const stranger = yield* driverOf({ ...node, password: Redacted.make("wrong") }, url)
      assert.strictEqual((yield* Effect.flip(stranger.processes)).reason._tag, "Unauthorized")
    })
  )

  both("tells a node that shuts down from one that is gone", (node, url) =>
    Effect.gen(function* () {
      const driver = yield* driverOf(node, url)
      yield* reaches(driver, web, "RUNNING")
      yield* node.supervisorctl("shutdown")
      const seen = new Set<string>()
      yield* Effect.flip(driver.processes).pipe(
        Effect.tap((error) => Effect.sync(() => seen.add(error.reason._tag))),
        Effect.repeat({ schedule: Schedule.spaced(20), until: (error) => error.reason._tag === "Unreachable" }),
        Effect.timeout("15 seconds")
      )
      seen.delete("ShuttingDown")
      // It may close a connection that it has accepted just before it ends.
      seen.delete("ConnectionLost")
      assert.deepStrictEqual([...seen], ["Unreachable"])
    })
  )
})
