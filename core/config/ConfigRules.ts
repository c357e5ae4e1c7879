/**
 * What must hold between settings, each of which is fine by itself. The rules read the tree and not the decoded
 * tables, so that they are checked even where something else is wrong.
 */
import { Duration, Option, Result, Schema, Struct } from "effect"
import { AuthSection, DatabaseSection, LimitsSection, TelemetrySection } from "./AccessSections.ts"
import { jitterLength, LocalSection, PollSection } from "./ConfigSchema.ts"
import { type ConfigPath, type ConfigTable, entryAt, nodeAt, toPlain } from "./ConfigTree.ts"
import { showPath } from "./Display.ts"
import type { Finding } from "./Findings.ts"

const has = (root: ConfigTable, path: ConfigPath): boolean => Option.isSome(entryAt(root, path))

const textAt = (root: ConfigTable, path: ConfigPath): string | undefined =>
  Option.match(nodeAt(root, path), {
    onNone: () => undefined,
    onSome: (node) => (node._tag === "Scalar" && typeof node.value === "string" ? node.value : undefined)
  })

const positions = (root: ConfigTable, list: string): ReadonlyArray<number> =>
  Option.match(nodeAt(root, [list]), {
    onNone: () => [],
    onSome: (node) => (node._tag === "List" ? node.items.map((_, index) => index) : [])
  })

/** A finding for each place whose identity an earlier place of the list has already. */
const repeated = (
  root: ConfigTable,
  list: string,
  what: string,
  identity: (index: number) => string | undefined
): ReadonlyArray<Finding> => {
  const first = new Map<string, number>()
  return positions(root, list).flatMap((index): ReadonlyArray<Finding> => {
    const id = identity(index)
    if (id === undefined) return []
    const earlier = first.get(id)
    if (earlier === undefined) first.set(id, index)
    const expected = `${what} than that of ${showPath([list, earlier ?? 0])}`
    return earlier === undefined ? [] : [{ reason: "Conflict", path: [list, index, "name"], expected }]
  })
}

const nodeNames = (root: ConfigTable): ReadonlyArray<Finding> =>
  repeated(root, "nodes", "another name", (index) => textAt(root, ["nodes", index, "name"]))

const programNames = (root: ConfigTable): ReadonlyArray<Finding> =>
  repeated(root, "programs", "another name, or another group,", (index) => {
    const name = textAt(root, ["programs", index, "name"])
    return name === undefined ? undefined : JSON.stringify([textAt(root, ["programs", index, "group"]) ?? name, name])
  })

const logFiles = ["stdout_logfile", "stderr_logfile"] as const

/** Two programs that write to one file would rotate it for each other, and so would two channels of one program. */
const programLogs = (root: ConfigTable): ReadonlyArray<Finding> => {
  const first = new Map<string, ConfigPath>()
  return positions(root, "programs").flatMap((index) =>
    logFiles.flatMap((key): ReadonlyArray<Finding> => {
      const path: ConfigPath = ["programs", index, key]
      const file = textAt(root, path)
      const earlier = file === undefined ? undefined : first.get(file)
      if (file !== undefined && earlier === undefined) first.set(file, path)
      if (earlier === undefined) return []
      return [{ reason: "Conflict", path, expected: `another file than ${showPath(earlier)}` }]
    })
  )
}

const section = <T>(root: ConfigTable, name: string, schema: Schema.Codec<T, unknown>): Option.Option<T> =>
  Option.flatMap(nodeAt(root, [name]), (node) =>
    Result.getSuccess(Schema.decodeUnknownResult(schema, { onExcessProperty: "ignore" })(toPlain(node)))
  )

/** The local node is there when it has programs, and has a name like any other. */
const localName = (root: ConfigTable): ReadonlyArray<Finding> => {
  if (positions(root, "programs").length === 0) return []
  const local = Option.getOrUndefined(section(root, "local", LocalSection))?.name
  return positions(root, "nodes").flatMap((index): ReadonlyArray<Finding> =>
    local !== undefined && textAt(root, ["nodes", index, "name"]) === local
      ? [
          {
            reason: "Conflict",
            path: ["nodes", index, "name"],
            expected: "another name than that of the local node (local.name)"
          }
        ]
      : []
  )
}

/** supervisord knows no user without a password and no password without a user. */
const credentials = (root: ConfigTable): ReadonlyArray<Finding> =>
  positions(root, "nodes").flatMap((index): ReadonlyArray<Finding> => {
    const username: ConfigPath = ["nodes", index, "username"]
    const password: ConfigPath = ["nodes", index, "password"]
    if (has(root, username) === has(root, password)) return []
    return has(root, password)
      ? [{ reason: "Missing", path: username, at: password, expected: "a user name beside the password" }]
      : [{ reason: "Missing", path: password, at: username, expected: "a password beside the user name" }]
  })

const tlsKeys = ["tls_ca", "tls_certificate", "tls_key", "tls_server_name"] as const

