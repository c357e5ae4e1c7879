/** The whole driver against real supervisords: several at once, over TCP, TLS and a unix socket. */
import { readFileSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Fiber, Layer, Redacted, Schedule, Stream } from "effect"
import type { LogPiece } from "../../core/fleet/NodeDriver.ts"
import * as SupervisorDriver from "../../core/supervisor/SupervisorDriver.ts"
import * as TlsMaterial from "../../core/supervisor/TlsMaterial.ts"
import * as NodeHttpClient from "../../runtime/NodeHttpClient.ts"
import { asText } from "../core/supervisor/FakeLogs.ts"
import { signal as sendSignal } from "../../runtime/real/MarkedProcesses.ts"
import { itReal, type RealSupervisord, start } from "../support/RealSupervisord.ts"
import { type Certificates, certificates, tlsProxy } from "../support/TlsProxy.ts"

/** Prints text, control characters, bytes that are no UTF-8, and what it is told; counts SIGHUP. */
const talker = `import signal, sys
out = sys.stdout.buffer
def say(data):
    out.write(data)
    out.flush()
signal.signal(signal.SIGHUP, lambda *_: say(b"hup\\n"))
say("caf\\u00e9 \\u2713 \\U0001f600\\r\\n".encode() * 400)
say(b"\\x1b[1m bell \\x07 nul \\x00\\n" * 50)
say(b"latin \\xe9 cut \\xe2\\x82 \\xff\\n" * 20)
say("\\u65e5\\u672c\\n".encode() * 500 + b"ready\\n")
for line in sys.stdin.buffer:
    say(b"got " + line)
`

const programs = `
[program:talker]
command=/usr/bin/python3 -u %(here)s/talker.py
startsecs=0
redirect_stderr=true
[program:idle]
command=/bin/sleep 1000
autostart=false
[program:flood]
command=/bin/sh -c 'i=0; while :; do i=$((i+1)); echo "line $i of the flood"; done'
autostart=false
stdout_logfile_maxbytes=200KB
stdout_logfile_backups=1
`

const files = { "talker.py": talker }
const talkerId = { group: "talker", name: "talker" }
const limits = { deadlineMs: 5_000, replyBytesMax: 8_000_000 }
type Options = Partial<SupervisorDriver.SupervisorDriverOptions>

const driverOf = (node: RealSupervisord, options: Options) =>
  Effect.flatMap(Layer.build(NodeHttpClient.layer()), (client) =>
    SupervisorDriver.make({
      url: node.url,
      username: node.username,
      password: node.password,
      ...limits,
      ...options
    }).pipe(Effect.provideContext(client))
  )

const tlsOf = ({ ca, folder }: Certificates) =>
  TlsMaterial.load({
    tlsCa: ca,
    tlsCertificate: join(folder, "client.pem"),
    tlsKey: Redacted.make(join(folder, "client.key"))
  }).pipe(Effect.provide(NodeServices.layer))

/** Three nodes and a driver for each, by how it is reached. */
const fleet = Effect.gen(function* () {
  const made = yield* certificates
  const tls = yield* tlsOf(made)
  const [tcp, unix, behind] = yield* Effect.all(
    [start({ programs, files }), start({ programs, files }), start({ programs, files })],
    { concurrency: 3 }
  )
  const drivers = {
    tcp: yield* driverOf(tcp, { connections: "auto" }),
    unix: yield* driverOf(unix, { url: unix.socketUrl, connections: "keep-alive" }),
    tls: yield* driverOf(behind, { url: yield* tlsProxy(behind.port, made), tls, connections: "keep-alive" })
  }
  return { drivers, nodes: { tcp, unix, tls: behind }, certificates: made }
})

type Driver = SupervisorDriver.SupervisorDriver

const retried = <A, E>(effect: Effect.Effect<A, E>) =>
  effect.pipe(Effect.retry({ schedule: Schedule.spaced(50), times: 200 }))

const logFile = (driver: Driver, id: typeof talkerId) => Effect.map(driver.process(id), (info) => info.stdout_logfile)

/** Reads from chunk to chunk. */
const readAll = Effect.fnUntraced(function* (driver: Driver, id: typeof talkerId, lengthBytesMax: number) {
  let text = ""
  for (let at = 0; ;) {
    const chunk = yield* driver.readLog(id, "stdout", { from: at, lengthBytesMax })
    text += chunk.text
    if (chunk.next === chunk.size) return text
    assert.isAbove(chunk.next, at)
    at = chunk.next
  }
})

const untilReady = (driver: Driver) =>
  retried(
    driver.readLog(talkerId, "stdout", { from: "end", lengthBytesMax: 100 }).pipe(
      Effect.filterOrFail(
        ({ text }) => text.includes("ready\n"),
        ({ text }) => `not ready: ${text}`
      )
    )
  )

