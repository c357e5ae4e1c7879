/** Answers whose bodies go wrong on their way, and what the network tells of requests. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Result, Stream } from "effect"
import { HttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { spoiltBodies } from "../../../sim/net/faults/SpoiltBodies.ts"
import type { Spoilt } from "../../../sim/net/faults/SpoiltBodies.ts"
import * as Network from "../../../sim/net/Network.ts"
import type { NetworkError } from "../../../sim/net/NetworkError.ts"
import * as SimHttpClient from "../../../sim/net/SimHttpClient.ts"
import * as SimHttpServer from "../../../sim/net/SimHttpServer.ts"
import * as Sim from "../../../sim/Sim.ts"

const text = "a body of some length"

const routes = HttpRouter.use((router) =>
  Effect.andThen(
    router.add("GET", "/text", HttpServerResponse.text(text)),
    router.add(
      "GET",
      "/stream",
      HttpServerResponse.stream(Stream.make("a body of ", "some length").pipe(Stream.encodeText))
    )
  )
)

const world = HttpRouter.serve(routes).pipe(
  Layer.provide(SimHttpServer.layer({ host: "server", port: 80 })),
  Layer.provide(HttpServer.layerServices),
  Layer.merge(SimHttpClient.layer({ host: "client" })),
  Layer.provideMerge(Network.layer())
)

interface Read {
  readonly announced: number | undefined
  readonly pieces: ReadonlyArray<Uint8Array>
  readonly whole: boolean
  readonly tookMs: number
}

/** Reads an answer to its end, good or bad. */
const read = (path: string) =>
  Effect.gen(function* () {
    const startMs = yield* Clock.currentTimeMillis
    const { headers, stream } = yield* HttpClient.get(`http://server${path}`)
    const pieces: Array<Uint8Array> = []
    const ended = yield* Effect.result(Stream.runForEach(stream, (piece) => Effect.sync(() => pieces.push(piece))))
    const length = headers["content-length"]
    const announced = length === undefined ? undefined : Number(length)
    const tookMs = (yield* Clock.currentTimeMillis) - startMs
    return { announced, pieces, whole: Result.isSuccess(ended), tookMs }
  }).pipe(Effect.orDie)

const joined = ({ pieces }: Read) => Buffer.concat(pieces).toString()

/** The answers of many runs while bodies are spoilt; each run has one more before and one after, which are sound. */
const spoiltReads = (spoilt: Spoilt, path: string) => {
  const reads: Array<Read> = []
  const program: Effect.Effect<void, NetworkError, Sim.RunContext> = Effect.gen(function* () {
    const sound = Effect.flatMap(read(path), (answer) =>
      answer.whole && joined(answer) === text ? Effect.void : Effect.die(`spoilt without a fault: ${joined(answer)}`)
    )
    yield* sound
    reads.push(yield* Effect.scoped(Effect.andThen(spoiltBodies(spoilt), read(path))))
    yield* sound
  }).pipe(Effect.provide(world))
  const { failure, faults } = Sim.check(program, { runs: 50, leaks: "fail" })
  assert.isUndefined(failure?.message)
  assert.isAtLeast(faults.get(`network ${spoilt._tag} body`) ?? 0, 50)
  return reads
}

describe("a body", () => {
  for (const path of ["/text", "/stream"]) {
    it(`of ${path} that is truncated breaks off before its end`, () => {
      for (const answer of spoiltReads({ _tag: "truncated" }, path)) {
        assert.isFalse(answer.whole)
        assert.isTrue(text.startsWith(joined(answer)) && joined(answer) !== text, joined(answer))
      }
    })

    it(`of ${path} that is trickled comes whole, slowly and in pieces`, () => {
      for (const answer of spoiltReads({ _tag: "trickled", pieceBytes: 3, pauseMs: 100 }, path)) {
        assert.isTrue(answer.whole)
        assert.strictEqual(joined(answer), text)
        assert.isAtLeast(answer.pieces.length, 7)
        assert.isAtLeast(answer.tookMs, 600)
      }
    })

    it(`of ${path} that is oversized has more bytes than it should, and announces them`, () => {
      for (const answer of spoiltReads({ _tag: "oversized", extraBytes: 200_000 }, path)) {
        assert.isTrue(answer.whole)
        assert.strictEqual(joined(answer).length, text.length + 200_000)
        assert.strictEqual(answer.announced, path === "/text" ? text.length + 200_000 : undefined)
      }
    })

    it(`of ${path} that is malformed has as many bytes, not all the same`, () => {
      for (const answer of spoiltReads({ _tag: "malformed" }, path)) {
        assert.isTrue(answer.whole)
        const bytes = Buffer.concat(answer.pieces)
        assert.strictEqual(bytes.length, text.length)
        assert.notStrictEqual(bytes.toString("latin1"), text)
      }
    })
  }
})

describe("the story of a run", () => {
  it("names connections, requests and answers by host, and faults", () => {
    const program = Effect.gen(function* () {
      const network = yield* Network.Network
      yield* Effect.asVoid(read("/text"))
      yield* HttpClient.get("http://server:81/").pipe(Effect.ignore)
      yield* network.rule(({ what }) => ({ _tag: what === "Head" ? "reset" : "pass" }))
      yield* HttpClient.get("http://server/stream").pipe(Effect.ignore)
    }).pipe(Effect.scoped, Effect.provide(world))
    const { told } = Sim.run(program, { record: true })
    assert.deepStrictEqual(
      told.map((line) => line.text).filter((line) => !line.startsWith("log ")),
      [
        "client -> server: connected to port 80",
        "client -> server: GET /text",
        "server -> client: 200",
        "client -> server: no connection to port 81, Refused",
        "client -> server: connected to port 80",
        "client -> server: GET /stream",
        "server -> client: 200",
        "network: reset Head server -> client (port 80)"
      ]
    )
  })
})
