/** Methods of a modelled supervisord about itself, its processes as they are, and its configuration. */
import { Result } from "effect"
import { isStopped } from "../../core/domain/ProcessState.ts"
import type { XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import { configInfo, processInfo } from "./SupervisordInfo.ts"
import type { SupervisordNode } from "./SupervisordNode.ts"
import { automatic } from "./SupervisordProgram.ts"
import type { Channel, Program } from "./SupervisordProgram.ts"
import { resolveOne } from "./SupervisordProcessMethods.ts"
import { fault, key, text } from "./SupervisordReply.ts"
import type { Given } from "./SupervisordReply.ts"

export const getState = (): Given => Result.succeed({ statecode: 1, statename: "RUNNING" })

export const getProcessInfo = (node: SupervisordNode, name: XmlRpcValue): Given =>
  Result.map(resolveOne(node, name), ({ process }) => processInfo(process, node.clockMs, node.logPath))

export const getAllProcessInfo = (node: SupervisordNode): Given =>
  Result.succeed(node.cells().map(({ process }) => processInfo(process, node.clockMs, node.logPath)))

export const getAllConfigInfo = (node: SupervisordNode): Given =>
  Result.succeed(
    node.config
      .flatMap((group) => group.programs.map((program) => ({ group, program })))
      .toSorted((a, b) => (a.program.name < b.program.name ? -1 : a.program.name > b.program.name ? 1 : 0))
      .map(({ group, program }) => {
        const inuse = node.groups.has(group.name)
        return configInfo(program, group, inuse, (given, channel) => configuredLog(node, given, channel, inuse))
      })
  )

/** An automatic log has a name only once its group is active. */
const configuredLog = (node: SupervisordNode, program: Program, channel: Channel, inuse: boolean): string => {
  const target = channel === "stdout" ? program.stdoutLog : program.stderrLog
  return target === automatic && !inuse ? automatic : node.logPath(program, channel)
}

export const reloadConfig = (node: SupervisordNode): Given => {
  const problem = node.reread()
  if (problem !== undefined) return fault("CANT_REREAD", problem)
  const { added, changed, removed } = node.diff()
  return Result.succeed([[added, changed, removed]])
}

export const addProcessGroup = (node: SupervisordNode, given: XmlRpcValue): Given => {
  const config = node.config.find(({ name }) => name === given)
  if (config === undefined) return fault("BAD_NAME", text(given))
  return node.addGroup(config) ? Result.succeed(true) : fault("ALREADY_ADDED", config.name)
}

export const removeProcessGroup = (node: SupervisordNode, given: XmlRpcValue): Given =>
  Result.flatMap(key(given), (name): Given => {
    const group = typeof given === "string" ? node.groups.get(given) : undefined
    if (group === undefined) return fault("BAD_NAME", name)
    for (const { process } of group.cells.values()) {
      if (!isStopped(process.state)) return fault("STILL_RUNNING", name)
    }
    node.removeGroup(group.config.name)
    return Result.succeed(true)
  })

/** The reply is sent first; what follows is the matter of `Supervisord`. */
export const leave = (node: SupervisordNode, mood: "restarting" | "shutdown"): Given => {
  node.mood = mood
  return Result.succeed(true)
}
