import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  acceptedReply,
  processesReply,
  processReply,
  timingsReply
} from "../../../core/supervisor/SupervisorReplies.ts"
import type { XmlRpcStruct, XmlRpcValue } from "../../../core/xmlrpc/XmlRpcValue.ts"

const process = {
  group: "web",
  name: "web",
  start: 1,
  stop: 2,
  now: 3,
  state: 20,
  statename: "RUNNING",
  spawnerr: "",
  exitstatus: 0,
  logfile: "/out",
  stdout_logfile: "/out",
  stderr_logfile: "/err",
  pid: 4,
  description: "pid 4"
} satisfies XmlRpcStruct

const without = (name: string): XmlRpcStruct =>
  Object.fromEntries(Object.entries(process).filter(([key]) => key !== name))

const detail = (result: Result.Result<unknown, { readonly detail: string }>): string =>
  Result.isFailure(result) ? result.failure.detail : assert.fail("unexpected success")

describe("process reply", () => {
  it("takes what Muster knows and leaves the rest", () => {
    assert.deepStrictEqual(Result.getOrThrow(processReply(process)), {
      group: "web",
      name: "web",
      state: "RUNNING",
      statecode: 20,
      pid: 4,
      start: 1,
      stop: 2,
      now: 3,
      exitstatus: 0,
      spawnerr: "",
      description: "pid 4",
      stdout_logfile: "/out",
      stderr_logfile: "/err"
    })
  })

  it("goes by the number of the state and keeps one that supervisord does not define", () => {
    const decoded = Result.getOrThrow(processReply({ ...process, state: 35, statename: "RUNNING" }))
    assert.deepInclude(decoded, { state: "UNKNOWN", statecode: 35 })
  })

  it.each<[string, XmlRpcValue, string]>([
    ["a text as pid", { ...process, pid: "x" }, 'reply.pid: expected number, not "x"'],
    ["half a pid", { ...process, pid: 1.5 }, "reply.pid: expected an integer, not 1.5"],
    ["nil as description", { ...process, description: null }, "reply.description: expected string, not null"],
    ["no clock", without("now"), "reply.now: missing key"],
    ["a list", [], "reply: expected object, not []"],
    ["a long text", "x".repeat(1_000_000), `reply: expected object, not "${"x".repeat(39)}`]
  ])("names the field for %s", (_, reply, expected) => {
    assert.strictEqual(detail(processReply(reply)), expected)
  })

  it("names the place of one bad process among many", () => {
    assert.strictEqual(
      detail(processesReply([process, { ...process, state: "RUNNING" }])),
      'reply[1].state: expected number, not "RUNNING"'
    )
  })

  it("reads a member that is called as an inherited one is", () => {
    assert.strictEqual(detail(processesReply({ constructor: 1 })), 'reply: expected array, not {"constructor":1}')
  })
})

describe("timing reply", () => {
  const program = { group: "web", name: "web", startsecs: 1, startretries: 2, stopwaitsecs: 3, autorestart: "auto" }

  it("is by group and name", () => {
    assert.deepStrictEqual(
      [...Result.getOrThrow(timingsReply([program, { ...program, name: "web_01", startsecs: 0 }]))],
      [
        ["web:web", { startSecs: 1, startRetries: 2, stopWaitSecs: 3 }],
        ["web:web_01", { startSecs: 0, startRetries: 2, stopWaitSecs: 3 }]
      ]
    )
  })

  it("names the field that is wrong", () => {
    assert.strictEqual(
      detail(timingsReply([{ ...program, stopwaitsecs: "10" }])),
      'reply[0].stopwaitsecs: expected number, not "10"'
    )
  })
})

describe("accepted reply", () => {
  it("may promise or not", () => {
    assert.isTrue(Result.isSuccess(acceptedReply(true)))
    assert.isTrue(Result.isSuccess(acceptedReply(false)))
  })

  it("is not the list that a whole group gives", () => {
    assert.strictEqual(detail(acceptedReply([])), "reply: expected boolean, not []")
  })
})
