/**
 * Configurations over generated files: what is written is what is read, hostile text never throws, secrets stay secret.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted, Result } from "effect"
import * as fc from "fast-check"
import { inspect } from "node:util"
import { decodeConfig, defaults } from "../../../core/config/ConfigFile.ts"
import type { Config } from "../../../core/config/ConfigSchema.ts"
import { type TomlStyle, type TomlTable, type TomlValue, writeToml } from "./TomlWriter.ts"

/** A setting as it is written, and as the program should see it; undefined when it is left out. */
interface Written<T> {
  readonly toml: TomlValue | undefined
  readonly value: T
}

const orDefault = <T>(written: fc.Arbitrary<Written<T>>, fallback: T): fc.Arbitrary<Written<T>> =>
  fc.oneof(written, fc.constant({ toml: undefined, value: fallback }))

const same = <T extends string | number | boolean>(values: fc.Arbitrary<T>): fc.Arbitrary<Written<T>> =>
  values.map((value) => ({ toml: value, value }))

const integers = (min: number, max: number): fc.Arbitrary<Written<number>> =>
  fc
    .tuple(fc.integer({ min, max }), fc.boolean())
    .map(([value, text]) => ({ toml: text ? String(value) : value, value }))

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1]
] as const

/** `1h2m3s4ms`, in the parts that are not 0. */
const inParts = (ms: number): string => {
  let rest = ms
  const parts = units.map(([unit, size]) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return count === 0 ? "" : `${count}${unit}`
  })
  return parts.join("") === "" ? "0s" : parts.join("")
}

const durations = (minMs: number, maxMs: number): fc.Arbitrary<Written<Duration.Duration>> =>
  fc.tuple(fc.integer({ min: minMs, max: maxMs }), fc.constantFrom("parts", "ms", "seconds")).map(([ms, style]) => ({
    toml: style === "parts" ? inParts(ms) : style === "ms" ? `${ms}ms` : `${(ms / 1000).toFixed(3)}s`,
    value: Duration.millis(ms)
  }))

const sizes = (min: number, max: number): fc.Arbitrary<Written<number>> =>
  fc.tuple(fc.integer({ min, max }), fc.constantFrom("number", "B", "KiB")).map(([bytes, style]) => {
    const whole = style === "KiB" ? Math.max(1, Math.floor(bytes / 1024)) * 1024 : bytes
    return { toml: style === "number" ? whole : style === "B" ? `${whole}B` : `${whole / 1024}KiB`, value: whole }
  })

const booleans: fc.Arbitrary<Written<boolean>> = fc
  .tuple(fc.boolean(), fc.boolean())
  .map(([value, text]) => ({ toml: text ? String(value) : value, value }))

const commaLists = (items: ReadonlyArray<string>, least: number): fc.Arbitrary<Written<ReadonlyArray<string>>> =>
  fc
    .tuple(fc.shuffledSubarray([...items], { minLength: least }), fc.constantFrom(",", ", ", " , "))
    .map(([value, comma]) => ({ toml: value.join(comma), value }))

const names = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/)
const hosts = fc.constantFrom("127.0.0.1", "0.0.0.0", "::", "::1", "localhost", "web-1.example.org", "my_service")
const urls = fc.oneof(
  fc
    .tuple(
      fc.constantFrom("http", "https"),
      fc.constantFrom("127.0.0.1", "[::1]", "web-1"),
      fc.integer({ min: 1, max: 65_535 })
    )
    .map(([scheme, host, port]) => `${scheme}://${host}:${port}`),
  names.map((name) => `unix:///run/${name}`)
)
/** Text that has to be escaped in one or another way, `${` included. */
const secrets = fc.string({
  unit: fc.constantFrom("$", "{", "}", '"', "'", "\\", "#", "\n", "\t", "é", "😀", "a", "\u0001"),
  minLength: 1
})

const literally = (text: string): string => text.replaceAll("${", () => "$${")

interface Section {
  readonly toml: TomlTable
  readonly values: { readonly [key: string]: unknown }
}

const camel = (key: string): string => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

const section = (settings: { readonly [key: string]: fc.Arbitrary<Written<unknown>> }): fc.Arbitrary<Section> =>
  fc.record(settings).map((record) => ({
    toml: Object.fromEntries(
      Object.entries(record).flatMap(([key, { toml }]) => (toml === undefined ? [] : [[key, toml] as const]))
    ),
    values: Object.fromEntries(Object.entries(record).map(([key, { value }]) => [camel(key), value]))
  }))

const seconds = (count: number) => Duration.seconds(count)
const kib = 1024
const hourMs = 3_600_000

