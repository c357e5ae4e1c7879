/** What is stored of nodes, and what has to be stored anew. Pure. */
import { Hash, Result, Schema } from "effect"
import { formatId, ProcessInfo } from "../domain/Process.ts"
import type { FleetState, Memory, NodeState } from "./FleetState.ts"

/** A row of the table `fleet_nodes`. */
export type FleetRow = {
  readonly name: string
  readonly seen_ms: number
  readonly processes: string
}

/** What is known to be stored of a node. */
export interface Stored {
  /** Of the processes; undefined when they were not stored by this run of the console. */
  readonly signature: number | undefined
  readonly seenMs: number
}

/** Characters of the processes of one node: thousands of them. */
export const rowCharactersMax = 4 * 1_048_576

/** The last moment that a date can show. */
const timeMsMax = 8_640_000_000_000_000

const Milliseconds = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: timeMsMax }))

const decodeRow = Schema.decodeUnknownResult(
  Schema.Struct({
    name: Schema.NonEmptyString,
    // PostgreSQL gives a bigint.
    seen_ms: Schema.Union([Milliseconds, Schema.BigInt]),
    processes: Schema.String.check(Schema.isMaxLength(rowCharactersMax))
  })
)

const Processes = Schema.fromJsonString(Schema.Array(ProcessInfo))
const decodeProcesses = Schema.decodeUnknownResult(Processes)
const isTime = Schema.is(Milliseconds)

/** What a row remembers, or what is wrong with it: somebody else may have written it. */
export const fromRow = (row: unknown): Result.Result<readonly [name: string, memory: Memory], string> =>
  Result.flatMap(Result.mapError(decodeRow(row), describe), ({ name, processes, seen_ms }) => {
    const seenMs = Number(seen_ms)
    if (!isTime(seenMs)) return Result.fail(`of ${JSON.stringify(name)}: no time: ${seen_ms}`)
    return Result.mapBoth(decodeProcesses(processes), {
      onSuccess: (known) => [name, { processes: known, seenMs }] as const,
      onFailure: (error) => `of ${JSON.stringify(name)}: ${describe(error)}`
    })
  })

const characters = 200

/** Bounded: it quotes what it complains about. */
const describe = ({ message }: Schema.SchemaError): string =>
  JSON.stringify(message.length > characters ? `${message.slice(0, characters)}...` : message)

/** The row of a node that has answered; undefined when it is too large to be stored. */
export const toRow = ({ entry: { name }, processes }: NodeState, seenMs: number): FleetRow | undefined => {
  const text = JSON.stringify(Array.from(processes.values()))
  return text.length > rowCharactersMax ? undefined : { name, seen_ms: seenMs, processes: text }
}

/** The same for the same processes in the same state: how long they have been so does not count. */
export const signatureOf = ({ processes }: NodeState): number => {
  const parts: Array<string> = []
  for (const process of processes.values()) {
    const { exitstatus, pid, spawnerr, start, state, stop } = process
    parts.push(`${formatId(process)} ${state} ${pid} ${start} ${stop} ${exitstatus} ${spawnerr}`)
  }
  return Hash.string(parts.join("\n"))
}

/** A node that has to be stored, as it is now. */
export interface Due {
  readonly node: NodeState
  readonly stored: Stored & { readonly signature: number }
}

export interface Plan {
  readonly due: ReadonlyArray<Due>
  /** Names that are stored and have left. */
  readonly gone: ReadonlyArray<string>
}

export interface PlanOptions {
  /** A node whose processes stay the same is stored again after so long, for its time. */
  readonly seenEveryMs: number
  readonly nodesMax: number
  /** Whether a node that is stored and not in the fleet has left it, rather than not come yet. */
  readonly hasLeft: (name: string) => boolean
}

/** What has to be stored, and what has to go; the nodes that were stored longest ago first. */
export const plan = (
  stored: ReadonlyMap<string, Stored>,
  { nodes }: FleetState,
  { hasLeft, nodesMax, seenEveryMs }: PlanOptions
): Plan => {
  const due: Array<Due> = []
  for (const node of nodes.values()) {
    const { isRecalled, lastSeenMs: seenMs } = node
    if (seenMs === undefined || isRecalled) continue
    const before = stored.get(node.entry.name)
    if (before?.seenMs === seenMs) continue
    const signature = signatureOf(node)
    // A clock that was set back makes an age that is no use.
    const isOld = before === undefined || Math.abs(seenMs - before.seenMs) >= seenEveryMs
    if (isOld || before.signature !== signature) due.push({ node, stored: { signature, seenMs } })
  }
  const ageOf = ({ node }: Due) => stored.get(node.entry.name)?.seenMs ?? -Infinity
  const oldestFirst = due.length > nodesMax ? due.toSorted((one, other) => compare(ageOf(one), ageOf(other))) : due
  return {
    due: oldestFirst.slice(0, nodesMax),
    gone: Array.from(stored.keys()).filter((name) => !nodes.has(name) && hasLeft(name))
  }
}

const compare = (one: number, other: number): number => (one < other ? -1 : one > other ? 1 : 0)