const textOf = (pieces: ReadonlyArray<LogPiece>) =>
  Buffer.concat(pieces.flatMap((piece) => (piece._tag === "Bytes" ? [piece.bytes] : []))).toString("utf8")

describe("driver of several real supervisords over TCP, TLS and a unix socket", () => {
  itReal("reads, follows, signals, speaks to and clears", () =>
    Effect.gen(function* () {
      const { drivers, nodes } = yield* fleet
      yield* Effect.forEach(
        Object.entries(drivers),
        ([way, driver]) =>
          Effect.gen(function* () {
            const node = way === "unix" ? nodes.unix : way === "tls" ? nodes.tls : nodes.tcp
            const identity = yield* driver.identify
            assert.deepInclude(identity, { identifier: "real", pid: node.pid })
            assert.match(identity.version, /^\d+\.\d+/)
            yield* untilReady(driver)
            const path = yield* logFile(driver, talkerId)
            for (const length of [100_000, 1_001]) {
              assert.strictEqual(yield* readAll(driver, talkerId, length), asText(readFileSync(path)))
            }
            const seen: Array<LogPiece> = []
            const following = yield* Effect.forkChild(
              Stream.runForEach(driver.followLog(talkerId, "stdout"), (piece) => Effect.sync(() => seen.push(piece)))
            )
            yield* driver.sendStdin(talkerId, "hello é\n")
            yield* driver.signal(talkerId, "HUP")
            yield* retried(
              Effect.filterOrFail(
                Effect.sync(() => textOf(seen)),
                (text) => text.includes("got hello é\n") && text.includes("hup\n"),
                (text) => `not followed: ${text.slice(-100)}`
              )
            )
            yield* driver.clearLog(talkerId)
            const cleared = yield* driver.readLog(talkerId, "stdout", { from: 5_000, lengthBytesMax: 10 })
            assert.deepInclude(cleared, { rotated: true, offset: 0, text: "" })
            yield* driver.sendStdin(talkerId, "again\n")
            yield* retried(
              Effect.filterOrFail(
                Effect.sync(() => textOf(seen)),
                (text) => text.endsWith("got again\n"),
                (text) => `not followed: ${text.slice(-100)}`
              )
            )
            yield* Fiber.interrupt(following)
            const refused = yield* Effect.flip(driver.signal(talkerId, "NOSUCH"))
            assert.deepInclude(refused.reason, { name: "BAD_SIGNAL" })
            const idle = { group: "idle", name: "idle" }
            assert.deepInclude((yield* Effect.flip(driver.sendStdin(idle, "x"))).reason, { name: "NOT_RUNNING" })
            assert.deepInclude((yield* Effect.flip(driver.signal(idle, "15"))).reason, { name: "NOT_RUNNING" })
            const unknown = driver.followLog({ group: "no", name: "no" }, "stdout")
            assert.deepInclude((yield* Effect.flip(Stream.runDrain(unknown))).reason, { name: "BAD_NAME" })
          }),
        { concurrency: 3, discard: true }
      )
    })
  )

  itReal("rereads its configuration, adds and removes groups", () =>
    Effect.gen(function* () {
      const { drivers, nodes } = yield* fleet
      const driver = drivers.tls
      const added = "[program:added]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
      const changed = programs.replace("[program:idle]\n", "[program:idle]\npriority=5\n")
      yield* nodes.tls.configure(changed.replace(/\[program:flood\][^]*/, "") + added)
      assert.deepInclude((yield* Effect.flip(driver.addGroup("added"))).reason, { name: "BAD_NAME" })
      assert.deepStrictEqual(yield* driver.reread, { added: ["added"], changed: ["idle"], removed: ["flood"] })
      yield* driver.addGroup("added")
      assert.deepInclude((yield* Effect.flip(driver.addGroup("added"))).reason, { name: "ALREADY_ADDED" })
      yield* driver.removeGroup("flood")
      assert.deepInclude((yield* Effect.flip(driver.removeGroup("flood"))).reason, { name: "BAD_NAME" })
      yield* retried(
        Effect.filterOrFail(
          driver.process({ group: "added", name: "added" }),
          ({ state }) => state === "RUNNING",
          ({ state }) => state
        )
      )
      assert.deepInclude((yield* Effect.flip(driver.removeGroup("added"))).reason, { name: "STILL_RUNNING" })
      yield* nodes.tls.configure("[program:broken]\n")
      assert.deepInclude((yield* Effect.flip(driver.reread)).reason, { name: "CANT_REREAD" })
    })
  )

  itReal("keeps up with a flood over rotations", () =>
    Effect.gen(function* () {
      const node = yield* start({ programs, files })
      const driver = yield* driverOf(node, { followSilenceMs: 1_000 })
      const flood = { group: "flood", name: "flood" }
      yield* driver.start(flood)
      const seen: Array<LogPiece> = []
      const followed = yield* Effect.forkChild(
        Stream.runForEach(
          Stream.unwrap(Effect.as(retried(logFile(driver, flood)), driver.followLog(flood, "stdout"))).pipe(
            Stream.retry(Schedule.spaced(50))
          ),
          (piece) => Effect.sync(() => seen.push(piece))
        )
      )
      const bytes = Effect.sync(() => textOf(seen).length)
      yield* retried(Effect.filterOrFail(bytes, (length) => length > 1_000_000))
      // It may be rotated just then.
      yield* retried(
        Effect.filterOrFail(driver.readLog(flood, "stdout", { from: "end", lengthBytesMax: 1_000 }), ({ text }) =>
          /line \d+ of the flood\n/.test(text)
        )
      )
      yield* driver.stop(flood)
      yield* retried(Effect.filterOrFail(driver.process(flood), ({ state }) => state === "STOPPED"))
      const lines = textOf(seen).split("\n").slice(1, -1)
      assert.isAbove(lines.filter((line) => /^line \d+ of the flood$/.test(line)).length, lines.length * 0.95)

      const path = yield* logFile(driver, flood)
      // It stays with a file that is rotated away twice between two looks, until it is asked anew after a silence.
      const hasAll = Effect.sync(() => textOf(seen.slice(-50)).endsWith(readFileSync(path, "utf8").slice(-100)))
      yield* retried(Effect.filterOrFail(hasAll, (has) => has))
      yield* Fiber.interrupt(followed)
    })
  )

  itReal("goes on after a truncation, and tells of the gap", () =>
    Effect.gen(function* () {
      const node = yield* start({ programs, files })
      const driver = yield* driverOf(node, {})
      yield* untilReady(driver)
      const seen: Array<LogPiece> = []
      const followed = yield* Effect.forkChild(
        Stream.runForEach(driver.followLog(talkerId, "stdout"), (piece) => Effect.sync(() => seen.push(piece)))
      )
      yield* retried(
        Effect.filterOrFail(
          Effect.sync(() => textOf(seen).endsWith("ready\n")),
          (has) => has
        )
      )
      truncateSync(yield* logFile(driver, talkerId))
      // It breaks the connection off when it finds the file shorter; one that has grown again it would not notice.
      yield* Effect.sleep(1_000)
      yield* driver.sendStdin(talkerId, "after\n")
      yield* retried(
        Effect.filterOrFail(
          Effect.sync(() => textOf(seen).endsWith("got after\n")),
          (has) => has
        )
      )
      assert.strictEqual(seen.at(-2)?._tag, "Gap")
      yield* Fiber.interrupt(followed)
    })
  )

  itReal("says why it cannot be reached", () =>
    Effect.gen(function* () {
      const { certificates: made, drivers, nodes } = yield* fleet
      const stranger = yield* certificates
      const url = yield* tlsProxy(nodes.tls.port, made)
      const tls = yield* tlsOf(made)
      const reasonOf = (options: Options) =>
        Effect.flatMap(driverOf(nodes.tls, { url, ...options }), (driver) =>
          Effect.map(Effect.flip(driver.identify), ({ message, reason }) => ({ tag: reason._tag, message }))
        )
      const wrongCa = yield* reasonOf({ tls: { ...tls, ca: stranger.ca } })
      assert.strictEqual(wrongCa.tag, "Unreachable")
      assert.match(wrongCa.message, /certificate/)
      const wrongName = yield* reasonOf({ tls: { ...tls, serverName: "elsewhere" } })
      assert.strictEqual(wrongName.tag, "Unreachable")
      assert.match(wrongName.message, /elsewhere/)
      const noCertificate = yield* reasonOf({ tls: { ca: made.ca } })
      // The proxy closes the connection after the handshake, without a word.
      assert.strictEqual(noCertificate.tag, "ConnectionLost")

      yield* drivers.tcp.processes
      sendSignal(nodes.tcp.pid, "SIGKILL")
      yield* retried(
        Effect.filterOrFail(
          Effect.map(Effect.flip(drivers.tcp.processes), ({ reason }) => reason._tag),
          (tag) => tag === "Unreachable",
          (tag) => tag
        )
      )
      const follow = yield* driverOf(nodes.tcp, { followGiveUpMs: 300 })
      const { reason } = yield* Effect.flip(Stream.runDrain(follow.followLog(talkerId, "stdout")))
      assert.strictEqual(reason._tag, "Unreachable")
    })
  )
})
