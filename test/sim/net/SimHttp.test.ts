/** HTTP and WebSockets between Effect's own client and server, under every schedule and latency that is drawn. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Result, Schedule, Scope, Stream } from "effect"
import {
  HttpBody,
  HttpClient,
  HttpClientRequest,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { Socket } from "effect/socket"
import * as Network from "../../../sim/net/Network.ts"
import type { Packet } from "../../../sim/net/Packet.ts"
import type { Rule } from "../../../sim/Rules.ts"
import * as SimHttpClient from "../../../sim/net/SimHttpClient.ts"
import * as SimHttpServer from "../../../sim/net/SimHttpServer.ts"
import * as WebSocketClient from "../../../sim/net/WebSocketClient.ts"
import * as Sim from "../../../sim/Sim.ts"

const runs = 200
const events = { handled: 0, aborted: 0, received: [""] }

const text = (chunk: string | Uint8Array) => (typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk))

/** The code with which a socket ended, from the error of its reader. */
const closeCode = (error: Socket.SocketError) =>
  error.reason._tag === "SocketCloseError" ? error.reason.code : error.reason._tag

const echo = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  const socket = yield* Effect.orDie(request.upgrade)
  const { write } = yield* socket.writer
  const { pull } = yield* socket.reader
  const serve = Effect.gen(function* () {
    for (const chunk of yield* pull) {
      const said = text(chunk)
      events.received.push(said)
      yield* write(said === "bye" ? new Socket.CloseEvent(4_001, "bye to you") : `${said}!`)
    }
  })
  const error = yield* Effect.flip(Effect.forever(serve))
  events.received.push(`ended ${closeCode(error)}`)
  return HttpServerResponse.empty()
}).pipe(Effect.scoped, Effect.orDie)

const routes = HttpRouter.use((router) =>
  Effect.gen(function* () {
    yield* router.add(
      "POST",
      "/echo",
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const body = yield* Effect.orDie(request.text)
        return HttpServerResponse.text(`${request.url} ${request.headers["x-test"]} ${body}`, { status: 201 })
      })
    )
    const slow = Effect.sync(() => ++events.handled).pipe(
      Effect.andThen(Effect.never),
      Effect.onInterrupt(() => Effect.sync(() => ++events.aborted))
    )
    yield* router.add("GET", "/slow", slow)
    const chunks = Stream.fromIterable(["one", "two", "three"]).pipe(
      Stream.encodeText,
      Stream.schedule(Schedule.spaced(20))
    )
    yield* router.add("GET", "/stream", HttpServerResponse.stream(chunks))
    yield* router.add("GET", "/forbidden", HttpServerResponse.empty({ status: 403 }))
    yield* router.add("GET", "/socket", echo)
  })
)

const server = HttpRouter.serve(routes).pipe(
  Layer.provide(SimHttpServer.layer({ host: "server", port: 80 })),
  Layer.provide(HttpServer.layerServices)
)

type Program<E> = Effect.Effect<unknown, E, HttpClient.HttpClient | Network.Network | Scope.Scope | Sim.RunContext>

/** Holds in every run, and leaves no connection open. */
const holds = <E>(program: Program<E>) => {
  const whole = Effect.gen(function* () {
    Object.assign(events, { handled: 0, aborted: 0, received: [] })
    const layers = Layer.merge(server, SimHttpClient.layer({ host: "client" }))
    yield* Effect.scoped(program).pipe(Effect.provide(layers))
    const open = yield* (yield* Network.Network).openConnections
    yield* expect(open === 0, `${open} connections are left open`)
  })
  assert.isUndefined(Sim.check(Effect.provide(whole, Network.layer()), { runs, leaks: "fail" }).failure?.message)
}

const expect = (condition: boolean, message: string) => (condition ? Effect.void : Effect.die(message))

const dial = (path: string) => WebSocketClient.connect({ from: "client", host: "server", port: 80, path })

/** The next frames, or the code of the end. */
const reading = Effect.fnUntraced(function* (socket: Socket.Socket) {
  const { pull } = yield* socket.reader
  return Effect.match(pull, { onFailure: closeCode, onSuccess: (frames) => frames.map(text).join() })
})

const timed = <E, R>(effect: Effect.Effect<number | string, E, R>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const code = yield* effect
    return { code, tookMs: (yield* Clock.currentTimeMillis) - start }
  })

const cut: Rule<Packet> = () => ({ _tag: "refuse" })

