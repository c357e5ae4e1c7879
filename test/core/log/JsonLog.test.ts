import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Exit, Redacted, Schema } from "effect"
import * as fc from "fast-check"
import { logBounds } from "../../../core/log/LogText.ts"
import { inOperation } from "../../../core/log/ConsoleLog.ts"
import { written } from "./Logged.ts"

const Line = Schema.Struct({
  time: Schema.String.check(Schema.isPattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)),
  level: Schema.Literals(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
  message: Schema.String,
  request_id: Schema.optionalKey(Schema.String),
  cause: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        name: Schema.optionalKey(Schema.String),
        message: Schema.String,
        stack: Schema.optionalKey(Schema.String)
      })
    )
  ),
  context: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  spans_ms: Schema.optionalKey(Schema.Record(Schema.String, Schema.Number)),
  fiber: Schema.String.check(Schema.isPattern(/^#\d+$/)),
  trace_id: Schema.optionalKey(Schema.String),
  span_id: Schema.optionalKey(Schema.String),
  span: Schema.optionalKey(Schema.String)
})

/** The whole of a line, or the test fails: nothing that is not expected is in it. */
const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Line), { onExcessProperty: "error" })

/** The one line that was written. */
const only = (chunks: ReadonlyArray<string>): typeof Line.Type => {
  assert.strictEqual(chunks.length, 1)
  const [chunk = ""] = chunks
  assert.isTrue(chunk.endsWith("\n"))
  assert.notMatch(chunk.slice(0, -1), harmful)
  assert.isBelow(chunk.length, lineMax)
  return decode(chunk)
}

/** What ends a line somewhere, steers a terminal or turns the reading direction. */
const harmful = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/

/** Each character may take six. */
const lineMax = (logBounds.charactersMax + 10_000) * 6

class Outer extends Schema.TaggedError<Outer>()("Outer", { cause: Schema.Defect() }) {
  override get message(): string {
    return "outer went wrong"
  }
}

/** Texts of any UTF-16 units, halves of characters among them. */
const anyText = fc
  .array(fc.oneof(fc.nat({ max: 0xff }), fc.nat({ max: 0xffff })), { maxLength: 40 })
  .map((units) => String.fromCharCode(...units))