const sections = fc.record({
  server: section({
    host: orDefault(same(hosts), "127.0.0.1"),
    port: orDefault(integers(0, 65_535), 8080),
    shutdown_deadline: orDefault(durations(100, 600_000), seconds(10)),
    cors_origins: orDefault(commaLists(["https://a.example", "http://b:81"], 0), []),
    trusted_proxies: orDefault(commaLists(["10.0.0.1", "::1"], 0), [])
  }),
  poll: section({
    interval: orDefault(durations(50, hourMs), seconds(2)),
    jitter: fc.integer({ min: 0, max: 50 }).map((ms) => ({ toml: `${ms}ms`, value: Duration.millis(ms) })),
    concurrency: orDefault(integers(1, 1024), 16),
    deadline: orDefault(durations(10, 300_000), seconds(5)),
    reply_bytes_max: orDefault(sizes(kib, kib * kib * kib), 8 * kib * kib),
    calls_max: orDefault(integers(1, 64), 4),
    calls_waiting_max: orDefault(integers(0, 10_000), 64),
    breaker_failures: orDefault(integers(1, 1000), 5),
    breaker_open: orDefault(durations(10, 30_000), seconds(5)),
    breaker_open_max: orDefault(durations(30_000, hourMs), seconds(30)),
    stale_after: orDefault(durations(100, 24 * hourMs), seconds(15))
  }),
  operations: section({
    start_timeout: orDefault(durations(100, hourMs), seconds(30)),
    stop_timeout: orDefault(durations(100, hourMs), seconds(30)),
    restart_timeout: orDefault(durations(100, hourMs), seconds(30)),
    signal_timeout: orDefault(durations(100, hourMs), seconds(10)),
    stdin_timeout: orDefault(durations(100, hourMs), seconds(10)),
    clear_log_timeout: orDefault(durations(100, hourMs), seconds(10)),
    read_log_timeout: orDefault(durations(100, hourMs), seconds(15)),
    update_timeout: orDefault(durations(100, 24 * hourMs), seconds(300)),
    batch_timeout: orDefault(durations(100, 24 * hourMs), seconds(600)),
    batch_concurrency: orDefault(integers(1, 256), 8),
    batches_max: orDefault(integers(1, 256), 8),
    batches_waiting_max: orDefault(integers(0, 1000), 32),
    batches_kept: orDefault(integers(1, 10_000), 100),
    observe_interval: orDefault(durations(10, 60_000), Duration.millis(250))
  }),
  bus: section({
    queue_high: orDefault(integers(1, 100_000), 100),
    queue_normal: orDefault(integers(1, 100_000), 500),
    queue_low: orDefault(integers(1, 100_000), 1000),
    workers: orDefault(integers(0, 256), 0),
    overflow: orDefault(same(fc.constantFrom("dropOldest", "dropNewest", "dropLow", "wait")), "dropLow"),
    handler_timeout: orDefault(durations(10, hourMs), seconds(30))
  }),
  hub: section({
    clients_max: orDefault(integers(1, 100_000), 10_000),
    clients_per_address_max: orDefault(integers(1, 100_000), 2_000),
    clients_per_user_max: orDefault(integers(1, 100_000), 100),
    events_kept: orDefault(integers(0, 1_000_000), 10_000),
    outbox_frames_max: orDefault(integers(1, 65_536), 256),
    slow_client_policy: orDefault(same(fc.constantFrom("disconnect", "dropOldest")), "disconnect"),
    heartbeat_interval: orDefault(durations(100, hourMs), seconds(30)),
    heartbeat_timeout: orDefault(durations(100, hourMs), seconds(10)),
    frame_bytes_max: orDefault(sizes(kib, 16 * kib * kib), 64 * kib),
    invalid_frames_max: orDefault(integers(1, 1000), 3),
    frames_per_second_max: orDefault(integers(1, 100_000), 50),
    logs_per_client_max: orDefault(integers(0, 1000), 16)
  }),
  log: section({
    level: orDefault(
      fc
        .constantFrom("Trace", "Debug", "Info", "Warn", "Error", "Fatal", "None")
        .map((level) => ({ toml: level.toLowerCase(), value: level })),
      "Info"
    ),
    format: orDefault(same(fc.constantFrom("json", "pretty", "auto")), "auto")
  }),
  local: section({ name: orDefault(same(names.map((name) => `local-${name}`.slice(0, 63))), "local") }),
  auth: section({
    sources: orDefault(commaLists(["header", "cookie", "ticket"], 1), ["header", "cookie", "ticket"]),
    public_health: orDefault(booleans, true),
    public_metrics: orDefault(booleans, false)
  })
})

