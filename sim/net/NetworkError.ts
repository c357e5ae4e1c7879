import { Schema } from "effect"

/** Why a connection could not be made, or ended. */
export class NetworkError extends Schema.TaggedError<NetworkError>()("NetworkError", {
  /** `Failed` is the verdict of a rule: its code is in `code`. */
  reason: Schema.Literals(["UnknownHost", "Refused", "Reset", "Closed", "AddressInUse", "Failed"]),
  address: Schema.String,
  code: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `${this.code ?? this.reason}: ${this.address}`
  }
}
