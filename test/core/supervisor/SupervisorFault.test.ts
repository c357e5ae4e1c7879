import { assert, describe, it } from "@effect/vitest"
import { faultName, faultReason } from "../../../core/supervisor/SupervisorFault.ts"
import { captures } from "../xmlrpc/Captures.ts"

describe("SupervisorFault", () => {
  it("names every recorded fault as supervisord does", () => {
    const faults = captures.flatMap((capture) => (capture.expected._tag === "Fault" ? [capture.expected] : []))
    assert.isAtLeast(new Set(faults.map((fault) => fault.code)).size, 14)
    for (const fault of faults) assert.strictEqual(faultName(fault.code), fault.text.split(":")[0])
  })

  it("gives a name to codes that supervisord does not define", () => {
    assert.strictEqual(faultName(77), "FAULT_77")
  })

  it("takes the shutdown of the node for no refusal of the call", () => {
    assert.strictEqual(faultReason(6, "SHUTDOWN_STATE")._tag, "ShuttingDown")
    assert.deepInclude(faultReason(70, "NOT_RUNNING: web"), { _tag: "Fault", code: 70, name: "NOT_RUNNING" })
  })
})
