/**
 * `node --expose-gc bench/HubSoak.ts [--minutes 5] [--clients 1000]`: clients that connect, leave, stall and die for so
 * long, under broadcasts, in rounds. After each round everybody is waited for and what is left is looked at: nobody may
 * be connected, and memory, handles and fibers must be where they were after the first round, which warms up.
 */
import { parseArgs } from "node:util"
import { Effect, Metric } from "effect"
import { WebSocket } from "ws"
import * as HubServer from "./HubServer.ts"

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "5" }, clients: { type: "string", default: "1000" } }
})
const endMs = Number(values.minutes) * 60_000
const clientsMax = Number(values.clients)

const mib = 1_048_576
const growthMiBMax = 10
const rounds = 5
/** What is made once, such as compiled code and the pools of Node, is made within this time. */
const warmUpMsMax = 30_000
/** The heartbeat of HubServer, and some time more. */
const settleMsMax = 45_000

const collectGarbage = Effect.gen(function* () {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.()
    yield* Effect.sleep(100)
  }
})

/**
 * What must be where it was. `nativeMiB` is memory outside of the heap that is no buffer: sockets, parsers and so on.
 * Fibers are those that are under way, as Effect counts them.
 */
const look = (hub: HubServer.HubServer["hub"]) =>
  Effect.gen(function* () {
    yield* collectGarbage
    const { arrayBuffers, external, heapUsed } = process.memoryUsage()
    const { connected, joined, logs, sessions } = yield* hub.counts
    const handles = process.getActiveResourcesInfo().filter((name) => name !== "Timeout" && name !== "Immediate").length
    const active = (yield* Metric.snapshot).find(({ id }) => id === "child_fibers_active")
    return {
      joined,
      connected,
      sessions,
      logs,
      handles,
      fibers: active?.type === "Gauge" ? Number(active.state.value) : Number.NaN,
      heapMiB: inMiB(heapUsed),
      buffersMiB: inMiB(arrayBuffers),
      nativeMiB: inMiB(external - arrayBuffers)
    }
  })
type Look = Effect.Success<ReturnType<typeof look>>

const inMiB = (bytes: number): number => Math.round((bytes / mib) * 10) / 10

const memoryMiB = ({ buffersMiB, heapMiB, nativeMiB }: Look): number => heapMiB + buffersMiB + nativeMiB

const floodEvery = 200
const floodFrames = 300
const large = JSON.stringify({ type: "subscribe", nodes: ["x".repeat(60_000)] })

/** One life of a client; which one, its number decides. */
const live = (port: number, number: number) =>
  Effect.gen(function* () {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/api/ws`)
    // What follows an error is the end, and that is all that is waited for.
    socket.on("error", () => socket.terminate())
    const opened = Effect.callback<void>((resume) => {
      socket.once("open", () => resume(Effect.void))
      socket.once("close", () => resume(Effect.void))
    })
    yield* Effect.timeoutOption(opened, "10 seconds")
    const kind = number % 4
    if (kind === 0) socket.pause()
    // A few ask for more than the system buffers for one who does not read: the hub has to let them go.
    const frames = number % floodEvery === 0 && socket.readyState === WebSocket.OPEN ? floodFrames : 0
    for (let i = 0; i < frames; i++) socket.send(large)
    yield* Effect.sleep(500 + (number % 7) * 300)
    if (kind === 1) socket.close(1_000)
    else socket.terminate()
    yield* Effect.sleep(20)
  })

/** Milliseconds until nobody is connected. A client that is gone without a word is let go by the heartbeat at last. */
const settle = Effect.fnUntraced(function* (hub: HubServer.HubServer["hub"]) {
  const startMs = performance.now()
  while ((yield* hub.counts).sessions > 0 && performance.now() - startMs < settleMsMax) yield* Effect.sleep(100)
  const tookMs = Math.round(performance.now() - startMs)
  // Connections of clients that were let go may take a little longer to close.
  yield* Effect.sleep("5 seconds")
  return tookMs
})

const soak = Effect.gen(function* () {
  const { hub, port, publish } = yield* HubServer.start
  let seq = 0
  const churn = (lives: number, forMs: number) =>
    Effect.gen(function* () {
      const until = performance.now() + forMs
      const visitor = (n: number) =>
        Effect.gen(function* () {
          for (let life = 0; performance.now() < until; life++) yield* live(port, n + life)
        })
      const events = Effect.gen(function* () {
        for (; performance.now() < until; seq++)
          yield* Effect.andThen(publish([HubServer.event(seq + 1)]), Effect.sleep(20))
      })
      const numbers = Array.from({ length: lives }, (_, n) => n)
      yield* Effect.all([Effect.forEach(numbers, visitor, { concurrency: "unbounded", discard: true }), events], {
        concurrency: "unbounded"
      })
      yield* Effect.sleep("3 seconds")
    })
  const round = Effect.fnUntraced(function* (forMs: number) {
    yield* churn(clientsMax, forMs)
    const settledMs = yield* settle(hub)
    return { ...(yield* look(hub)), settledMs }
  })
  const first = yield* round(Math.min(warmUpMsMax, endMs / 4))
  const looks = [first]
  for (let i = 1; i <= rounds; i++) looks.push(yield* round(endMs / rounds))
  console.log("after the warm-up (0) and after each round, when nobody was connected any more or 45 s had passed:")
  console.table(looks)
  console.log(yield* hub.counts)
  const last = looks.at(-1) ?? first
  const grown = memoryMiB(last) - memoryMiB(first)
  const left = last.connected + last.sessions + last.logs
  const isOk = left === 0 && last.handles <= first.handles && last.fibers <= first.fibers && grown < growthMiBMax
  const more = `${last.handles - first.handles} handles, ${last.fibers - first.fibers} fibers`
  const verdict = isOk ? "ok" : "NOT ok"
  console.log(`${verdict}: ${left} clients and logs left; ${more}, ${grown.toFixed(1)} MiB more than after the warm-up`)
  if (!isOk) process.exitCode = 1
}).pipe(Effect.scoped)

const keepAlive = setInterval(() => {}, 60_000)
await Effect.runPromise(Effect.provide(soak, Metric.enableRuntimeMetricsLayer))
clearInterval(keepAlive)
