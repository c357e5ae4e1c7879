import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { HttpClient } from "effect/http"
import type { NodeError } from "../../../core/domain/NodeError.ts"
import type { NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import { ConnectionOptions } from "../../../core/supervisor/Connection.ts"
import * as SupervisorDriver from "../../../core/supervisor/SupervisorDriver.ts"
import { type Answer, byMethod, fakeNode, respondCapture, respondValue } from "./FakeNode.ts"

const options = {
  url: "http://node.test:9001",
  username: "admin",
  password: Redacted.make("s3cret"),
  deadlineMs: 5_000,
  replyBytesMax: 100_000
}

const web = { group: "web", name: "web" }

const driverOf = (answer: Answer, changes: Partial<SupervisorDriver.SupervisorDriverOptions> = {}) => {
  const { client, seen } = fakeNode(answer)
  return Effect.map(
    Effect.provideService(SupervisorDriver.make({ ...options, ...changes }), HttpClient.HttpClient, client),
    (driver) => ({ driver, seen })
  )
}

const failing = (
  answer: Answer,
  ask: (driver: NodeDriver) => Effect.Effect<unknown, NodeError> = (driver) => driver.processes,
  changes: Partial<SupervisorDriver.SupervisorDriverOptions> = {}
) => Effect.flatMap(driverOf(answer, changes), ({ driver }) => Effect.flip(ask(driver)))

describe("request", () => {
  it.effect("is a POST with credentials, length, type and agent", () =>
    Effect.gen(function* () {
      const { driver, seen } = yield* driverOf(respondCapture("07-getAllProcessInfo"))
      yield* driver.processes
      assert.strictEqual(seen.length, 1)
      const { call, headers, method, url } = seen[0] ?? assert.fail()
      assert.strictEqual(`${method} ${url}`, "POST http://node.test:9001/RPC2")
      assert.deepStrictEqual(call, { method: "supervisor.getAllProcessInfo", params: [] })
      assert.strictEqual(headers["authorization"], `Basic ${btoa("admin:s3cret")}`)
      assert.strictEqual(headers["content-type"], "text/xml")
      assert.strictEqual(headers["user-agent"], "muster")
      assert.isAbove(Number(headers["content-length"]), 80)
      assert.isUndefined(headers["traceparent"])
    })
  )

  it.effect("has no credentials when none are configured", () =>
    Effect.gen(function* () {
      const { driver, seen } = yield* driverOf(respondCapture("07-getAllProcessInfo"), { username: undefined })
      yield* driver.processes
      assert.isUndefined(seen[0]?.headers["authorization"])
    })
  )

  it.effect("goes to the unix socket named in the URL", () =>
    Effect.gen(function* () {
      const { driver, seen } = yield* driverOf(respondCapture("07-getAllProcessInfo"), { url: "unix:///run/a b.sock" })
      yield* driver.processes
      assert.strictEqual(seen[0]?.url, "http+unix://%2Frun%2Fa%20b.sock/RPC2")
    })
  )

  it.effect("names the process with its group and does not wait", () =>
    Effect.gen(function* () {
      const { driver, seen } = yield* driverOf(respondValue("<boolean>1</boolean>"))
      yield* driver.start({ group: "worker", name: "worker_00" })
      yield* driver.stop({ group: "worker", name: "worker_00" })
      assert.deepStrictEqual(
        seen.map((one) => one.call),
        [
          { method: "supervisor.startProcess", params: ["worker:worker_00", false] },
          { method: "supervisor.stopProcess", params: ["worker:worker_00", false] }
        ]
      )
    })
  )

  it.effect.each(["*", ""])("is not sent for a process named %j, which would mean the whole group", (name) =>
    Effect.gen(function* () {
      const { driver, seen } = yield* driverOf(respondValue("<boolean>1</boolean>"))
      for (const ask of [driver.start, driver.stop]) {
        const { reason } = yield* Effect.flip(ask({ group: "worker", name }))
        assert.deepInclude(reason, { _tag: "Fault", code: 10, name: "BAD_NAME", text: `BAD_NAME: worker:${name}` })
      }
      assert.deepStrictEqual(seen, [])
    })
  )

  it.effect("is not sent for a name that XML cannot carry", () =>
    Effect.gen(function* () {
      const { driver, seen } = yield* driverOf(respondValue("<boolean>1</boolean>"))
      const { message } = yield* Effect.flip(driver.start({ group: "web", name: "a\u0000b" }))
      assert.include(message, "supervisor.startProcess: refused with fault 10 params[0] cannot be written")
      assert.include(message, "U+0000 at offset 5")
      assert.deepStrictEqual(seen, [])
    })
  )
})

describe("reply", () => {
  it.effect("gives all processes with their states", () =>
    Effect.gen(function* () {
      const { driver } = yield* driverOf(respondCapture("07-getAllProcessInfo"))
      const processes = yield* driver.processes
      const states = Map.groupBy(processes, (process) => process.state)
      assert.deepStrictEqual(Object.fromEntries(Array.from(states, ([state, members]) => [state, members.length])), {
        RUNNING: 13,
        STOPPED: 4,
        EXITED: 2,
        FATAL: 1
      })
      assert.deepStrictEqual(
        processes.find((process) => process.name === "exit7"),
        {
          group: "exit7",
          name: "exit7",
          state: "EXITED",
          statecode: 100,
          pid: 0,
          start: 1795231229,
          stop: 1795231231,
          now: 1795231298,
          exitstatus: 7,
          spawnerr: "Bad exit code 7",
          description: "Nov 21 03:20 AM",
          stdout_logfile: "/srv/fleet/demo/n/log/exit7-stdout---demo-node-1-sz8ax1z5.log",
          stderr_logfile: "/srv/fleet/demo/n/log/exit7-stderr---demo-node-1-24x3h93r.log"
        }
      )
    })
  )

  it.effect.each([
    ["08-getProcessInfo", "RUNNING"],
    ["39-getProcessInfo-STARTING", "STARTING"],
    ["81-getProcessInfo-BACKOFF", "BACKOFF"],
    ["89-getProcessInfo-STOPPING", "STOPPING"]
  ] as const)("of %s is a process in the state %s", ([name, state]) =>
    Effect.gen(function* () {
      const { driver } = yield* driverOf(respondCapture(name))
      assert.strictEqual((yield* driver.process(web)).state, state)
    })
  )

  it.effect("of no processes is an empty list", () =>
    Effect.gen(function* () {
      const { driver } = yield* driverOf(respondCapture("17-multicall-empty"))
      assert.deepStrictEqual(yield* driver.processes, [])
    })
  )

  it.effect("to a start or stop is accepted whatever it promises", () =>
    Effect.gen(function* () {
      const { driver } = yield* driverOf(
        byMethod({
          "supervisor.startProcess": respondCapture("v4.3.0/151-start-while-STOPPING-nowait"),
          "supervisor.stopProcess": respondCapture("93-stop-stubborn-nowait")
        })
      )
      yield* driver.start(web)
      yield* driver.stop(web)
    })
  )
})

describe("failure", () => {
  it.effect.each([
    ["09-getProcessInfo-badname", 10, "BAD_NAME", "BAD_NAME: nope"],
    ["13-unknown-method", 1, "UNKNOWN_METHOD", "UNKNOWN_METHOD"],
    ["32-startProcess-already", 60, "ALREADY_STARTED", "ALREADY_STARTED: web"],
    ["33-stopProcess-notrunning", 70, "NOT_RUNNING", "NOT_RUNNING: idle"],
    ["34-startProcess-nofile", 20, "NO_FILE", "NO_FILE: can't find command '/nonexistent/prog'"],
    ["42-startProcess-crasher-wait", 50, "SPAWN_ERROR", "SPAWN_ERROR: crasher"],
    ["v4.3.0/152-start-while-STOPPING-wait", 40, "ABNORMAL_TERMINATION", "ABNORMAL_TERMINATION: stubborn"]
  ] as const)("of %s is the fault %i %s", ([capture, code, name, text]) =>
    Effect.gen(function* () {
      const error = yield* failing(respondCapture(capture), (driver) => driver.start(web))
      assert.strictEqual(error.operation, "supervisor.startProcess")
      assert.deepInclude(error.reason, { _tag: "Fault", code, name, text })
    })
  )

  it.effect.each([
    ["v4.3.0/137-getAllProcessInfo-while-SHUTDOWN", { _tag: "ShuttingDown" }],
    ["62-noauth", { _tag: "Unauthorized" }],
    ["63-badauth", { _tag: "Unauthorized" }],
    ["64-bad-xml", { _tag: "HttpStatus", status: 400 }],
    ["27-tail-invalid-utf8", { _tag: "HttpStatus", status: 500 }],
    [
      "25-tail-control-chars",
      {
        _tag: "Malformed",
        detail: "not well-formed XML at line 7, column 1: disallowed character."
      }
    ],
    ["02-getAPIVersion", { _tag: "Malformed", detail: 'reply: expected array, not "3.0"' }]
  ] as const)("of %s is %j", ([capture, reason]) =>
    Effect.gen(function* () {
      assert.deepInclude((yield* failing(respondCapture(capture))).reason, reason)
    })
  )

  it.effect("of a reply that supervisord itself cut short is a malformed one", () =>
    Effect.gen(function* () {
      const { message } = yield* failing(respondCapture("v4.3.0/82b-multicall-deferred-plus-nonascii"))
      assert.match(message, /^supervisor.getAllProcessInfo: reply not understood: not well-formed XML at line \d+/)
    })
  )

  it.effect("of a start that is answered like one of a whole group is a malformed reply", () =>
    Effect.gen(function* () {
      const { reason } = yield* failing(respondCapture("44-startProcess-groupstar"), (driver) => driver.start(web))
      assert.strictEqual(reason._tag, "Malformed")
    })
  )

  it.effect("never shows the password", () =>
    Effect.gen(function* () {
      for (const capture of ["62-noauth", "25-tail-control-chars", "09-getProcessInfo-badname"]) {
        const error = yield* failing(respondCapture(capture))
        assert.notInclude(`${String(error)} ${JSON.stringify(error)} ${error.stack ?? ""}`, "s3cret")
      }
    })
  )
})

describe("timing", () => {
  const config = byMethod({ "supervisor.getAllConfigInfo": respondCapture("12-getAllConfigInfo") })

  it.effect("is the program's own", () =>
    Effect.gen(function* () {
      const { driver } = yield* driverOf(config)
      assert.deepStrictEqual(yield* driver.timing({ group: "stubborn", name: "stubborn" }), {
        startSecs: 1,
        startRetries: 3,
        stopWaitSecs: 4
      })
      assert.deepStrictEqual(yield* driver.timing({ group: "slowstart", name: "slowstart" }), {
        startSecs: 4,
        startRetries: 3,
        stopWaitSecs: 10
      })
      assert.strictEqual((yield* driver.timing({ group: "crasher", name: "crasher" })).startRetries, 2)
    })
  )

  it.effect("is asked for once, until a process is unknown", () =>
    Effect.gen(function* () {
      const { driver, seen } = yield* driverOf(config)
      yield* driver.timing({ group: "backend", name: "api" })
      yield* driver.timing({ group: "worker", name: "worker_02" })
      assert.lengthOf(seen, 1)
      assert.deepStrictEqual(yield* driver.timing({ group: "new", name: "new" }), SupervisorDriver.timingDefault)
      assert.lengthOf(seen, 2)
    })
  )

  it.effect("is supervisord's default where the method is unknown", () =>
    Effect.gen(function* () {
      const { driver } = yield* driverOf(respondCapture("13-unknown-method"))
      assert.deepStrictEqual(yield* driver.timing(web), { startSecs: 1, startRetries: 3, stopWaitSecs: 10 })
    })
  )

  it.effect("fails when the node fails, and is asked for again", () =>
    Effect.gen(function* () {
      let answer = respondCapture("v4.3.0/132-getState-while-RESTARTING")
      const { driver } = yield* driverOf((...args) => answer(...args))
      assert.strictEqual((yield* Effect.flip(driver.timing(web))).reason._tag, "ShuttingDown")
      answer = config
      assert.strictEqual((yield* driver.timing(web)).stopWaitSecs, 10)
    })
  )
})

describe("identity", () => {
  const all: Readonly<Record<string, Answer>> = {
    "supervisor.getSupervisorVersion": respondValue("<string>4.2.5</string>"),
    "supervisor.getIdentification": respondCapture("04-getIdentification"),
    "supervisor.getPID": respondCapture("06-getPID")
  }
  const unknown = respondCapture("13-unknown-method")

  it.effect("is what the node says of itself", () =>
    Effect.gen(function* () {
      const { driver } = yield* driverOf(byMethod(all))
      assert.deepStrictEqual(yield* driver.identify, { identifier: "demo-node-1", version: "4.2.5", pid: 7884 })
    })
  )

  it.effect("of a node with few methods is what it can say, and is not asked for in vain again", () =>
    Effect.gen(function* () {
      const { driver, seen } = yield* driverOf((one, ...rest) =>
        (one.call.method === "supervisor.getVersion" ? respondValue("<string>3.0</string>") : unknown)(one, ...rest)
      )
      const expected = { identifier: "", version: "3.0", pid: 0 }
      assert.deepStrictEqual(yield* driver.identify, expected)
      assert.lengthOf(seen, 4)
      assert.deepStrictEqual(yield* driver.identify, expected)
      assert.lengthOf(seen, 5)
    })
  )

  it.effect("with another version asks for everything again", () =>
    Effect.gen(function* () {
      let answers: Readonly<Record<string, Answer>> = { ...all, "supervisor.getPID": unknown }
      const { driver } = yield* driverOf((...args) => byMethod(answers)(...args))
      assert.strictEqual((yield* driver.identify).pid, 0)
      answers = { ...all, "supervisor.getSupervisorVersion": respondValue("<string>4.3.0</string>") }
      assert.strictEqual((yield* driver.identify).pid, 7884)
    })
  )

  it.effect("fails with the node", () =>
    Effect.gen(function* () {
      const { reason } = yield* failing(respondCapture("62-noauth"), (driver) => driver.identify)
      assert.strictEqual(reason._tag, "Unauthorized")
    })
  )
})

describe("command", () => {
  it.effect("is sent by its method with the name of the process or group", () =>
    Effect.gen(function* () {
      const { driver, seen } = yield* driverOf(respondValue("<boolean>1</boolean>"))
      yield* driver.signal(web, "SIGHUP")
      yield* driver.sendStdin(web, "a\r\n<é>")
      yield* driver.clearLog(web)
      yield* driver.addGroup("web")
      yield* driver.removeGroup("web")
      assert.deepStrictEqual(
        seen.map(({ call }) => [call.method, ...call.params]),
        [
          ["supervisor.signalProcess", "web:web", "SIGHUP"],
          ["supervisor.sendProcessStdin", "web:web", "a\r\n<é>"],
          ["supervisor.clearProcessLogs", "web:web"],
          ["supervisor.addProcessGroup", "web"],
          ["supervisor.removeProcessGroup", "web"]
        ]
      )
    })
  )

  it.effect("is not sent for a whole group, or for no group", () =>
    Effect.gen(function* () {
      const { driver, seen } = yield* driverOf(respondValue("<boolean>1</boolean>"))
      for (const name of ["*", ""]) {
        const id = { group: "worker", name }
        const asked = [
          driver.signal(id, "HUP"),
          driver.sendStdin(id, "x"),
          driver.clearLog(id),
          driver.addGroup(name),
          driver.removeGroup(name)
        ]
        for (const ask of asked) assert.deepInclude((yield* Effect.flip(ask)).reason, { name: "BAD_NAME" })
      }
      assert.deepStrictEqual(seen, [])
    })
  )

  it.effect("with characters that XML cannot carry is refused by the name of its arguments", () =>
    Effect.gen(function* () {
      const { driver } = yield* driverOf(respondValue("<boolean>1</boolean>"))
      assert.deepInclude((yield* Effect.flip(driver.sendStdin(web, "\u0003"))).reason, { name: "BAD_ARGUMENTS" })
    })
  )

  it.effect("that the node does not know is one that it cannot do", () =>
    Effect.gen(function* () {
      const { driver } = yield* driverOf(respondCapture("13-unknown-method"))
      const asked = [driver.signal(web, "HUP"), driver.clearLog(web), driver.reread, driver.addGroup("web")]
      for (const ask of asked) assert.strictEqual((yield* Effect.flip(ask)).reason._tag, "Unsupported")
    })
  )

  it.effect("to reread gives the difference, or why the files cannot be read", () =>
    Effect.gen(function* () {
      const { driver } = yield* driverOf(respondCapture("v4.3.0/124-reloadConfig-changed-removed"))
      assert.deepStrictEqual(yield* driver.reread, { added: [], changed: ["web"], removed: ["added1"] })
      const { reason } = yield* failing(respondCapture("v4.3.0/128-reloadConfig-cant-reread"), (other) => other.reread)
      assert.deepInclude(reason, { _tag: "Fault", name: "CANT_REREAD" })
    })
  )
})

describe("connection", () => {
  it.effect("is asked for around each request, and measured where it is chosen", () =>
    Effect.gen(function* () {
      const modes: Array<string> = []
      const answer: Answer = (...args) =>
        Effect.flatMap(ConnectionOptions, ({ mode, tls }) => {
          modes.push(`${mode} ${tls?.serverName ?? ""}`)
          return respondCapture("07-getAllProcessInfo")(...args)
        })
      const tls = { serverName: "node-1" }
      const { driver } = yield* driverOf(answer, { connections: "auto", tls })
      for (let i = 0; i < 7; i++) yield* driver.processes
      assert.deepStrictEqual(
        modes.slice(0, 6),
        Array.from({ length: 3 }, () => ["fresh node-1", "keep-alive node-1"]).flat()
      )
      // Both took no time at all here.
      assert.strictEqual(modes[6], "keep-alive node-1")
      assert.strictEqual(yield* driver.connection, "keep-alive")
      const { driver: fixed } = yield* driverOf(answer, { connections: "fresh" })
      yield* fixed.processes
      assert.strictEqual(modes.at(-1), "fresh ")
    })
  )
})
