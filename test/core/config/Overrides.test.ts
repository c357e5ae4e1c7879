import { assert, describe, it } from "@effect/vitest"
import { Duration, Result } from "effect"
import { defaults } from "../../../core/config/ConfigFile.ts"
import { overrides } from "../../../core/config/Overrides.ts"

const values: Readonly<Record<string, string>> = {
  MUSTER_SERVER_HOST: "::1",
  MUSTER_SERVER_PORT: "1",
  MUSTER_SERVER_SHUTDOWN_DEADLINE: "1s",
  MUSTER_POLL_INTERVAL: "1s",
  MUSTER_POLL_JITTER: "50%",
  MUSTER_POLL_CONCURRENCY: "1",
  MUSTER_POLL_DEADLINE: "1s",
  MUSTER_POLL_REPLY_BYTES_MAX: "1KiB",
  MUSTER_OPERATIONS_START_TIMEOUT: "1s",
  MUSTER_OPERATIONS_STOP_TIMEOUT: "1s",
  MUSTER_OPERATIONS_RESTART_TIMEOUT: "1s",
  MUSTER_OPERATIONS_OBSERVE_INTERVAL: "1s",
  MUSTER_HUB_CLIENTS_MAX: "1",
  MUSTER_HUB_OUTBOX_FRAMES_MAX: "1",
  MUSTER_HUB_SLOW_CLIENT_POLICY: "dropOldest",
  MUSTER_HUB_HEARTBEAT_INTERVAL: "1s",
  MUSTER_HUB_HEARTBEAT_TIMEOUT: "1s",
  MUSTER_HUB_FRAME_BYTES_MAX: "1KiB",
  MUSTER_HUB_INVALID_FRAMES_MAX: "1",
  MUSTER_LOG_LEVEL: "error",
  MUSTER_LOG_FORMAT: "json",
  MUSTER_LOCAL_NAME: "here"
}

const second = Duration.seconds(1)

describe("overrides", () => {
  it("exist for every setting of the scalar sections", () => {
    assert.deepStrictEqual(
      overrides.map((override) => override.variable),
      Object.keys(values)
    )
  })

  it("reach the field that they name", () => {
    assert.deepStrictEqual(Result.getOrThrow(defaults(values)), {
      server: { host: "::1", port: 1, shutdownDeadline: second },
      poll: { interval: second, jitter: Duration.millis(500), concurrency: 1, deadline: second, replyBytesMax: 1024 },
      operations: { startTimeout: second, stopTimeout: second, restartTimeout: second, observeInterval: second },
      hub: {
        clientsMax: 1,
        outboxFramesMax: 1,
        slowClientPolicy: "dropOldest",
        heartbeatInterval: second,
        heartbeatTimeout: second,
        frameBytesMax: 1024,
        invalidFramesMax: 1
      },
      log: { level: "Error", format: "json" },
      local: { name: "here" },
      nodes: [],
      programs: []
    })
  })

  it.each(overrides.map((override) => [override.variable, `${override.section}.${override.key}`]))(
    "name %s and %s when the value is refused",
    (variable, field) => {
      const result = defaults({ [variable]: "?" })
      assert.deepStrictEqual(
        Result.isFailure(result) ? result.failure.problems.map((each) => [each.variable, each.field]) : [],
        [[variable, field]]
      )
    }
  )
})
