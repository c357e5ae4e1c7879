/** Pictures of made-up runs, of any length: hosts, fibers, messages, faults, time that stands still and jumps. */
import type { Lane, Picture, PictureEvent } from "../../../sim/Picture.ts"

const hosts = ["console", "web-1", "web-2", "db-1"] as const
const fibersOfHost = 9
const functions = ["Poller.poll", "Hub.broadcast", "Session.run", "Outbox.take", "Registry.update", "Heartbeat.beat"]

const lanes: ReadonlyArray<Lane> = [
  { kind: "fiber", label: "main", host: "" },
  ...hosts.flatMap((host, h): ReadonlyArray<Lane> => [
    { kind: "host", label: host, host },
    ...Array.from({ length: fibersOfHost }, (_, i): Lane => {
      const number = h * fibersOfHost + i + 1
      return { kind: "fiber", label: `fiber ${number} (${functions[number % functions.length]})`, host }
    })
  ])
]

const hostLane = (h: number): number => 1 + (h % hosts.length) * (fibersOfHost + 1)

/** The same every time: a generator of numbers with a fixed start. */
const numbers = (): ((below: number) => number) => {
  let state = 7
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) % below
  }
}

export const samplePicture = (eventCount: number, outcome: "done" | "failed" = "failed"): Picture => {
  const below = numbers()
  let atMs = 0
  let step = 0
  const events = Array.from({ length: eventCount }, (_, i): PictureEvent => {
    if (below(6) === 0) atMs += below(400)
    step += 1 + below(40)
    const near = Math.floor(i / 120)
    const h = (near + below(2)) % hosts.length
    const lane = hostLane(h) + 1 + below(fibersOfHost)
    const other = hostLane(h) + 1 + below(fibersOfHost)
    const at = { step, atMs, lane }
    switch (below(14)) {
      case 0:
        return { kind: "fault", ...at, lane: -1, text: "network reset: the connection of console to web-1 is cut" }
      case 1:
        return {
          kind: "switch",
          ...at,
          to: other,
          text: `>> ${lanes[lane]?.label} has to pause: ${lanes[other]?.label} goes on`
        }
      case 2:
        return { kind: "start", ...at, to: other, text: `starts ${lanes[other]?.label}` }
      case 3:
      case 4:
      case 5:
        return {
          kind: "message",
          ...at,
          lane: hostLane(h),
          to: hostLane(h + 1),
          text: "POST /RPC2 supervisor.getAllProcessInfo, 412 bytes"
        }
      case 6:
        return { kind: "log", ...at, text: "WARN node web-1 is down: connection reset by peer" }
      case 7:
        return { kind: "told", ...at, text: "client 3 receives process.state seq 41 of 44" }
      default:
        return {
          kind: "stretch",
          ...at,
          steps: 1 + below(40),
          text: "take Queue (core/hub/Outbox.ts), offer Queue (core/bus/EventBus.ts) x3"
        }
    }
  })
  return {
    outcome,
    message: outcome === "done" ? "" : "client 3 was sent 44 after 41, and nothing told it of the gap",
    steps: step,
    virtualMs: atMs,
    deviations: 41,
    traceHash: "b5a2aaea4c1a37ba",
    token: "m1.AAECAwQFBgcICQoLDA0ODw",
    notes: { faults: "network reset, network delay", clients: "4" },
    lanes,
    events,
    omitted: 12
  }
}
