import { assert, describe, it } from "@effect/vitest"
import { suggest } from "../../../core/config/Suggestion.ts"

const words = ["host", "port", "shutdown_deadline", "interval", "name", "username"]

describe("suggest", () => {
  it.each([
    ["hosts", "host"],
    ["hst", "host"],
    ["hsot", "host"],
    ["prot", "port"],
    ["Port", "port"],
    ["shutdownDeadline", "shutdown_deadline"],
    ["shutdown-deadline", "shutdown_deadline"],
    ["shudown_dealine", "shutdown_deadline"],
    ["intervall", "interval"],
    ["user_name", "username"]
  ])("takes %s for %s", (word, meant) => {
    assert.strictEqual(suggest(word, words), meant)
  })

  it.each(["", "x", "st", "timeout", "shutdown", "nam_e_of_it", "h".repeat(100_000)])(
    "does not guess at %s",
    (word) => {
      assert.isUndefined(suggest(word, words))
    }
  )

  it("prefers the nearest", () => {
    assert.strictEqual(suggest("stop_timeouts", ["start_timeout", "stop_timeout"]), "stop_timeout")
  })
})
