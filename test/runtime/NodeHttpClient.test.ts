import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Schedule, Scope, Stream, Tracer } from "effect"
import { HttpClient } from "effect/http"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createConnection, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer as createTlsServer } from "node:tls"
import { Worker } from "node:worker_threads"
import * as SupervisorDriver from "../../core/supervisor/SupervisorDriver.ts"
import * as NodeHttpClient from "../../runtime/NodeHttpClient.ts"
import { http, rawServer } from "../core/supervisor/RawServer.ts"
import { captureNamed } from "../core/xmlrpc/Captures.ts"

const processes = captureNamed("07-getAllProcessInfo").text
const limits = { deadlineMs: 2_000, replyBytesMax: 100_000 }

const driverOf = (url: string, changes: Partial<SupervisorDriver.SupervisorDriverOptions> = {}) =>
  SupervisorDriver.make({ url, ...limits, ...changes })

/** Asks for all processes. The client may hold one connection at most: a leaked one would block the next call. */
const ask = (url: string, changes: Partial<SupervisorDriver.SupervisorDriverOptions> = {}) =>
  Effect.flatMap(driverOf(url, changes), (driver) => driver.processes)

/** Waits until the condition holds; the peer learns of closed connections a little later. */
const eventually = (condition: Effect.Effect<boolean>) =>
  condition.pipe(
    Effect.filterOrFail(
      (holds) => holds,
      () => "did not come true"
    ),
    Effect.retry({ schedule: Schedule.spaced(10), times: 300 })
  )

const oneConnection = NodeHttpClient.layer({ connectionsMax: 1 })

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "muster ü-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A key and its certificate for localhost, made for the test so that no private key lies about. */
const selfSigned = Effect.map(temporaryFolder, (folder) => {
  const command =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost " +
    "-addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem"
  execFileSync("openssl", command.split(" "), { cwd: folder, stdio: "ignore" })
  return { key: readFileSync(join(folder, "key.pem"), "utf8"), cert: readFileSync(join(folder, "cert.pem"), "utf8") }
})

/** A test that makes certificates. */
const itWithOpenssl = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) => {
  const missing = spawnSync("openssl", ["version"]).error !== undefined
  const isSkipped = missing && process.env["MUSTER_REQUIRE_ALL"] !== "1"
  return isSkipped ? it.skip(`${name} [skipped: openssl is not on PATH]`) : it.live(name, body)
}