interface NodeModel {
  readonly name: string
  readonly url: string
  readonly environment: string | undefined
  readonly credentials: { readonly username: string; readonly password: string } | undefined
}

const nodes: fc.Arbitrary<ReadonlyArray<NodeModel>> = fc.uniqueArray(
  fc.record({
    name: names.filter((name) => !name.startsWith("local")),
    url: urls,
    environment: fc.option(fc.constantFrom("production", "Größe 1", "$x {y}"), { nil: undefined }),
    credentials: fc.option(fc.record({ username: fc.constantFrom("user", "ü${x}"), password: secrets }), {
      nil: undefined
    })
  }),
  { selector: (node) => node.name, maxLength: 5 }
)

const nodeToml = (node: NodeModel): TomlTable => ({
  name: node.name,
  ...(node.environment === undefined ? {} : { environment: node.environment }),
  url: node.url,
  ...(node.credentials === undefined
    ? {}
    : { username: literally(node.credentials.username), password: literally(node.credentials.password) })
})

/** The node as the configuration has it, its password opened. */
const opened = ({ password, ...node }: Config["nodes"][number]) => ({
  ...node,
  ...(password === undefined ? {} : { password: Redacted.value(password) })
})

const styles = fc.record({
  style: fc.constantFrom<TomlStyle>("header", "dotted", "inline"),
  literal: fc.boolean(),
  lineEnd: fc.constantFrom("\n" as const, "\r\n" as const)
})

const tablesOf = (parts: { readonly [name: string]: Section }): { readonly [name: string]: TomlTable } =>
  Object.fromEntries(Object.entries(parts).map(([name, { toml }]) => [name, toml]))

const valuesOf = (parts: { readonly [name: string]: Section }) =>
  Object.fromEntries(Object.entries(parts).map(([name, { values }]) => [name, values]))

/** Settings that were not generated have their defaults. */
const overDefaults = (values: Readonly<Record<string, object>>) => {
  const { nodes: _nodes, programs: _programs, ...rest } = Result.getOrThrow(defaults({}))
  return Object.fromEntries(Object.entries(rest).map(([name, settings]) => [name, { ...settings, ...values[name] }]))
}

const program: TomlTable = { name: "p", command: ["sleep", "1"], environment: { A: "b" }, output_bytes_max: "2KiB" }

const decode = (text: string, environment: Readonly<Record<string, string>> = {}) =>
  decodeConfig({ file: "f.toml", text, environment })

describe("any valid configuration", () => {
  it("is read as it was written, in whatever style of TOML", () => {
    fc.assert(
      fc.property(sections, nodes, fc.boolean(), styles, (parts, list, withProgram, style) => {
        const lists = { nodes: list.map(nodeToml), programs: withProgram ? [program] : [] }
        const config = Result.getOrThrow(decode(writeToml(tablesOf(parts), lists, style)))
        const { nodes: read, programs, ...rest } = config
        assert.deepStrictEqual<unknown>(rest, overDefaults(valuesOf(parts)))
        assert.deepStrictEqual<unknown>(
          read.map(opened),
          list.map(({ credentials, environment, name, url }) => ({
            connections: "auto",
            name,
            ...(environment === undefined ? {} : { environment }),
            url,
            ...credentials
          }))
        )
        assert.deepStrictEqual(
          programs.map((each) => [each.name, each.outputBytesMax]),
          withProgram ? [["p", 2048]] : []
        )
      }),
      { numRuns: 300 }
    )
  })
})

/** Pieces that come close to a configuration more often than single characters do. */
const pieces = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ",",
        ".",
        '"',
        "'",
        '"""',
        "'''",
        "#",
        "\n",
        "\r",
        "\r\n",
        " ",
        "\\",
        "\\u",
        "${",
        "$${",
        "}",
        "${A}",
        "server",
        "[server]\n",
        "port",
        "nodes",
        "[[nodes]]\n",
        "programs",
        "[[programs]]\n",
        'name = "a"\n',
        "url = ",
        '"http://h"',
        "password",
        "command",
        "environment",
        "__proto__",
        "constructor",
        "1979-05-27",
        "07:32:00",
        "0x",
        "1e400",
        "nan",
        "-",
        "true",
        "\u0000",
        "\ufeff",
        "\ud800"
      ),
      fc.string({ unit: "binary", maxLength: 5 })
    ),
    { maxLength: 40 }
  )
  .map((parts) => parts.join(""))

