import { assert, describe, it } from "@effect/vitest"
import { Duration, Option, Redacted, Result, Schema } from "effect"
import { inspect } from "node:util"
import {
  choice,
  duration,
  integer,
  jitter,
  parseDurationMs,
  secret,
  type Setting,
  size
} from "../../../core/config/Setting.ts"

const decode = <T>(setting: Setting<T>, input: unknown): T | "refused" =>
  Result.getOrElse(Schema.decodeUnknownResult(setting)(input), () => "refused" as const)

describe("a duration", () => {
  it.each([
    ["0ms", 0],
    ["250ms", 250],
    ["2s", 2000],
    ["1.5s", 1500],
    ["0.25s", 250],
    ["1m30s", 90_000],
    ["1h", 3_600_000],
    ["1d2h3m4s5ms", 93_784_005],
    ["1.1s", 1100],
    ["90m", 5_400_000]
  ])("%s is %d ms", (text, ms) => {
    assert.deepStrictEqual(parseDurationMs(text), Option.some(ms))
  })

  it.each([
    "",
    "2",
    "s",
    "2 s",
    " 2s",
    "2S",
    "-2s",
    "+2s",
    ".5s",
    "1.s",
    "30s1m",
    "1s1s",
    "1e3s",
    "1.5ms",
    "2s\n",
    "٣s",
    "inf",
    "9".repeat(400) + "s"
  ])("is not written %j", (text) => {
    assert.deepStrictEqual(parseDurationMs(text), Option.none())
  })

  it("is within its range, both ends included", () => {
    const setting = duration({ minMs: 100, maxMs: 1000 })
    const ms = (input: unknown) => {
      const value = decode(setting, input)
      return value === "refused" ? value : Duration.toMillis(value)
    }
    assert.deepStrictEqual(["99ms", "100ms", "1s", "1001ms", 500, true, null].map(ms), [
      "refused",
      100,
      1000,
      "refused",
      "refused",
      "refused",
      "refused"
    ])
  })
})

describe("a size", () => {
  const setting = size({ minBytes: 1024, maxBytes: 1_048_576 })

  it.each([
    [1024, 1024],
    ["1024", 1024],
    ["1KiB", 1024],
    ["1 KiB", 1024],
    ["2kB", 2000],
    ["1.5KiB", 1536],
    ["1MiB", 1_048_576]
  ])("%j is %d bytes", (input, bytes) => {
    assert.strictEqual(decode(setting, input), bytes)
  })

  it.each([
    1023,
    "1023",
    1_048_577,
    "2MiB",
    2048.5,
    -2048,
    Number.NaN,
    Infinity,
    "",
    "KiB",
    "1kib",
    "0x800",
    "1e4",
    "1.0001KiB",
    true,
    [],
    {},
    `${"9".repeat(30)}B`
  ])("is not %j", (input) => {
    assert.strictEqual(decode(setting, input), "refused")
  })
})

describe("an integer", () => {
  const setting = integer({ min: 1, max: 10 })

  it.each([
    [1, 1],
    [10, 10],
    ["7", 7],
    ["007", 7]
  ])("%j is %d", (input, value) => {
    assert.strictEqual(decode(setting, input), value)
  })

  it.each([0, 11, 1.5, "1.5", "", " 1", "1_0", "+1", "1e0", "0b1", Number.NaN, true, null, undefined, [1], 1n])(
    "is not %s",
    (input) => {
      assert.strictEqual(decode(setting, input), "refused")
    }
  )
})

describe("a jitter", () => {
  const setting = jitter({ maxMs: 1000 })

  it.each([
    ["10%", 0.1],
    ["12.5%", 0.125],
    ["0%", 0],
    ["100%", 1],
    [0.3, 0.3],
    ["0.3", 0.3],
    [0, 0],
    [1, 1]
  ])("%j is a share of %d", (input, ratio) => {
    assert.deepStrictEqual(decode(setting, input), { _tag: "Ratio", ratio })
  })

  it("is a duration when it has a unit", () => {
    assert.deepStrictEqual(decode(setting, "200ms"), { _tag: "Length", length: Duration.millis(200) })
  })

  it.each([1.01, -0.1, "101%", "-1%", "%", "1001ms", Number.NaN, "", true])("is not %j", (input) => {
    assert.strictEqual(decode(setting, input), "refused")
  })
})

describe("other settings", () => {
  it("choose among words in their own spelling", () => {
    const setting = choice(["Info", "Warn"], (word) => word.toLowerCase())
    assert.deepStrictEqual(
      ["info", "warn", "Info", "", 0].map((input) => decode(setting, input)),
      ["Info", "Warn", "refused", "refused", "refused"]
    )
  })

  it("wrap secrets and refuse empty ones", () => {
    const value = decode(secret("a password"), "s3cr3t")
    assert.strictEqual(value === "refused" ? value : Redacted.value(value), "s3cr3t")
    assert.notInclude(JSON.stringify(value) + inspect(value), "s3cr3t")
    assert.strictEqual(decode(secret("a password"), ""), "refused")
  })
})