describe("HTTP", () => {
  it("carries method, path, headers, status and body", () => {
    holds(
      Effect.gen(function* () {
        const request = HttpClientRequest.post("http://server/echo?a=1", { headers: { "x-test": "yes" } })
        const response = yield* HttpClient.execute(HttpClientRequest.bodyText(request, "grüße"))
        const body = yield* response.text
        yield* expect(response.status === 201 && body === "/echo?a=1 yes grüße", `${response.status} ${body}`)
      })
    )
  })

  it("fails with the codes that Node has", () => {
    holds(
      Effect.gen(function* () {
        const codeOf = Effect.fnUntraced(function* (request: ReturnType<typeof HttpClient.get>) {
          const { reason } = yield* Effect.flip(Effect.asVoid(request))
          const cause: unknown = reason._tag === "TransportError" ? reason.cause : undefined
          return cause instanceof Error && "code" in cause ? cause.code : reason._tag
        })
        const code = (url: string) => codeOf(HttpClient.get(url))
        yield* expect((yield* code("http://nowhere/")) === "ENOTFOUND", "unknown host")
        yield* expect((yield* code("http://server:81/")) === "ECONNREFUSED", "closed port")
        const network = yield* Network.Network
        yield* network.rule(({ what }) => ({ _tag: what === "Chunk" ? "reset" : "pass" }))
        const sending = HttpClient.post("http://server/slow", { body: HttpBody.stream(Stream.make(new Uint8Array(1))) })
        yield* expect((yield* codeOf(sending)) === "ECONNRESET", "reset while the request is sent")
        yield* network.rule(({ kind }) => ({ _tag: kind === "message" ? "refuse" : "pass" }))
        yield* expect((yield* code("http://server/echo")) === "ECONNRESET", "reset")
      })
    )
  })

  it("interrupts the handler when the client gives up", () => {
    holds(
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(HttpClient.get("http://server/slow"))
        yield* Effect.sleep(100)
        yield* expect(events.handled === 1 && events.aborted === 0, "the handler does not wait")
        yield* Fiber.interrupt(fiber)
        yield* Effect.sleep(100)
        yield* expect(events.aborted === 1, "the handler was not interrupted")
      })
    )
  })

  it("never passes a body that breaks off for a whole one", () => {
    holds(
      Effect.gen(function* () {
        const whole = yield* Effect.flatMap(HttpClient.get("http://server/stream"), (response) => response.text)
        yield* expect(whole === "onetwothree", whole)
        const response = yield* HttpClient.get("http://server/stream")
        const body = yield* Effect.forkChild(Effect.result(response.text))
        yield* Effect.sleep(yield* Sim.choose("workload", 15))
        yield* (yield* Network.Network).rule(cut)
        const read = yield* Fiber.join(body)
        yield* expect(Result.isFailure(read), "the body ended well")
      })
    )
  })

  it("ends the connections of a server that closes, served or not", () => {
    const program = Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Layer.buildWithScope(Layer.fresh(server), scope)
      const client = yield* HttpClient.HttpClient
      const fiber = yield* Effect.forkChild(Effect.exit(client.get("http://server/slow")))
      // The instants at which the connection, the request and nothing arrives.
      yield* Effect.sleep(5 + 5 * (yield* Sim.choose("workload", 3)))
      yield* Scope.close(scope, Exit.void)
      const ended = yield* Effect.timeout(Fiber.join(fiber), "1 minute")
      yield* expect(Exit.isFailure(ended), "answered by a server that is gone")
    }).pipe(
      Effect.scoped,
      Effect.provide(
        SimHttpClient.layer({ host: "client" }).pipe(
          Layer.provideMerge(Network.layer({ latencyMsMin: 5, latencyMsMax: 5 }))
        )
      )
    )
    assert.isUndefined(Sim.check(program, { runs: 500, leaks: "fail" }).failure?.message)
  })
})

describe("a server on a host that crashes", () => {
  it("ends what is under way without a finalizer, and serves again when it is back", () => {
    const program = Effect.gen(function* () {
      Object.assign(events, { handled: 0, aborted: 0, received: [] })
      const network = yield* Network.Network
      const host = yield* Sim.Host.make("server")
      yield* host.onCrash(network.crash("server"))
      const up = Effect.forkChild(Effect.exit(host.run(Effect.scoped(Layer.launch(server)))))
      yield* up
      yield* Effect.sleep(1)
      const client = yield* HttpClient.HttpClient
      const asking = yield* Effect.forkChild(Effect.exit(client.get("http://server/slow")))
      yield* Effect.sleep(50)
      yield* host.crash
      yield* expect(Exit.isFailure(yield* Fiber.join(asking)), "answered by the dead")
      yield* expect(events.handled === 1 && events.aborted === 0, "a finalizer of the dead ran")
      yield* expect(Exit.isFailure(yield* Effect.exit(client.get("http://server/stream"))), "still up")
      yield* up
      yield* Effect.sleep(1)
      const { status } = yield* client.get("http://server/forbidden")
      yield* expect(status === 403, `status ${status}`)
    }).pipe(
      Effect.scoped,
      Effect.provide(SimHttpClient.layer({ host: "client" }).pipe(Layer.provideMerge(Network.layer())))
    )
    assert.isUndefined(Sim.check(program, { runs }).failure?.message)
  })
})

