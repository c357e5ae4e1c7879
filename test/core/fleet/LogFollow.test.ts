import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Queue, Scope, Stream } from "effect"
import type { BusEvent } from "../../../core/bus/BusEvent.ts"
import type { FollowedPiece, LogId } from "../../../core/domain/Log.ts"
import { ConnectionLost } from "../../../core/domain/NodeError.ts"
import type { NodeError } from "../../../core/domain/NodeError.ts"
import * as Fleet from "../../../core/fleet/Fleet.ts"
import * as LogFollow from "../../../core/fleet/LogFollow.ts"
import { LogText, pieceCharactersMax } from "../../../core/fleet/LogText.ts"
import type { LogPiece } from "../../../core/fleet/NodeDriver.ts"
import { fault, make, refuse } from "./FakeDriver.ts"
import { fleetOf, pass, settle } from "./Fleets.ts"
import { processIn } from "./Processes.ts"

const log: LogId = { node: "web", group: "app", name: "api", channel: "stdout" }
const bytesOf = (text: string) => new TextEncoder().encode(text)
const bytes = (text: string): LogPiece => ({ _tag: "Bytes", bytes: bytesOf(text) })

/** A node whose log is what the test offers. */
const build = Effect.gen(function* () {
  const told: Array<BusEvent> = []
  const open = { streams: 0, begun: 0 }
  let pieces = yield* Queue.unbounded<LogPiece, NodeError>()
  const { driver } = make({
    process: processIn("RUNNING"),
    followLog: () =>
      Stream.suspend(() => {
        open.streams++
        open.begun++
        return Stream.fromQueue(pieces).pipe(Stream.ensuring(Effect.sync(() => open.streams--)))
      })
  })
  const context = yield* Layer.build(LogFollow.layer.pipe(Layer.provideMerge(fleetOf({ web: driver }, { told }))))
  yield* settle
  return {
    logs: Context.get(context, LogFollow.LogFollow),
    fleet: Context.get(context, Fleet.Fleet),
    open,
    write: (...written: ReadonlyArray<LogPiece>) => Effect.suspend(() => Queue.offerAll(pieces, written)),
    fail: (error: NodeError) =>
      Effect.gen(function* () {
        const old = pieces
        pieces = yield* Queue.unbounded<LogPiece, NodeError>()
        yield* Queue.fail(old, error)
      }),
    /** Pieces as they were published, those that are told again included. */
    pieces: () => told.flatMap((event) => (event.type === "log" ? [event] : [])),
    told: () => {
      const lines = new Map<string, string>()
      for (const event of told) {
        if (event.type !== "log" || (event.text === undefined && event.note === undefined)) continue
        const { following, number } = event.place
        lines.set(`${following} ${number}`, event.text ?? `(${event.note}) ${event.detail ?? ""}`.trim())
      }
      return [...lines.values()]
    }
  }
})

