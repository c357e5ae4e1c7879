import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import { FleetSnapshot } from "../../../core/domain/Node.ts"
import type { DownReason } from "../../../core/domain/Node.ts"
import { formatId } from "../../../core/domain/Process.ts"
import type { ProcessInfo } from "../../../core/domain/Process.ts"
import { addNode, empty, recordPoll, removeNode, viewFleet } from "../../../core/fleet/FleetState.ts"
import type { FleetState, PollResult, Transition } from "../../../core/fleet/FleetState.ts"
import { processIn } from "./Processes.ts"

const entry = (name: string) => ({ name, environment: "test", kind: "supervisord" }) as const
const answered = (...processes: ReadonlyArray<ProcessInfo>): PollResult => ({ _tag: "Answered", processes })
const failed = (code: string, message = code): PollResult => ({ _tag: "Failed", reason: { code, message } })

const withNode = addNode(empty, entry("web"), 1_000)

/** What happened, in short: one line an event. */
const lines = ({ events }: Transition): ReadonlyArray<string> => events.map(line)

const line = (event: FleetEvent): string => {
  switch (event.type) {
    case "node.status":
      return `${event.seq} ${event.node} ${event.from}->${event.to} ${event.reason?.code ?? "-"}`
    case "process.removed":
      return `${event.seq} - ${event.name}`
    case "process.added":
      return `${event.seq} + ${event.process.name}`
    case "process.state":
      return `${event.seq} ${event.process.name} ${event.from}->${event.to}`
    case "process.restarted":
      return `${event.seq} ${event.process.name} pid ${event.from_pid}->${event.process.pid}`
  }
}

const running = processIn("RUNNING")

describe("a poll", () => {
  const up = recordPoll(withNode, "web", answered(running), 2_000).state
  const down = recordPoll(up, "web", failed("TimedOut", "no reply within 5 ms"), 3_000).state

  const table: ReadonlyArray<{
    readonly title: string
    readonly before: FleetState
    readonly poll: PollResult
    readonly events: ReadonlyArray<string>
  }> = [
    {
      title: "brings a node up with its processes",
      before: withNode,
      poll: answered(running),
      events: ["1 web connecting->up -", "2 + api"]
    },
    {
      title: "tells a node down that never answered",
      before: withNode,
      poll: failed("Unreachable"),
      events: ["1 web connecting->down Unreachable"]
    },
    { title: "with the same answer changes nothing", before: up, poll: answered(running), events: [] },
    {
      title: "that differs only in the node's clock and words changes nothing",
      before: up,
      poll: answered({ ...running, now: 99, description: "up 1:00" }),
      events: []
    },
    {
      title: "tells a change of state",
      before: up,
      poll: answered(processIn("EXITED")),
      events: ["3 api RUNNING->EXITED"]
    },
    {
      title: "tells another run by its pid",
      before: up,
      poll: answered({ ...running, pid: 101 }),
      events: ["3 api pid 100->101"]
    },
    {
      title: "tells another run by its start",
      before: up,
      poll: answered({ ...running, start: 11 }),
      events: ["3 api pid 100->100"]
    },
    {
      title: "tells what is gone before what is new",
      before: up,
      poll: answered({ ...running, name: "b" }, { ...running, name: "c" }),
      events: ["3 - api", "4 + b", "5 + c"]
    },
    {
      title: "takes processes of the same name in two groups for two",
      before: up,
      poll: answered(running, { ...running, group: "other" }),
      events: ["3 + api"]
    },
    { title: "that fails tells why", before: up, poll: failed("TimedOut"), events: ["3 web up->down TimedOut"] },
    { title: "that fails for the same reason tells nothing", before: down, poll: failed("TimedOut"), events: [] },
    {
      title: "that fails for another reason tells the new one",
      before: down,
      poll: failed("Unauthorized"),
      events: ["4 web down->down Unauthorized"]
    },
    {
      title: "that succeeds again tells the node before its processes",
      before: down,
      poll: answered(processIn("FATAL")),
      events: ["4 web down->up -", "5 api RUNNING->FATAL"]
    }
  ]
  it.each(table)("$title", ({ before, events, poll }) => {
    const after = recordPoll(before, "web", poll, 4_000)
    assert.deepStrictEqual(lines(after), events)
    assert.strictEqual(after.state.seq, before.seq + events.length)
    assert.isTrue(after.events.every((event) => event.at === "1970-01-01T00:00:04.000Z"))
  })

  it("that fails keeps the processes last known, when it was seen, and since when it is down", () => {
    const [node] = viewFleet(recordPoll(down, "web", failed("ConnectionLost"), 9_000).state).nodes
    assert.deepStrictEqual(node, {
      node: {
        name: "web",
        environment: "test",
        kind: "supervisord",
        status: "down",
        reason: { code: "ConnectionLost", message: "ConnectionLost" },
        since: "1970-01-01T00:00:03.000Z",
        last_seen: "1970-01-01T00:00:02.000Z",
        processes: { RUNNING: 1 }
      },
      processes: [running]
    })
  })

  it("that succeeds keeps since when the node is up, and moves when it was seen", () => {
    const [node] = viewFleet(recordPoll(up, "web", answered(), 5_000).state).nodes
    assert.strictEqual(node?.node.since, "1970-01-01T00:00:02.000Z")
    assert.strictEqual(node?.node.last_seen, "1970-01-01T00:00:05.000Z")
    assert.deepStrictEqual(node?.node.processes, {})
  })

  it("of a node that is gone changes nothing", () => {
    const gone = removeNode(up, "web", 3_000)
    assert.deepStrictEqual(lines(gone), ["3 - api"])
    const late = recordPoll(gone.state, "web", answered(running), 4_000)
    assert.strictEqual(late.state, gone.state)
    assert.deepStrictEqual(late.events, [])
  })
})

