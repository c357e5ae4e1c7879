/**
 * What the console's HTTP server promises, simulated and real alike: what handlers get to see of requests, what clients
 * get of answers, and what becomes of a handler when the client goes.
 *
 * Deliberate differences, and therefore not here: the real server keeps connections alive, adds `date` and `connection`
 * headers, cuts bodies into segments, and answers some requests (`Expect`, timeouts) without asking a handler.
 */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schedule, Stream } from "effect"
import {
  Cookies,
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import type { App, Declare } from "../support/HttpSides.ts"

const ask = (request: HttpClientRequest.HttpClientRequest) =>
  HttpClient.HttpClient.use((client) => client.execute(request))

/** Answers with what it was asked, as text. */
const mirror = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  const body = yield* request.text
  const { headers, method, url } = request
  return HttpServerResponse.text(`${method} ${url} ${headers["x-kind"] ?? "-"} ${body}`, { status: 201 })
})

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) % 256)

/** Sends what it gets, as it gets it. */
const echo = Effect.map(HttpServerRequest.HttpServerRequest, (request) =>
  HttpServerResponse.stream(request.stream, { contentType: "application/octet-stream" })
)

const collected = (stream: Stream.Stream<Uint8Array, unknown>) =>
  Effect.map(Stream.runCollect(stream), (chunks) => Buffer.concat(chunks))

/** Waits for what follows from something that has happened already. */
const eventually = (what: string, holds: () => boolean) =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.fail(`${what} did not come true`))).pipe(
    Effect.retry({ schedule: Schedule.spaced(10), times: 500 })
  )

/** Never answers; tells when it is asked and when it is interrupted. */
const makeSlow = Effect.gen(function* () {
  const asked = yield* Deferred.make<void>()
  const interrupted = yield* Deferred.make<void>()
  const app: App = Deferred.succeed(asked, undefined).pipe(
    Effect.andThen(Effect.never),
    Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
  )
  return { app, asked: Deferred.await(asked), interrupted: Deferred.await(interrupted) }
})

export const requests = (declare: Declare): void => {
  declare("a handler sees method, path, query and headers", ({ client, serve }) =>
    Effect.gen(function* () {
      const url = `${yield* serve(mirror)}/deep/path?a=1&b=x%20y&a=2`
      for (const method of ["GET", "DELETE", "OPTIONS"] as const) {
        const response = yield* ask(HttpClientRequest.make(method)(url, { headers: { "X-Kind": "Mixed Case" } }))
        assert.strictEqual(response.status, 201)
        assert.strictEqual(yield* response.text, `${method} /deep/path?a=1&b=x%20y&a=2 Mixed Case `)
      }
    }).pipe(Effect.provideService(HttpClient.HttpClient, client))
  )

  declare("a handler reads bodies of text, of every method that has one", ({ client, serve }) =>
    Effect.gen(function* () {
      const url = yield* serve(mirror)
      for (const method of ["POST", "PUT", "PATCH"] as const) {
        const request = HttpClientRequest.make(method)(`${url}/`)
        const response = yield* ask(HttpClientRequest.bodyText(request, "grüße, 世界 \u{1F600}"))
        assert.strictEqual(yield* response.text, `${method} / - grüße, 世界 \u{1F600}`)
        const empty = yield* ask(request)
        assert.strictEqual(yield* empty.text, `${method} / - `)
      }
    }).pipe(Effect.provideService(HttpClient.HttpClient, client))
  )

  declare("bodies come back byte by byte, small and large, at once and in pieces", ({ client, serve }) =>
    Effect.gen(function* () {
      const url = yield* serve(echo)
      const post = HttpClientRequest.post(url)
      for (const length of [0, 1, 300_000]) {
        const sent = bytes(length)
        const whole = yield* ask(HttpClientRequest.bodyUint8Array(post, sent))
        assert.isTrue((yield* collected(whole.stream)).equals(sent), `${length} bytes at once`)
        const pieces = Array.from({ length: Math.ceil(length / 50_000) }, (_, i) =>
          sent.subarray(i * 50_000, (i + 1) * 50_000)
        )
        const streamed = yield* ask(HttpClientRequest.bodyStream(post, Stream.fromIterable(pieces)))
        assert.isTrue((yield* collected(streamed.stream)).equals(sent), `${length} bytes in pieces`)
      }
    }).pipe(Effect.provideService(HttpClient.HttpClient, client))
  )
}

