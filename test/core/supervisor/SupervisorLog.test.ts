import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClient } from "effect/http"
import * as SupervisorDriver from "../../../core/supervisor/SupervisorDriver.ts"
import { asText, fakeLogs, type FakeLogsOptions } from "./FakeLogs.ts"

const web = { group: "web", name: "web" }
/** Calls for a chunk: as many as a reading may make, the size, and finding out about multicall. */
const callsMax = 34

const setUp = (options: FakeLogsOptions = {}, replyBytesMax = 1_000_000) => {
  const node = fakeLogs(options)
  const made = SupervisorDriver.make({ url: "http://node.test:9001", deadlineMs: 5_000, replyBytesMax })
  return Effect.map(Effect.provideService(made, HttpClient.HttpClient, node.client), (driver) => ({
    ...node,
    read: (from: number | "end", lengthBytesMax: number) => driver.readLog(web, "stdout", { from, lengthBytesMax })
  }))
}

type Talk = Effect.Success<ReturnType<typeof setUp>>

/** A source of numbers below `max`, the same for the same seed. */
const numbers = (seed: number) => {
  let state = seed >>> 0
  return (max: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * max)
  }
}

const kinds: Readonly<Record<string, (next: (max: number) => number) => Uint8Array>> = {
  ascii: (next) => utf8(`${"plain <&> line".repeat(1 + next(5))}\r\n`),
  multibyte: (next) => utf8(["é", "✓", "日本", "😀", "\u{10ffff}", "\ufeff"][next(6)] ?? ""),
  control: (next) =>
    utf8(["\u0000", "\u001b[1m", "\u0007", "\ufffe", "\r", "\ue000", "\ue0000041", "]]>"][next(8)] ?? ""),
  invalid: (next) => new Uint8Array(Array.from({ length: 1 + next(5) }, () => 0x80 + next(128))),
  cut: () => new Uint8Array([0xe2, 0x82])
}
const utf8 = (text: string) => new TextEncoder().encode(text)

const bytesOf = (names: ReadonlyArray<string>, seed: number, pieces: number): Uint8Array => {
  const next = numbers(seed)
  const made = Array.from({ length: pieces }, () => Array.from(kinds[names[next(names.length)] ?? ""]?.(next) ?? []))
  return new Uint8Array(made.flat())
}

/** Reads from chunk to chunk until the end. */
const readAll = Effect.fnUntraced(function* ({ read, seen }: Talk, next: (max: number) => number) {
  let text = ""
  let at = 0
  let lossy = false
  for (;;) {
    const before = seen.length
    const chunk = yield* read(at, 1 + next([4, 40, 400, 5_000][next(4)] ?? 1))
    assert.isAtMost(seen.length - before, callsMax)
    assert.strictEqual(chunk.offset, at)
    assert.isFalse(chunk.rotated)
    assert.strictEqual(chunk.gap, 0)
    text += chunk.text
    lossy ||= chunk.lossy
    if (chunk.next === chunk.size) return { text, lossy }
    assert.isAbove(chunk.next, at)
    at = chunk.next
  }
})

describe("reading a log from chunk to chunk", () => {
  const files = [
    ["ascii"],
    ["ascii", "multibyte"],
    ["multibyte"],
    ["ascii", "control", "multibyte"],
    ["ascii", "ascii", "ascii", "multibyte", "invalid"],
    ["invalid", "cut", "multibyte"],
    ["ascii", "cut", "control"]
  ]
  for (const hasMulticall of [true, false]) {
    for (const names of files) {
      it.effect(`gives exactly its bytes: ${names.join(", ")}, ${hasMulticall ? "with" : "without"} multicall`, () =>
        Effect.gen(function* () {
          for (let seed = 1; seed <= 5; seed++) {
            const talk = yield* setUp({ hasMulticall })
            const bytes = bytesOf(names, seed, hasMulticall ? 60 : 15)
            talk.log.append(bytes, 0)
            const { lossy, text } = yield* readAll(talk, numbers(seed + 1_000))
            const expected = asText(bytes)
            assert.strictEqual(text, expected, `seed ${seed}`)
            assert.strictEqual(lossy, expected.includes("\ufffd"))
          }
        })
      )
    }
  }

  it.effect("costs two calls where it is UTF-8", () =>
    Effect.gen(function* () {
      const talk = yield* setUp()
      talk.log.append(utf8("ab\u0000cé\r\n".repeat(100)), 0)
      const chunk = yield* talk.read(0, 100_000)
      assert.strictEqual(chunk.text, "ab\u0000cé\r\n".repeat(100))
      assert.lengthOf(talk.seen, 2)
    })
  )

  it.effect("gets past bytes that are no text at a good pace", () =>
    Effect.gen(function* () {
      const talk = yield* setUp()
      // A log in Latin-1.
      const bytes = Uint8Array.from("Le système a redémarré à 12 h, l'état est vérifié.\n".repeat(200), (c) =>
        c.charCodeAt(0)
      )
      talk.log.append(bytes, 0)
      const chunk = yield* talk.read(0, 100_000)
      assert.isAbove(chunk.next, 1_000)
      assert.strictEqual(chunk.text, asText(bytes.slice(0, chunk.next)))
      assert.isAtMost(talk.seen.length, callsMax)
    })
  )

  it.effect("notices that the log is another", () =>
    Effect.gen(function* () {
      const { log, read, remove } = yield* setUp()
      log.append(utf8("first file\n"), 0)
      const { next } = yield* read(0, 100)
      log.replace()
      log.append(utf8("new\n"), 0)
      const chunk = yield* read(next, 100)
      assert.deepStrictEqual(chunk, { text: "new\n", offset: 0, next: 4, size: 4, gap: 0, rotated: true, lossy: false })
      assert.deepInclude(yield* read(4, 100), { text: "", offset: 4, next: 4, rotated: false })
      remove()
      assert.deepStrictEqual(yield* read(4, 100), {
        text: "",
        offset: 0,
        next: 0,
        size: 0,
        gap: 0,
        rotated: true,
        lossy: false
      })
    })
  )

  it.effect("waits for the rest of a character that is being written", () =>
    Effect.gen(function* () {
      for (const hasMulticall of [true, false]) {
        for (const before of ["abc", "abc\u0000", "é"]) {
          const { log, read } = yield* setUp({ hasMulticall })
          log.append(utf8(before), 0)
          log.append(utf8("✓").slice(0, 2), 0)
          const chunk = yield* read(0, 100)
          assert.deepInclude(chunk, { text: before, next: utf8(before).length, lossy: false })
          log.append(utf8("✓").slice(2), 0)
          assert.deepInclude(yield* read(chunk.next, 100), { text: "✓", lossy: false })
        }
      }
    })
  )

  it.effect("of one that was never written gives nothing", () =>
    Effect.gen(function* () {
      const { read, remove } = yield* setUp()
      remove()
      assert.deepInclude(yield* read("end", 100), { text: "", next: 0, rotated: false })
      assert.deepInclude(yield* read(0, 100), { text: "", next: 0, rotated: false })
    })
  )

  it.effect("keeps to what a reply may hold", () =>
    Effect.gen(function* () {
      const talk = yield* setUp({}, 6_024)
      talk.log.append(utf8("&".repeat(5_000)), 0)
      assert.strictEqual((yield* talk.read(0, 5_000)).next, 1_000)
    })
  )
})

