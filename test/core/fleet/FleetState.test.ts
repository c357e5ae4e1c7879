import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import { FleetSnapshot } from "../../../core/domain/Node.ts"
import type { DownReason } from "../../../core/domain/Node.ts"
import { formatId } from "../../../core/domain/Process.ts"
import type { ProcessInfo } from "../../../core/domain/Process.ts"
import { addNode, empty, recordPoll, removeNode, tell, viewFleet, viewNode } from "../../../core/fleet/FleetState.ts"
import type { FleetState, PollResult, Transition } from "../../../core/fleet/FleetState.ts"
import { processIn } from "./Processes.ts"

const entry = (name: string) => ({ name, environment: "test", kind: "supervisord" }) as const
const answered = (...processes: ReadonlyArray<ProcessInfo>): PollResult => ({ _tag: "Answered", processes })
const failed = (code: string, message = code): PollResult => ({ _tag: "Failed", reason: { code, message } })

/** A fleet with the node `web`, of which clients know already. */
const withNode = { ...addNode(empty, entry("web"), 1_000).state, seq: 0 }

const look = { nowMs: 9_000, staleAfterMs: 5_000 }

/** What happened, in short: one line an event. */
const lines = ({ events }: Transition): ReadonlyArray<string> => events.map(line)

const line = (event: FleetEvent): string => {
  switch (event.type) {
    case "node.added":
      return `${event.seq} ${event.node} added`
    case "node.removed":
      return `${event.seq} ${event.node} removed`
    case "node.restarted":
      return `${event.seq} ${event.node} life ${event.incarnation}: ${event.why}`
    case "operation.started":
    case "operation.finished":
      return `${event.seq} ${event.type} ${event.operation}`
    case "batch.changed":
      return `${event.seq} ${event.type} ${event.batch.id}`
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
    const [node] = viewFleet(recordPoll(down, "web", failed("ConnectionLost"), 9_000).state, look).nodes
    assert.deepStrictEqual(node, {
      node: {
        name: "web",
        environment: "test",
        kind: "supervisord",
        status: "down",
        reason: { code: "ConnectionLost", message: "ConnectionLost" },
        since: "1970-01-01T00:00:03.000Z",
        last_seen: "1970-01-01T00:00:02.000Z",
        stale: true,
        incarnation: 1,
        processes: { RUNNING: 1 }
      },
      processes: [running]
    })
  })

  it("that succeeds keeps since when the node is up, and moves when it was seen", () => {
    const [node] = viewFleet(recordPoll(up, "web", answered(), 5_000).state, look).nodes
    assert.strictEqual(node?.node.since, "1970-01-01T00:00:02.000Z")
    assert.strictEqual(node?.node.last_seen, "1970-01-01T00:00:05.000Z")
    assert.deepStrictEqual(node?.node.processes, {})
  })

  it("of a node that is gone changes nothing", () => {
    const gone = removeNode(up, "web", 3_000)
    assert.deepStrictEqual(lines(gone), ["3 - api", "4 web removed"])
    const late = recordPoll(gone.state, "web", answered(running), 4_000)
    assert.strictEqual(late.state, gone.state)
    assert.deepStrictEqual(late.events, [])
  })
})

describe("a node", () => {
  it("that is added is told as connecting and stale", () => {
    const { events } = addNode(empty, entry("web"), 1_000)
    assert.deepStrictEqual(events, [
      {
        type: "node.added",
        seq: 1,
        at: "1970-01-01T00:00:01.000Z",
        node: "web",
        view: {
          name: "web",
          environment: "test",
          kind: "supervisord",
          status: "connecting",
          since: "1970-01-01T00:00:01.000Z",
          stale: true,
          incarnation: 1,
          processes: {}
        }
      }
    ])
  })

  it("that is there already stays as it is when it is added again", () => {
    const up = recordPoll(withNode, "web", answered(running), 2_000).state
    assert.deepStrictEqual(addNode(up, { ...entry("web"), kind: "local" }, 9_000), { state: up, events: [] })
  })

  it("that is unknown is removed without a trace", () => {
    assert.deepStrictEqual(removeNode(withNode, "db", 2_000), { state: withNode, events: [] })
  })

  it("that was added again is neither changed nor removed in the name of the one before", () => {
    const first = withNode.nodes.get("web")?.addition
    const again = addNode(removeNode(withNode, "web", 2_000).state, entry("web"), 3_000).state
    const second = again.nodes.get("web")?.addition
    assert.notStrictEqual(second, first)
    assert.strictEqual(recordPoll(again, "web", answered(running), 4_000, first).state, again)
    assert.strictEqual(removeNode(again, "web", 4_000, first).state, again)
    assert.strictEqual(recordPoll(again, "web", answered(running), 4_000, second).state.nodes.get("web")?.status, "up")
  })

  it("that is down keeps its reason when the console does not ask it", () => {
    const down = recordPoll(withNode, "web", failed("TimedOut"), 2_000).state
    for (const code of ["CircuitOpen", "Busy"]) {
      assert.deepStrictEqual(recordPoll(down, "web", failed(code), 3_000), { state: down, events: [] })
    }
  })

  it("is stale when it is not up, or was not heard of for too long, or its clock says the future", () => {
    const stale = (nowMs: number, status: PollResult = answered()) => {
      const { nodes } = recordPoll(withNode, "web", status, 10_000).state
      const web = nodes.get("web")
      return web && viewNode(web, { nowMs, staleAfterMs: 5_000 }).stale
    }
    assert.isFalse(stale(15_000))
    assert.isTrue(stale(15_001))
    assert.isTrue(stale(10_000, failed("TimedOut")))
    assert.isTrue(stale(1_000))
  })
})

