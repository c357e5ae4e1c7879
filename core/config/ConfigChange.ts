/**
 * How a configuration that was loaded differs from the one in use, and what of that can be used at once. Pure: a reload
 * only carries it out.
 */
import { Equal, Struct } from "effect"
import { formatId } from "../domain/Process.ts"
import { diffPrograms } from "../local/ProgramDiff.ts"
import type { TlsByNode } from "../Setup.ts"
import type { Config, NodeConfig } from "./ConfigSchema.ts"

/** Settings that can change while the console runs: those that are asked for at each use. All others need a restart. */
const live: ReadonlySet<string> = new Set([
  "server.cors_origins",
  "server.trusted_proxies",
  "log.level",
  "auth.sources",
  "auth.cookie_secure",
  "auth.public_health",
  "auth.public_metrics",
  "limits.requests_max",
  "limits.operations_max",
  "limits.memory_warning",
  "limits.memory_critical"
])

const isLive = (name: string): boolean => live.has(name)

/** The one in use with what can change of the other. */
const merged = (before: Config, after: Config, takesPrograms: boolean): Config => ({
  ...before,
  server: { ...before.server, corsOrigins: after.server.corsOrigins, trustedProxies: after.server.trustedProxies },
  log: { ...before.log, level: after.log.level },
  auth: {
    ...before.auth,
    sources: after.auth.sources,
    cookieSecure: after.auth.cookieSecure,
    publicHealth: after.auth.publicHealth,
    publicMetrics: after.auth.publicMetrics
  },
  limits: { ...after.limits, memoryInterval: before.limits.memoryInterval },
  nodes: after.nodes,
  programs: takesPrograms ? after.programs : before.programs
})

/** A configuration with the certificates and keys of its nodes. */
export interface Complete {
  readonly config: Config
  readonly tls: TlsByNode
}

export interface ConfigChange {
  /** What is in use after it. */
  readonly config: Config
  /** Names of nodes. */
  readonly nodes: Changes
  /** `group:name` of programs. */
  readonly programs: Changes
  /** `section.key` that take effect with it. */
  readonly applied: ReadonlyArray<string>
  /** `section.key` that differ and do not. */
  readonly needsRestart: ReadonlyArray<string>
  readonly isChange: boolean
}

interface Changes {
  readonly added: ReadonlyArray<string>
  readonly changed: ReadonlyArray<string>
  readonly removed: ReadonlyArray<string>
}

const isEmpty = ({ added, changed, removed }: Changes): boolean => added.length + changed.length + removed.length === 0

const isSameNode = (before: Complete, after: Complete, one: NodeConfig, other: NodeConfig): boolean =>
  Equal.equals(one, other) && Equal.equals(before.tls.get(one.name), after.tls.get(other.name))

const nodeChanges = (before: Complete, after: Complete): Changes => {
  const old = new Map(before.config.nodes.map((node) => [node.name, node]))
  const wanted = new Set(after.config.nodes.map(({ name }) => name))
  const names = (nodes: ReadonlyArray<NodeConfig>) => nodes.map(({ name }) => name)
  return {
    added: names(after.config.nodes.filter(({ name }) => !old.has(name))),
    changed: names(
      after.config.nodes.filter((node) => {
        const known = old.get(node.name)
        return known !== undefined && !isSameNode(before, after, known, node)
      })
    ),
    removed: names(before.config.nodes.filter(({ name }) => !wanted.has(name)))
  }
}

const programChanges = (before: Config, after: Config): Changes => {
  const { added, changed, removed } = diffPrograms(before.programs, after.programs)
  return { added: added.map(formatId), changed: changed.map(formatId), removed: removed.map(formatId) }
}

/** Values by `section.key`, as in a file. */
const valuesOf = (config: Config): ReadonlyMap<string, unknown> =>
  new Map(
    Object.entries(Struct.omit(config, ["nodes", "programs"])).flatMap(([section, settings]) =>
      Object.entries(settings).map(([key, value]) => [`${section}.${fileKey(key)}`, value] as const)
    )
  )

const fileKey = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Names of the settings that differ, those that may be left out too. */
const differing = (before: Config, after: Config): ReadonlyArray<string> => {
  const [old, now] = [valuesOf(before), valuesOf(after)]
  return Array.from(new Set([...old.keys(), ...now.keys()])).filter(
    (name) => !Equal.equals(old.get(name), now.get(name))
  )
}

/** What has to be done to come from one to the other, where programs can change or not. */
export const configChange = (before: Complete, after: Complete, takesPrograms: boolean): ConfigChange => {
  const nodes = nodeChanges(before, after)
  const allPrograms = programChanges(before.config, after.config)
  const programs = takesPrograms ? allPrograms : none
  const names = differing(before.config, after.config)
  const applied = names.filter(isLive)
  const needsRestart = [
    ...names.filter((name) => !isLive(name)),
    ...(takesPrograms || isEmpty(allPrograms) ? [] : ["programs"])
  ]
  return {
    config: merged(before.config, after.config, takesPrograms),
    nodes,
    programs,
    applied,
    needsRestart,
    isChange: applied.length > 0 || !isEmpty(nodes) || !isEmpty(programs)
  }
}

const none: Changes = { added: [], changed: [], removed: [] }
