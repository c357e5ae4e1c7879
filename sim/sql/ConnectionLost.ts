import { Data } from "effect"

/** The connection could not be made, broke, or gave no answer in time. What it was asked may have been done or not. */
export class ConnectionLost extends Data.TaggedError("ConnectionLost")<{
  readonly code: "ECONNREFUSED" | "ECONNRESET" | "ETIMEDOUT"
}> {
  override get message(): string {
    return this.code
  }
}
