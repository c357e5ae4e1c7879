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
  MUSTER_POLL_CALLS_MAX: "1",
  MUSTER_POLL_CALLS_WAITING_MAX: "1",
  MUSTER_POLL_BREAKER_FAILURES: "1",
  MUSTER_POLL_BREAKER_OPEN: "1s",
  MUSTER_POLL_BREAKER_OPEN_MAX: "1s",
  MUSTER_POLL_STALE_AFTER: "1s",
  MUSTER_OPERATIONS_START_TIMEOUT: "1s",
  MUSTER_OPERATIONS_STOP_TIMEOUT: "1s",
  MUSTER_OPERATIONS_RESTART_TIMEOUT: "1s",
  MUSTER_OPERATIONS_SIGNAL_TIMEOUT: "1s",
  MUSTER_OPERATIONS_STDIN_TIMEOUT: "1s",
  MUSTER_OPERATIONS_CLEAR_LOG_TIMEOUT: "1s",
  MUSTER_OPERATIONS_READ_LOG_TIMEOUT: "1s",
  MUSTER_OPERATIONS_UPDATE_TIMEOUT: "1s",
  MUSTER_OPERATIONS_BATCH_TIMEOUT: "1s",
  MUSTER_OPERATIONS_BATCH_CONCURRENCY: "1",
  MUSTER_OPERATIONS_BATCHES_MAX: "1",
  MUSTER_OPERATIONS_BATCHES_WAITING_MAX: "1",
  MUSTER_OPERATIONS_BATCHES_KEPT: "1",
  MUSTER_OPERATIONS_OBSERVE_INTERVAL: "1s",
  MUSTER_BUS_QUEUE_HIGH: "1",
  MUSTER_BUS_QUEUE_NORMAL: "1",
  MUSTER_BUS_QUEUE_LOW: "1",
  MUSTER_BUS_WORKERS: "1",
  MUSTER_BUS_OVERFLOW: "wait",
  MUSTER_BUS_HANDLER_TIMEOUT: "1s",
  MUSTER_HUB_CLIENTS_MAX: "1",
  MUSTER_HUB_CLIENTS_PER_ADDRESS_MAX: "1",
  MUSTER_HUB_CLIENTS_PER_USER_MAX: "1",
  MUSTER_HUB_EVENTS_KEPT: "1",
  MUSTER_HUB_OUTBOX_FRAMES_MAX: "1",
  MUSTER_HUB_SLOW_CLIENT_POLICY: "dropOldest",
  MUSTER_HUB_HEARTBEAT_INTERVAL: "1s",
  MUSTER_HUB_HEARTBEAT_TIMEOUT: "1s",
  MUSTER_HUB_FRAME_BYTES_MAX: "1KiB",
  MUSTER_HUB_INVALID_FRAMES_MAX: "1",
  MUSTER_HUB_FRAMES_PER_SECOND_MAX: "1",
  MUSTER_HUB_LOGS_PER_CLIENT_MAX: "1",
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
      server: { host: "::1", port: 1, shutdownDeadline: second, corsOrigins: [], trustedProxies: [] },
      poll: {
        interval: second,
        jitter: Duration.millis(500),
        concurrency: 1,
        deadline: second,
        replyBytesMax: 1024,
        callsMax: 1,
        callsWaitingMax: 1,
        breakerFailures: 1,
        breakerOpen: second,
        breakerOpenMax: second,
        staleAfter: second
      },
      operations: {
        startTimeout: second,
        stopTimeout: second,
        restartTimeout: second,
        signalTimeout: second,
        stdinTimeout: second,
        clearLogTimeout: second,
        readLogTimeout: second,
        updateTimeout: second,
        batchTimeout: second,
        batchConcurrency: 1,
        batchesMax: 1,
        batchesWaitingMax: 1,
        batchesKept: 1,
        observeInterval: second
      },
      bus: { queueHigh: 1, queueNormal: 1, queueLow: 1, workers: 1, overflow: "wait", handlerTimeout: second },
      hub: {
        clientsMax: 1,
        clientsPerAddressMax: 1,
        clientsPerUserMax: 1,
        eventsKept: 1,
        outboxFramesMax: 1,
        slowClientPolicy: "dropOldest",
        heartbeatInterval: second,
        heartbeatTimeout: second,
        frameBytesMax: 1024,
        invalidFramesMax: 1,
        framesPerSecondMax: 1,
        logsPerClientMax: 1
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