describe("another life of a node", () => {
  const identity = { identifier: "web", version: "4.2.5", pid: 7 }
  const asked = (pid: number, ...processes: ReadonlyArray<ProcessInfo>): PollResult => ({
    _tag: "Answered",
    processes,
    identity: { ...identity, pid }
  })
  const up = recordPoll(withNode, "web", asked(7, running), 2_000).state

  it("is told after the status and before its processes, with its identity", () => {
    const down = recordPoll(up, "web", failed("ShuttingDown"), 3_000).state
    const back = recordPoll(down, "web", asked(7, { ...running, pid: 300, start: 30 }), 4_000)
    assert.deepStrictEqual(lines(back), [
      "4 web down->up -",
      "5 web life 2: it was away, and none of its 1 processes is of before",
      "6 api pid 100->300"
    ])
    assert.deepInclude(back.events[1], { identity })
    const web = back.state.nodes.get("web")
    assert.deepInclude(web && viewNode(web, look), { incarnation: 2, identity })
  })

  it("is told by another process id, while it counts as up", () => {
    assert.deepStrictEqual(lines(recordPoll(up, "web", asked(8, running), 3_000)), [
      "3 web life 2: process id was 7 and is 8"
    ])
  })

  it("is not told by a poll that did not ask who is there, and who was there stays known", () => {
    const later = recordPoll(up, "web", answered(running), 3_000)
    assert.deepStrictEqual(later.events, [])
    assert.deepStrictEqual(later.state.nodes.get("web")?.identity, { ...identity, pid: 7 })
  })
})

describe("a change that changes no node", () => {
  it("has its number among the others", () => {
    const told = tell(
      withNode,
      { type: "operation.started", node: "web", operation: 3, kind: "start", group: "app", name: "api" },
      2_000
    )
    assert.deepStrictEqual(lines(told), ["1 operation.started 3"])
    assert.strictEqual(told.state.nodes, withNode.nodes)
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
      return addNode(state, entry(change.node), nowMs)
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
  readonly nodes: Map<string, { readonly status: string; readonly code: string | undefined; readonly life: number }>
}

const facts = (process: ProcessInfo) => `${process.state} ${process.pid} ${process.start}`
const status = (to: string, reason: DownReason | undefined, life: number) => ({ status: to, code: reason?.code, life })

const knownFrom = (state: FleetState): Known => {
  const known: Known = { processes: new Map(), nodes: new Map() }
  for (const { node, processes } of viewFleet(state, look).nodes) {
    known.nodes.set(node.name, status(node.status, node.reason, node.incarnation))
    for (const one of processes) known.processes.set(`${node.name}/${formatId(one)}`, facts(one))
  }
  return known
}

const follow = (known: Known, event: FleetEvent): void => {
  if (event.type === "node.added") {
    assert.isFalse(known.nodes.has(event.node))
    known.nodes.set(event.node, status(event.view.status, event.view.reason, event.view.incarnation))
  } else if (event.type === "node.removed") {
    assert.isTrue(known.nodes.delete(event.node))
  } else if (event.type === "node.status") {
    const before = known.nodes.get(event.node)
    assert.strictEqual(before?.status, event.from)
    known.nodes.set(event.node, status(event.to, event.reason, before?.life ?? 0))
  } else if (event.type === "node.restarted") {
    const before = known.nodes.get(event.node)
    assert.isDefined(before)
    assert.strictEqual(event.incarnation, before.life + 1)
    known.nodes.set(event.node, { ...before, life: event.incarnation })
  } else if (event.type === "process.removed") {
    assert.isTrue(known.processes.delete(`${event.node}/${formatId(event)}`))
  } else if ("process" in event) {
    const key = `${event.node}/${formatId(event.process)}`
    assert.strictEqual(known.processes.has(key), event.type !== "process.added")
    known.processes.set(key, facts(event.process))
  }
}

const isKnown = (known: Known, state: FleetState) => assert.deepStrictEqual(known, knownFrom(state))

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
          for (const event of events) follow(known, event)
          isKnown(known, next)
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
          const view = viewFleet(next, look)
          assert.deepStrictEqual(decodeSnapshot(encodeSnapshot(view)), view)
          state = next
        })
      }),
      { numRuns: 100 }
    )
  })
})

describe("the view of a node", () => {
  it("is the same again until the node or its staleness changes", () => {
    const fleet = recordPoll(withNode, "web", answered(running), 2_000).state
    const node = fleet.nodes.get("web")
    if (node === undefined) return assert.fail("the node is gone")
    const fresh = viewNode(node, { nowMs: 2_000, staleAfterMs: 5_000 })
    assert.strictEqual(viewNode(node, { nowMs: 7_000, staleAfterMs: 5_000 }), fresh)
    const stale = viewNode(node, { nowMs: 7_001, staleAfterMs: 5_000 })
    assert.deepStrictEqual(stale, { ...fresh, stale: true })
    assert.strictEqual(viewNode(node, { nowMs: 2_000, staleAfterMs: 5_000 }), fresh)
    const later = recordPoll(fleet, "web", answered(running), 4_000).state.nodes.get("web")
    if (later === undefined) return assert.fail("the node is gone")
    assert.notStrictEqual(viewNode(later, { nowMs: 4_000, staleAfterMs: 5_000 }).last_seen, fresh.last_seen)
  })
})