describe("call over a real connection", () => {
  it.live("sends a request that supervisord accepts, and reads its reply", () =>
    Effect.gen(function* () {
      const server = yield* rawServer((socket) => socket.end(http(processes)))
      const found = yield* ask(server.url, { username: "admin", password: Redacted.make("s3cret") })
      assert.lengthOf(found, 20)
      const [head = "", body = ""] = (server.received[0] ?? "").split("\r\n\r\n")
      const lines = head.toLowerCase().split("\r\n")
      assert.strictEqual(lines[0], "post /rpc2 http/1.1")
      assert.includeMembers(lines, [
        `content-length: ${body.length}`,
        "content-type: text/xml",
        "user-agent: muster",
        `authorization: basic ${btoa("admin:s3cret").toLowerCase()}`,
        "connection: close"
      ])
      assert.notInclude(head.toLowerCase(), "transfer-encoding")
    }).pipe(Effect.provide(oneConnection))
  )

  it.live("opens a connection of its own for each call and closes it", () =>
    Effect.gen(function* () {
      const server = yield* rawServer((socket) => void socket.write(http(processes)))
      yield* ask(server.url)
      yield* ask(server.url)
      yield* ask(server.url)
      assert.lengthOf(server.received, 3)
      yield* eventually(Effect.map(server.openCount, (count) => count === 0))
    }).pipe(Effect.provide(oneConnection))
  )

  it.live("goes over a unix socket", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "Supervisor 100%.sock")
      const server = yield* rawServer((socket) => socket.end(http(processes)), { path })
      assert.lengthOf(yield* ask(`unix://${path}`), 20)
      assert.match(server.received[0] ?? "", /^POST \/RPC2 HTTP\/1\.1\r\nhost: localhost\r\n/)
    }).pipe(Effect.provide(oneConnection))
  )

  itWithOpenssl("goes over TLS to a peer that a given authority has signed, and to no other", () =>
    Effect.gen(function* () {
      const own = yield* selfSigned
      const other = yield* selfSigned
      const server = createTlsServer(own, (socket) => {
        socket.on("error", () => {})
        socket.once("data", () => socket.end(http(processes)))
      })
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const address = server.address()
      const url = `https://localhost:${typeof address === "object" && address !== null ? address.port : 0}`
      const trusting = (ca: string) => Effect.provide(ask(url, { tls: { ca } }), oneConnection)
      assert.lengthOf(yield* trusting(`${other.cert}\n${own.cert}`), 20)
      for (const call of [trusting(other.cert), Effect.provide(ask(url), oneConnection)]) {
        const { reason } = yield* Effect.flip(call)
        if (reason._tag !== "Unreachable") return assert.fail(reason._tag)
        assert.match(reason.detail, /^self-signed certificate.*DEPTH_ZERO_SELF_SIGNED_CERT$/)
      }
    })
  )

  it.live("is one span of the client, which holds no credentials", () =>
    Effect.gen(function* () {
      const server = yield* rawServer((socket) => socket.end(http(processes)))
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      yield* Effect.withTracer(ask(server.url, { username: "admin", password: Redacted.make("s3cret") }), tracer)
      const names = spans.map((span) => span.name)
      assert.deepStrictEqual(names, ["SupervisorDriver.processes", "SupervisorCall", "POST"])
      const attributes = spans.flatMap((span) => Array.from(span.attributes, String)).join("\n")
      assert.include(attributes, "supervisor.getAllProcessInfo")
      assert.notInclude(attributes, "s3cret")
      assert.notInclude(attributes, btoa("admin:s3cret"))
      assert.notMatch(server.received[0] ?? "", /\r\n(traceparent|b3):/i)
    }).pipe(Effect.provide(oneConnection))
  )

  it.live("keeps to the number of connections it may open", () =>
    Effect.gen(function* () {
      const waiting: Array<Socket> = []
      const server = yield* rawServer((socket) => void waiting.push(socket))
      const calls = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 5 }), () => ask(server.url), { concurrency: "unbounded" })
      )
      for (let answered = 0; answered < 5; answered++) {
        yield* eventually(Effect.sync(() => waiting.length > 0))
        yield* Effect.sleep(20)
        assert.isAtMost(yield* server.openCount, 2)
        waiting.shift()?.end(http(processes))
      }
      assert.lengthOf(yield* Fiber.join(calls), 5)
    }).pipe(Effect.provide(NodeHttpClient.layer({ connectionsMax: 2 })))
  )
})