describe("a node", () => {
  it("that is there already stays as it is when it is added again", () => {
    const up = recordPoll(withNode, "web", answered(running), 2_000).state
    assert.strictEqual(addNode(up, { ...entry("web"), kind: "local" }, 9_000), up)
  })

  it("that is unknown is removed without a trace", () => {
    assert.deepStrictEqual(removeNode(withNode, "db", 2_000), { state: withNode, events: [] })
  })
})

// Model -----------------------------------------------------------------------------------------------------------------

const nodeNames = ["a", "b"]
const reported = fc.record({
  name: fc.constantFrom("x", "y", "z"),
  group: fc.constantFrom("g", "h"),
  state: fc.constantFrom("RUNNING" as const, "EXITED" as const),
  pid: fc.nat(2),
  start: fc.nat(2)
})
const step = fc.oneof(
  fc.record({ do: fc.constant("add" as const), node: fc.constantFrom(...nodeNames) }),
  fc.record({ do: fc.constant("remove" as const), node: fc.constantFrom(...nodeNames) }),
  fc.record({
    do: fc.constant("answer" as const),
    node: fc.constantFrom(...nodeNames),
    processes: fc.uniqueArray(reported, { selector: ({ group, name }) => `${group}:${name}`, maxLength: 4 })
  }),
  fc.record({
    do: fc.constant("fail" as const),
    node: fc.constantFrom(...nodeNames),
    code: fc.constantFrom("TimedOut", "Unreachable")
  })
)
type Step = ReturnType<typeof step.generate>["value"]

const apply = (state: FleetState, change: Step, nowMs: number): Transition => {
  switch (change.do) {
    case "add":
      return { state: addNode(state, entry(change.node), nowMs), events: [] }
    case "remove":
      return removeNode(state, change.node, nowMs)
    case "answer":
      return recordPoll(
        state,
        change.node,
        answered(...change.processes.map((one) => ({ ...processIn(one.state), ...one }))),
        nowMs
      )
    case "fail":
      return recordPoll(state, change.node, failed(change.code), nowMs)
  }
}

/** What a client knows that began with a snapshot and followed the events, told no more than they say. */
interface Known {
  readonly processes: Map<string, string>
  readonly nodes: Map<string, { readonly status: string; readonly code: string | undefined }>
}

const facts = (process: ProcessInfo) => `${process.state} ${process.pid} ${process.start}`
const status = (to: string, reason: DownReason | undefined) => ({ status: to, code: reason?.code })

const knownFrom = (state: FleetState): Known => {
  const known: Known = { processes: new Map(), nodes: new Map() }
  for (const { node, processes } of viewFleet(state).nodes) {
    known.nodes.set(node.name, status(node.status, node.reason))
    for (const one of processes) known.processes.set(`${node.name}/${formatId(one)}`, facts(one))
  }
  return known
}

const follow = (known: Known, event: FleetEvent): void => {
  if (event.type === "node.status") {
    assert.strictEqual(known.nodes.get(event.node)?.status, event.from)
    known.nodes.set(event.node, status(event.to, event.reason))
  } else if (event.type === "process.removed") {
    assert.isTrue(known.processes.delete(`${event.node}/${formatId(event)}`))
  } else {
    const key = `${event.node}/${formatId(event.process)}`
    assert.strictEqual(known.processes.has(key), event.type !== "process.added")
    known.processes.set(key, facts(event.process))
  }
}

const isStatusOfLast = (known: Known, state: FleetState) => {
  const now = knownFrom(state)
  // Being added and being removed are no events: only nodes that are in both are compared.
  for (const [name, seen] of now.nodes) if (known.nodes.has(name)) assert.deepStrictEqual(known.nodes.get(name), seen)
  assert.deepStrictEqual(known.processes, now.processes)
}

describe("any history", () => {
  it("numbers events without gaps, and its events lead from the earlier snapshot to the later one", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(30), (steps, from) => {
        let state = empty
        let known = knownFrom(state)
        steps.forEach((change, i) => {
          if (i === from) known = knownFrom(state)
          const { events, state: next } = apply(state, change, i * 1_000)
          assert.deepStrictEqual(
            events.map((event) => event.seq),
            events.map((_, offset) => state.seq + offset + 1)
          )
          if (change.do === "add" && !state.nodes.has(change.node)) {
            known.nodes.set(change.node, status("connecting", undefined))
          }
          if (change.do === "remove") known.nodes.delete(change.node)
          for (const event of events) follow(known, event)
          isStatusOfLast(known, next)
          assert.strictEqual(next.seq, state.seq + events.length)
          state = next
        })
      }),
      { numRuns: 500 }
    )
  })

  it("shows a fleet and tells events that survive JSON and the schemas unchanged", () => {
    const encodeSnapshot = Schema.encodeSync(Schema.fromJsonString(FleetSnapshot))
    const decodeSnapshot = Schema.decodeUnknownSync(Schema.fromJsonString(FleetSnapshot), {
      onExcessProperty: "error"
    })
    const encodeEvent = Schema.encodeSync(Schema.fromJsonString(FleetEvent))
    const decodeEvent = Schema.decodeUnknownSync(Schema.fromJsonString(FleetEvent), { onExcessProperty: "error" })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let state = empty
        steps.forEach((change, i) => {
          const { events, state: next } = apply(state, change, i)
          for (const event of events) assert.deepStrictEqual(decodeEvent(encodeEvent(event)), event)
          const view = viewFleet(next)
          assert.deepStrictEqual(decodeSnapshot(encodeSnapshot(view)), view)
          state = next
        })
      }),
      { numRuns: 100 }
    )
  })
})