describe("the newest part of a log", () => {
  it.effect("begins and ends with whole characters", () =>
    Effect.gen(function* () {
      for (const hasMulticall of [true, false]) {
        const { log, read } = yield* setUp({ hasMulticall })
        log.append(utf8("日本".repeat(100)), 0)
        for (const length of [10, 11, 12]) {
          const chunk = yield* read("end", length)
          assert.strictEqual(chunk.text, length === 12 ? "日本日本" : "本日本")
          assert.strictEqual(chunk.offset + chunk.text.length * 3, chunk.next)
          assert.strictEqual(chunk.next, 600)
          assert.isFalse(chunk.lossy)
        }
        // A character that is being written comes with the next chunk.
        log.append(utf8("✓").slice(0, 2), 0)
        if (hasMulticall) assert.deepInclude(yield* read("end", 11), { text: "本日本", next: 600, size: 602 })
      }
    })
  )

  it.effect("reaches the end although there is junk in it", () =>
    Effect.gen(function* () {
      const talk = yield* setUp()
      const junk = bytesOf(["invalid"], 7, 200)
      const bytes = new Uint8Array([...junk, ...utf8("x".repeat(3_000))])
      talk.log.append(bytes, 0)
      const clean = yield* talk.read("end", 3_300)
      assert.strictEqual(clean.next, bytes.length)
      assert.isAtLeast(clean.text.length, 1_024)
      assert.isFalse(clean.lossy)
      talk.log.append(new Uint8Array([0xff]), 0)
      talk.log.append(utf8("end"), 0)
      const before = talk.seen.length
      const lossy = yield* talk.read("end", 3_300)
      assert.match(lossy.text, /x\ufffdend$/)
      assert.isTrue(lossy.lossy)
      assert.isAtMost(talk.seen.length - before, callsMax)
    })
  )
})

describe("a log of more than 2 GiB", () => {
  for (const hasMulticall of [true, false]) {
    it.effect(`is read all the same, ${hasMulticall ? "with" : "without"} multicall`, () =>
      Effect.gen(function* () {
        const talk = yield* setUp({ hasMulticall })
        talk.log.grow(3_000_000_000)
        talk.log.append(utf8("the end ✓\n"), 0)
        const chunk = yield* talk.read("end", 12)
        assert.deepInclude(chunk, { text: "the end ✓\n", size: 3_000_000_012, next: 3_000_000_012 })
        assert.isBelow(talk.seen.length, hasMulticall ? 15 : 50)
        talk.log.append(utf8("more"), 0)
        assert.strictEqual((yield* talk.read(chunk.next, 100)).text, "more")
        talk.log.replace()
        talk.log.append(utf8("new"), 0)
        assert.deepInclude(yield* talk.read(chunk.next, 100), { text: "new", rotated: true })
      })
    )
  }
})

describe("a failure to read", () => {
  it.effect("is the node's refusal", () =>
    Effect.gen(function* () {
      const node = fakeLogs()
      const driver = yield* Effect.provideService(
        SupervisorDriver.make({ url: "http://node.test:9001", deadlineMs: 5_000, replyBytesMax: 100_000 }),
        HttpClient.HttpClient,
        node.client
      )
      // The other channel has no methods here.
      const { reason } = yield* Effect.flip(driver.readLog(web, "stderr", { from: 0, lengthBytesMax: 10 }))
      assert.strictEqual(reason._tag, "Unsupported")
    })
  )
})
