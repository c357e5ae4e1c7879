/**
 * Shapes of the replies that Muster reads, and their values in Muster's own terms.
 *
 * Only the members that are used are required, since versions and reimplementations of supervisord differ in the rest.
 * The number of a state counts, not its name: the numbers are what supervisord itself decides by.
 */
import { Result, Schema, SchemaIssue } from "effect"
import { Malformed } from "../domain/NodeError.ts"
import { formatId, ProcessInfo } from "../domain/Process.ts"
import { fromCode } from "../domain/ProcessState.ts"
import type { ConfigDiff } from "../domain/Update.ts"
import type { ProgramTiming } from "../fleet/NodeDriver.ts"
import type { XmlRpcValue } from "../xmlrpc/XmlRpcValue.ts"

/** The domain keeps supervisord's names; only of the state the wire has the number alone. */
const { state: _state, statecode: _statecode, ...sameFields } = ProcessInfo.fields
const WireProcess = Schema.Struct({ ...sameFields, state: Schema.Int })

const WireProgram = Schema.Struct({
  group: Schema.String,
  name: Schema.String,
  startsecs: Schema.Int,
  startretries: Schema.Int,
  stopwaitsecs: Schema.Int
})

/** Reply of `supervisor.getProcessInfo`. */
export const processReply = (reply: XmlRpcValue): Result.Result<ProcessInfo, Malformed> =>
  Result.map(decodeProcess(reply), toProcess)

/** Reply of `supervisor.getAllProcessInfo`. */
export const processesReply = (reply: XmlRpcValue): Result.Result<ReadonlyArray<ProcessInfo>, Malformed> =>
  Result.map(decodeProcesses(reply), (processes) => processes.map(toProcess))

/** Reply of `supervisor.getAllConfigInfo`: the timing of each process by `group:name`. */
export const timingsReply = (reply: XmlRpcValue): Result.Result<ReadonlyMap<string, ProgramTiming>, Malformed> =>
  Result.map(
    decodePrograms(reply),
    (programs) =>
      new Map(
        programs.map((program) => [
          formatId(program),
          { startSecs: program.startsecs, startRetries: program.startretries, stopWaitSecs: program.stopwaitsecs }
        ])
      )
  )

/** Reply of `supervisor.startProcess` and `supervisor.stopProcess` for one process. It does not say what happened. */
export const acceptedReply = (reply: XmlRpcValue): Result.Result<void, Malformed> =>
  Result.map(decodeAccepted(reply), () => undefined)

/** Reply of methods that give a text, such as `supervisor.getIdentification`. */
export const textReply = (reply: XmlRpcValue): Result.Result<string, Malformed> => decodeText(reply)

/** Reply of `supervisor.getPID`. */
export const intReply = (reply: XmlRpcValue): Result.Result<number, Malformed> => decodeInt(reply)

/** Reply of `supervisor.reloadConfig`: three lists of groups, in a list of their own. */
export const diffReply = (reply: XmlRpcValue): Result.Result<ConfigDiff, Malformed> =>
  Result.map(decodeDiff(reply), ([[added, changed, removed]]) => ({ added, changed, removed }))

const toProcess = ({ state, ...rest }: typeof WireProcess.Type): ProcessInfo => ({
  ...rest,
  state: fromCode(state),
  statecode: state
})

const decoder = <A>(schema: Schema.Codec<A, unknown>) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (reply: XmlRpcValue): Result.Result<A, Malformed> =>
    Result.mapError(decode(reply), (error) => new Malformed({ detail: describeIssue(error.issue, reply) }))
}

const describeIssues = SchemaIssue.makeFormatterStandardSchemaV1()
const shownCharactersMax = 40

/** The first thing that is wrong, such as `[3].pid: expected number, not "x"`. */
const describeIssue = (issue: SchemaIssue.Issue, reply: XmlRpcValue): string => {
  const first = describeIssues(issue).issues[0]
  if (first === undefined) return "of an unexpected shape"
  let place = "reply"
  let value: unknown = reply
  for (const segment of first.path ?? []) {
    const key = typeof segment === "object" ? segment.key : segment
    place += typeof key === "number" ? `[${key}]` : `.${String(key)}`
    value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined
  }
  const found = value === undefined ? "" : `, not ${(JSON.stringify(value) ?? "").slice(0, shownCharactersMax)}`
  return `${place}: ${first.message.toLowerCase()}${found}`
}

const decodeProcess = decoder(WireProcess)
const decodeProcesses = decoder(Schema.Array(WireProcess))
const decodePrograms = decoder(Schema.Array(WireProgram))
const decodeAccepted = decoder(Schema.Boolean)
const decodeText = decoder(Schema.String)
const decodeInt = decoder(Schema.Int)
const WireGroups = Schema.Array(Schema.String)
const decodeDiff = decoder(Schema.Tuple([Schema.Tuple([WireGroups, WireGroups, WireGroups])]))