describe("WebSocket", () => {
  it("carries frames in order and closes with the code of the client", () => {
    holds(
      Effect.gen(function* () {
        const socket = yield* dial("/socket")
        const next = yield* reading(socket)
        const { write, writeAll } = yield* socket.writer
        yield* writeAll(["a", "b"])
        yield* expect(`${yield* next} ${yield* next}` === "a! b!", "frames")
        const waiting = yield* Effect.forkChild(next)
        yield* Effect.sleep(1)
        const sent: Array<string> = []
        yield* (yield* Network.Network).rule(({ from, what }) => {
          if (from === "client") sent.push(what)
          return { _tag: "pass" }
        })
        yield* write(new Socket.CloseEvent(4_000, "done"))
        yield* write("late")
        yield* expect(sent.join() === "CloseFrame", `sent ${sent.join()}`)
        const code = yield* Fiber.join(waiting)
        yield* expect(code === 4_000, `the client read ${code}`)
        yield* Effect.sleep(100)
        yield* expect(events.received.join() === "a,b,ended 4000", events.received.join())
      })
    )
  })

  it("closes with the code of the server", () => {
    holds(
      Effect.gen(function* () {
        const socket = yield* dial("/socket")
        const next = yield* reading(socket)
        yield* (yield* socket.writer).write("bye")
        const codes = [yield* next, yield* next]
        yield* expect(codes.join() === "4001,4001", codes.join())
        yield* Effect.sleep(100)
        yield* expect(events.received.join() === "bye,ended 4001", events.received.join())
      })
    )
  })

  it("ends with 1006 on both sides when the connection breaks", () => {
    holds(
      Effect.gen(function* () {
        const socket = yield* dial("/socket")
        const next = yield* reading(socket)
        yield* (yield* Network.Network).rule(cut)
        yield* (yield* socket.writer).write("lost")
        const code = yield* next
        yield* expect(code === 1_006, `the client read ${code}`)
        yield* Effect.sleep(100)
        yield* expect(events.received.join() === "ended 1006", events.received.join())
      })
    )
  })

  it("ends with 1006 when its close frame gets no answer in time", () => {
    holds(
      Effect.gen(function* () {
        const socket = yield* dial("/socket")
        const next = yield* reading(socket)
        // The other side never gets it, and so has nothing to answer.
        yield* (yield* Network.Network).rule(({ what }) => ({ _tag: what === "CloseFrame" ? "drop" : "pass" }))
        yield* (yield* socket.writer).write(new Socket.CloseEvent(4_000, "done"))
        const { code, tookMs } = yield* timed(next)
        yield* expect(code === 1_006 && tookMs === 2_000, `${code} after ${tookMs} ms`)
        yield* expect(events.received.join() === "", `the server read ${events.received.join()}`)
        yield* (yield* Network.Network).cut(() => true)
      })
    )
  })

  it("ends with 1002 at the peer, and a read error, when a frame is garbage", () => {
    holds(
      Effect.gen(function* () {
        const socket = yield* dial("/socket")
        const next = yield* reading(socket)
        yield* (yield* Network.Network).rule(({ what }) => ({ _tag: what === "Frame" ? "corrupt" : "pass" }))
        yield* (yield* socket.writer).write("")
        const code = yield* next
        yield* expect(code === 1_002, `the client read ${code}`)
        yield* Effect.sleep(100)
        yield* expect(events.received.join() === "ended SocketReadError", events.received.join())
      })
    )
  })

  it("fails to open where the server refuses, and names the status", () => {
    holds(
      Effect.gen(function* () {
        const refusal = Effect.fnUntraced(function* (path: string) {
          const { reason } = yield* Effect.flip(Effect.asVoid(dial(path)))
          return reason._tag === "SocketOpenError" ? String(reason.cause) : reason._tag
        })
        yield* expect((yield* refusal("/forbidden")) === "Error: HTTP status 403", "403")
        yield* expect((yield* refusal("/nothing")) === "Error: HTTP status 404", "404")
        const { status } = yield* HttpClient.get("http://server/socket")
        yield* expect(status >= 400, `a plain request to a socket got ${status}`)
      })
    )
  })
})
