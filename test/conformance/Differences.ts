/**
 * Where the model of supervisord differs from the real one on purpose, and what cannot be equal between two processes
 * on two machines. What is not in this table must be the same.
 *
 * Differences that no conversation can meet, because the suite keeps away from them:
 *
 * - The model looks at its timers and answers late calls at once (or every `turnMs`); the real one does so when its
 *   main loop turns, up to a second later. States are compared when they have come to rest, and durations are not.
 * - The real one loses a stop signal that arrives between its fork and its exec, and ends the program by SIGKILL only
 *   after stopwaitsecs; a program that ends before supervisord looks again makes a start fail with SPAWN_ERROR, which
 *   the model does for runs of 0 ms. The programs of the suite live longer, and are stopped later.
 * - Python's reader accepts requests that are no XML-RPC (unknown types as texts, any root element); the model answers
 *   400. A double without a fraction loses its `.0` in the text of a fault.
 * - The web pages are not modelled: everything but the endpoint and the log tails is 404.
 * - Error pages have other texts; status and type are compared.
 * - A config struct has defaults for what the model has no setting for: directory, uid, serverurl, capturing, syslog,
 *   killasgroup, backups.
 */
import { SupervisorFaultCode } from "../../core/supervisor/SupervisorFault.ts"
import { isList, isStruct, type XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"

export interface Difference {
  readonly what: string
  readonly why: string
  /** Methods it concerns; all of them when absent. */
  readonly methods?: ReadonlyArray<string>
  /** A member of a struct, by its name. */
  readonly member?: (name: string, value: XmlRpcValue) => XmlRpcValue
  /** A list anywhere in a result. */
  readonly list?: (items: ReadonlyArray<XmlRpcValue>) => ReadonlyArray<XmlRpcValue>
  /** A whole result. */
  readonly result?: (value: XmlRpcValue) => XmlRpcValue
  /** Any text. */
  readonly text?: readonly [RegExp, string]
}

const isResult = (value: XmlRpcValue): boolean => isStruct(value) && "status" in value

/** A program that ended before its startsecs were over. Others that fail do so at once, in the order of the list. */
const isTooSoon = (value: XmlRpcValue): boolean =>
  isStruct(value) && value["status"] === SupervisorFaultCode.SPAWN_ERROR

const textOf = (value: XmlRpcValue): string => JSON.stringify(value)

const times = new Set(["start", "stop", "now"])

export const differences: ReadonlyArray<Difference> = [
  {
    what: "process ids",
    why: "the kernel gives them; whether there is one is compared",
    member: (name, value) => (name === "pid" && value !== 0 ? "<pid>" : value),
    methods: ["supervisor.getProcessInfo", "supervisor.getAllProcessInfo", "system.multicall"]
  },
  {
    what: "the process id of supervisord",
    why: "as above; that it stays the same over a restart is compared by the conversation",
    methods: ["supervisor.getPID"],
    result: (value) => (typeof value === "number" && value > 0 ? "<pid>" : value)
  },
  {
    what: "times of starts and ends",
    why: "two clocks; whether there is one is compared",
    member: (name, value) => (times.has(name) && value !== 0 ? "<time>" : value)
  },
  {
    what: "descriptions with an uptime or a date",
    why: "as above",
    member: (name, value) =>
      name === "description" && typeof value === "string"
        ? value
            .replace(/^pid \d+, uptime \d+:\d\d:\d\d$/, "<pid and uptime>")
            .replace(/^[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M$/, "<date>")
        : value
  },
  {
    what: "process ids and times in the main log",
    why: "as above",
    text: [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}/g, "<time>"]
  },
  { what: "process ids in the main log", why: "as above", text: [/with pid \d+|\(\d+\) with SIG/g, "<pid>"] },
  {
    what: "the random part of automatic log files",
    why: "the model has no use for randomness there; that it changes with a restart is tested with the model",
    text: [/---real-[a-z0-9_]{8}\.log/g, "---real-<random>.log"]
  },
  {
    what: "the order of results when several processes are stopped at once",
    why: "they come as the processes end, and which of them ends first is up to the kernel",
    methods: [
      "supervisor.stopProcess",
      "supervisor.stopProcessGroup",
      "supervisor.stopAllProcesses",
      "system.multicall"
    ],
    list: (items) => (items.every(isResult) ? items.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1)) : items)
  },
  {
    what: "the order among programs that end too soon when several are started at once",
    why: "as above",
    methods: ["supervisor.startProcess", "supervisor.startProcessGroup", "supervisor.startAllProcesses"],
    list: (items) => {
      const soon = items.filter(isTooSoon).toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1))
      let next = 0
      return items.map((item) => (isTooSoon(item) ? (soon[next++] ?? item) : item))
    }
  },
  {
    what: "texts of methodHelp",
    why: "prose of supervisord's authors; the model gives the signature",
    methods: ["system.methodHelp"],
    result: (value) => (typeof value === "string" && value.length > 0 ? "<help>" : value)
  }
]

/** A result without what cannot be equal. */
export const normalise = (method: string, value: XmlRpcValue): XmlRpcValue => {
  const concerned = differences.filter(({ methods }) => methods === undefined || methods.includes(method))
  const walk = (given: XmlRpcValue): XmlRpcValue => {
    if (isList(given)) {
      return concerned.reduce<ReadonlyArray<XmlRpcValue>>((left, { list }) => list?.(left) ?? left, given.map(walk))
    }
    if (!isStruct(given)) return given
    return Object.fromEntries(
      Object.entries(given).map(([name, member]) => [
        name,
        concerned.reduce<XmlRpcValue>((left, { member: take }) => take?.(name, left) ?? left, walk(member))
      ])
    )
  }
  return concerned.reduce<XmlRpcValue>((left, { result }) => result?.(left) ?? left, walk(value))
}

/** A text without what cannot be equal. `folder` is where the side keeps its files. */
export const normaliseText = (given: string, folder: string): string =>
  differences.reduce(
    (left, { text }) => (text === undefined ? left : left.replace(text[0], text[1])),
    given.replaceAll(folder, "/node")
  )
