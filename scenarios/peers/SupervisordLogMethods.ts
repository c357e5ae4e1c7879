/**
 * Methods of a modelled supervisord that read and clear logs. They count in bytes and answer in characters, so that an
 * offset inside a character, or a log that is no UTF-8, ends in an exception instead of an answer.
 */
import { Result } from "effect"
import type { XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import { decodeUtf8, read, tail } from "./SupervisordLog.ts"
import type { LogFile } from "./SupervisordLog.ts"
import type { Cell, SupervisordNode } from "./SupervisordNode.ts"
import type { Channel } from "./SupervisordProgram.ts"
import { resolveOne } from "./SupervisordProcessMethods.ts"
import { crash, Deferred, fault, int, noInteger, success } from "./SupervisordReply.ts"
import type { Answer, Given } from "./SupervisordReply.ts"

type Range = readonly [offset: XmlRpcValue, length: XmlRpcValue]

export const readProcessLog = (node: SupervisordNode, name: XmlRpcValue, range: Range, channel: Channel): Given =>
  Result.flatMap(resolveOne(node, name), ({ process }): Given => {
    const log = node.logOf(process.program, channel)
    const path = node.logPath(process.program, channel)
    return log === undefined ? fault("NO_FILE", path === "" ? undefined : path) : readLogFile(log, range)
  })

export const readMainLog = (node: SupervisordNode, range: Range): Given => readLogFile(node.mainLog, range)

const readLogFile = (log: LogFile, [offset, length]: Range): Given =>
  // Whatever is wrong is taken for the name of a fault, and there is no fault of that name.
  Result.flatMap(
    integers([offset, length], (what) => crash("AttributeError", noFault(what))),
    ([from, bytes]): Given => {
      const found = read(log, from, bytes)
      if (found === undefined) return fault("BAD_ARGUMENTS")
      const decoded = decodeUtf8(found)
      return Result.isSuccess(decoded) ? Result.succeed(decoded.success) : crash("AttributeError", noFault("utf-8"))
    }
  )

const noFault = (name: string): string => `type object 'Faults' has no attribute '${name}'`

export const tailProcessLog = (node: SupervisordNode, name: XmlRpcValue, range: Range, channel: Channel): Given =>
  Result.flatMap(resolveOne(node, name), ({ process }): Given => {
    const log = node.logOf(process.program, channel)
    if (log === undefined) return Result.succeed(["", 0, false])
    return Result.flatMap(
      integers(range, (what) => crash("ValueError", what)),
      ([from, bytes]): Given => {
        const { bytes: found, offset, overflow } = tail(log, from, bytes)
        const decoded = decodeUtf8(found)
        return Result.isSuccess(decoded)
          ? Result.succeed([decoded.success, offset, overflow])
          : crash("UnicodeDecodeError", decoded.failure)
      }
    )
  })

const integers = (
  [offset, length]: Range,
  invalid: (what: string) => Answer<never>
): Answer<readonly [number, number]> =>
  Result.gen(function* () {
    const from = yield* int(offset)
    if (from === undefined) return yield* invalid(noInteger(offset))
    const bytes = yield* int(length)
    if (bytes === undefined) return yield* invalid(noInteger(length))
    return [from, bytes] as const
  })

export const clearLog = (node: SupervisordNode): Given => {
  node.mainLog.replace()
  return Result.succeed(true)
}

/** Quirk: only a process that runs has its logs open; for any other nothing is cleared, and the answer is the same. */
const clear = (node: SupervisordNode, { process }: Cell): void => {
  if (process.pid === 0) return
  node.logOf(process.program, "stdout")?.replace()
  node.logOf(process.program, "stderr")?.replace()
}

export const clearProcessLogs = (node: SupervisordNode, name: XmlRpcValue): Given =>
  Result.map(resolveOne(node, name), (cell) => {
    clear(node, cell)
    return true
  })

/** One process each time it is polled. */
export const clearAllProcessLogs = (node: SupervisordNode): Given => {
  const left = [...node.cellsByPriority()]
  const results: Array<XmlRpcValue> = []
  return Result.succeed(
    new Deferred(() => {
      const cell = left.shift()
      if (cell !== undefined) {
        const { group, name } = cell.process.program
        if (node.mood === "running") {
          clear(node, cell)
          results.push({ name, group, status: success, description: "OK" })
        } else results.push({ name, group, status: 6, description: "SHUTDOWN_STATE" })
      }
      return left.length === 0 ? Result.succeed(results) : undefined
    })
  )
}
