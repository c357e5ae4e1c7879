import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted, Result } from "effect"
import { defaults } from "../../../core/config/ConfigFile.ts"
import { overrides } from "../../../core/config/Overrides.ts"

const values: Readonly<Record<string, string>> = {
  MUSTER_SERVER_HOST: "::1",
  MUSTER_SERVER_PORT: "1",
  MUSTER_SERVER_SHUTDOWN_DEADLINE: "1s",
  MUSTER_SERVER_CORS_ORIGINS: "https://a.example,http://b:81",
  MUSTER_SERVER_TRUSTED_PROXIES: "10.0.0.1, ::1",
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
  MUSTER_LOCAL_NAME: "here",
  MUSTER_DATABASE_URL: "postgres://u:p@h/d",
  MUSTER_DATABASE_CONNECTIONS_MAX: "1",
  MUSTER_DATABASE_ACQUIRE_TIMEOUT: "1s",
  MUSTER_DATABASE_STATEMENT_TIMEOUT: "1s",
  MUSTER_DATABASE_TRANSACTION_TIMEOUT: "1s",
  MUSTER_DATABASE_RETRIES_MAX: "1",
  MUSTER_DATABASE_RETRY_DELAY: "1s",
  MUSTER_DATABASE_RETRY_DELAY_MAX: "1s",
  MUSTER_DATABASE_BREAKER_FAILURES: "1",
  MUSTER_DATABASE_BREAKER_OPEN: "1s",
  MUSTER_DATABASE_HEALTH_INTERVAL: "1s",
  MUSTER_AUTH_ANONYMOUS_ROLE: "viewer",
  MUSTER_AUTH_SOURCES: "ticket, header",
  MUSTER_AUTH_ACCESS_TOKEN_TTL: "59m",
  MUSTER_AUTH_SESSION_TTL: "1h",
  MUSTER_AUTH_KEY_ROTATION: "1h",
  MUSTER_AUTH_SESSIONS_PER_USER_MAX: "1",
  MUSTER_AUTH_TOKENS_MAX: "1",
  MUSTER_AUTH_USERS_MAX: "1",
  MUSTER_AUTH_PASSWORD_CHARACTERS_MIN: "8",
  MUSTER_AUTH_LOGIN_FAILURES_PER_ACCOUNT: "1",
  MUSTER_AUTH_LOGIN_FAILURES_PER_ADDRESS: "1",
  MUSTER_AUTH_LOGIN_WINDOW: "1s",
  MUSTER_AUTH_LOGINS_AT_ONCE: "1",
  MUSTER_AUTH_COOKIE_SECURE: "never",
  MUSTER_AUTH_PUBLIC_HEALTH: "false",
  MUSTER_AUTH_PUBLIC_METRICS: "true",
  MUSTER_ACTIVITY_RETENTION: "1h",
  MUSTER_ACTIVITY_ENTRIES_MAX: "100",
  MUSTER_ACTIVITY_WAITING_MAX: "10",
  MUSTER_LIMITS_REQUESTS_MAX: "1",
  MUSTER_LIMITS_OPERATIONS_MAX: "1",
  MUSTER_LIMITS_MEMORY_WARNING: "1KiB",
  MUSTER_LIMITS_MEMORY_CRITICAL: "2KiB",
  MUSTER_LIMITS_MEMORY_INTERVAL: "1s",
  MUSTER_TELEMETRY_OTLP_URL: "http://otel:4318",
  MUSTER_TELEMETRY_OTLP_HEADERS: "X-Key=s3cr3t, b=2",
  MUSTER_TELEMETRY_OTLP_INTERVAL: "1s",
  MUSTER_TELEMETRY_SERVICE_NAME: "console"
}

/** What no setting takes, but for those that take any text. */
const refused = (variable: string): string => (variable === "MUSTER_TELEMETRY_SERVICE_NAME" ? "" : "?")

const second = Duration.seconds(1)
const hour = Duration.hours(1)

describe("overrides", () => {
  it("exist for every setting of the scalar sections", () => {
    assert.deepStrictEqual(
      overrides.map((override) => override.variable),
      Object.keys(values)
    )
  })

  it("reach the field that they name", () => {
    assert.deepStrictEqual(Result.getOrThrow(defaults(values)), {
      server: {
        host: "::1",
        port: 1,
        shutdownDeadline: second,
        corsOrigins: ["https://a.example", "http://b:81"],
        trustedProxies: ["10.0.0.1", "::1"]
      },
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
      database: {
        url: Redacted.make("postgres://u:p@h/d"),
        connectionsMax: 1,
        acquireTimeout: second,
        statementTimeout: second,
        transactionTimeout: second,
        retriesMax: 1,
        retryDelay: second,
        retryDelayMax: second,
        breakerFailures: 1,
        breakerOpen: second,
        healthInterval: second
      },
      auth: {
        anonymousRole: "viewer",
        sources: ["ticket", "header"],
        accessTokenTtl: Duration.minutes(59),
        sessionTtl: hour,
        keyRotation: hour,
        sessionsPerUserMax: 1,
        tokensMax: 1,
        usersMax: 1,
        passwordCharactersMin: 8,
        loginFailuresPerAccount: 1,
        loginFailuresPerAddress: 1,
        loginWindow: second,
        loginsAtOnce: 1,
        cookieSecure: "never",
        publicHealth: false,
        publicMetrics: true
      },
      activity: { retention: hour, entriesMax: 100, waitingMax: 10 },
      limits: { requestsMax: 1, operationsMax: 1, memoryWarning: 1024, memoryCritical: 2048, memoryInterval: second },
      telemetry: {
        otlpUrl: "http://otel:4318",
        otlpHeaders: Redacted.make("X-Key=s3cr3t, b=2"),
        otlpInterval: second,
        serviceName: "console"
      },
      nodes: [],
      programs: []
    })
  })

  it.each(overrides.map((override) => [override.variable, `${override.section}.${override.key}`]))(
    "name %s and %s when the value is refused",
    (variable, field) => {
      const result = defaults({ [variable]: refused(variable) })
      assert.deepStrictEqual(
        Result.isFailure(result) ? result.failure.problems.map((each) => [each.variable, each.field]) : [],
        [[variable, field]]
      )
    }
  )

  it("leave variables alone that commands and the first start take", () => {
    const plain = { MUSTER_ADMIN_PASSWORD: "x", MUSTER_TOKEN: "x", MUSTER_URL: "x", MUSTER_AUTHOR: "x" }
    assert.isTrue(Result.isSuccess(defaults(plain)))
  })
})
