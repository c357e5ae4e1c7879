/**
 * supervisord's fault codes by name.
 *
 * Source: `class Faults` in supervisord's `supervisor/xmlrpc.py`. SUCCESS is no fault: it appears as the status of a
 * process in the results of calls that act on many.
 */
import { Fault, ShuttingDown } from "../domain/NodeError.ts"

export const SupervisorFaultCode = {
  UNKNOWN_METHOD: 1,
  INCORRECT_PARAMETERS: 2,
  BAD_ARGUMENTS: 3,
  SIGNATURE_UNSUPPORTED: 4,
  SHUTDOWN_STATE: 6,
  BAD_NAME: 10,
  BAD_SIGNAL: 11,
  NO_FILE: 20,
  NOT_EXECUTABLE: 21,
  FAILED: 30,
  ABNORMAL_TERMINATION: 40,
  SPAWN_ERROR: 50,
  ALREADY_STARTED: 60,
  NOT_RUNNING: 70,
  SUCCESS: 80,
  ALREADY_ADDED: 90,
  STILL_RUNNING: 91,
  CANT_REREAD: 92
} as const

const byCode = new Map<number, string>(Object.entries(SupervisorFaultCode).map(([name, code]) => [code, name]))

/** supervisord's name of the code; `FAULT_77` for one that it does not define. */
export const faultName = (code: number): string => byCode.get(code) ?? `FAULT_${code}`

/** What a fault says about the call. Code 6 is no refusal of the call but the state of the whole node. */
export const faultReason = (code: number, text: string): ShuttingDown | Fault =>
  code === SupervisorFaultCode.SHUTDOWN_STATE ? new ShuttingDown() : new Fault({ code, name: faultName(code), text })