export const answers = (declare: Declare): void => {
  declare("a client sees status, headers and cookies", ({ client, serve }) =>
    Effect.gen(function* () {
      const cookies = Cookies.fromIterable([
        Cookies.makeCookieUnsafe("a", "1"),
        Cookies.makeCookieUnsafe("b", "2", { path: "/x", httpOnly: true })
      ])
      const headers = { "X-Kind": "Yes", "cache-control": "no-store" }
      const url = yield* serve(Effect.succeed(HttpServerResponse.text("short", { status: 418, headers, cookies })))
      const response = yield* client.get(url)
      assert.strictEqual(response.status, 418)
      assert.strictEqual(response.headers["x-kind"], "Yes")
      assert.strictEqual(response.headers["cache-control"], "no-store")
      assert.strictEqual(response.headers["content-length"], "5")
      assert.match(response.headers["content-type"] ?? "", /^text\/plain/)
      assert.strictEqual(response.headers["set-cookie"], "a=1, b=2; Path=/x; HttpOnly")
      assert.deepStrictEqual(Cookies.toRecord(response.cookies), { a: "1", b: "2" })
      assert.strictEqual(yield* response.text, "short")
    })
  )

  declare("HEAD has the headers of GET and no body, and 204 has none", ({ client, serve }) =>
    Effect.gen(function* () {
      const url = yield* serve(
        Effect.map(HttpServerRequest.HttpServerRequest, (request) =>
          request.url === "/none"
            ? HttpServerResponse.text("never sent", { status: 204 })
            : HttpServerResponse.text("body")
        )
      )
      const head = yield* client.head(`${url}/`)
      assert.strictEqual(head.headers["content-length"], "4")
      assert.strictEqual(yield* head.text, "")
      const none = yield* client.get(`${url}/none`)
      assert.strictEqual(none.status, 204)
      assert.isUndefined(none.headers["content-length"])
      assert.strictEqual(yield* none.text, "")
    })
  )

  declare("a handler that dies is a 500, and the next is served", ({ client, serve }) =>
    Effect.gen(function* () {
      let asked = 0
      const url = yield* serve(
        Effect.suspend(() =>
          ++asked === 1 ? Effect.die("on purpose") : Effect.succeed(HttpServerResponse.text("fine"))
        )
      )
      assert.strictEqual((yield* client.get(url)).status, 500)
      assert.strictEqual(yield* (yield* client.get(url)).text, "fine")
    })
  )

  declare("a body that the handler cannot finish never ends well", ({ client, serve }) =>
    Effect.gen(function* () {
      const some = Stream.make(bytes(10))
      const url = yield* serve(
        Effect.succeed(HttpServerResponse.stream(Stream.concat(some, Stream.fail("on purpose"))))
      )
      // The head may not have been sent yet when the body fails.
      const read = Effect.flatMap(client.get(url), (response) => collected(response.stream))
      assert.instanceOf(yield* Effect.flip(read), HttpClientError.HttpClientError)
    })
  )

  declare("a stream arrives while it is made", ({ client, serve }) =>
    Effect.gen(function* () {
      const more = yield* Deferred.make<void>()
      const pieces = Stream.concat(
        Stream.make("first"),
        Stream.fromEffect(Effect.as(Deferred.await(more), "second"))
      ).pipe(Stream.encodeText)
      const url = yield* serve(Effect.succeed(HttpServerResponse.stream(pieces)))
      const response = yield* client.get(url)
      const seen: Array<string> = []
      yield* Stream.runForEach(Stream.decodeText(response.stream), (piece) => {
        seen.push(piece)
        return piece === "first" ? Deferred.succeed(more, undefined) : Effect.void
      })
      assert.deepStrictEqual(seen, ["first", "second"])
    })
  )

  declare("many clients are served at once, each its own answer", ({ client, serve }) =>
    Effect.gen(function* () {
      const count = 20
      let waiting = 0
      const all = yield* Deferred.make<void>()
      const url = yield* serve(
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          if (++waiting === count) yield* Deferred.succeed(all, undefined)
          yield* Deferred.await(all)
          return HttpServerResponse.text(request.url)
        })
      )
      const paths = Array.from({ length: count }, (_, i) => `/${i}`)
      const texts = yield* Effect.forEach(
        paths,
        (path) => Effect.flatMap(client.get(`${url}${path}`), (response) => response.text),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(texts, paths)
    })
  )
}