describe("failure over a real connection", () => {
  const failsWith = (
    name: string,
    serve: (socket: Socket) => void,
    expected: Readonly<Record<string, unknown>>,
    changes: Partial<SupervisorDriver.SupervisorDriverOptions> = {}
  ) =>
    it.live(name, () =>
      Effect.gen(function* () {
        const server = yield* rawServer(serve)
        const { operation, reason } = yield* Effect.flip(ask(server.url, changes))
        assert.strictEqual(operation, "supervisor.getAllProcessInfo")
        assert.deepInclude(reason, expected)
        yield* eventually(Effect.map(server.openCount, (count) => count === 0))
        yield* connectionIsFree
      }).pipe(Effect.provide(oneConnection))
    )

  const head = (length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`

  failsWith("closed before the reply is a lost connection", (socket) => socket.end(), {
    _tag: "ConnectionLost",
    detail: "other side closed, UND_ERR_SOCKET"
  })
  failsWith("reset before the reply is a lost connection", (socket) => socket.resetAndDestroy(), {
    _tag: "ConnectionLost",
    detail: "read ECONNRESET"
  })
  failsWith("closed in the head is a lost connection", (socket) => socket.end("HTTP/1.1 200 OK\r\nConte"), {
    _tag: "ConnectionLost"
  })
  failsWith(
    "reset in the body is a lost connection",
    (socket) => {
      socket.write(head(100) + "abc", () => socket.resetAndDestroy())
    },
    { _tag: "ConnectionLost" }
  )
  failsWith("closed before the announced length is a lost connection", (socket) => socket.end(head(100) + "abc"), {
    _tag: "ConnectionLost"
  })
  failsWith(
    "closed in a chunk is a lost connection",
    (socket) => {
      socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc")
    },
    { _tag: "ConnectionLost" }
  )
  failsWith(
    "announced shorter than it is is a malformed reply",
    (socket) => {
      socket.end(http(processes, "HTTP/1.1 200 OK\r\nContent-Length: 300"))
    },
    { _tag: "Malformed" }
  )
  failsWith("without any answer it times out", () => {}, { _tag: "TimedOut", afterMs: 200 }, { deadlineMs: 200 })
  failsWith(
    "with a body that stops it times out",
    (socket) => void socket.write(head(100) + "abc"),
    {
      _tag: "TimedOut",
      afterMs: 200
    },
    { deadlineMs: 200 }
  )
  failsWith(
    "with a body that trickles it times out",
    (socket) => {
      socket.write(head(10_000))
      const timer = setInterval(() => socket.write("<"), 20)
      socket.on("close", () => clearInterval(timer))
    },
    { _tag: "TimedOut", afterMs: 200 },
    { deadlineMs: 200 }
  )
  failsWith("announced larger than the limit is too large", (socket) => void socket.write(head(100_001)), {
    _tag: "TooLarge",
    limitBytes: 100_000
  })
  failsWith(
    "larger than the limit without an announced length is too large",
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n" + " ".repeat(200_000))
    },
    { _tag: "TooLarge", limitBytes: 100_000 }
  )
  failsWith(
    "401 is unauthorized, though its body never ends",
    (socket) => {
      socket.write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000\r\n\r\n<head>")
    },
    { _tag: "Unauthorized" }
  )
  failsWith("500 is its status", (socket) => void socket.write(http("<html>", "HTTP/1.1 500 Internal Server Error")), {
    _tag: "HttpStatus",
    status: 500
  })
  failsWith(
    "a redirect is not followed",
    (socket) => {
      socket.end("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    },
    { _tag: "HttpStatus", status: 301 }
  )
  failsWith("nonsense instead of HTTP is a malformed reply", (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"), {
    _tag: "Malformed"
  })
  failsWith("a body of nonsense is a malformed reply", (socket) => socket.end(http('{"not": "xml"}')), {
    _tag: "Malformed"
  })
  failsWith("an empty body is a malformed reply", (socket) => socket.end(http("")), { _tag: "Malformed" })
  failsWith(
    "a head without end is a malformed reply",
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nX: " + "x".repeat(100_000))
    },
    { _tag: "Malformed" }
  )
  failsWith(
    "two lengths that disagree are a malformed reply",
    (socket) => {
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
    },
    { _tag: "Malformed" }
  )

  const unreachable = (name: string, url: string, detail: RegExp) =>
    it.live(name, () =>
      Effect.gen(function* () {
        const { reason } = yield* Effect.flip(ask(url))
        if (reason._tag !== "Unreachable") return assert.fail(reason._tag)
        assert.match(reason.detail, detail)
        yield* connectionIsFree
      }).pipe(Effect.provide(oneConnection))
    )

  unreachable("refused is unreachable", "http://127.0.0.1:1", /^connect ECONNREFUSED 127\.0\.0\.1:1$/)
  unreachable("an unknown host is unreachable", "http://no-such-host.invalid", /^getaddrinfo E/)
  unreachable("a missing socket is unreachable", "unix:///no/such/supervisor.sock", /^connect ENOENT/)
  unreachable("a scheme without a transport is unreachable", "ftp://127.0.0.1", /^its URL is not valid$/)
  unreachable("a text that is no URL is unreachable", "not a url", /^its URL is not valid$/)

  it.live("a peer without TLS is unreachable over https", () =>
    Effect.gen(function* () {
      const server = yield* rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      const { reason } = yield* Effect.flip(ask(server.url.replace("http:", "https:")))
      assert.deepInclude(reason, {
        _tag: "Unreachable",
        detail: "wrong version number, ERR_SSL_WRONG_VERSION_NUMBER"
      })
    }).pipe(Effect.provide(oneConnection))
  )
})

describe("end of a connection", () => {
  it.live("comes with the interruption of its call", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(() => {})
      const call = yield* Effect.forkChild(ask(server.url))
      yield* eventually(Effect.sync(() => server.received.some((bytes) => bytes !== "")))
      yield* Fiber.interrupt(call)
      yield* eventually(Effect.map(server.openCount, (count) => count === 0))
    }).pipe(Effect.provide(oneConnection))
  )

  it.live("comes with the interruption of its call while it still connects", () =>
    Effect.gen(function* () {
      const port = yield* deafPort
      const connects = Effect.sync(() => process.getActiveResourcesInfo().includes("ConnectWrap"))
      const call = yield* Effect.forkChild(Effect.flip(ask(`http://127.0.0.1:${port}`, { deadlineMs: 300 })))
      yield* eventually(connects)
      assert.strictEqual((yield* Fiber.join(call)).reason._tag, "TimedOut")
      yield* eventually(Effect.map(connects, (still) => !still))
      const healthy = yield* rawServer((socket) => socket.end(http(processes)))
      assert.lengthOf(yield* ask(healthy.url), 20)
    }).pipe(Effect.provide(oneConnection))
  )

  it.live("comes with the interruption of a call that waits for its turn, which gives up nothing", () =>
    Effect.gen(function* () {
      const server = yield* rawServer((socket, index) => void (index > 0 && socket.end(http(processes))))
      const first = yield* Effect.forkChild(ask(server.url))
      yield* eventually(Effect.sync(() => server.received.length === 1))
      const second = yield* Effect.forkChild(ask(server.url))
      yield* Effect.sleep(20)
      yield* Fiber.interrupt(second)
      assert.lengthOf(server.received, 1)
      yield* Fiber.interrupt(first)
      assert.lengthOf(yield* ask(server.url), 20)
      assert.lengthOf(server.received, 2)
    }).pipe(Effect.provide(oneConnection))
  )

  it.live("comes with the scope of the client", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(() => {})
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(oneConnection, scope)
      const call = yield* Effect.forkChild(Effect.flip(Effect.provide(ask(server.url), context)))
      yield* eventually(Effect.sync(() => server.received.some((bytes) => bytes !== "")))
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      yield* eventually(Effect.map(server.openCount, (count) => count === 0))
      assert.strictEqual((yield* Fiber.join(call)).reason._tag, "ConnectionLost")
    })
  )

  it.live("comes when a reply is not read to its end", () =>
    Effect.gen(function* () {
      const server = yield* rawServer((socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"))
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      yield* Effect.scoped(
        Effect.gen(function* () {
          assert.strictEqual((yield* client.get(server.url)).status, 200)
          assert.strictEqual(yield* server.openCount, 1)
        })
      )
      yield* eventually(Effect.map(server.openCount, (count) => count === 0))
    }).pipe(Effect.provide(oneConnection))
  )
})

