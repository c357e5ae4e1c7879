/** Methods of a modelled supervisord that start, stop and signal processes, one, by group or all, and write to them. */
import { Result } from "effect"
import { isRunning, isStopped } from "../../core/domain/ProcessState.ts"
import type { XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import { byPriority, nameOf } from "./SupervisordNode.ts"
import type { Cell, Group, SupervisordNode } from "./SupervisordNode.ts"
import { signalNames } from "./SupervisordMainLog.ts"
import { crash, Deferred, fault, int, isTrue, key, lacks, splittable, success, text } from "./SupervisordReply.ts"
import type { Answer, Given } from "./SupervisordReply.ts"
import { commandError, isSignallable } from "./SupervisordState.ts"

/** What a name stands for: one process, or a whole group. */
interface Target {
  readonly name: string
  readonly group: string
  /** undefined for the whole group. */
  readonly cell: Cell | undefined
}

/** `group:process`, or a name alone when both are equal; `group:*` and `group:` are the whole group. */
export const resolve = (node: SupervisordNode, given: XmlRpcValue): Answer<Target> =>
  Result.flatMap(splittable(given), (name): Answer<Target> => {
    const colon = name.indexOf(":")
    const groupName = colon < 0 ? name : name.slice(0, colon)
    const processName = colon < 0 ? name : name.slice(colon + 1)
    const group = node.groups.get(groupName)
    if (group === undefined) return fault("BAD_NAME", name)
    if (colon >= 0 && (processName === "" || processName === "*")) {
      return Result.succeed({ name, group: groupName, cell: undefined })
    }
    const cell = group.cells.get(processName)
    return cell === undefined ? fault("BAD_NAME", name) : Result.succeed({ name, group: groupName, cell })
  })

/** One process; a whole group is no process here. */
export const resolveOne = (node: SupervisordNode, given: XmlRpcValue): Answer<Cell> =>
  Result.flatMap(resolve(node, given), ({ cell, name }): Answer<Cell> =>
    cell === undefined ? fault("BAD_NAME", name) : Result.succeed(cell)
  )

const resolveGroup = (node: SupervisordNode, given: XmlRpcValue): Answer<Group> =>
  Result.flatMap(key(given), (name): Answer<Group> => {
    const group = typeof given === "string" ? node.groups.get(name) : undefined
    return group === undefined ? fault("BAD_NAME", name) : Result.succeed(group)
  })

// Start -----------------------------------------------------------------------------------------------------------------

export const startProcess = (node: SupervisordNode, given: XmlRpcValue, wait: XmlRpcValue): Given =>
  Result.flatMap(resolve(node, given), ({ cell, group, name }): Given => {
    if (cell === undefined) return startProcessGroup(node, group, wait)
    const { program, state } = cell.process
    const error = commandError(program)
    if (error !== undefined) return fault(program.spec.broken === "no file" ? "NO_FILE" : "NOT_EXECUTABLE", error)
    if (isRunning(state)) return fault("ALREADY_STARTED", name)
    // Quirk: while STOPPING nothing is started, and nothing says so unless the caller waits.
    if (isStopped(state)) node.spawn(cell)
    else node.log("WARN", `process '${program.name}' already running`)
    if (cell.process.spawnerr !== "") return spawnError(name)
    if (!isTrue(wait) || cell.process.state === "RUNNING") return Result.succeed(true)
    return Result.succeed(
      new Deferred(() => {
        const { process } = cell
        if (process.spawnerr !== "") return spawnError(name)
        if (process.state === "RUNNING") return Result.succeed(true)
        return process.state === "STARTING" ? undefined : fault("ABNORMAL_TERMINATION", name)
      })
    )
  })

const spawnError = (name: string) => fault("SPAWN_ERROR", name)

export const startProcessGroup = (node: SupervisordNode, given: XmlRpcValue, wait: XmlRpcValue): Given =>
  Result.map(resolveGroup(node, given), (group) => startEach(node, byPriority(group), wait))

export const startAllProcesses = (node: SupervisordNode, wait: XmlRpcValue): Given =>
  Result.succeed(startEach(node, node.cellsByPriority(), wait))

const startEach = (node: SupervisordNode, cells: ReadonlyArray<Cell>, wait: XmlRpcValue): Deferred =>
  new Deferred(
    each(
      cells,
      ({ process }) => !isRunning(process.state),
      (name) => (node.mood === "running" ? startProcess(node, name, wait) : fault("SHUTDOWN_STATE"))
    )
  )

// Stop ------------------------------------------------------------------------------------------------------------------

export const stopProcess = (node: SupervisordNode, given: XmlRpcValue, wait: XmlRpcValue): Given =>
  Result.flatMap(resolve(node, given), ({ cell, group, name }): Given => {
    if (cell === undefined) return stopProcessGroup(node, group, wait)
    if (!isRunning(cell.process.state)) return fault("NOT_RUNNING", name)
    node.apply(cell, { _tag: "Stop", at: node.moment() })
    if (!isTrue(wait) || isStopped(cell.process.state)) return Result.succeed(true)
    node.log("INFO", `waiting for ${cell.process.program.name} to stop`)
    return Result.succeed(new Deferred(() => (isStopped(cell.process.state) ? Result.succeed(true) : undefined)))
  })

export const stopProcessGroup = (node: SupervisordNode, given: XmlRpcValue, wait: XmlRpcValue): Given =>
  Result.map(resolveGroup(node, given), (group) => stopEach(node, byPriority(group), wait))

export const stopAllProcesses = (node: SupervisordNode, wait: XmlRpcValue): Given =>
  Result.succeed(stopEach(node, node.cellsByPriority(), wait))

const stopEach = (node: SupervisordNode, cells: ReadonlyArray<Cell>, wait: XmlRpcValue): Deferred =>
  new Deferred(
    each(
      cells,
      ({ process }) => isRunning(process.state),
      (name) => (node.mood === "running" ? stopProcess(node, name, wait) : fault("SHUTDOWN_STATE"))
    )
  )

// Signal and standard input ---------------------------------------------------------------------------------------------

export const signalProcess = (node: SupervisordNode, given: XmlRpcValue, signal: XmlRpcValue): Given =>
  Result.flatMap(resolve(node, given), ({ cell, group, name }): Given => {
    if (cell === undefined) return signalProcessGroup(node, group, signal)
    return Result.flatMap(signalNumber(signal), (number): Given => {
      if (!isSignallable(cell.process)) return fault("NOT_RUNNING", name)
      node.apply(cell, { _tag: "Signal", at: node.moment(), signal: number })
      return Result.succeed(true)
    })
  })

export const signalProcessGroup = (node: SupervisordNode, given: XmlRpcValue, signal: XmlRpcValue): Given =>
  Result.flatMap(resolveGroup(node, given), (group) => signalEach(node, byPriority(group), signal))

export const signalAllProcesses = (node: SupervisordNode, signal: XmlRpcValue): Given =>
  signalEach(node, node.cellsByPriority(), signal)

const signalEach = (node: SupervisordNode, cells: ReadonlyArray<Cell>, signal: XmlRpcValue): Given => {
  const once = each(
    cells,
    ({ process }) => isSignallable(process),
    (name) => signalProcess(node, name, signal)
  )
  return once() ?? crash("AssertionError", "a signal is sent at once")
}

const numbersByName = new Map<string, number>(
  Object.entries(signalNames).map(([number, name]) => [name, Number(number)])
)
/** Python's signal module has more names, for these and for what is no signal. */
for (const [name, number] of [
  ["SIG_DFL", 0],
  ["SIG_IGN", 1],
  ["SIG_BLOCK", 0],
  ["SIG_UNBLOCK", 1],
  ["SIG_SETMASK", 2],
  ["SIGIOT", 6],
  ["SIGCLD", 17],
  ["SIGPOLL", 29],
  ["SIGRTMIN", 34],
  ["SIGRTMAX", 64]
] as const)
  numbersByName.set(name, number)
const numbers = new Set(numbersByName.values())

const signalNumber = (given: XmlRpcValue): Answer<number> => {
  const number = int(given)
  const byNumber = Result.isSuccess(number) ? number.success : undefined
  if (byNumber === undefined && typeof given !== "string") return lacks(given, "strip")
  const name = text(given).trim().toUpperCase()
  const found = byNumber ?? numbersByName.get(name.startsWith("SIG") ? name : `SIG${name}`)
  return found === undefined || !numbers.has(found) ? fault("BAD_SIGNAL", text(given)) : Result.succeed(found)
}

export const sendProcessStdin = (node: SupervisordNode, given: XmlRpcValue, chars: XmlRpcValue): Given => {
  if (typeof chars !== "string") return fault("INCORRECT_PARAMETERS", text(chars))
  return Result.flatMap(resolveOne(node, given), ({ process }): Given => {
    if (process.pid === 0 || process.state === "STOPPING") return fault("NOT_RUNNING", text(given))
    const { spec } = process.program
    if (spec.closesStdin === true) return fault("NO_FILE", text(given))
    if (spec.echoes === true) node.write(process, "stdout", new TextEncoder().encode(chars))
    return Result.succeed(true)
  })
}

// Many at once ----------------------------------------------------------------------------------------------------------

/**
 * Calls a method for each process that matches when it is first polled, and gives the results in the order in which
 * they are known; undefined as long as one is missing.
 */
const each = (
  cells: ReadonlyArray<Cell>,
  matches: (cell: Cell) => boolean,
  call: (name: string) => Given
): (() => Answer | undefined) => {
  const results: Array<XmlRpcValue> = []
  let waiting: ReadonlyArray<readonly [Cell, Deferred]> | undefined
  const note = (cell: Cell, answer: Answer): Answer | undefined => {
    const { group, name } = cell.process.program
    if (Result.isSuccess(answer)) results.push({ name, group, status: success, description: "OK" })
    else if (answer.failure._tag === "Crash") return answer
    else results.push({ name, group, status: answer.failure.code, description: answer.failure.text })
    return undefined
  }
  const begin = (): Answer | ReadonlyArray<readonly [Cell, Deferred]> => {
    const pending: Array<readonly [Cell, Deferred]> = []
    for (const cell of cells) {
      if (!matches(cell)) continue
      const given = call(nameOf(cell.process.program))
      if (Result.isSuccess(given) && given.success instanceof Deferred) {
        pending.push([cell, given.success])
        continue
      }
      const crashed = note(
        cell,
        Result.map(given, () => true)
      )
      if (crashed !== undefined) return crashed
    }
    return pending
  }
  return () => {
    if (waiting === undefined) {
      const begun = begin()
      if (Result.isResult(begun)) return begun
      waiting = begun
    }
    const missing: Array<readonly [Cell, Deferred]> = []
    for (const pending of waiting) {
      const answer = pending[1].poll()
      if (answer === undefined) missing.push(pending)
      else note(pending[0], answer)
    }
    waiting = missing
    return missing.length === 0 ? Result.succeed(results) : undefined
  }
}