export const clientsThatGo = (declare: Declare): void => {
  declare("a handler is interrupted when its client gives up", ({ client, serve }) =>
    Effect.gen(function* () {
      const slow = yield* makeSlow
      const url = yield* serve(slow.app)
      const fiber = yield* Effect.forkChild(client.get(url))
      yield* slow.asked
      yield* Fiber.interrupt(fiber)
      yield* slow.interrupted
    })
  )

  declare("a handler is interrupted when its client's time is up", ({ client, serve }) =>
    Effect.gen(function* () {
      const slow = yield* makeSlow
      const url = yield* serve(slow.app)
      const error = yield* Effect.flip(Effect.timeout(client.get(url), 300))
      assert.strictEqual(error._tag, "TimeoutError")
      yield* slow.interrupted
    })
  )

  declare("a stream is ended when its client goes in the middle", ({ client, serve }) =>
    Effect.gen(function* () {
      let ended = false
      const endless = Stream.make(bytes(10)).pipe(
        Stream.concat(Stream.never),
        Stream.ensuring(Effect.sync(() => (ended = true)))
      )
      const url = yield* serve(Effect.succeed(HttpServerResponse.stream(endless)))
      yield* Effect.scoped(
        Effect.flatMap(HttpClient.withScope(client).get(url), ({ stream }) => Stream.runDrain(Stream.take(stream, 1)))
      )
      yield* eventually("the end of the stream", () => ended)
    })
  )

  declare(
    "a handler that reads a body waits for all of it, and is interrupted when it breaks off",
    ({ client, serve }) =>
      Effect.gen(function* () {
        const ended = yield* Deferred.make<string>()
        const started = yield* Deferred.make<void>()
        const url = yield* serve(
          Effect.gen(function* () {
            const request = yield* HttpServerRequest.HttpServerRequest
            yield* Stream.runForEach(request.stream, () => Deferred.succeed(started, undefined))
            return HttpServerResponse.empty()
          }).pipe(Effect.onExit((exit) => Deferred.succeed(ended, exit._tag)))
        )
        const body = Stream.concat(Stream.make(bytes(10)), Stream.never)
        const fiber = yield* Effect.forkChild(
          client.execute(HttpClientRequest.bodyStream(HttpClientRequest.post(url), body))
        )
        yield* Deferred.await(started)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* Deferred.await(ended), "Failure")
      })
  )

  declare("a body that breaks off fails its reader, also one that cannot be interrupted", ({ client, serve }) =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const read = yield* Deferred.make<string>()
      const url = yield* serve(
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          const body = Stream.runForEach(request.stream, () => Deferred.succeed(started, undefined))
          const outcome = yield* Effect.match(body, { onFailure: ({ _tag }) => _tag, onSuccess: () => "whole" })
          yield* Deferred.succeed(read, outcome)
          return HttpServerResponse.empty()
        }).pipe(Effect.uninterruptible)
      )
      const body = Stream.concat(Stream.make(bytes(10)), Stream.never)
      const request = HttpClientRequest.bodyStream(HttpClientRequest.post(url), body)
      const fiber = yield* Effect.forkChild(client.execute(request))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* Deferred.await(read), "HttpServerError")
    })
  )
}
