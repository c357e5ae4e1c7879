/**
 * What the console's HTTP client promises, simulated and real alike: how failures look, that a body is never taken for
 * whole when it is not, and that what is given up leaves no connection.
 *
 * Deliberate differences, and therefore not here: messages of errors; TLS; unix sockets; limits on connections.
 */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { HttpClient, type HttpClientError, HttpClientRequest, HttpServerResponse } from "effect/http"
import { part } from "../support/HttpSides.ts"
import type { Declare, Misbehaviour } from "../support/HttpSides.ts"

/** Where a request failed, and the code and the system call that its cause names. */
const failureOf = <A, R>(effect: Effect.Effect<A, HttpClientError.HttpClientError, R>) =>
  Effect.map(Effect.flip(Effect.asVoid(effect)), ({ reason }) => {
    const cause = "cause" in reason ? reason.cause : undefined
    const { code, name, syscall }: { code?: unknown; name?: unknown; syscall?: unknown } =
      typeof cause === "object" && cause !== null ? cause : {}
    return [
      reason._tag,
      ...[code, syscall, name].filter((value) => typeof value === "string" && value !== "Error")
    ].join(" ")
  })

const ends: ReadonlyArray<{ readonly how: Misbehaviour; readonly what: string; readonly failure: string }> = [
  {
    what: "a server that closes without an answer",
    how: { _tag: "end", by: "close", after: "nothing" },
    failure: "TransportError UND_ERR_SOCKET SocketError"
  },
  {
    what: "a server that resets without an answer",
    how: { _tag: "end", by: "reset", after: "nothing" },
    failure: "TransportError ECONNRESET read"
  },
  {
    what: "a body that ends short of its length",
    how: { _tag: "end", by: "close", after: "part" },
    failure: "DecodeError UND_ERR_SOCKET SocketError"
  },
  {
    what: "a body that is broken off by a reset",
    how: { _tag: "end", by: "reset", after: "part" },
    failure: "DecodeError ECONNRESET read"
  },
  {
    what: "an answer that is no HTTP",
    how: { _tag: "garbage" },
    failure: "TransportError HTTPParserError"
  }
]

export const failures = (declare: Declare): void => {
  declare("a port that nobody listens on fails with ECONNREFUSED", ({ client, closedPort }) =>
    Effect.gen(function* () {
      const url = yield* closedPort
      assert.strictEqual(yield* failureOf(client.get(url)), "TransportError ECONNREFUSED connect")
    })
  )

  declare("a host that nobody knows fails with ENOTFOUND", ({ client, unknownHost }) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* failureOf(client.get(unknownHost)), "TransportError ENOTFOUND getaddrinfo")
    })
  )

  for (const { failure, how, what } of ends) {
    declare(`${what} fails with ${failure}`, ({ client, misbehave }) =>
      Effect.gen(function* () {
        const { url } = yield* misbehave(how)
        const read = Effect.flatMap(client.get(url), (response) => response.text)
        assert.strictEqual(yield* failureOf(read), failure)
      })
    )
  }

  declare("what came of a body before it broke off can be read", ({ client, misbehave }) =>
    Effect.gen(function* () {
      const { url } = yield* misbehave({ _tag: "end", by: "reset", after: "part" })
      const { status, stream } = yield* client.get(url)
      assert.strictEqual(status, 200)
      let seen = ""
      const read = Stream.runForEach(Stream.decodeText(stream), (piece) => Effect.sync(() => (seen += piece)))
      assert.strictEqual(yield* failureOf(read), "DecodeError ECONNRESET read")
      assert.strictEqual(seen, part)
    })
  )
}

export const givingUp = (declare: Declare): void => {
  declare("a request that is interrupted closes its connection", ({ client, misbehave }) =>
    Effect.gen(function* () {
      const { left, url } = yield* misbehave({ _tag: "silence" })
      const fiber = yield* Effect.forkChild(client.get(url))
      yield* Effect.sleep(50)
      yield* Fiber.interrupt(fiber)
      yield* left
    })
  )

  declare("a request whose time is up closes its connection", ({ client, misbehave }) =>
    Effect.gen(function* () {
      const { left, url } = yield* misbehave({ _tag: "silence" })
      const error = yield* Effect.flip(Effect.timeout(client.get(url), 100))
      assert.strictEqual(error._tag, "TimeoutError")
      yield* left
    })
  )

  declare("a body that is not read to its end closes its connection with its scope", ({ client, serve }) =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const body = Stream.make(new Uint8Array(10)).pipe(
        Stream.concat(Stream.never),
        Stream.ensuring(Deferred.succeed(ended, undefined))
      )
      const url = yield* serve(Effect.succeed(HttpServerResponse.stream(body)))
      const scope = yield* Scope.make()
      yield* Scope.provide(HttpClient.withScope(client).get(url), scope)
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(ended)
    })
  )

  declare("a body that fails while it is sent fails the request", ({ client, serve }) =>
    Effect.gen(function* () {
      const url = yield* serve(Effect.never)
      const body = Stream.concat(Stream.make(new Uint8Array(10)), Stream.fail("on purpose"))
      const request = HttpClientRequest.bodyStream(HttpClientRequest.post(url), body)
      assert.match(yield* failureOf(client.execute(request)), /^TransportError/)
    })
  )

  declare("an answer may come before the request has been sent", ({ client, serve }) =>
    Effect.gen(function* () {
      const url = yield* serve(Effect.succeed(HttpServerResponse.text("too much", { status: 413 })))
      const body = Stream.concat(Stream.make(new Uint8Array(10)), Stream.never)
      const request = HttpClientRequest.bodyStream(HttpClientRequest.post(url), body)
      const { status } = yield* client.execute(request)
      assert.strictEqual(status, 413)
    })
  )
}