describe("kept connection", () => {
  const keptLayer = NodeHttpClient.layer({ connectionsMax: 4, idlePerPeerMax: 2, idleMs: 300 })
  const kept = { connections: "keep-alive" } as const
  const connectionsOf = (server: { readonly received: ReadonlyArray<string> }) => server.received.length

  /** Answers each request on a connection, however many come. */
  const answersAll = (socket: Socket, status = "200 OK") => {
    const reply = () =>
      void socket.write(http(processes, `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(processes)}`))
    reply()
    socket.on("data", (bytes: Buffer) => bytes.includes("POST ") && reply())
  }

  it.live("serves one call after another, and is closed when nobody calls any more", () =>
    Effect.gen(function* () {
      const server = yield* rawServer((socket) => answersAll(socket))
      for (let i = 0; i < 5; i++) assert.lengthOf(yield* ask(server.url, kept), 20)
      assert.strictEqual(connectionsOf(server), 1)
      assert.notMatch(server.received[0] ?? "", /connection: close/i)
      yield* eventually(Effect.map(server.openCount, (count) => count === 0))
      assert.lengthOf(yield* ask(server.url, kept), 20)
      assert.strictEqual(connectionsOf(server), 2)
    }).pipe(Effect.provide(keptLayer))
  )

  it.live("serves one call at a time, and few are kept", () =>
    Effect.gen(function* () {
      const waiting: Array<Socket> = []
      const server = yield* rawServer((socket) => void waiting.push(socket))
      const calls = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 4 }), () => ask(server.url, kept), { concurrency: "unbounded" })
      )
      yield* eventually(Effect.sync(() => waiting.length === 4))
      for (const socket of waiting) answersAll(socket)
      yield* Fiber.join(calls)
      yield* eventually(Effect.map(server.openCount, (count) => count === 2))
      assert.lengthOf(yield* ask(server.url, kept), 20)
      assert.strictEqual(connectionsOf(server), 4)
    }).pipe(Effect.provide(keptLayer))
  )

  it.live("is not left to the next call by one that is given up", () =>
    Effect.gen(function* () {
      // The first call gets half an answer, and the rest only when the second one asks.
      const server = yield* rawServer((socket, index) => {
        if (index > 0) return answersAll(socket)
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n<half>")
        socket.on("data", () => socket.write("the other half"))
      })
      const { reason } = yield* Effect.flip(ask(server.url, { ...kept, deadlineMs: 200 }))
      assert.strictEqual(reason._tag, "TimedOut")
      assert.lengthOf(yield* ask(server.url, kept), 20)
      assert.strictEqual(connectionsOf(server), 2)
      yield* eventually(Effect.map(server.openCount, (count) => count === 0))
    }).pipe(Effect.provide(keptLayer))
  )

  it.live("gives back its place whatever becomes of the call", () =>
    Effect.gen(function* () {
      const statuses = ["401 Unauthorized", "500 Error", "404 Not Found"]
      let asked = 0
      const failing = yield* rawServer((socket) => answersAll(socket, statuses[asked++ % 3]))
      const silent = yield* rawServer(() => {})
      const garbage = yield* rawServer((socket) => void socket.end("garbage\r\n\r\n"))
      for (let i = 0; i < 6; i++) {
        yield* Effect.flip(ask(failing.url, kept))
        yield* Effect.flip(ask(failing.url, { ...kept, replyBytesMax: 1_024 }))
        yield* Effect.flip(ask(silent.url, { ...kept, deadlineMs: 20 }))
        yield* Effect.flip(ask(garbage.url, kept))
        yield* Effect.flip(ask("http://127.0.0.1:1", kept))
        yield* Effect.flip(ask("not a url", kept))
      }
      for (const server of [failing, silent, garbage]) {
        yield* eventually(Effect.map(server.openCount, (count) => count === 0))
      }
      const healthy = yield* rawServer((socket) => answersAll(socket))
      assert.lengthOf(yield* ask(healthy.url, kept), 20)
    }).pipe(Effect.provide(NodeHttpClient.layer({ connectionsMax: 1, idleMs: 300 })))
  )

  it.live("that the peer has closed is not used again", () =>
    Effect.gen(function* () {
      const server = yield* rawServer((socket) => {
        answersAll(socket)
        setTimeout(() => socket.end(), 50)
      })
      assert.lengthOf(yield* ask(server.url, kept), 20)
      yield* eventually(Effect.map(server.openCount, (count) => count === 0))
      assert.lengthOf(yield* ask(server.url, kept), 20)
      assert.strictEqual(connectionsOf(server), 2)
    }).pipe(Effect.provide(keptLayer))
  )

  it.live("is closed with the scope of the client", () =>
    Effect.gen(function* () {
      const server = yield* rawServer((socket) => answersAll(socket))
      yield* Effect.provide(ask(server.url, kept), NodeHttpClient.layer())
      yield* eventually(Effect.map(server.openCount, (count) => count === 0))
    })
  )

  it.live("is closed when its call is interrupted while it still connects", () =>
    Effect.gen(function* () {
      const port = yield* deafPort
      const connects = Effect.sync(() => process.getActiveResourcesInfo().includes("ConnectWrap"))
      const call = yield* Effect.forkChild(ask(`http://127.0.0.1:${port}`, kept))
      yield* eventually(connects)
      yield* Fiber.interrupt(call)
      yield* eventually(Effect.map(connects, (still) => !still))
    }).pipe(Effect.provide(keptLayer))
  )

  it.live("of a followed log ends with its reader", () =>
    Effect.gen(function* () {
      const server = yield* rawServer((socket) => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
      })
      const driver = yield* driverOf(server.url)
      const pieces = driver.followLog({ group: "web", name: "a b" }, "stderr")
      const first = yield* Stream.runCollect(Stream.take(pieces, 1))
      assert.deepStrictEqual(first, [{ _tag: "Bytes", bytes: Buffer.from("abc") }])
      assert.match(server.received[0] ?? "", /^GET \/logtail\/web%3Aa%20b\/stderr HTTP\/1\.1\r\n/)
      // supervisord would send blocks of 64 KiB.
      assert.notMatch(server.received[0] ?? "", /connection: close/i)
      yield* eventually(Effect.map(server.openCount, (count) => count === 0))
      const refused = yield* rawServer((socket) => void socket.write(http("<html>", "HTTP/1.1 404 Not Found")))
      const { reason } = yield* Effect.flip(
        Effect.flatMap(driverOf(refused.url), (other) =>
          Stream.runDrain(other.followLog({ group: "web", name: "no" }, "stdout"))
        )
      )
      assert.deepInclude(reason, { _tag: "Fault", name: "BAD_NAME" })
      yield* eventually(Effect.map(refused.openCount, (count) => count === 0))
      yield* connectionIsFree
    }).pipe(Effect.provide(oneConnection))
  )
})

