/**
 * The process of `client-memory`: `node --expose-gc bench/MemoryServer.ts COUNT`. Prints the bytes of heap and buffers
 * for each idle client, those of the hub and those of a bare `ws` server, with a blank between them.
 */
import { createServer } from "node:http"
import { Effect } from "effect"
import { WebSocketServer } from "ws"
import * as Crowd from "./Crowd.ts"
import * as HubServer from "./HubServer.ts"

const count = Number(process.argv[2])

const bytesNow = Effect.gen(function* () {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.()
    yield* Effect.sleep(50)
  }
  // Buffers are part of what is external.
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
})

const bareServer = Effect.callback<number>((resume) => {
  const http = createServer()
  const server = new WebSocketServer({ server: http, perMessageDeflate: false })
  server.on("connection", (socket) => socket.send('{"type":"hello"}'))
  http.listen(0, "127.0.0.1", () => {
    const address = http.address()
    resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
  })
})

/** So many clients come to stay; bytes for each of them. */
const bytesOf = Effect.fnUntraced(function* (port: number) {
  // The first clients make what all share.
  yield* Crowd.connect("websocket", port, 100)
  const before = yield* bytesNow
  yield* Crowd.connect("websocket", port, count)
  return Math.round(((yield* bytesNow) - before) / count)
})

const measure = Effect.gen(function* () {
  const hub = yield* bytesOf((yield* HubServer.start).port)
  const bare = yield* bytesOf(yield* bareServer)
  console.log(hub, bare)
  process.exit(0)
}).pipe(Effect.scoped)

await Effect.runPromise(measure)