const sample = writeToml(
  { server: { host: "::1", port: 1 }, poll: { jitter: 0.5 } },
  { nodes: [{ name: "a", url: "http://h:1", username: "u", password: "${A}" }], programs: [program] },
  { style: "header", literal: false, lineEnd: "\n" }
)

/** A valid file with one stretch of it replaced. */
const damaged = fc
  .tuple(fc.nat(sample.length), fc.nat(12), pieces)
  .map(([start, length, piece]) => sample.slice(0, start) + piece + sample.slice(start + length))

describe("any text", () => {
  it("gives a configuration or problems with their places, and never throws", () => {
    fc.assert(
      fc.property(fc.oneof(pieces, damaged, fc.string({ unit: "binary" })), (text) => {
        const result = decode(text, { A: "x" })
        if (Result.isSuccess(result)) return
        const { message, omitted, problems } = result.failure
        assert.isAbove(problems.length, 0)
        assert.strictEqual(
          message.split(/[\n\r\u0085\u2028\u2029]/).length,
          problems.length + (omitted === undefined ? 0 : 1)
        )
        for (const { column, file, line } of problems) {
          assert.strictEqual(file, "f.toml")
          assert.isTrue((line ?? 0) >= 1 && (line ?? 0) <= text.split("\n").length, `line ${line}`)
          assert.isAtLeast(column ?? 0, 1)
        }
      }),
      { numRuns: 3000 }
    )
  })

  it("is refused in the same way each time", () => {
    fc.assert(
      fc.property(fc.oneof(pieces, damaged), (text) => {
        const [first, second] = [decode(text), decode(text)].map((result) =>
          Result.isFailure(result) ? result.failure.message : ""
        )
        assert.strictEqual(first, second)
      }),
      { numRuns: 300 }
    )
  })
})

/** A secret that can be told from everything else, with characters that mean something in URLs and TOML. */
const marked = fc.stringMatching(/^[:/#?@$%a-z0-9]{0,3}s3cr3t[:/#?@$%a-z0-9]{0,6}$/)

/** Where a secret can end up: right, nearly right, and wrong. */
const misplaced: ReadonlyArray<(secret: string) => string> = [
  (secret) => `password = '${secret}'`,
  (secret) => `username = 'u'\npassword = ['${secret}']`,
  (secret) => `password = { a = '${secret}' }`,
  (secret) => `username = 'u:${secret}'\npassword = ''`,
  (secret) => `url = 'http://u:${secret}@h:1'`,
  (secret) => `url = 'ftp://u:${secret}@h:1'`,
  (secret) => `url = 'http://h:1?password=${secret}'`,
  (secret) => `url = 'http://h:1#${secret}'`,
  (secret) => `environment = '${secret}@'`,
  (secret) => `passwrod = '${secret}'`,
  (secret) => `password = '${secret}`,
  (secret) => `password = "${secret}" x`,
  () => "password = '${S}'",
  () => "url = '${S}'",
  () => "environment = '${S}\\u0000'",
  () => "username = '${S}:'",
  () => "[server]\nport = '${S}'\nhost = '${S}/'",
  (secret) => `[[programs]]\nname = 'p'\ncommand = '${secret} | x'\nenvironment = { A = '${secret}', B = 1 }`,
  (secret) => `[[programs]]\nname = 'p'\ncommand = ['', '${secret}']\nenvironment = '${secret}'`,
  (secret) => `[[programs]]\ncommand = '${secret} "'\nenvironment.A = ['${secret}']`
]

describe("any secret", () => {
  it("is in no problem, wherever it was put and whatever else is wrong", () => {
    fc.assert(
      fc.property(marked, fc.constantFrom(...misplaced), fc.boolean(), (secret, place, twice) => {
        const text = `[[nodes]]\nname = 'a b'\n${place(secret)}\n`
        const result = decode(twice ? text + text : text, { S: secret, MUSTER_SERVER_SECRET: secret })
        const error = Result.isFailure(result) ? result.failure : assert.fail("the configuration was accepted")
        assert.isAbove(error.problems.length, 0)
        assert.notInclude(`${error.message}\n${JSON.stringify(error)}\n${String(error.stack)}`, "s3cr3t")
      }),
      { numRuns: 2000 }
    )
  })

  it("is hidden in a configuration that is shown", () => {
    fc.assert(
      fc.property(marked, (secret) => {
        const text = "[[nodes]]\nname = 'a'\nurl = 'http://h:1'\nusername = 'u'\npassword = '${S}'"
        const config = Result.getOrThrow(decode(text, { S: secret }))
        assert.notInclude(JSON.stringify(config) + inspect(config, { depth: 5 }), "s3cr3t")
      }),
      { numRuns: 50 }
    )
  })
})
