/** Conversations by hand about logs: what programs print, how it is read and cleared, and the main log. */
import { Effect } from "effect"
import { type Conversation, entry } from "./Peer.ts"
import { samples } from "./Programs.ts"
import type { XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import { settled, untilState } from "./Settle.ts"

const standardInput: Conversation = Effect.fnUntraced(function* (peer) {
  const send = (name: string, chars: XmlRpcValue) => peer.ask("supervisor.sendProcessStdin", name, chars)
  yield* send("cat", "x")
  for (const name of ["cat", "deaf", "starter"]) yield* peer.ask("supervisor.startProcess", name)
  yield* Effect.sleep(300)
  yield* send("cat", "é✓ line\n")
  yield* send("cat", "")
  yield* send("deaf", "x")
  for (const odd of [5, true, ["x"], { a: "b" }]) yield* send("cat", odd)
  yield* send("nope", "x")
  yield* Effect.sleep(300)
  yield* peer.ask("supervisor.readProcessStdoutLog", "cat", 0, 0)
})

const offsets = [0, 1, 5, 20, 25, 26, 28, 30, 34, 35, 40, 46, 47, 100, -1, -5, -12, -100]
const lengths = [0, 1, 3, 5, 12, 47, 100, -1]

const readingLogs: Conversation = Effect.fnUntraced(function* (peer) {
  for (const name of ["text", "starter", "cat"]) {
    for (const channel of ["Stdout", "Stderr"]) {
      yield* peer.ask(`supervisor.readProcess${channel}Log`, name, 0, 0)
      yield* peer.ask(`supervisor.tailProcess${channel}Log`, name, 0, 0)
    }
  }
  for (const name of ["text", "both"]) yield* peer.ask("supervisor.startProcess", name)
  yield* Effect.sleep(300)
  for (const offset of offsets) {
    for (const length of lengths) {
      yield* peer.askBytes("supervisor.readProcessStdoutLog", "text", offset, length)
      yield* peer.askBytes("supervisor.tailProcessStdoutLog", "text", offset, length)
    }
  }
  for (const odd of ["12", " 3 ", "abc", "", 2.9, true, [], {}]) {
    for (const method of ["readProcessLog", "tailProcessLog"]) {
      yield* peer.ask(`supervisor.${method}`, "text", odd, 5)
      yield* peer.ask(`supervisor.${method}`, "text", 0, odd)
    }
  }
  for (const channel of ["Stdout", "Stderr"]) {
    yield* peer.ask(`supervisor.readProcess${channel}Log`, "both", 0, 0)
    yield* peer.ask(`supervisor.tailProcess${channel}Log`, "both", 0, 100)
  }
})

const oddLogs: Conversation = Effect.fnUntraced(function* (peer) {
  const odd = ["control", "latin1", "cut"]
  for (const name of odd) yield* peer.ask("supervisor.startProcess", name)
  yield* Effect.sleep(300)
  for (const name of odd) {
    yield* peer.askBytes("supervisor.readProcessStdoutLog", name, 0, 0)
    yield* peer.ask("supervisor.readProcessStdoutLog", name, 0, 0)
    yield* peer.ask("supervisor.tailProcessStdoutLog", name, 0, 100)
    yield* peer.ask("supervisor.tailProcessStdoutLog", name, 0, 3)
    yield* peer.ask("system.multicall", [
      entry("supervisor.readProcessStdoutLog", name, 0, 0),
      entry("supervisor.tailProcessStdoutLog", name, 0, 100),
      entry("supervisor.getState")
    ])
  }
  yield* peer.side.growLog("cut", 3 * 2 ** 30)
  yield* peer.ask("supervisor.tailProcessStdoutLog", "cut", 0, 0)
  yield* peer.ask("supervisor.tailProcessStdoutLog", "cut", 0, 4)
  yield* peer.ask("supervisor.readProcessStdoutLog", "cut", 3 * 2 ** 30, 10)
  yield* peer.ask("supervisor.readProcessStdoutLog", "cut", 3 * 2 ** 30 - 2, 1)
  yield* peer.ask("system.multicall", [
    entry("supervisor.tailProcessStdoutLog", "cut", 0, 0),
    entry("supervisor.getState")
  ])
})

const lateAndNotAscii: Conversation = Effect.fnUntraced(function* (peer) {
  yield* peer.ask("supervisor.startProcess", "text")
  yield* Effect.sleep(300)
  const tail = entry("supervisor.tailProcessStdoutLog", "text", 0, 100)
  yield* peer.ask("system.multicall", [tail])
  // Late, and cut: the length is counted in characters.
  yield* peer.askBytes("system.multicall", [entry("supervisor.startProcess", "waiter"), tail])
})

const clearingLogs: Conversation = Effect.fnUntraced(function* (peer) {
  const size = (name: string) => peer.ask("supervisor.tailProcessStdoutLog", name, 0, 0)
  for (const name of ["text", "both", "rotor"]) yield* peer.ask("supervisor.startProcess", name)
  yield* Effect.sleep(300)
  yield* peer.ask("supervisor.clearProcessLogs", "both")
  yield* size("both")
  yield* peer.ask("supervisor.tailProcessStderrLog", "both", 0, 0)
  yield* peer.ask("supervisor.tailProcessStdoutLog", "both", 4, 10)
  yield* peer.ask("supervisor.stopProcess", "text")
  // Of a process that does not run nothing is cleared.
  yield* peer.ask("supervisor.clearProcessLogs", "text")
  yield* size("text")
  yield* peer.ask("supervisor.startProcess", "text")
  yield* Effect.sleep(300)
  yield* size("text")
  for (const chars of ["123456789\n", "abcdefghi\n", "xyz\n"]) {
    yield* peer.ask("supervisor.sendProcessStdin", "rotor", chars)
    yield* Effect.sleep(200)
    yield* peer.ask("supervisor.readProcessStdoutLog", "rotor", 0, 0)
  }
  yield* peer.ask("supervisor.clearAllProcessLogs")
  for (const name of ["text", "both", "rotor"]) yield* size(name)
})

const mainLog: Conversation = Effect.fnUntraced(function* (peer) {
  yield* settled(peer)
  yield* peer.ask("supervisor.clearLog")
  yield* peer.ask("supervisor.readLog", 0, 0)
  yield* peer.ask("supervisor.startProcess", "waiter")
  yield* peer.ask("supervisor.signalProcess", "waiter", "KILL")
  yield* Effect.sleep(300)
  for (const name of ["finisher", "quitter"]) {
    yield* peer.ask("supervisor.startProcess", name)
    yield* Effect.sleep(300)
  }
  yield* settled(peer)
  yield* peer.ask("supervisor.stopProcess", "starter", false)
  yield* settled(peer)
  yield* peer.ask("supervisor.readMainLog", 0, 0)
  yield* peer.ask("supervisor.clearLog")
  yield* peer.ask("supervisor.startProcess", "crasher", false)
  yield* untilState(peer, "crasher", "FATAL")
  yield* peer.ask("supervisor.readLog", 0, 0)
  for (const [offset, length] of [
    [-10, 5],
    [0, -1],
    [-3, 0],
    ["x", 0],
    [[], 0]
  ] as const) {
    yield* peer.ask("supervisor.readLog", offset, length)
  }
})

const tailing: Conversation = Effect.fnUntraced(function* (peer) {
  for (const name of ["text", "both", "latin1"]) yield* peer.ask("supervisor.startProcess", name)
  yield* Effect.sleep(300)
  const get = (path: string, bytesMax: number) => peer.http({ method: "GET", path, bytesMax }, { withBody: true })
  yield* get("/logtail/text", samples.text.length)
  yield* get("/logtail/text:text/stdout", samples.text.length)
  yield* get("/logtail/both/stderr", 4)
  yield* get("/logtail/latin1", 8)
  yield* peer.ask("supervisor.clearLog")
  yield* peer.ask("supervisor.stopProcess", "text", false)
  yield* settled(peer)
  yield* get("/mainlogtail", 40)
  const paths = [
    "/logtail/nope",
    "/logtail/app:*",
    "/logtail/both/nope",
    "/logtail/text/stderr",
    "/logtail/waiter",
    "/logtail"
  ]
  for (const path of paths) {
    yield* peer.http({ method: "GET", path })
    yield* peer.http({ method: "POST", path, body: "x" })
  }
})

/** By what they are about. */
export const logConversations: Readonly<Record<string, Conversation>> = {
  "standard input": standardInput,
  "reading logs": readingLogs,
  "logs that are no text": oddLogs,
  "late answers that are not ASCII": lateAndNotAscii,
  "clearing and rotating logs": clearingLogs,
  "the main log": mainLog,
  "log tails": tailing
}
