/**
 * Broadcasting to 1,000 clients in a process of their own: the console's hub against a bare loop of `ws` and against
 * socket.io, with the same frames. What counts is the processor time of this process, the server's.
 */
import { createServer } from "node:http"
import { Effect, type Scope } from "effect"
import { Server } from "socket.io"
import { WebSocketServer } from "ws"
import { type Benchmark, median, timedEffect } from "./Benchmark.ts"
import * as Crowd from "./Crowd.ts"
import * as HubServer from "./HubServer.ts"

const clients = 1_000
/** Frames to every client in one round; each in a turn of the event loop of its own, as changes come in a fleet. */
const framesARound = 40
const rounds = 5
const thousand = 1_000

/** A server with its clients connected. `send` sends the next frame to all of them. */
interface Side {
  readonly name: string
  readonly send: (seq: number) => Effect.Effect<void>
  readonly crowd: Crowd.Crowd
  seq: number
}

const turn = Effect.callback<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

const hubSide = Effect.gen(function* () {
  const { port, publish } = yield* HubServer.start
  const crowd = yield* Crowd.connect("websocket", port, clients)
  const side: Side = { name: "hub", crowd, seq: 0, send: (seq) => publish([HubServer.event(seq)]) }
  return side
})

const listening = (server: ReturnType<typeof createServer>): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () => Effect.sync(() => server.close())
  )

const wsSide = Effect.gen(function* () {
  const http = createServer()
  const sockets = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocketServer({ server: http, perMessageDeflate: false })),
    (server) =>
      Effect.sync(() => {
        for (const socket of server.clients) socket.terminate()
        server.close()
      })
  )
  const crowd = yield* Crowd.connect("websocket", yield* listening(http), clients)
  const send = (seq: number) =>
    Effect.sync(() => {
      const text = JSON.stringify(HubServer.event(seq))
      for (const socket of sockets.clients) socket.send(text)
    })
  const side: Side = { name: "ws", crowd, seq: 0, send }
  return side
})

const socketIoSide = Effect.gen(function* () {
  const http = createServer()
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => new Server(http, { transports: ["websocket"], perMessageDeflate: false })),
    (one) => Effect.promise(() => one.close())
  )
  const crowd = yield* Crowd.connect("socket.io", yield* listening(http), clients)
  const send = (seq: number) => Effect.sync(() => server.emit("event", JSON.stringify(HubServer.event(seq))))
  const side: Side = { name: "socket.io", crowd, seq: 0, send: (seq) => Effect.asVoid(send(seq)) }
  return side
})

/** Processor milliseconds of a round, until all that it sent has arrived. */
const round = Effect.fnUntraced(function* (side: Side) {
  const before = yield* side.crowd.received
  const bytes = clients * framesARound * JSON.stringify(HubServer.event(side.seq + 1)).length
  return yield* timedEffect(
    Effect.gen(function* () {
      for (let i = 0; i < framesARound; i++) {
        side.seq += 1
        yield* side.send(side.seq)
        yield* turn
      }
      while ((yield* side.crowd.received) - before < bytes) yield* Effect.sleep(5)
    })
  )
})

/** Frames a second of processor time: the median of the hub, and how it stands to the others. */
export const compare = Effect.gen(function* () {
  const hub = yield* hubSide
  const ws = yield* wsSide
  const socketIo = yield* socketIoSide
  const sides = [hub, ws, socketIo]
  for (const side of sides) yield* round(side)
  const ms = new Map<string, Array<number>>(sides.map(({ name }) => [name, []]))
  // In turn, so that whatever disturbs the machine disturbs all of them.
  for (let i = 0; i < rounds; i++) for (const side of sides) ms.get(side.name)?.push(yield* round(side))
  const rate = ({ name }: Side) => (clients * framesARound * thousand) / median(ms.get(name) ?? [])
  return { hub: rate(hub), ws: rate(ws), socketIo: rate(socketIo) }
}).pipe(Effect.scoped)

const socketIoRatioMin = 2

/** What socket.io reached in the run, for the verdict. */
let timesSocketIo = 0

export const broadcast: Benchmark = {
  name: "broadcast",
  what: `one frame a turn to ${clients.toLocaleString("en")} clients, frames a second of the server's processor time`,
  target: "at least a bare `ws` loop, and at least 2x socket.io",
  met: ({ ratio = 0 }) => ratio >= 1 && timesSocketIo >= socketIoRatioMin,
  measure: Effect.map(Effect.orDie(compare), ({ hub, socketIo, ws }) => {
    timesSocketIo = hub / socketIo
    return {
      value: Math.round(hub),
      unit: "frames/s",
      against: `a bare ws loop (${timesSocketIo.toFixed(1)} of socket.io)`,
      ratio: hub / ws
    }
  })
}
