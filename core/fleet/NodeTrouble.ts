/**
 * What a failed call says of the node. Only what says that the node itself is in trouble counts against it; a failure
 * that is the fault of the one call, or of who is allowed what, must not cut off all the others.
 */
import type { NodeErrorReason } from "../domain/NodeError.ts"
import type { Verdict } from "./Breaker.ts"

/**
 * What a call carries: what programs wrote or are to read, or what the node knows of itself. Bytes in a log can make
 * supervisord raise (500) or answer with what is no XML.
 */
export type CallContent = "node" | "programs"

export const verdictOf = (reason: NodeErrorReason, content: CallContent): Verdict => {
  switch (reason._tag) {
    case "Unreachable":
    case "ConnectionLost":
    case "TimedOut":
      return "bad"
    // Nothing that is asked there reaches the node that is meant.
    case "WrongIdentity":
      return "bad"
    // It answers, and quickly, but not as a node does; unless the bytes of a program made the answer what it is.
    case "Malformed":
      return content === "node" ? "bad" : "nothing"
    case "HttpStatus":
      // Below 500 the request is refused, as by a wrong path: trying again costs the node nothing.
      if (reason.status < 500) return "well"
      return reason.status === 500 && content === "programs" ? "nothing" : "bad"
    // It says by itself, and at once, that it will be back: looking again soon shows when.
    case "ShuttingDown":
      return "nothing"
    // It is there and answers; another password, another call or a larger limit is all it takes.
    case "Unauthorized":
    case "Fault":
    case "TooLarge":
    case "Unsupported":
      return "well"
    // It was not asked.
    case "CircuitOpen":
    case "Busy":
      return "nothing"
  }
}