/** With one connection permitted, a call that succeeds shows that the one before gave it back. */
const connectionIsFree = Effect.gen(function* () {
  const healthy = yield* rawServer((socket) => socket.end(http(processes)))
  assert.lengthOf(yield* ask(healthy.url), 20)
})

/** A port that listens and never accepts, with its queue full: connecting to it neither succeeds nor fails. */
const deafPort = Effect.gen(function* () {
  const worker = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new Worker(
          `const { parentPort } = require("node:worker_threads")
         const server = require("node:net").createServer()
         server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
           parentPort.postMessage(server.address().port)
           setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0), 20)
         })`,
          { eval: true }
        )
    ),
    (started) => Effect.promise(() => started.terminate())
  )
  const port = yield* Effect.callback<number>((resume) => {
    worker.once("message", (message) => resume(Effect.succeed(Number(message))))
  })
  yield* Effect.sleep(100)
  // One more than the queue takes, and the kernel drops what comes after.
  const fillers = Array.from({ length: 4 }, () => createConnection({ port, host: "127.0.0.1" }).on("error", () => {}))
  yield* Effect.sleep(100)
  for (const filler of fillers.filter((each) => each.connecting)) filler.destroy()
  yield* Effect.addFinalizer(() => Effect.sync(() => fillers.forEach((each) => each.destroy())))
  return port
})