describe("LogFollow", () => {
  it.effect("tells what is written, gathered, and that it has begun", () =>
    Effect.gen(function* () {
      const { logs, told, write } = yield* build
      yield* logs.follow(log)
      yield* write(bytes("old\n"))
      yield* pass(200, 50)
      yield* write(bytes("one "), bytes("two "))
      yield* write(bytes("three"))
      yield* pass(200, 50)
      assert.deepStrictEqual(told(), ["old\n", "(began)", "one two three"])
      assert.deepStrictEqual(yield* logs.following, [{ log, followers: 1 }])
    })
  )

  it.effect("has begun after a second when nothing was written, and tells it once", () =>
    Effect.gen(function* () {
      const { logs, told, write } = yield* build
      yield* logs.follow(log)
      yield* pass(900, 50)
      assert.deepStrictEqual(told(), [])
      yield* pass(300, 50)
      yield* write(bytes("first"))
      yield* pass(200, 50)
      assert.deepStrictEqual(told(), ["(began)", "first"])
    })
  )

  it.effect("asks the node once for many followers, and ends with the last", () =>
    Effect.gen(function* () {
      const { logs, open } = yield* build
      const scopes = [yield* Scope.make(), yield* Scope.make(), yield* Scope.make()] as const
      for (const scope of scopes) yield* Scope.provide(logs.follow(log), scope)
      yield* pass(500)
      assert.deepStrictEqual([open.streams, open.begun], [1, 1])
      assert.deepStrictEqual(yield* logs.following, [{ log, followers: 3 }])
      yield* Scope.close(scopes[1], Exit.void)
      yield* Scope.close(scopes[0], Exit.void)
      assert.deepStrictEqual([open.streams, (yield* logs.following).length], [1, 1])
      yield* Scope.close(scopes[2], Exit.void)
      assert.deepStrictEqual([open.streams, yield* logs.following], [0, []])
      yield* Effect.scoped(Effect.andThen(logs.follow(log), pass(100)))
      assert.deepStrictEqual([open.streams, open.begun], [0, 2])
    })
  )

  it.effect("makes few events of a program that floods its log", () =>
    Effect.gen(function* () {
      const { logs, told, write } = yield* build
      yield* logs.follow(log)
      const line = `${"x".repeat(99)}\n`
      for (let i = 0; i < 100; i++) yield* write(...Array.from({ length: 10 }, () => bytes(line)))
      yield* pass(1_000, 50)
      const texts = told().filter((one) => !one.startsWith("("))
      assert.strictEqual(texts.join(""), line.repeat(1_000))
      assert.isAtMost(texts.length, 20)
      assert.isTrue(texts.every((text) => text.length <= pieceCharactersMax))
    })
  )

  it.effect("decodes characters that are cut by pieces, and says where text was lost", () =>
    Effect.gen(function* () {
      const { logs, told, write } = yield* build
      yield* logs.follow(log)
      const euro = bytesOf("€")
      yield* write({ _tag: "Bytes", bytes: euro.subarray(0, 2) })
      yield* pass(200, 50)
      yield* write({ _tag: "Bytes", bytes: euro.subarray(2) })
      yield* pass(200, 50)
      yield* write({ _tag: "Bytes", bytes: euro.subarray(0, 1) }, { _tag: "Gap" }, bytes("on"))
      yield* pass(200, 50)
      assert.deepStrictEqual(told(), ["€", "(began)", "\u{fffd}", "(gap)", "on"])
    })
  )

  it.effect("tries again after a break, less and less often, and tells of it once", () =>
    Effect.gen(function* () {
      const { fail, logs, open, told, write } = yield* build
      yield* logs.follow(log)
      yield* write(bytes("old"))
      yield* pass(200, 50)
      const lost = refuse(new ConnectionLost({ detail: "reset" }))
      yield* write(bytes("last words"))
      yield* fail(lost)
      yield* pass(200, 50)
      assert.strictEqual(open.streams, 0)
      const broke = `(gap) ${lost.message}; trying again`
      assert.deepStrictEqual(told(), ["old", "(began)", "last words", broke])
      yield* pass(1_000, 50)
      assert.deepStrictEqual([open.streams, open.begun], [1, 2])
      yield* fail(lost)
      yield* pass(1_500, 50)
      assert.strictEqual(open.begun, 2, "the second pause is longer")
      yield* pass(1_000, 50)
      assert.strictEqual(open.begun, 3)
      yield* write(bytes("back"))
      yield* pass(200, 50)
      assert.deepStrictEqual(told().slice(4), ["back", "(began)"])
    })
  )

  it.effect("numbers the pieces, and tells again how far it is", () =>
    Effect.gen(function* () {
      const { logs, pieces, write } = yield* build
      const scope = yield* Scope.make()
      yield* Scope.provide(logs.follow(log), scope)
      yield* write(bytes("one"))
      yield* pass(200, 50)
      yield* write(bytes("two"))
      yield* pass(200, 50)
      const place = (number: number, following = 1) => ({ place: { following, number } })
      const published: ReadonlyArray<FollowedPiece> = [
        { type: "log", ...log, text: "one", ...place(1) },
        { type: "log", ...log, note: "began", ...place(2) },
        { type: "log", ...log, text: "two", ...place(3) }
      ]
      assert.deepStrictEqual(pieces(), [...published])
      yield* pass(LogFollow.followLimits.remindMsMax, 50)
      const reminders = pieces().slice(3)
      assert.isAtLeast(reminders.length, 1)
      assert.isAtMost(reminders.length, 2)
      for (const reminder of reminders) assert.deepStrictEqual(reminder, { type: "log", ...log, ...place(3) })
      yield* Scope.close(scope, Exit.void)
      const count = pieces().length
      yield* pass(60_000, 1_000)
      assert.strictEqual(pieces().length, count, "nothing is told of a log that nobody follows")
      yield* logs.follow(log)
      yield* write(bytes("anew"))
      yield* pass(200, 50)
      assert.deepStrictEqual(pieces()[count], { type: "log", ...log, text: "anew", ...place(1, 2) })
    })
  )

  it.effect("tells the end again for as long as somebody follows", () =>
    Effect.gen(function* () {
      const { fail, logs, pieces } = yield* build
      const scope = yield* Scope.make()
      yield* Scope.provide(logs.follow(log), scope)
      yield* settle
      yield* fail(fault("BAD_NAME"))
      yield* pass(30_000, 1_000)
      const [ended, ...again] = pieces()
      assert.strictEqual(ended?.note, "ended")
      assert.isAtLeast(again.length, 4)
      for (const each of again) assert.deepStrictEqual(each, ended)
      yield* Scope.close(scope, Exit.void)
      yield* pass(30_000, 1_000)
      assert.strictEqual(pieces().length, again.length + 1)
    })
  )

  it.effect("ends when there is no such log, and begins anew for the next follower", () =>
    Effect.gen(function* () {
      const { fail, logs, open, told } = yield* build
      yield* logs.follow(log)
      yield* settle
      yield* fail(fault("BAD_NAME"))
      yield* pass(60_000, 1_000)
      assert.deepStrictEqual(told(), [`(ended) ${fault("BAD_NAME").message}`])
      assert.deepStrictEqual([open.begun, yield* logs.following], [1, []])
      yield* logs.follow(log)
      yield* settle
      assert.deepStrictEqual([open.begun, open.streams], [2, 1])
    })
  )

  it.effect("knows no log of a node that is not there, and ends with its node", () =>
    Effect.gen(function* () {
      const { fleet, logs, open, told } = yield* build
      assert.strictEqual((yield* Effect.flip(logs.follow({ ...log, node: "nope" })))._tag, "UnknownNode")
      yield* logs.follow(log)
      yield* settle
      assert.isTrue(yield* fleet.remove("web"))
      yield* pass(200, 50)
      assert.deepStrictEqual([open.streams, told()], [0, ["(ended) there is no node web"]])
    })
  )
})

describe("LogText", () => {
  it("gives all the text in pieces that are not too long, whatever the bytes", () => {
    const text = new LogText()
    const all = bytesOf("€🙂x".repeat(20_000))
    const pieces = [...text.push(all.subarray(0, 70_001)), ...text.push(all.subarray(70_001)), ...text.flush()]
    assert.strictEqual(pieces.join(""), "€🙂x".repeat(20_000))
    assert.isTrue(pieces.every((piece) => piece.length <= pieceCharactersMax && !/^[\u{dc00}-\u{dfff}]/u.test(piece)))
    const bad = [...text.push(new Uint8Array(20_000).fill(0xff)), ...text.flush()]
    assert.strictEqual(bad.join(""), "\u{fffd}".repeat(20_000))
  })
})