describe("JsonLog", () => {
  it.live("writes time, level, message and the context of the fiber", () =>
    Effect.gen(function* () {
      const chunks = yield* written(
        Effect.logWarning("disk is", { full: 0.9 }).pipe(
          inOperation("Disk.look", { disk: "a" }),
          Effect.annotateLogs({ request_id: "r-1", nested: { list: [1, "two", null] } }),
          Effect.withLogSpan("looking")
        )
      )
      const { context, fiber, level, message, request_id, spans_ms } = only(chunks)
      assert.deepStrictEqual([level, message, request_id], ["WARN", 'disk is {"full":0.9}', "r-1"])
      assert.deepStrictEqual(context, { operation: "Disk.look", disk: "a", nested: { list: [1, "two", null] } })
      assert.hasAllKeys(spans_ms, ["looking"])
      assert.match(fiber, /^#/)
    })
  )

  it.live("tells the ids of its span when they go somewhere", () =>
    Effect.gen(function* () {
      const found = yield* Effect.withSpan(
        Effect.flatMap(Effect.currentSpan, (span) =>
          Effect.map(written(Effect.logInfo("x"), { traces: true }), (chunks) => ({ span, line: only(chunks) }))
        ),
        "work"
      )
      assert.strictEqual(found.line.trace_id, found.span.traceId)
      assert.strictEqual(found.line.span_id, found.span.spanId)
      assert.strictEqual(found.line.span, "work")
    })
  )

  it.live("tells each error behind an entry, the innermost last", () =>
    Effect.gen(function* () {
      const inner = new Error("inner\nwent wrong")
      const failed = yield* Effect.exit(Effect.fail(new Outer({ cause: inner })))
      if (!Exit.isFailure(failed)) return assert.fail("it did not fail")
      const died = only(yield* written(Effect.logError("it died", Cause.die(inner))))
      assert.deepStrictEqual(
        died.cause?.map(({ message, name }) => ({ message, name })),
        [{ name: "Error", message: "inner\nwent wrong" }]
      )
      assert.match(died.cause?.[0]?.stack ?? "", /^at .*JsonLog\.test\.ts/)
      const line = only(yield* written(Effect.logError("it failed", failed.cause)))
      assert.deepStrictEqual(
        line.cause?.map(({ message, name }) => [name, message]),
        [
          ["Outer", "outer went wrong"],
          ["Error", "inner\nwent wrong"]
        ]
      )
      assert.isUndefined(line.cause?.[0]?.stack)
      const interrupted = only(yield* written(Effect.logError("it was interrupted", Cause.interrupt(7))))
      assert.deepStrictEqual(interrupted.cause, [{ name: "Interrupt", message: "interrupted by #7" }])
    })
  )

  it.live("survives causes that lead back to themselves, and errors that throw", () =>
    Effect.gen(function* () {
      const circle: Error & { cause?: unknown } = new Error("round")
      circle.cause = circle
      const hostile = Object.defineProperty(new Error("x"), "message", {
        get: () => {
          throw new Error("gotcha")
        }
      })
      const line = only(yield* written(Effect.logError("a", Cause.die(circle), Cause.die(hostile), hostile)))
      assert.isAbove(line.cause?.length ?? 0, 1)
    })
  )

  const secret = "hunter2-Zx9-very-secret"

  it.live("masks secrets by name and by form", () =>
    Effect.gen(function* () {
      const chunks = yield* written(
        Effect.gen(function* () {
          yield* Effect.logInfo("sent", { authorization: secret, password: { deep: secret }, tokens: 3 })
          yield* Effect.logInfo(`Authorization: Bearer ${secret}`)
          yield* Effect.logInfo(`GET http://admin:${secret}@host/ and postgres://u:${secret}@db/x`)
          yield* Effect.logInfo(`GET /api/ws?ticket=${secret}&x=1`)
          yield* Effect.logInfo(`{"password":"${secret}","x-csrf-token": "${secret}"}`)
          const tokens = `token mst_${secret}, msr_${secret}, mtk_${secret}`
          yield* Effect.logInfo(`${tokens} and eyJhbGciOiJIUzI1NiJ9.${secret}.${secret}`)
          yield* Effect.logError("x", Cause.fail(new Error(`connect postgres://u:${secret}@db failed`)))
          yield* Effect.logInfo(
            `${"x ".repeat(logBounds.textMax / 2 - 12)} Authorization: Bearer ${secret} ${"y ".repeat(9999)}`
          )
        }).pipe(
          Effect.annotateLogs({ shown: Redacted.make(secret), "set-cookie": secret, list: [{ api_key: secret }] })
        )
      )
      assert.strictEqual(chunks.length, 8)
      for (const chunk of chunks) {
        only([chunk])
        assert.notInclude(chunk, secret)
        assert.notInclude(chunk, secret.slice(0, 12))
      }
      assert.include(chunks[0], 'tokens\\":3')
    })
  )

  it.live("stays bounded whatever is logged", () =>
    Effect.gen(function* () {
      const wide = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, "v".repeat(500)]))
      let deep: unknown = "bottom"
      for (let i = 0; i < 10_000; i++) deep = { deep }
      const huge = "h".repeat(5_000_000)
      const startMs = performance.now()
      const chunks = yield* written(
        Effect.logError(
          huge,
          wide,
          deep,
          new Map([[huge, huge]]),
          new Uint8Array(1e6),
          Cause.die(new Error(huge))
        ).pipe(Effect.annotateLogs({ wide, deep, huge, [huge]: wide }))
      )
      only(chunks)
      assert.isBelow(performance.now() - startMs, 5_000)
    })
  )

  it.live("is one line that parses, for any value under any name", () =>
    Effect.gen(function* () {
      const hostile = fc.oneof(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withNullPrototype: true
        }),
        anyText,
        fc.constantFrom(
          '\n{"level":"ERROR","message":"forged"}',
          "\r\n\u2028\u2029\u0085\u001b[2J\u202e",
          "\ud800",
          {
            toJSON: () => {
              throw new Error("no")
            }
          },
          {
            get a() {
              throw new Error("no")
            }
          },
          new Proxy(
            {},
            {
              ownKeys: () => {
                throw new Error("no")
              }
            }
          ),
          new Proxy([], {
            get: () => {
              throw new Error("no")
            }
          }),
          Object.assign(Object.create(null), { __proto__: "x", constructor: 1 }),
          Symbol("s"),
          () => 1,
          -0,
          NaN,
          10n
        )
      )
      const samples = fc.sample(fc.record({ key: anyText, value: hostile, message: hostile }), 150)
      for (const { key, message, value } of samples) {
        const chunks = yield* written(Effect.logInfo(message, value).pipe(Effect.annotateLogs(key, value)))
        only(chunks)
      }
    })
  )

  it.live("follows changes of the level at once", () =>
    Effect.gen(function* () {
      let level: "Info" | "Debug" = "Info"
      const chunks = yield* written(
        Effect.gen(function* () {
          yield* Effect.logDebug("one")
          level = "Debug"
          yield* Effect.logDebug("two")
          level = "Info"
          yield* Effect.logDebug("three")
          yield* Effect.logInfo("four")
        }),
        { level: () => level }
      )
      assert.deepStrictEqual(
        chunks.map((chunk) => decode(chunk).message),
        ["two", "four"]
      )
    })
  )
})

class Tagged extends Data.TaggedError("Tagged")<{ readonly reason: string }> {}

describe("PrettyLog", () => {
  it.live("shows an entry with its context and the errors behind it", () =>
    Effect.gen(function* () {
      const [text = ""] = yield* written(
        Effect.logError("poll died", Cause.fail(new Tagged({ reason: "x" }))).pipe(
          Effect.annotateLogs({ node: "web-1", request_id: "r-1" })
        ),
        { form: "pretty" }
      )
      assert.match(text, /^\S+Z ERROR poll died request_id="r-1" node="web-1"\n {4}Tagged: \n$/)
    })
  )

  it.live("never lets what is logged begin a line or steer the terminal", () =>
    Effect.gen(function* () {
      const forged = "x\n2026-01-01T00:00:00.000Z ERROR forged\r\u001b[2J\u202e"
      const [text = ""] = yield* written(
        Effect.logError(forged, Cause.die(new Error(forged))).pipe(
          Effect.annotateLogs({ [forged]: forged, password: "p" })
        ),
        { form: "pretty" }
      )
      const [head = "", ...rest] = text.slice(0, -1).split("\n")
      assert.match(head, /^\S+Z ERROR x\\u000a/)
      for (const line of rest) assert.match(line, /^ {4}/)
      assert.notMatch(text.replaceAll("\n", ""), harmful)
      assert.notInclude(text, 'password="p"')
    })
  )
})