/** A certificate is of use with its key only, and all of it with https only. */
const tls = (root: ConfigTable): ReadonlyArray<Finding> =>
  positions(root, "nodes").flatMap((index): ReadonlyArray<Finding> => {
    const certificate: ConfigPath = ["nodes", index, "tls_certificate"]
    const key: ConfigPath = ["nodes", index, "tls_key"]
    const given = tlsKeys.map((name): ConfigPath => ["nodes", index, name]).filter((path) => has(root, path))
    const url = textAt(root, ["nodes", index, "url"])
    if (url !== undefined && !url.startsWith("https://")) {
      return given.map((path) => ({ reason: "Conflict", path, expected: "no TLS setting for a node without https://" }))
    }
    if (has(root, certificate) === has(root, key)) return []
    return has(root, key)
      ? [{ reason: "Missing", path: certificate, at: key, expected: "a certificate beside the key" }]
      : [{ reason: "Missing", path: key, at: certificate, expected: "a key beside the certificate" }]
  })

const Open = PollSection.mapFields(Struct.pick(["breaker_open", "breaker_open_max"]))

/** The time for which a node is left alone only grows. */
const breaker = (root: ConfigTable): ReadonlyArray<Finding> =>
  Option.match(section(root, "poll", Open), {
    onNone: () => [],
    onSome: ({ breaker_open, breaker_open_max }): ReadonlyArray<Finding> =>
      Duration.isLessThan(breaker_open_max, breaker_open)
        ? [
            {
              reason: "Conflict",
              path: ["poll", "breaker_open_max"],
              expected: `at least poll.breaker_open, which is ${Duration.format(breaker_open)}`
            }
          ]
        : []
  })

const Pause = PollSection.mapFields(Struct.pick(["interval", "jitter"]))

/** A pause can be shortened by no more than itself. */
const jitter = (root: ConfigTable): ReadonlyArray<Finding> =>
  Option.match(section(root, "poll", Pause), {
    onNone: () => [],
    onSome: (pause): ReadonlyArray<Finding> =>
      Duration.isGreaterThan(jitterLength(pause.jitter, pause.interval), pause.interval)
        ? [
            {
              reason: "Conflict",
              path: ["poll", "jitter"],
              expected: `at most poll.interval, which is ${Duration.format(pause.interval)}`
            }
          ]
        : []
  })

const Retries = DatabaseSection.mapFields(Struct.pick(["retry_delay", "retry_delay_max"]))

/** The pauses between tries only grow. */
const retries = (root: ConfigTable): ReadonlyArray<Finding> =>
  Option.match(section(root, "database", Retries), {
    onNone: () => [],
    onSome: ({ retry_delay, retry_delay_max }): ReadonlyArray<Finding> =>
      Duration.isLessThan(retry_delay_max, retry_delay)
        ? [
            {
              reason: "Conflict",
              path: ["database", "retry_delay_max"],
              expected: `at least database.retry_delay, which is ${Duration.format(retry_delay)}`
            }
          ]
        : []
  })

const Lifetimes = AuthSection.mapFields(Struct.pick(["access_token_ttl", "session_ttl"]))

/** A token is refreshed within its session: one that lasts as long would never be. */
const lifetimes = (root: ConfigTable): ReadonlyArray<Finding> =>
  Option.match(section(root, "auth", Lifetimes), {
    onNone: () => [],
    onSome: ({ access_token_ttl, session_ttl }): ReadonlyArray<Finding> =>
      Duration.isLessThan(access_token_ttl, session_ttl)
        ? []
        : [
            {
              reason: "Conflict",
              path: ["auth", "access_token_ttl"],
              expected: `less than auth.session_ttl, which is ${Duration.format(session_ttl)}`
            }
          ]
  })

const Memory = LimitsSection.mapFields(Struct.pick(["memory_warning", "memory_critical"]))

/** The warning comes first; either can be off. */
const memory = (root: ConfigTable): ReadonlyArray<Finding> =>
  Option.match(section(root, "limits", Memory), {
    onNone: () => [],
    onSome: ({ memory_critical, memory_warning }): ReadonlyArray<Finding> =>
      memory_critical > 0 && memory_warning > 0 && memory_critical <= memory_warning
        ? [
            {
              reason: "Conflict",
              path: ["limits", "memory_critical"],
              expected: `more than limits.memory_warning, which is ${memory_warning} bytes, or 0`
            }
          ]
        : []
  })

const Headers = TelemetrySection.mapFields(Struct.pick(["otlp_headers"]))

/** Headers are of use with a collector only. */
const telemetry = (root: ConfigTable): ReadonlyArray<Finding> => {
  const url: ConfigPath = ["telemetry", "otlp_url"]
  const headers = Option.getOrUndefined(section(root, "telemetry", Headers))?.otlp_headers
  return headers !== undefined && !has(root, url)
    ? [{ reason: "Missing", path: url, at: ["telemetry", "otlp_headers"], expected: "a collector for the headers" }]
    : []
}

const rules = [
  nodeNames,
  programNames,
  programLogs,
  localName,
  credentials,
  tls,
  breaker,
  jitter,
  retries,
  lifetimes,
  memory,
  telemetry
]

/** All findings of all rules. */
export const checkRules = (root: ConfigTable): ReadonlyArray<Finding> => rules.flatMap((rule) => rule(root))
