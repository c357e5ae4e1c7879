/** Conversations by hand: every method, every fault and every quirk that is known of supervisord 4.2.5. */
import { Effect } from "effect"
import { isList, type XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import { type Conversation, entry } from "./Peer.ts"
import { logConversations } from "./LogConversations.ts"
import { look, settled, untilState } from "./Settle.ts"

/** Asks one after another, without waiting for anything. */
const asking = (calls: ReadonlyArray<readonly [string, ...ReadonlyArray<XmlRpcValue>]>): Conversation =>
  Effect.fnUntraced(function* (peer) {
    for (const [method, ...params] of calls) yield* peer.ask(`supervisor.${method}`, ...params)
  })

const nameTakers = [
  "getProcessInfo",
  "startProcess",
  "stopProcess",
  "clearProcessLogs",
  "clearProcessLog",
  "addProcessGroup",
  "removeProcessGroup",
  "startProcessGroup",
  "stopProcessGroup"
]
const oddNames: ReadonlyArray<XmlRpcValue> = [
  "nope",
  "app",
  "app:nope",
  "nope:*",
  "app:api:x",
  "",
  ":",
  "starter:starter ",
  5,
  2.5,
  true,
  ["app"],
  { a: 1 },
  "é<&>"
]

const names: Conversation = Effect.fnUntraced(function* (peer) {
  for (const method of nameTakers) {
    for (const name of oddNames) yield* peer.ask(`supervisor.${method}`, name)
    yield* peer.ask(`supervisor.${method}`)
    yield* peer.ask(`supervisor.${method}`, "nope", true, "more")
  }
  for (const name of ["app:*", "app:", "starter:*"]) {
    yield* peer.ask("supervisor.getProcessInfo", name)
    yield* peer.ask("supervisor.clearProcessLogs", name)
    yield* peer.ask("supervisor.readProcessStdoutLog", name, 0, 0)
    yield* peer.ask("supervisor.tailProcessStderrLog", name, 0, 0)
    yield* peer.ask("supervisor.sendProcessStdin", name, "x")
    yield* peer.ask("supervisor.signalProcess", name, "0")
  }
})

const methods: Conversation = Effect.fnUntraced(function* (peer) {
  yield* peer.askBytes("system.listMethods")
  const listed = yield* peer.value("system.listMethods")
  for (const method of listed !== undefined && isList(listed) ? listed : []) {
    yield* peer.ask("system.methodSignature", method)
    yield* peer.ask("system.methodHelp", method)
    // No method takes so many.
    if (typeof method === "string") yield* peer.ask(method, 1, 2, 3, 4, 5)
  }
  for (const name of [
    "nope",
    "supervisor",
    "supervisor.getPID.x",
    "supervisor._now",
    "supervisor.__init__",
    "getPID",
    "foo.bar",
    "system.nope",
    "supervisor.supervisord",
    ".",
    "supervisor."
  ]) {
    yield* peer.ask(name)
    yield* peer.ask("system.methodHelp", name)
    yield* peer.ask("system.methodSignature", name)
  }
  for (const odd of [5, [], {}, true]) yield* peer.ask("system.methodHelp", odd)
  yield* peer.ask("system.methodHelp")
  for (const name of ["getAPIVersion", "getVersion", "getSupervisorVersion", "getIdentification", "getState"]) {
    yield* peer.askBytes(`supervisor.${name}`)
  }
  yield* peer.ask("supervisor.getPID")
  yield* peer.ask("supervisor.getAllProcessInfo")
  yield* peer.ask("supervisor.getAllConfigInfo")
  yield* peer.ask("supervisor.sendRemoteCommEvent", "type", "data")
  yield* peer.ask("supervisor.sendRemoteCommEvent", 1, [2])
})

const multicalls: Conversation = Effect.fnUntraced(function* (peer) {
  const all = (calls: XmlRpcValue) => peer.ask("system.multicall", calls)
  yield* all([])
  yield* all([
    entry("supervisor.getState"),
    { methodName: "supervisor.getIdentification" },
    entry("system.multicall", [])
  ])
  yield* all([
    { params: [] },
    entry(5),
    entry(""),
    entry("nope"),
    entry("supervisor.getState", 1),
    entry("nope.nope", 1)
  ])
  yield* all([
    { methodName: "supervisor.getProcessInfo", params: "ab" },
    { methodName: "supervisor.getProcessInfo", params: "a" },
    { methodName: "supervisor.getProcessInfo", params: 5 },
    { methodName: "nope.nope", params: 5 },
    { methodName: "supervisor.getProcessInfo", params: { cat: 1 } },
    entry("supervisor.getProcessInfo", 5),
    entry("supervisor.tailProcessStdoutLog", "starter", "abc", 5),
    entry("supervisor.readLog", "abc", 5),
    entry("supervisor.readLog", [], 5),
    entry("supervisor.signalProcess", "starter", []),
    entry("supervisor.signalProcess", "starter", "nope")
  ])
  for (const odd of ["ab", "", 5, {}, true, [5], ["a"], [[]], [entry("supervisor.getState"), 5]]) yield* all(odd)
  yield* peer.ask("system.multicall")
  yield* settled(peer)
  // What has to be waited for holds up what comes after it.
  yield* all([
    entry("supervisor.startProcess", "waiter"),
    entry("supervisor.getProcessInfo", "waiter"),
    entry("supervisor.stopProcess", "waiter"),
    entry("supervisor.getProcessInfo", "waiter"),
    entry("supervisor.startProcessGroup", "app"),
    entry("supervisor.stopProcessGroup", "app"),
    entry("supervisor.startProcess", "waiter", false),
    entry("supervisor.startProcess", "waiter", false)
  ])
  yield* settled(peer)
  yield* look(peer)
})

const starting: Conversation = Effect.fnUntraced(function* (peer) {
  const start = (name: string, ...wait: ReadonlyArray<XmlRpcValue>) =>
    peer.ask("supervisor.startProcess", name, ...wait)
  yield* start("starter")
  yield* start("starter", false)
  yield* start("starter:starter")
  yield* start("app:gone")
  yield* start("plain", false)
  yield* start("waiter", false)
  yield* start("waiter")
  yield* peer.ask("supervisor.getProcessInfo", "waiter")
  yield* settled(peer)
  yield* look(peer)
  yield* start("crasher")
  yield* peer.ask("supervisor.getProcessInfo", "crasher")
  yield* start("crasher")
  yield* settled(peer)
  yield* peer.ask("supervisor.getProcessInfo", "crasher")
  yield* start("finisher")
  yield* start("quitter", false)
  yield* settled(peer)
  yield* look(peer)
  for (const wait of ["", "false", 0, []]) {
    yield* start("quitter", wait)
    yield* settled(peer)
  }
})

const backingOff: Conversation = Effect.fnUntraced(function* (peer) {
  yield* peer.ask("supervisor.startProcess", "flapper", false)
  yield* untilState(peer, "flapper", "BACKOFF")
  yield* peer.ask("supervisor.startProcess", "flapper", false)
  yield* peer.ask("supervisor.signalProcess", "flapper", "TERM")
  yield* peer.ask("supervisor.sendProcessStdin", "flapper", "x")
  yield* peer.ask("supervisor.stopProcess", "flapper")
  yield* peer.ask("supervisor.getProcessInfo", "flapper")
  // A stop does not reset the count of failures: this is the second, and there is one retry. The log tells.
  yield* peer.ask("supervisor.clearLog")
  yield* peer.ask("supervisor.startProcess", "flapper", false)
  yield* untilState(peer, "flapper", "BACKOFF", "FATAL")
  yield* settled(peer)
  yield* peer.ask("supervisor.getProcessInfo", "flapper")
  yield* peer.ask("supervisor.readLog", 0, 0)
  yield* peer.ask("supervisor.stopProcess", "flapper")
})

const stopping: Conversation = Effect.fnUntraced(function* (peer) {
  for (const name of ["stubborn", "graceful"]) yield* peer.ask("supervisor.startProcess", name)
  yield* peer.ask("supervisor.stopProcess", "stubborn", false)
  yield* peer.ask("supervisor.getProcessInfo", "stubborn")
  yield* peer.ask("supervisor.startProcess", "stubborn", false)
  yield* peer.ask("supervisor.stopProcess", "stubborn")
  yield* peer.ask("supervisor.signalProcess", "stubborn", "0")
  yield* peer.ask("supervisor.sendProcessStdin", "stubborn", "x")
  yield* peer.ask("supervisor.removeProcessGroup", "stubborn")
  yield* peer.ask("supervisor.startProcess", "stubborn", true)
  yield* peer.ask("supervisor.startProcessGroup", "stubborn", true)
  yield* settled(peer)
  yield* peer.ask("supervisor.getProcessInfo", "stubborn")
  yield* peer.ask("supervisor.stopProcess", "stubborn")
  yield* peer.ask("supervisor.stopProcess", "graceful")
  yield* peer.ask("supervisor.getProcessInfo", "graceful")
  yield* peer.ask("supervisor.stopProcess", "starter")
  yield* peer.ask("supervisor.getProcessInfo", "starter")
})

const groups: Conversation = Effect.fnUntraced(function* (peer) {
  yield* peer.ask("supervisor.startProcess", "app:*")
  yield* peer.ask("supervisor.startProcess", "app:")
  yield* look(peer)
  yield* peer.ask("supervisor.signalProcess", "app:*", "0")
  yield* peer.ask("supervisor.signalProcessGroup", "app", "nope")
  yield* peer.ask("supervisor.signalProcessGroup", "nope", "0")
  yield* peer.ask("supervisor.stopProcess", "app:api")
  yield* peer.ask("supervisor.stopProcess", "app:*")
  yield* peer.ask("supervisor.stopProcessGroup", "app")
  yield* peer.ask("supervisor.startProcessGroup", "app", false)
  yield* peer.ask("supervisor.stopProcessGroup", "app", false)
  yield* settled(peer)
  yield* peer.ask("supervisor.startAllProcesses")
  yield* settled(peer)
  yield* look(peer)
  yield* peer.ask("supervisor.signalAllProcesses", 0)
  yield* peer.ask("supervisor.signalAllProcesses", [])
  yield* peer.ask("supervisor.clearAllProcessLogs")
  yield* peer.ask("supervisor.stopAllProcesses")
  yield* look(peer)
})

const signals: Conversation = Effect.fnUntraced(function* (peer) {
  const signal = (name: string, which: XmlRpcValue) => peer.ask("supervisor.signalProcess", name, which)
  for (const which of [
    "0",
    0,
    "CHLD",
    "sigchld",
    " cont ",
    18,
    "SIGWINCH",
    "_dfl",
    true,
    99,
    99.5,
    "FOO",
    "",
    [],
    {}
  ]) {
    yield* signal("starter", which)
  }
  yield* signal("app:api", "HUP")
  yield* peer.ask("supervisor.startProcess", "app:api")
  yield* Effect.sleep(300)
  yield* signal("app:api", "HUP")
  yield* Effect.sleep(300)
  yield* settled(peer)
  yield* peer.ask("supervisor.getProcessInfo", "app:api")
  yield* peer.ask("supervisor.startProcess", "graceful")
  yield* signal("graceful", "TERM")
  yield* Effect.sleep(500)
  yield* settled(peer)
  yield* peer.ask("supervisor.getProcessInfo", "graceful")
  yield* signal("starter", 9)
  yield* Effect.sleep(500)
  yield* settled(peer)
  yield* peer.ask("supervisor.getProcessInfo", "starter")
})

const reloading: Conversation = Effect.fnUntraced(function* (peer) {
  yield* peer.ask("supervisor.reloadConfig")
  yield* peer.side.configure("changed")
  yield* peer.ask("supervisor.addProcessGroup", "added")
  yield* peer.ask("supervisor.reloadConfig")
  yield* peer.ask("supervisor.getAllConfigInfo")
  yield* peer.ask("supervisor.getProcessInfo", "added")
  for (const name of ["added", "added2", "added", "cat", "waiter"]) yield* peer.ask("supervisor.addProcessGroup", name)
  yield* settled(peer)
  yield* look(peer)
  yield* peer.ask("supervisor.removeProcessGroup", "added")
  yield* peer.ask("supervisor.stopProcessGroup", "added")
  yield* peer.ask("supervisor.removeProcessGroup", "added")
  yield* peer.ask("supervisor.removeProcessGroup", "added")
  for (const name of ["cat", "waiter"]) yield* peer.ask("supervisor.removeProcessGroup", name)
  yield* peer.ask("supervisor.addProcessGroup", "waiter")
  yield* peer.ask("supervisor.reloadConfig")
  yield* look(peer)
  yield* peer.side.configure("broken")
  yield* peer.ask("supervisor.reloadConfig")
  yield* peer.ask("supervisor.addProcessGroup", "added")
  yield* peer.ask("supervisor.getAllConfigInfo")
  yield* peer.side.configure("base")
  yield* peer.ask("supervisor.reloadConfig")
  yield* look(peer)
})

const transport: Conversation = Effect.fnUntraced(function* (peer) {
  const post = (body: string, path = "/RPC2") => peer.http({ method: "POST", path, body }, { withBody: false })
  const call = "<methodCall><methodName>supervisor.getState</methodName></methodCall>"
  yield* peer.http({ method: "POST", path: "/RPC2", body: call }, { withBody: true })
  for (const body of ["<methodCall><methodName>x", "x", "<methodCall><methodName></methodName></methodCall>"]) {
    yield* post(body)
  }
  yield* post(call, "/RPC2/more")
  yield* post(call, "/nope")
  yield* peer.http({ method: "GET", path: "/RPC2" })
  yield* peer.http({ method: "GET", path: "/nope" })
  yield* peer.http({ method: "POST", path: "/RPC2" })
  for (const authorization of ["", "Basic", "Basic eHg6eXk=", "Bearer x", "Basic eHg=", "basic eHg6eXk="]) {
    yield* peer.http({ method: "POST", path: "/RPC2", body: call, authorization })
  }
})

/** Restarts: for as long as a program is being stopped, every method but a few is refused; then nobody is there. */
const restarting: Conversation = Effect.fnUntraced(function* (peer) {
  const pid = yield* peer.value("supervisor.getPID")
  yield* peer.ask("supervisor.startProcess", "stubborn")
  yield* peer.ask("supervisor.restart")
  for (const method of [
    "getState",
    "getPID",
    "getAllProcessInfo",
    "shutdown",
    "restart",
    "reloadConfig",
    "clearLog",
    "getAllConfigInfo",
    "startAllProcesses",
    "clearAllProcessLogs"
  ]) {
    yield* peer.ask(`supervisor.${method}`)
  }
  yield* peer.ask("supervisor.signalAllProcesses", "0")
  yield* peer.ask("supervisor.signalProcessGroup", "app", "0")
  yield* peer.ask("supervisor.getProcessInfo")
  yield* peer.ask("supervisor.sendRemoteCommEvent", "a", "b")
  yield* peer.ask("system.multicall", [
    entry("supervisor.getState"),
    entry("system.methodSignature", "system.multicall")
  ])
  while ((yield* peer.value("supervisor.getState")) === undefined) yield* Effect.sleep(50)
  yield* settled(peer)
  yield* peer.note(`the same process: ${(yield* peer.value("supervisor.getPID")) === pid}`)
  yield* look(peer)
})

const leaving: Conversation = Effect.fnUntraced(function* (peer) {
  yield* peer.ask("supervisor.shutdown")
  for (let i = 0; i < 200; i++) {
    if ((yield* peer.side.send({ method: "GET", path: "/RPC2" })) === undefined) break
    yield* Effect.sleep(50)
  }
  yield* peer.ask("supervisor.getState")
})

/** By what they are about. Logs are in `LogConversations.ts`; the last two end the supervisord they talk to. */
export const conversations: Readonly<Record<string, Conversation>> = {
  "names and what is none": names,
  "all methods, and what is none": methods,
  multicalls,
  starting,
  "failing starts": backingOff,
  stopping,
  "groups and all": groups,
  signals,
  ...logConversations,
  "reloading the configuration": reloading,
  transport,
  "arguments of starts and stops": asking([
    ["startProcess", "nope", true, false],
    ["stopProcess"],
    ["startAllProcesses", true, true],
    ["clearAllProcessLogs", 1],
    ["readLog", 0],
    ["getState", []]
  ]),
  "a restart": restarting,
  "a shutdown": leaving
}
